/**
 * An issuer over real HTTP with a clock that moves when told and a store that can be looked into. It is the sandbox
 * itself: what the tests show of one, they show of the other.
 */

import { strict as assert } from "node:assert";
import type { TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Policy } from "../../src/kernel/policy.ts";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../src/sandbox/sandbox.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import type { Kind } from "../../src/store/records.ts";
import type { Store } from "../../src/store/store.ts";
import type { Provider } from "../../src/vendors/provider.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import { type ManualClock, manualClock } from "../support/manual-clock.ts";

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

export type Form = Readonly<Record<string, string | undefined>>;

export interface Stand {
  readonly sandbox: Sandbox;
  readonly clock: ManualClock;
  readonly store: Store;
  /** Posts a form, authenticated by body unless the form or a header says otherwise. */
  post(form: Form, options?: PostOptions): Promise<Answered>;
  refresh(refreshToken: string, form?: Form): Promise<Answered>;
  /** Refreshes and expects a grant; answers the new refresh token. */
  next(refreshToken: string): Promise<string>;
  code(body?: object): Promise<string>;
  redeem(code: string, form?: Form): Promise<Answered>;
  introspect(token: string, form?: Form): Promise<Answered>;
  revoke(token: string, form?: Form): Promise<Answered>;
  control(path: string, body?: object): Promise<Record<string, unknown>>;
  /** Every record and event, as text: equal before and after whatever changes nothing. */
  dump(): Promise<string>;
}

export interface PostOptions {
  readonly url?: string;
  readonly headers?: Record<string, string>;
  /** Without credentials of our own. */
  readonly bare?: boolean;
}

export interface StandOptions extends Partial<Omit<SandboxOptions, "provider">> {
  readonly preset?: string;
  readonly provider?: Partial<Provider>;
  readonly policy?: Policy;
  readonly wrap?: (store: Store) => Store;
}

export async function stand(t: TestContext, options: StandOptions = {}): Promise<Stand> {
  const { preset = "strict", wrap = (store) => store, policy, provider, ...rest } = options;
  const base = PROVIDERS[preset];
  assert.ok(base, `there is no preset "${preset}"`);
  const clock = manualClock();
  const store = wrap(await openMemoryStore({ clock, turn: () => turn() }));
  const sandbox = await startSandbox({
    provider: { ...base, ...(policy ? { policy } : {}), ...provider },
    clock,
    store,
    ...rest,
  });
  t.after(() => sandbox.close());
  const { clientId, clientSecret, tokenEndpoint, revocationEndpoint } = sandbox;
  const credentials = { client_id: clientId, client_secret: clientSecret };
  const post: Stand["post"] = async (form, { url = tokenEndpoint, headers = {}, bare } = {}) => {
    const own: Form = bare || headers.authorization ? {} : credentials;
    const body = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...own, ...form })) {
      if (value !== undefined) body.set(name, value);
    }
    return read(await fetch(url, { method: "POST", body, headers }));
  };
  const refresh: Stand["refresh"] = (refreshToken, form = {}) =>
    post({ grant_type: "refresh_token", refresh_token: refreshToken, ...form });
  const control: Stand["control"] = async (path, body) => {
    const init = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body ?? {}),
    };
    return (await read(await fetch(`${sandbox.url}/sandbox/${path}`, init))).json;
  };
  return {
    sandbox,
    clock,
    store,
    post,
    refresh,
    control,
    async next(refreshToken) {
      const { status, json, text } = await refresh(refreshToken);
      assert.equal(status, 200, text);
      return json.refresh_token as string;
    },
    code: async (body = {}) => (await control("codes", body)).code as string,
    redeem: (code, form = {}) => post({ grant_type: "authorization_code", code, ...form }),
    introspect: (token, form = {}) =>
      post({ token, ...form }, { url: sandbox.introspectionEndpoint }),
    revoke: (token, form = {}) => post({ token, ...form }, { url: revocationEndpoint }),
    dump: () => dump(store),
  };
}

export async function read(response: Response): Promise<Answered> {
  const text = await response.text();
  let json: Record<string, unknown> = {};
  try {
    json = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // Not every answer is JSON; tests of those look at the text.
  }
  return { status: response.status, headers: response.headers, text, json };
}

const KINDS: readonly Kind[] = ["authorization", "chain", "client", "deployment", "tally"];

export async function dump(store: Store): Promise<string> {
  const lines: string[] = [];
  for (const kind of KINDS) {
    let after: string | undefined;
    do {
      const page = await store.list(kind, {}, after);
      for (const line of page.records) lines.push(JSON.stringify({ kind, ...line }));
      after = page.next;
    } while (after !== undefined);
  }
  for (const event of await store.events(0, 1_000_000)) lines.push(JSON.stringify(event));
  return lines.join("\n");
}

/** HTTP Basic of RFC 6749, section 2.3.1. */
export function basic(clientId: string, secret: string): string {
  const pair = [clientId, secret].map(encodeURIComponent).join(":");
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}
