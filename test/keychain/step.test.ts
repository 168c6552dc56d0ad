/** The decision at the start of a refresh, from values alone: whose request is waited for, and whose is given up. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { importHolding, type Lease, type Settings } from "../../src/kernel/holding.ts";
import { formatPolicy } from "../../src/kernel/parse-policy.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { MINUTE, SECOND } from "../../src/kernel/time.ts";
import { DEFAULT_TIMING } from "../../src/keychain/defaults.ts";
import {
  type Decided,
  decideStep,
  type Journaled,
  type StepInput,
  settleJournaled,
} from "../../src/keychain/step.ts";
import type { ConnectionRecord } from "../../src/store/connection-record.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { settings } from "./harness.ts";

const NOW = 1_800_000_000_000;
const REQUEST_LIFE_MS = DEFAULT_TIMING.requestLifeMs;
const SETTINGS: Settings = { ...settings, hold: 10 * MINUTE };

function imported(preset = "strict"): ConnectionRecord {
  const holding = importHolding({ chainId: "chain", sealed: "t0", print: "t0", now: NOW });
  return {
    ...{ name: "acme", createdAt: NOW, clientId: "client", clientSecret: null, due: NOW, holding },
    provider: {
      ...{ preset, tokenEndpoint: "https://provider.test/token", readings: [] },
      clientAuthentication: "body",
      policies: [formatPolicy(PRESETS[preset] as Policy)],
    },
  };
}

/** What a process sees so many milliseconds after the beginning. */
function seenBy(owner: string, at: number, more: Partial<StepInput> = {}): StepInput {
  return {
    heard: { journaled: [], dead: new Set() },
    ...{ owner, boot: { id: "boot", at }, timing: DEFAULT_TIMING },
    ...{ scale: 1, poll: 50, inFlight: [], newerThan: -1, settings: SETTINGS },
    ...{ unique: "x", jitter: 0.5, ...more },
  };
}

const step = (record: ConnectionRecord, input: StepInput): Decided =>
  decideStep(record, input, NOW + input.boot.at);

/** A record in which process "a" has a request on its way, and that request. */
function begun(preset?: string) {
  const { after, step: first } = step(imported(preset), seenBy("a", 0));
  assert.ok(after && first.kind === "send");
  return { record: after, attempt: first.attempt };
}

const answered: Journaled = {
  ...{ chainId: "chain", attemptId: "1-x", at: NOW + SECOND },
  result: {
    ...{ class: "answered", refresh: { sealed: "t1", print: "t1" }, access: { sealed: "a1" } },
    ...{ expiresIn: 10 * MINUTE, tokenType: "Bearer", scope: null },
  },
};

test("[PRO-10] while another process holds the lease nothing is taken in, decided or written", () => {
  const { record } = begun();
  const heard = { journaled: [answered], dead: new Set<string>() };
  const held = step(record, seenBy("b", 29 * SECOND, { heard }));
  assert.deepEqual([held.step.kind, held.after, held.tookIn], ["wait", null, false]);
  const own = step(record, seenBy("a", 29 * SECOND, { heard }));
  assert.deepEqual([own.step.kind, own.tookIn], ["usable", true]);
  const lapsed = step(record, seenBy("b", 30 * SECOND, { heard }));
  assert.deepEqual([lapsed.step.kind, lapsed.tookIn], ["usable", true]);
});

test("[PRO-10] a lease of another boot, or of a process that is dead or only harvests, holds nobody", () => {
  const { record } = begun();
  const lease: Lease = { owner: "a", boot: "another", until: 1e12 };
  const rebooted = { ...record, holding: { ...record.holding, lease } };
  assert.equal(step(rebooted, seenBy("b", SECOND)).tookIn, true);
  for (const state of ["dead", "harvesting"]) {
    const heard = { journaled: [], dead: new Set<string>(), [state]: new Set(["a"]) };
    assert.equal(step(record, seenBy("b", SECOND, { heard })).tookIn, true, state);
  }
});

test("[PRO-10] a living process's request is waited for to its end, and its answer for as long as it may be heard", () => {
  const { record } = begun();
  const before = step(record, seenBy("b", REQUEST_LIFE_MS - 1));
  assert.equal(before.step.kind, "wait");
  assert.deepEqual((before.after ?? record).holding.attempts[0]?.doubt, null);
  const after = step(record, seenBy("b", REQUEST_LIFE_MS));
  assert.equal(after.after?.holding.attempts[0]?.doubt, "ownerSilent");
  assert.equal(after.step.kind === "wait" && after.step.until, NOW + SETTINGS.hold);
  const heard = { journaled: [], dead: new Set(["a"]) };
  const dead = step(record, seenBy("b", REQUEST_LIFE_MS, { heard }));
  assert.equal(dead.step.kind, "send");
});

test("[PRO-04, PRO-10] a process waits for the answers that it listens for itself, and gives up what it has not on its way", () => {
  const { record, attempt } = begun();
  const at = 40 * SECOND;
  const listening = step(record, seenBy("a", at, { inFlight: [attempt] }));
  assert.equal(listening.step.kind, "wait");
  assert.equal((listening.after ?? record).holding.attempts[0]?.doubt, null);
  const forgotten = step(record, seenBy("a", at));
  assert.equal(forgotten.after?.holding.attempts[0]?.doubt, "ownerGone");
});

test("[PRO-10] a request that the store has forgotten is open for the process that sent it", () => {
  const { attempt } = begun();
  const { step: next, after } = step(imported(), seenBy("a", SECOND, { inFlight: [attempt] }));
  assert.equal(next.kind, "wait");
  assert.deepEqual([after?.holding.epoch, after?.holding.newest], [1, "1-x"]);
});

test("[PRO-09, G07] an answer in a journal is settled once, whoever finds it and however often", () => {
  const { record } = begun();
  const once = settleJournaled(record, [answered], SETTINGS, 0.5, NOW + 2 * SECOND).holding;
  assert.deepEqual([once.current.print, once.generation, once.parked.length], ["t1", 1, 0]);
  const again = { ...record, holding: once };
  const twice = settleJournaled(again, [answered], SETTINGS, 0.5, NOW + 3 * SECOND).holding;
  assert.deepEqual(twice, once);
});
