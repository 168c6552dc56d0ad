/**
 * Limits to the second, against what the server declares of itself: a second before its end a token is good, at its end
 * it is not.
 */

import { strict as assert } from "node:assert";
import { SECOND } from "../../src/kernel/time.ts";
import type { Check } from "./check.ts";
import {
  begin,
  type Declared,
  granted,
  isActive,
  isLimited,
  redeem,
  refresh,
  refused,
  type ServerUnderTest,
  type Tokens,
} from "./server-under-test.ts";

/** How long a refresh token lives that nobody presents. */
const unusedMs = ({ lifetimeMs, idleMs, authorizationMs }: Declared): number =>
  Math.min(lifetimeMs, idleMs, authorizationMs);

/** Steps from one end of a grant to the other must stay few enough to be walked. */
const STEPS_MAX = 100;

export const codeEnds: Check = {
  async run(server) {
    const { codeMs } = server.declares;
    const [inTime, late] = [await server.openCode(), await server.openCode()];
    server.pass(codeMs - SECOND);
    granted(await redeem(server, inTime), "a code a second before its end");
    server.pass(SECOND);
    refused(await redeem(server, late), "a code at its end");
  },
};

export const codeEndsInAMinute: Check = {
  async run(server) {
    const code = await server.openCode();
    server.pass(60 * SECOND);
    refused(await redeem(server, code), "a code after 60 s");
  },
};

export const accessEnds: Check = {
  async run(server) {
    const { accessMs, ...declared } = server.declares;
    const ends = Math.min(accessMs, declared.authorizationMs);
    const { accessToken } = await begin(server);
    server.pass(ends - SECOND);
    assert.ok(await isActive(server, accessToken), "a second before its end");
    server.pass(SECOND);
    assert.ok(!(await isActive(server, accessToken)), "at its end");
  },
};

export const unusedTokenEnds: Check = {
  appliesTo: ({ declares }) => isLimited(unusedMs(declares)),
  async run(server) {
    const ends = unusedMs(server.declares);
    const [inTime, late] = [await begin(server), await begin(server)];
    server.pass(ends - SECOND);
    granted(await refresh(server, inTime.refreshToken), "a second before its end");
    server.pass(SECOND);
    refused(await refresh(server, late.refreshToken), "a refresh token at its end");
    assert.ok(!(await isActive(server, late.refreshToken)), "nor is it active");
  },
};

/** What is used in time goes on: only disuse, and the end of the grant, may end it. */
export const useKeepsAlive: Check = {
  appliesTo: ({ declares }) =>
    isLimited(unusedMs(declares)) &&
    (declares.rotates || !isLimited(declares.lifetimeMs)) &&
    2 * unusedMs(declares) < declares.authorizationMs,
  async run(server) {
    const inTime = unusedMs(server.declares) - SECOND;
    let { refreshToken } = await begin(server);
    for (let i = 0; i < 2; i += 1) {
      server.pass(inTime);
      const next = granted(await refresh(server, refreshToken), "a token used in time");
      refreshToken = next.refreshToken ?? refreshToken;
    }
  },
};

/** Refreshes in good time until a second before the grant ends; answers the last tokens. */
async function walkToTheEnd(server: ServerUnderTest): Promise<Tokens> {
  const { authorizationMs, lifetimeMs, idleMs } = server.declares;
  const step = Math.min(Math.floor(0.9 * Math.min(lifetimeMs, idleMs)), authorizationMs / 4);
  let tokens: Tokens = await begin(server);
  for (let left = authorizationMs - SECOND; left > 0; left -= step) {
    server.pass(Math.min(step, left));
    const next = granted(await refresh(server, tokens.refreshToken), "a refresh in good time");
    tokens = { ...next, refreshToken: next.refreshToken ?? tokens.refreshToken };
  }
  return tokens;
}

const isWalkable = ({ declares }: ServerUnderTest): boolean => {
  const { authorizationMs, lifetimeMs, idleMs, rotates } = declares;
  if (!isLimited(authorizationMs) || (!rotates && isLimited(lifetimeMs))) return false;
  return authorizationMs / Math.min(lifetimeMs, idleMs, authorizationMs) < STEPS_MAX;
};

/** A grant ends to the second, however often it was refreshed, and takes every token along. */
export const grantEnds: Check = {
  appliesTo: isWalkable,
  async run(server) {
    const { accessToken, refreshToken } = await walkToTheEnd(server);
    assert.ok(refreshToken);
    assert.ok(await isActive(server, accessToken), "a second before the end");
    server.pass(SECOND);
    assert.ok(!(await isActive(server, accessToken)), "an access token outlives its grant");
    assert.ok(!(await isActive(server, refreshToken)), "a refresh token outlives its grant");
    refused(await refresh(server, refreshToken), "the newest token at the end of its grant");
  },
};
