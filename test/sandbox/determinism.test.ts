/** A seed repeats everything: two stand-ins that are asked the same have the same log, faults and all. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { FAULT_NAMES } from "../../src/sandbox/faults.ts";
import type { RequestLine } from "../../src/sandbox/request-log.ts";
import { tokenOf, type Wire, wire } from "./wire.ts";

const REQUESTS = 150;

/** Asks as a simple client does: with the newest token that an answer gave it. */
async function history(w: Wire): Promise<readonly RequestLine[]> {
  let token = w.sandbox.refreshToken;
  for (let i = 0; i < REQUESTS; i += 1) {
    token = tokenOf(await w.refresh(token), token);
    w.clock.advance(600_000);
  }
  return await w.lines();
}

test("[G06] the same seed and the same requests give the same log, whatever goes wrong; another seed another", async (t) => {
  // What holds lasts as long as it does: no history of decisions depends on it.
  const faults = { "*": 0.05, hold: 0, "answer-late": 0, slow: 0 };
  const [one, same, other] = await Promise.all(
    ["a", "a", "b"].map(async (seed) =>
      history(await wire(t, "exact-online-old-allowed", { seed, faults })),
    ),
  );
  assert.deepEqual(one, same);
  assert.notDeepEqual(one, other);
  const met = new Set([...(one ?? []), ...(other ?? [])].map(({ fault }) => fault));
  const timed = ["hold", "answer-late", "slow"];
  for (const name of FAULT_NAMES) assert.equal(met.has(name), !timed.includes(name), name);
});
