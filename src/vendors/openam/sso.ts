/**
 * SSO tokens: a session as OpenAM writes it, and the id of a login that is not finished.
 *
 * 1. Neither is a row. Both carry what they say and a MAC over it, by a key that lives as long as the process: a restart
 *    ends all sessions, as it does at an OpenAM without failover.
 * 2. A session ends after the longest time that OpenAM allows by default, and with the account's epoch: a changed
 *    password ends all of them. There is no idle limit, which would have to be written down at every request.
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import { fastifyCookie } from "@fastify/cookie";
import type { FastifyRequest } from "fastify";
import type { Random } from "../../env/random.ts";
import type { Account } from "../../issuer/accounts.ts";
import { HOUR, type Instant, MINUTE } from "../../kernel/time.ts";
import type { Directory, OpenamRealm } from "./directory.ts";
import { ROOT } from "./realm-paths.ts";
import { RestRefusal } from "./rest.ts";

/** Name of the header and of the cookie, in any case. */
export const SSO_NAME = "iPlanetDirectoryPro";
export const ADMINISTRATOR = "amadmin";

const SESSION_AGE_MAX = 2 * HOUR;
const LOGIN_AGE_MAX = 5 * MINUTE;

const SSO_HEAD = "AQIC5wM2LY4Sfc";
const SSO_TAIL = ".*AAJTSQACMDE.*";
const JWT_HEAD = Buffer.from('{"typ":"JWT","alg":"HS256"}').toString("base64url");
const MAC_CHARACTERS = 43;

export interface Session {
  readonly realm: OpenamRealm;
  readonly username: string;
  /** May see and end what is anybody's. Lives in the root realm only. */
  readonly isAdministrator: boolean;
}

export interface Sessions {
  open(realm: OpenamRealm, account: Account): string;
  /** The session of a request. @throws RestRefusal 401 */
  require(request: FastifyRequest): Promise<Session>;
  /** An administrator's session. @throws RestRefusal 401 or 403 */
  requireAdministrator(request: FastifyRequest): Promise<Session>;
  /** Undefined where a request has none that is valid. */
  find(request: FastifyRequest): Promise<Session | undefined>;
  openLogin(realm: OpenamRealm): string;
  /** Whether an `authId` was given out for this realm, lately. */
  isLogin(authId: string, realm: OpenamRealm): boolean;
}

interface Claims {
  readonly realm: string;
  readonly issuedAt: Instant;
}

interface SessionClaims extends Claims {
  readonly username: string;
  readonly epoch: number;
}

const KEY_BYTES = 32;

export function createSessions(directory: Directory, random: Random, now: () => Instant): Sessions {
  const key = random.bytes(KEY_BYTES);
  const macOf = (text: string): string =>
    createHmac("sha256", key).update(text).digest("base64url");
  /** The claims of a text with a head and a MAC that is ours. */
  const verified = <C extends Claims>(head: string, payload: string, mac: string) =>
    sameText(mac, macOf(`${head}.${payload}`))
      ? (JSON.parse(Buffer.from(payload, "base64url").toString()) as C)
      : undefined;
  const sessions: Sessions = {
    open({ path: realm }, { username, sessionEpoch: epoch }) {
      const claims: SessionClaims = { realm, username, epoch, issuedAt: now() };
      const payload = payloadOf(claims);
      return `${SSO_HEAD}${payload}${macOf(`${SSO_HEAD}.${payload}`)}${SSO_TAIL}`;
    },
    async find(request) {
      const text = ssoTokenOf(request);
      const inner =
        text?.startsWith(SSO_HEAD) && text.endsWith(SSO_TAIL)
          ? text.slice(SSO_HEAD.length, -SSO_TAIL.length)
          : "";
      const [payload, mac] = [inner.slice(0, -MAC_CHARACTERS), inner.slice(-MAC_CHARACTERS)];
      const claims = verified<SessionClaims>(SSO_HEAD, payload, mac);
      const realm = claims && directory.find(claims.realm);
      if (!claims || !realm || now() >= claims.issuedAt + SESSION_AGE_MAX) return undefined;
      const account = await realm.services.accounts.find(claims.username);
      if (account?.sessionEpoch !== claims.epoch) return undefined;
      const { username } = account;
      const isAdministrator = realm.path === ROOT && username === ADMINISTRATOR;
      return { realm, username, isAdministrator };
    },
    async require(request) {
      const session = await sessions.find(request);
      if (!session) throw new RestRefusal(401);
      return session;
    },
    async requireAdministrator(request) {
      const session = await sessions.require(request);
      if (!session.isAdministrator) throw new RestRefusal(403);
      return session;
    },
    openLogin({ path: realm }) {
      const payload = payloadOf({ realm, issuedAt: now() });
      return `${JWT_HEAD}.${payload}.${macOf(`${JWT_HEAD}.${payload}`)}`;
    },
    isLogin(authId, { path }) {
      const [head = "", payload = "", mac = ""] = authId.split(".");
      const claims = head === JWT_HEAD ? verified<Claims>(head, payload, mac) : undefined;
      return claims?.realm === path && now() < claims.issuedAt + LOGIN_AGE_MAX;
    },
  };
  return sessions;
}

const payloadOf = (claims: Claims): string =>
  Buffer.from(JSON.stringify(claims)).toString("base64url");

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function ssoTokenOf({ headers }: FastifyRequest): string | undefined {
  const name = SSO_NAME.toLowerCase();
  const header = headers[name];
  if (typeof header === "string") return header;
  const cookies = Object.entries(fastifyCookie.parse(headers.cookie ?? ""));
  return cookies.find(([cookie]) => cookie.toLowerCase() === name)?.[1];
}
