/** The four commands of the article on OpenAM's refresh tokens, run by sh and curl as they stand. */

import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openam } from "./openam-stand.ts";

const run = promisify(execFile);
const FOLDER = fileURLToPath(new URL("../../docs/examples/openam/", import.meta.url));

async function script(
  name: string,
  url: string,
  ...args: readonly string[]
): Promise<Record<string, unknown>> {
  const env = { PATH: process.env.PATH, OPENAM_URL: `${url}/openam` };
  const { stdout, stderr } = await run("sh", [`${FOLDER}${name}.sh`, ...args], { env });
  assert.equal(stderr, "");
  return JSON.parse(stdout) as Record<string, unknown>;
}

const KEYS = ["access_token", "refresh_token", "scope", "token_type", "expires_in"];

test("[F22, C11, C16, C17] the four scripts run unchanged but for the address", async (t) => {
  const { sandbox, clock } = await openam(t);
  const tokens = await script("1-tokens", sandbox.url);
  assert.deepEqual(Object.keys(tokens), KEYS);
  const { scope, token_type, expires_in } = tokens;
  assert.deepEqual([scope, token_type, expires_in], ["cn mail", "Bearer", 3599]);

  const session = await script("2-session", sandbox.url);
  assert.deepEqual(Object.keys(session), ["tokenId", "successUrl"]);
  assert.match(session.tokenId as string, /^AQIC5[\w-]+\.\*\w+\.\*$/);
  assert.equal(session.successUrl, "/openam/console");

  clock.advance(1000);
  const first = tokens.refresh_token as string;
  const again = await script("4-refresh", sandbox.url, first);
  assert.deepEqual(Object.keys(again), KEYS);
  assert.notEqual(again.refresh_token, first);
  assert.deepEqual(await script("4-refresh", sandbox.url, first), {
    error_description: "grant is invalid",
    error: "invalid_grant",
  });

  const list = await script("3-list", sandbox.url, session.tokenId as string);
  const { result, ...rest } = list;
  assert.deepEqual(rest, {
    resultCount: 4,
    pagedResultsCookie: null,
    remainingPagedResults: -1,
  });
  const ids = (result as Record<string, string[]>[]).map(({ tokenName, id }) => [
    tokenName?.[0],
    id?.[0],
  ]);
  assert.deepEqual(ids.slice(0, 2), [
    ["refresh_token", first],
    ["refresh_token", again.refresh_token],
  ]);
});

test("[F22] with the option off, the refresh names no refresh token, and the list has one", async (t) => {
  const { sandbox } = await openam(t, "openam-13-reuse");
  const tokens = await script("1-tokens", sandbox.url);
  for (let time = 0; time < 3; time += 1) {
    const again = await script("4-refresh", sandbox.url, tokens.refresh_token as string);
    assert.deepEqual(Object.keys(again), ["access_token", "scope", "token_type", "expires_in"]);
  }
  const { tokenId } = await script("2-session", sandbox.url);
  const { result } = await script("3-list", sandbox.url, tokenId as string);
  const names = (result as Record<string, string[]>[]).map(({ tokenName }) => tokenName?.[0]);
  assert.deepEqual(names, ["refresh_token", ...Array(4).fill("access_token")]);
});
