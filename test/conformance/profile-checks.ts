/**
 * The two profiles of a rotating server. No server can pass both: what one asks for a spent token, the other forbids.
 *
 * 1. `strict` (RFC 9700, section 4.14.2): a spent token is refused 2.5 s later, and its chain ends: the token that took
 *    its place is dead, and so is its access token.
 * 2. `handshake` (FAPI 2.0 Security Profile, section 5.3.2.1, note 1): a client that lost the answer asks again 30 s
 *    later and gets the same successor, which works.
 */

import { strict as assert } from "node:assert";
import { SECOND } from "../../src/kernel/time.ts";
import type { Check } from "./check.ts";
import { begin, granted, isActive, refresh, refused, wait } from "./server-under-test.ts";

export const strictProfile: Check = {
  async run(server) {
    const first = await begin(server);
    wait(server);
    const second = granted(await refresh(server, first.refreshToken), "a refresh");
    assert.notEqual(second.refreshToken, first.refreshToken, "a refresh rotates");
    assert.ok(await isActive(server, second.accessToken), "a new access token is active");
    server.pass(2.5 * SECOND);
    refused(await refresh(server, first.refreshToken), "a spent token after 2.5 s");
    const { accessToken, refreshToken } = second;
    assert.ok(!(await isActive(server, accessToken)), "the chain's access token is dead");
    wait(server);
    refused(await refresh(server, refreshToken), "the active token of a chain that was replayed");
  },
};

export const handshakeProfile: Check = {
  async run(server) {
    const first = await begin(server);
    wait(server);
    const lost = granted(await refresh(server, first.refreshToken), "a refresh").refreshToken;
    assert.ok(lost && lost !== first.refreshToken, "a refresh rotates");
    server.pass(30 * SECOND);
    const asked = granted(await refresh(server, first.refreshToken), "the old token after 30 s");
    assert.equal(asked.refreshToken, lost, "the successor is the same");
    granted(await refresh(server, asked.refreshToken), "the successor");
  },
};
