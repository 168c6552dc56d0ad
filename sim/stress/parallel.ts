/**
 * Races, many rounds of them: 25 redemptions of one refresh token at once, and 25 of one code, over real sockets, at every
 * preset that rotates and whose siblings are displaced. Each round has an owner of its own.
 *
 * 1. Inside, one chain was begun for the owner, and it has one leaf.
 * 2. From outside, one lineage is left: of all the successors that were answered, one is active. Where the policy takes a
 *    race for theft, none is; where it holds open every token it ever gave, all are, and the chain still has one leaf.
 * 3. The lineage goes on: after each race it is refreshed once more.
 */

import { isLeaf } from "../../src/kernel/chain.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { keyOf } from "../../src/store/store.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { type KetenUnderTest, startKeten } from "../../test/conformance/keten-server.ts";
import { lineagesLeft } from "../../test/conformance/promises.ts";
import { type Race, raceCode, raceToken } from "../../test/conformance/race-checks.ts";
import { refresh, waitLonger } from "../../test/conformance/server-under-test.ts";
import { type Campaign, type OnProgress, Violations } from "./campaign.ts";
import { openWires } from "./wire.ts";

export interface ParallelOptions {
  /** Of each kind, at each preset. */
  readonly rounds: number;
  readonly redemptions?: number;
  /** All of `displacingPresets` unless given. */
  readonly presets?: readonly string[];
  readonly onProgress?: OnProgress;
}

const isDisplacing = ({ rotate, siblings }: Policy): boolean =>
  rotate !== "never" && siblings === "displace";

export const displacingPresets = (): readonly string[] =>
  Object.keys(PRESETS).filter((name) => isDisplacing(PRESETS[name] as Policy));

const PROGRESS_EVERY = 50;

export async function runParallel(options: ParallelOptions): Promise<Campaign> {
  const { rounds, redemptions = 25, presets = displacingPresets(), onProgress } = options;
  const violations = new Violations();
  const startedAt = performance.now();
  let requests = 0;
  for (const preset of presets) {
    const wires = openWires();
    const send: typeof wires.send = (request) => {
      requests += 1;
      return wires.send(request);
    };
    const server = await startKeten(preset, { send });
    for (let round = 0; round < rounds; round += 1) {
      const where = `${preset}, round ${round}`;
      await judgeToken(server, await raceToken(server, redemptions), where, violations);
      await judgeCode(server, await raceCode(server, redemptions), where, violations);
      if ((round + 1) % PROGRESS_EVERY === 0) onProgress?.(round + 1, rounds, preset);
    }
    wires.close();
    await server.close();
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const perSecond = Math.round(requests / seconds);
  const figures = { presets: presets.length, rounds, redemptions, requests, perSecond };
  return { figures, violations: violations.texts };
}

async function judgeToken(
  server: KetenUnderTest,
  { presented, winners, lineages }: Race,
  where: string,
  violations: Violations,
): Promise<void> {
  const given = new Set(winners.flatMap(({ refreshToken }) => refreshToken ?? [])).size;
  const wanted = { none: 0, one: 1, several: given }[lineagesLeft(server.policy)];
  if (lineages.length !== wanted) {
    const found = `left ${lineages.length} lineages, not ${wanted}`;
    violations.add(`${where}: a token's race with ${winners.length} winners ${found}`);
    return;
  }
  const leaves = await leavesOf(server, presented);
  if (leaves.join() !== "1") violations.add(`${where}: chains with ${leaves.join()} leaves`);
  if (wanted === 0) return;
  waitLonger(server);
  const { status, text } = await refresh(server, lineages.at(-1));
  if (status !== 200) violations.add(`${where}: the lineage ended: ${status} ${text}`);
}

/** Where the second use of a code ends what the first gave, nothing is left; else one lineage. */
async function judgeCode(
  server: KetenUnderTest,
  { winners, lineages }: Race,
  where: string,
  violations: Violations,
): Promise<void> {
  const left = server.policy.code.replay === "refuse" ? 1 : 0;
  if (winners.length !== 1 || lineages.length !== left) {
    const found = `${winners.length} winners and left ${lineages.length}, not ${left}`;
    violations.add(`${where}: a code's race had ${found}`);
  }
  const token = winners[0]?.refreshToken;
  const leaves = token === undefined ? [] : await leavesOf(server, token);
  if (leaves.join() !== "1") violations.add(`${where}: a code began ${leaves.join()} leaves`);
}

/** How many leaves each chain of a token's owner has. */
async function leavesOf({ sandbox, store }: KetenUnderTest, token: string): Promise<number[]> {
  const key = (await sandbox.issuer.inspectToken(token))?.chain ?? "";
  const [owner = ""] = key.split(".");
  const leaves: number[] = [];
  for (let ordinal = 1; ; ordinal += 1) {
    const row = await store.read(keyOf("chain", `${owner}.${ordinal}`));
    if (!row) return leaves;
    leaves.push(row.chain.entries.filter(isLeaf).length);
  }
}
