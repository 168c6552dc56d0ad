/** The fault matrix: searched afresh, compared with the page, and with the independent model's verdicts. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../scripts/source-files.ts";
import { exploreCells, gravest, type Searches, type Sweep } from "../../sim/explore/cells.ts";
import { matrixPage } from "../../sim/explore/page.ts";
import { matrixPicture } from "../../sim/explore/picture.ts";
import { FAULT_NAMES } from "../../src/explorer/faults.ts";
import { cellOf } from "../../src/explorer/search.ts";
import { PRESETS } from "../../src/vendors/presets.ts";

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

const searches: Searches = new Map();
const sweeps: readonly Sweep[] = Object.keys(PRESETS).flatMap((preset) =>
  [1, 2].map((workers) => exploreCells(preset, workers, 1, { searches })),
);

test("[D06, E07] no preset loses a chain that could be kept, under any single fault, with one process or two", () => {
  for (const { preset, workers, cells, stories } of sweeps) {
    assert.equal(cells.length, FAULT_NAMES.length + 1, `${preset}: every fault has struck`);
    const avoidable = stories.filter(({ loss }) => loss.class === "avoidable");
    assert.deepEqual(avoidable, [], `${preset}, ${workers}`);
  }
});

test("[E08] a lost answer costs nothing where the provider lets the token be presented again", () => {
  const lossOf = (preset: string, fault: string) => {
    const sweep = sweeps.find((one) => one.preset === preset && one.workers === 2);
    const cell = sweep?.cells.find(({ faults }) => cellOf(faults) === fault);
    return cell && gravest(cell);
  };
  for (const fault of ["answerLost", "answerCut", "serverErrorAfter", "crashBeforeJournal"]) {
    for (const preset of ["exact-online", "handshake", "google-50", "relay"]) {
      assert.equal(lossOf(preset, fault), null, `${preset}, ${fault}`);
    }
    for (const preset of ["strict", "openam-13"]) {
      assert.equal(lossOf(preset, fault), "unavoidable", `${preset}, ${fault}`);
    }
  }
});

test("[house] docs/fault-matrix.md and its picture are what the search finds", () => {
  const how = "run `npm run explore -- --singles --write`";
  assert.ok(read("docs/fault-matrix.md") === matrixPage(sweeps), how);
  assert.ok(read("docs/fault-matrix.svg") === matrixPicture(sweeps), how);
});

interface Verdict {
  readonly protocol: string;
  readonly policy: string;
  readonly fault: string;
  readonly workers: number;
  readonly verdict: "safe" | "unavoidable" | "avoidable";
}

/** The independent model's kinds of policy and its faults, by the names they have here. */
const POLICIES = {
  reusable: "fapi2",
  handshake: "handshake",
  activation: "exact-online",
  refuse: "openam-13",
  family: "strict",
} as const;
const SAME_FAULTS: Readonly<Record<string, string>> = {
  crashBeforeIntent: "crashIdle",
  requestDuplicated: "requestDoubledLate",
  duplicateOvertakes: "requestDoubled",
  commitFails: "storeDown",
  pausedHolder: "pauseBeforeSend",
};

test("[D06] an independent model agrees on every cell that both have, safe or not", () => {
  const { cells } = JSON.parse(read("sim/promela/results.json")) as { cells: readonly Verdict[] };
  let compared = 0;
  for (const [kind, preset] of Object.entries(POLICIES)) {
    for (const { fault, workers, verdict } of cells.filter(
      ({ protocol, policy }) => protocol === "keten" && policy === kind,
    )) {
      const name = SAME_FAULTS[fault] ?? fault;
      const sweep = sweeps.find((one) => one.preset === preset && one.workers === workers);
      const cell = sweep?.cells.find(({ faults }) => cellOf(faults) === name);
      assert(cell, `${name} is explored`);
      assert.equal(gravest(cell) ?? "safe", verdict, `${preset}, ${name}, ${workers}`);
      compared += 1;
    }
  }
  assert.equal(compared, 5 * 20 * 2);
});
