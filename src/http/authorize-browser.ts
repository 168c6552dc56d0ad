/**
 * What a browser holds for us, all of it sealed: nothing is stored on our side.
 *
 * 1. *Browser*: a random name for this browser, until it is closed. Forms are sealed for the browser they were made
 *    for, so a form that somebody else got does nothing here, and none is accepted that we did not make: that is the
 *    protection against forged requests. RFC 6749, section 10.12
 * 2. *Session*: who logged in, when, and in which epoch of the account. It ends by itself, and with the epoch.
 * 3. *Devices*: the accounts that logged in here before; each has its own lane in the throttle (issuer/throttle.ts).
 * 4. Cookies go to this host alone, are hidden from scripts, and are not sent along when another site posts to us.
 *    Where the issuer's address is https, their names bind them to it (`__Host-`).
 * 5. What is sealed names its purpose and its realm: no cookie passes for another, and none in another realm.
 */

import { hash } from "node:crypto";
import type { CookieSerializeOptions } from "@fastify/cookie";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Random } from "../env/random.ts";
import type { Account } from "../issuer/accounts.ts";
import { type IssuerKeys, SALT_BYTES } from "../issuer/keys.ts";
import type { Realm } from "../issuer/realm.ts";
import { DAY, type Duration, HOUR, type Instant, MINUTE, SECOND } from "../kernel/time.ts";

/** A login that took place. */
export interface Login {
  readonly username: string;
  readonly at: Instant;
  /** The account's session epoch then. */
  readonly epoch: number;
}

export interface Browser {
  /** Who is logged in, if the session is young enough; whether the account still knows it, `isOf` tells. */
  session(): Login | undefined;
  /** Keeps a login, and remembers the browser as one of that account's. */
  keep(login: Login): void;
  /** Forgets who is logged in and voids every form that is open. */
  forget(): void;
  /** Names this browser at an account that has logged in with it before. */
  deviceOf(username: string): string | undefined;
  /** Seals what a form must bring back. */
  sealForm(state: object): string;
  /** What a form brings back, if it was made for this browser and is not too old. */
  openForm(text: unknown): unknown;
}

export interface BrowserOptions {
  readonly keys: IssuerKeys;
  readonly random: Random;
  readonly now: () => Instant;
}

export const SESSION_LIFETIME: Duration = 12 * HOUR;
export const FORM_LIFETIME: Duration = 30 * MINUTE;
/** The longest that browsers keep a cookie. */
const DEVICE_LIFETIME: Duration = 400 * DAY;
const DEVICES_MAX = 8;
const NAME_BYTES = 16;

interface Device {
  readonly username: string;
  readonly id: string;
}

interface Sealed<T> {
  readonly at: Instant;
  readonly value: T;
}

/** Whether a login is still one of this account. */
export const isOf = (login: Login, account: Account | undefined): account is Account =>
  account !== undefined &&
  account.username === login.username &&
  account.sessionEpoch === login.epoch;

export function browserOf(
  { keys, random, now }: BrowserOptions,
  realm: Realm,
  request: FastifyRequest,
  reply: FastifyReply,
): Browser {
  const seal = (purpose: string, context: readonly string[], value: unknown): string => {
    const plain = Buffer.from(JSON.stringify({ at: now(), value }));
    return keys.seal(purpose, [realm.name, ...context], plain, random.bytes(SALT_BYTES));
  };
  const open = <T>(
    purpose: string,
    context: readonly string[],
    text: unknown,
    lifetime: Duration,
  ): T | undefined => {
    if (typeof text !== "string") return undefined;
    const plain = keys.unseal(purpose, [realm.name, ...context], text);
    const sealed = plain && (JSON.parse(plain.toString()) as Sealed<T>);
    return sealed && now() < sealed.at + lifetime ? sealed.value : undefined;
  };
  const cookies = cookiesOf(realm, request, reply);
  const devices = (): readonly Device[] =>
    open<readonly Device[]>("browser's accounts", [], cookies.get("devices"), DEVICE_LIFETIME) ??
    [];
  const newName = (): string => Buffer.from(random.bytes(NAME_BYTES)).toString("base64url");
  let name = cookies.get("browser");
  const nameNow = (): string => {
    if (name === undefined) {
      name = newName();
      cookies.set("browser", name, null);
    }
    return name;
  };
  return {
    session: () => open<Login>("session", [], cookies.get("session"), SESSION_LIFETIME),
    keep(login) {
      cookies.set("session", seal("session", [], login), null);
      const { username } = login;
      const others = devices().filter((device) => device.username !== username);
      const id = devices().find((device) => device.username === username)?.id ?? newName();
      const kept = [{ username, id }, ...others].slice(0, DEVICES_MAX);
      cookies.set("devices", seal("browser's accounts", [], kept), DEVICE_LIFETIME);
    },
    forget() {
      cookies.clear("session");
      cookies.clear("browser");
    },
    deviceOf: (username) => devices().find((device) => device.username === username)?.id,
    sealForm: (state) => seal("form", [nameNow()], state),
    openForm: (text) =>
      name === undefined ? undefined : open("form", [name], text, FORM_LIFETIME),
  };
}

interface Cookies {
  get(name: string): string | undefined;
  /** A lifetime of null: until the browser is closed. */
  set(name: string, value: string, lifetime: Duration | null): void;
  clear(name: string): void;
}

/** The cookies of one realm: others on the same host have their own. */
function cookiesOf(
  { name: realm, issuer }: Realm,
  request: FastifyRequest,
  reply: FastifyReply,
): Cookies {
  const secure = issuer.startsWith("https:");
  const suffix = hash("sha256", realm, "hex").slice(0, 8);
  const nameOf = (name: string): string => `${secure ? "__Host-" : ""}${name}-${suffix}`;
  const options: CookieSerializeOptions = { path: "/", httpOnly: true, secure, sameSite: "lax" };
  return {
    get: (name) => request.cookies[nameOf(name)],
    set(name, value, lifetime) {
      const maxAge = lifetime === null ? {} : { maxAge: lifetime / SECOND };
      reply.setCookie(nameOf(name), value, { ...options, ...maxAge });
    },
    clear: (name) => reply.clearCookie(nameOf(name), options),
  };
}
