/** Exact Online's stand-in with what its clients and its vendor ask of it. */

import { strict as assert } from "node:assert";
import type { TestContext } from "node:test";
import type { RealmServices } from "../../src/issuer/realms.ts";
import { type Answered, read, type Stand, type StandOptions, stand } from "../issuer/stand.ts";

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const OLD = '{"error":"unauthorized_client","error_description":"Old refresh token used."}';

export interface ExactStand extends Stand {
  /** A call of the API. */
  api(path: string, token?: string, headers?: Record<string, string>): Promise<Answered>;
  get(path: string, headers?: Record<string, string>): Promise<Answered>;
  postJson(path: string, body?: object, headers?: Record<string, string>): Promise<Answered>;
  turn(positions: object): Promise<Answered>;
  /** The tokens of a fresh code. */
  tokens(code?: object): Promise<{ readonly access: string; readonly refresh: string }>;
  /** A refresh once the least interval has passed. */
  later(refreshToken: string): Promise<string>;
  /** The companies that the demo user may see, the current one first. */
  divisions(token: string): Promise<readonly number[]>;
}

export async function exactStand(t: TestContext, options: StandOptions = {}): Promise<ExactStand> {
  const s = await stand(t, { preset: "exact-online", ...options });
  const { url } = s.sandbox;
  const get: ExactStand["get"] = async (path, headers = {}) =>
    read(await fetch(url + path, { headers }));
  const postJson: ExactStand["postJson"] = async (path, body = {}, headers = {}) =>
    read(
      await fetch(url + path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      }),
    );
  const api: ExactStand["api"] = (path, token, headers = {}) =>
    get(`/api/v1/${path}`, {
      accept: "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    });
  return {
    ...s,
    api,
    get,
    postJson,
    turn: (positions) => postJson("/sandbox/exact-online/switches", positions),
    async tokens(code = {}) {
      const { json } = await s.redeem(await s.code(code));
      return { access: json.access_token as string, refresh: json.refresh_token as string };
    },
    async later(refreshToken) {
      s.clock.advance(570 * SECOND);
      return s.next(refreshToken);
    },
    async divisions(token) {
      const me = await api("current/Me?$select=CurrentDivision", token);
      const current = rows(me)[0]?.CurrentDivision as number;
      const all = rows(await api(`${current}/hrm/Divisions?$select=Code`, token));
      return all.map(({ Code }) => Code as number);
    },
  };
}

/** The realm of a site. */
export function servicesAt({ sandbox }: Stand, site: string): RealmServices {
  const name = site === "nl" ? "sandbox" : site;
  const realms = sandbox.control.realms.list();
  const services = realms.find(({ issuer }) => issuer.realm.name === name);
  assert.ok(services, `there is no site "${site}"`);
  return services;
}

export type Row = Readonly<Record<string, unknown>>;

/** The rows of an answer of the API, and where the next are. */
export const rows = ({ json }: Answered): readonly Row[] =>
  (json.d as { results: readonly Row[] } | undefined)?.results ?? [];
export const nextOf = ({ json }: Answered): string | undefined =>
  (json.d as { __next?: string } | undefined)?.__next;

/** The error of an answer of the API. */
export const errorOf = ({ json }: Answered): unknown =>
  (json.error as { message: { value: string } } | undefined)?.message.value;
