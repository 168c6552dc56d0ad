/** Refreshes through a connection that goes wrong; `npm run crashes -- proxy` cuts the answer after every byte. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inParallel } from "../../sim/crash/in-parallel.ts";
import { allCases, answerLength, type Tried, tryProxyCase } from "../../sim/crash/proxy-cases.ts";
import { startStand } from "../../sim/crash/stand.ts";

async function tryAll(preset: string): Promise<readonly Tried[]> {
  const stand = await startStand(preset);
  try {
    const length = await answerLength(stand);
    // In the head, in the body, within the refresh token or behind it, and all but the end.
    const cases = allCases([0, 100, length - 90, length - 30, length - 1]);
    return await inParallel(cases, 6, (one) => tryProxyCase(stand, one));
  } finally {
    await stand.close();
  }
}

const fatesOf = (all: readonly Tried[]): ReadonlySet<string> =>
  new Set(all.map(({ fate }) => fate));

function wellNamed(all: readonly Tried[]): void {
  for (const tried of all) assert.deepEqual(tried.faults, [], JSON.stringify(tried));
  const named = new Set(all.map((tried) => tried.named));
  for (const name of ["notSent", "inDoubt", "answered"]) assert.ok(named.has(name), name);
}

test("[E07, PRO-04, PRO-06, PRO-07] whatever goes wrong on the way to a provider with a handshake, the chain goes on", async () => {
  const all = await tryAll("handshake");
  wellNamed(all);
  assert.deepEqual(fatesOf(all), new Set(["kept"]));
});

test("[E07, E08, PRO-06, PRO-07] whatever goes wrong on the way to Exact Online, the chain goes on", async () => {
  const all = await tryAll("exact-online");
  wellNamed(all);
  assert.deepEqual(fatesOf(all), new Set(["kept"]));
});

test("[E07, E09, PRO-04, PRO-05, PRO-06, PRO-23] on the way to a strict provider nothing is lost but by an answer that did not come, which is named", async () => {
  const all = await tryAll("strict");
  wellNamed(all);
  assert.deepEqual(fatesOf(all), new Set(["kept", "unavoidable"]));
  for (const tried of all) {
    const { fault, expected, fate, requests } = tried;
    const isTwice = fault.kind === "duplicate";
    if (expected === "answered" && !isTwice) assert.equal(fate, "kept", JSON.stringify(tried));
    if (fault.kind === "hold" || fault.kind === "refuse") assert.equal(fate, "kept");
    // One request each: nothing below the keychain tries again by itself.
    if (!isTwice) assert.ok(requests <= 1, JSON.stringify(tried));
  }
});
