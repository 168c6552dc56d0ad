/**
 * One refresh that something is done to, and what became of its chain: the part that all interruptions share.
 *
 * 1. The refresh is made by a process of its own on a directory of its own, and something is armed right before it.
 * 2. If that process lives, it is asked once more with nothing armed, and closed in order; then it is ended.
 * 3. A fresh process, without faults, then must refresh once more or name the loss.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DemoGrant } from "../../src/sandbox/demo.ts";
import { type Answer, Victim } from "./process.ts";
import {
  acceptedPlaces,
  evidenceOf,
  type Fate,
  FORGIVING,
  fateOf,
  prepareHome,
  type Stand,
} from "./stand.ts";

/** What was done, and what came of it. */
export interface Interrupted {
  readonly policy: string;
  /** Whether what was armed was met, where it was aimed at. */
  readonly hit: boolean;
  /** What the refresh came to: `killed`, `ok` or a code. */
  readonly refresh: string;
  /** What the same process said when it was asked again. */
  readonly again: string | null;
  /** Requests of the refresh that reached the stand-in. */
  readonly requests: number;
  /** Where tokens lay that the stand-in accepted after the fault. */
  readonly accepted: readonly string[];
  readonly fate: Fate;
  /** What must not be, in words; empty if all is well. */
  readonly faults: readonly string[];
}

/** Something that was armed against a process. */
export interface Armed {
  /** Takes it away, where that is still to be done. */
  disarm(): Promise<void>;
  /** Whether it was met. */
  wasHit(): boolean;
}

export interface Interruption {
  readonly arm: (victim: Victim, dataDir: string) => Promise<Armed>;
  /** Whether it ends the process. */
  readonly kills: boolean;
  /** Codes that are clear in this case beside the usual ones. */
  readonly alsoClear?: readonly string[];
}

/** What a refresh may come to when something fails under it; all of them say that asking again may help. */
const CLEAR_CODES = new Set([
  ...["ok", "killed", "store_unavailable", "commit_unknown", "journal_unavailable"],
  ...["connection_unavailable", "connection_lost"],
]);

/** Works in a data directory with a chain that was refreshed once, and removes it afterwards. */
export async function inPreparedHome<T>(
  stand: Stand,
  work: (dataDir: string, grant: DemoGrant, generation: number) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "keten-syscalls-"));
  try {
    const grant = await stand.grant();
    const dataDir = join(directory, "data");
    const { generation } = await prepareHome(dataDir, stand.connectionOf(grant));
    return await work(dataDir, grant, generation);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Interrupts the refresh of a chain of its own. */
export function interrupt(stand: Stand, interruption: Interruption): Promise<Interrupted> {
  return inPreparedHome(stand, async (dataDir, grant, generation) => {
    const victim = await Victim.start(dataDir);
    let first: Answer;
    let again: Answer = null;
    let left: Left = { requests: 0, accepted: [], secrets: [] };
    let armed: Armed;
    try {
      armed = await interruption.arm(victim, dataDir);
      const before = (await stand.requestsOf(grant)).length;
      first = await victim.command({ do: "refresh" });
      left = await leftIn(stand, grant, dataDir, before);
      await armed.disarm();
      again = first && (await victim.command({ do: "refresh" }));
      if (again) await victim.command({ do: "close" });
    } finally {
      await victim.end();
    }
    const end = await recover(dataDir);
    const text = [victim.said, JSON.stringify([first, again, end])].join("\n");
    const { requests, accepted, secrets } = left;
    const tried = {
      ...{ policy: stand.preset, hit: armed.wasHit(), requests, accepted },
      fate: fateOf(accepted, end.told),
      refresh: wordOf(first),
      again: again && wordOf(again),
    };
    const leaked = secrets.some((secret) => text.includes(secret));
    const seen = { first, end: end.told, generation, leaked };
    return { ...tried, faults: faultsOf(tried, interruption, seen) };
  });
}

interface Left {
  readonly requests: number;
  readonly accepted: readonly string[];
  readonly secrets: readonly string[];
}

async function leftIn(
  stand: Stand,
  grant: DemoGrant,
  dataDir: string,
  before: number,
): Promise<Left> {
  let seen = (await stand.requestsOf(grant)).length;
  const requests = seen - before;
  for (;;) {
    const [testimony] = await evidenceOf(dataDir);
    if (!testimony) throw new Error("the data directory has no connection");
    const tokens = testimony.tokens.map(({ token }) => token.reveal());
    const accepted = await acceptedPlaces(stand, testimony);
    const now = (await stand.requestsOf(grant)).length;
    const secrets = [...tokens, grant.refreshToken, stand.sandbox.clientSecret];
    // A process that lives may have gone on meanwhile; then this was a look at two moments.
    if (now === seen) return { requests, accepted, secrets };
    seen = now;
  }
}

const wordOf = (answer: Answer): string =>
  answer === null ? "killed" : (answer.answer?.code ?? "ok");

type End = { generation: number | null; code: string | null; cause: string | null };

/** A fresh process on what is left, without faults. */
async function recover(dataDir: string): Promise<{ readonly told: End; readonly log: string }> {
  const victim = await Victim.start(dataDir).catch((error: unknown) => String(error));
  if (typeof victim === "string") {
    return { told: { generation: null, code: "unopened", cause: null }, log: victim };
  }
  try {
    const answer = await victim.command({ do: "recover" });
    const told = answer?.answer ?? { generation: null, code: "ended", cause: null };
    return { told, log: JSON.stringify([answer, victim.said]) };
  } finally {
    await victim.end();
  }
}

function faultsOf(
  tried: Omit<Interrupted, "faults">,
  { kills, alsoClear = [] }: Interruption,
  seen: { first: Answer; end: End; generation: number; leaked: boolean },
): readonly string[] {
  const { fate, refresh, requests, policy, again, hit } = tried;
  const { first, end, generation, leaked } = seen;
  const given = first?.answer?.generation ?? generation;
  const isClear = (code: string): boolean => CLEAR_CODES.has(code) || alsoClear.includes(code);
  const said = (answer: Answer): string => answer?.answer?.message ?? "";
  const checks: readonly (readonly [boolean, string])[] = [
    [fate === "avoidable", "a chain was lost that could have been kept"],
    [fate === "misread", "a chain lived on although no accepted token was found"],
    [fate === "unsettled", `the next process ended with ${end.code} (${end.cause})`],
    [FORGIVING.has(policy) && fate !== "kept", "lost under a policy that keeps the old token open"],
    [
      end.generation !== null && end.generation <= given,
      "an acknowledged generation was forgotten",
    ],
    [!isClear(refresh), `the refresh failed with ${refresh}: ${said(first)}`],
    [again !== null && !CLEAR_CODES.has(again), `asked again it failed with ${again}`],
    [hit && kills !== (refresh === "killed"), `the refresh was ${refresh}`],
    [refresh === "journal_unavailable" && requests > 0, "sent without a place in the journal"],
    [leaked, "a secret was written"],
  ];
  return checks.flatMap(([isSo, what]) => (isSo ? [what] : []));
}
