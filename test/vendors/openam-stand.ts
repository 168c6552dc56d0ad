/** The OpenAM stand-in over real HTTP, with the calls that tests of its surface make. */

import { strict as assert } from "node:assert";
import type { TestContext } from "node:test";
import { DEMO_CLIENT } from "../../src/vendors/openam/surface.ts";
import { type Answered, basic, type Form, read, type Stand, stand } from "../issuer/stand.ts";

export const SECOND = 1000;
export const DAY = 24 * 3600 * SECOND;

/** What the token listing shows of one token. */
export type Entry = Readonly<Record<string, string | readonly string[]>>;

export interface CallOptions {
  readonly method?: string;
  /** An SSO token. */
  readonly as?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface OpenamStand extends Stand {
  /** Any call below `/openam`. */
  call(path: string, options?: CallOptions): Promise<Answered>;
  /** Logs in; answers the SSO token. */
  logIn(username?: string, password?: string, realm?: string): Promise<string>;
  /** The password grant of the manual's client and user. */
  tokens(form?: Form, path?: string): Promise<Answered>;
  refreshDemo(refreshToken: string, form?: Form, path?: string): Promise<Answered>;
  list(as: string, queryId?: string): Promise<readonly Entry[]>;
}

export async function openam(t: TestContext, preset = "openam-13"): Promise<OpenamStand> {
  return withCalls(await stand(t, { preset }));
}

export function withCalls(s: Stand): OpenamStand {
  const base = `${s.sandbox.url}/openam`;
  const call: OpenamStand["call"] = async (path, { method, as, body, headers = {} } = {}) =>
    read(
      await fetch(base + path, {
        method: method ?? (body === undefined ? "GET" : "POST"),
        headers: {
          ...(as === undefined ? {} : { iPlanetDirectoryPro: as }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
  const authorization = basic(DEMO_CLIENT.clientId, DEMO_CLIENT.secret);
  const grant = (form: Form, path = "/oauth2/access_token") =>
    s.post(form, { url: base + path, headers: { authorization } });
  return {
    ...s,
    call,
    async logIn(username = "demo", password = "changeit", realm = "/") {
      const headers = { "X-OpenAM-Username": username, "X-OpenAM-Password": password };
      const { status, json, text } = await call(`/json/authenticate?realm=${realm}`, {
        method: "POST",
        headers,
      });
      assert.equal(status, 200, text);
      return json.tokenId as string;
    },
    tokens: (form = {}, path = undefined) =>
      grant({ grant_type: "password", username: "demo", password: "changeit", ...form }, path),
    refreshDemo: (refreshToken, form = {}, path = undefined) =>
      grant({ grant_type: "refresh_token", refresh_token: refreshToken, ...form }, path),
    async list(as, queryId = "refresh_token") {
      const query = encodeURIComponent(queryId);
      const { status, json, text } = await call(`/frrest/oauth2/token?_queryId=${query}`, { as });
      assert.equal(status, 200, text);
      return json.result as readonly Entry[];
    },
  };
}

/** The members of a list by the kind of their token. */
export const named = (entries: readonly Entry[], tokenName: string): readonly Entry[] =>
  entries.filter((entry) => entry.tokenName?.[0] === tokenName);
