/**
 * A server under test: what a black-box check may know of an authorization server.
 *
 * 1. Checks see three endpoints over real HTTP, two registered clients, and what the server declares of itself. They
 *    never see a store, a policy or a log: the same check runs against Keten and against servers that others wrote.
 * 2. Two things no endpoint offers are asked of whoever starts the server: a code for an owner who was never seen
 *    before, and the passing of time.
 * 3. Time stands still unless `pass` moves it, so that a limit can be met to the second.
 */

import { strict as assert } from "node:assert";
import { FOREVER } from "../../src/kernel/time.ts";

export interface Answer {
  readonly status: number;
  readonly header: (name: string) => string | null;
  readonly text: string;
  /** Empty where the text is no JSON object. */
  readonly json: Readonly<Record<string, unknown>>;
}

export interface HttpRequest {
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export type Send = (request: HttpRequest) => Promise<Answer>;

export interface Application {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Durations in milliseconds; `FOREVER` where there is no such limit. */
export interface Declared {
  /** Least time between two grants of one chain. */
  readonly paceMs: number;
  /** Until requests that were granted no longer count against a limit; 0 where none is counted. */
  readonly quotaMs: number;
  readonly codeMs: number;
  readonly accessMs: number;
  /** A refresh token's, from its own issue. */
  readonly lifetimeMs: number;
  /** A refresh token's, from its last use. */
  readonly idleMs: number;
  /** The whole grant's. */
  readonly authorizationMs: number;
  /** Whether every refresh answers with another refresh token. */
  readonly rotates: boolean;
}

export interface ServerUnderTest {
  readonly name: string;
  readonly endpoints: {
    readonly token: string;
    readonly revocation: string;
    readonly introspection: string;
  };
  readonly client: Application;
  readonly otherClient: Application;
  /** Of both clients; empty where the server has none. */
  readonly scope: readonly string[];
  readonly declares: Declared;
  readonly send: Send;
  /** What redeems a fresh owner's code: all parameters but the client's. */
  openCode(): Promise<Form>;
  pass(milliseconds: number): void;
  close(): Promise<void>;
}

/** Undefined leaves a parameter out, a list repeats it. */
export type Form = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface Tokens {
  readonly accessToken: string;
  /** Undefined where the answer has none. */
  readonly refreshToken: string | undefined;
}

const FORM_TYPE = "application/x-www-form-urlencoded";

export const sendByFetch: Send = async ({ url, method = "POST", headers = {}, body }) => {
  const init = body === undefined ? { method, headers } : { method, headers, body };
  const response = await fetch(url, init);
  return answerOf(response.status, (name) => response.headers.get(name), await response.text());
};

export function answerOf(status: number, header: Answer["header"], text: string): Answer {
  let json: Answer["json"] = {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) json = value as Answer["json"];
  } catch {
    // Not every answer is JSON; checks of those look at the text.
  }
  return { status, header, text, json };
}

export function encode(form: Form): string {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(form)) {
    for (const one of typeof value === "string" ? [value] : (value ?? [])) body.append(name, one);
  }
  return body.toString();
}

/** Posts a form; the client's credentials go into the body unless the form names them itself. */
export function post(
  server: ServerUnderTest,
  form: Form,
  { url = server.endpoints.token, by = server.client }: { url?: string; by?: Application } = {},
): Promise<Answer> {
  const credentials = { client_id: by.clientId, client_secret: by.clientSecret };
  const body = encode({ ...credentials, ...form });
  return server.send({ url, headers: { "content-type": FORM_TYPE }, body });
}

export const refresh = (
  server: ServerUnderTest,
  refreshToken: string | undefined,
  form: Form = {},
): Promise<Answer> =>
  post(server, { grant_type: "refresh_token", refresh_token: refreshToken, ...form });

export const redeem = (server: ServerUnderTest, code: Form, form: Form = {}): Promise<Answer> =>
  post(server, { grant_type: "authorization_code", ...code, ...form });

/** Whether the client itself is told that a token of its own is active: asking is no use. */
export async function isActive(server: ServerUnderTest, token: string): Promise<boolean> {
  const { introspection: url } = server.endpoints;
  const answer = await post(server, { token }, { url });
  assert.equal(answer.status, 200, `introspection: ${answer.text}`);
  return answer.json.active === true;
}

/** The tokens of an answer. Fails unless it granted. */
export function granted({ status, text, json }: Answer, what: string): Tokens {
  assert.equal(status, 200, `${what} is granted, but the answer was ${status} ${text}`);
  assert.equal(typeof json.access_token, "string", `${what}: no access token in ${text}`);
  return {
    accessToken: json.access_token as string,
    refreshToken: json.refresh_token as string | undefined,
  };
}

/** Fails unless an answer is the clear refusal of a request: 4xx with an error, and no token in it. */
export function refused({ status, text, json }: Answer, what: string): void {
  assert.ok(
    status >= 400 && status < 500,
    `${what} is refused, but the answer was ${status} ${text}`,
  );
  assert.equal(typeof json.error, "string", `${what}: no error in ${text}`);
  assert.ok(!("access_token" in json || "refresh_token" in json), `${what}: tokens in an error`);
}

/** The first tokens of a fresh owner. */
export async function begin(server: ServerUnderTest): Promise<Tokens & { refreshToken: string }> {
  const tokens = granted(await redeem(server, await server.openCode()), "a fresh code");
  const { refreshToken } = tokens;
  assert.ok(refreshToken, "a fresh code gives a refresh token");
  return { ...tokens, refreshToken };
}

/** Lets the least time between two grants pass. */
export const wait = (server: ServerUnderTest): void => server.pass(server.declares.paceMs);

/** After many grants at once: lets pass what must before the next one. */
export const waitLonger = ({ pass, declares }: ServerUnderTest): void =>
  pass(Math.max(declares.paceMs, declares.quotaMs));

/** Fails unless a refresh token is still good: presents it, after the least time. */
export async function stillGood(
  server: ServerUnderTest,
  refreshToken: string,
  after: string,
): Promise<void> {
  wait(server);
  granted(await refresh(server, refreshToken), `the refresh token after ${after}`);
}

export const isLimited = (duration: number): boolean => duration < FOREVER;
