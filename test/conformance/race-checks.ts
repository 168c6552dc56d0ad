/**
 * Races: many redemptions of one token or one code at the same time.
 *
 * 1. Successors are counted by introspection, which is no use of a token: after a race at most one of those that were
 *    answered may be active, however many requests were granted. Two active successors are two lineages: each could be
 *    refreshed for ever beside the other, and revoking one would not end the other.
 * 2. Where no refresh answers with another token, the token that was presented is the lineage.
 */

import { strict as assert } from "node:assert";
import type { Check } from "./check.ts";
import {
  type Answer,
  begin,
  granted,
  isActive,
  post,
  redeem,
  refresh,
  refused,
  type ServerUnderTest,
  type Tokens,
  wait,
  waitLonger,
} from "./server-under-test.ts";

const REDEMPTIONS = 25;

export interface Race {
  readonly presented: string;
  readonly answers: readonly Answer[];
  /** Of the answers that granted. */
  readonly winners: readonly Tokens[];
  /** Refresh tokens that are active afterwards, successors alone where there are any. */
  readonly lineages: readonly string[];
}

const atOnce = (redeemOnce: () => Promise<Answer>, count: number): Promise<readonly Answer[]> =>
  Promise.all(Array.from({ length: count }, redeemOnce));

const tokensOf = (answers: readonly Answer[]): readonly Tokens[] =>
  answers.filter(({ status }) => status === 200).map((answer) => granted(answer, "a winner"));

async function activeOf(server: ServerUnderTest, tokens: Iterable<string>): Promise<string[]> {
  const active: string[] = [];
  for (const token of tokens) if (await isActive(server, token)) active.push(token);
  return active;
}

const given = (tokens: readonly Tokens[]): readonly string[] =>
  tokens.flatMap(({ refreshToken }) => refreshToken ?? []);

/** Presents a fresh owner's refresh token many times at once. */
export async function raceToken(server: ServerUnderTest, count = REDEMPTIONS): Promise<Race> {
  const { refreshToken: presented } = await begin(server);
  wait(server);
  const answers = await atOnce(() => refresh(server, presented), count);
  const winners = tokensOf(answers);
  const successors = new Set(given(winners));
  successors.delete(presented);
  const candidates = successors.size > 0 ? successors : [presented];
  return { presented, answers, winners, lineages: await activeOf(server, candidates) };
}

/** Redeems a fresh owner's code many times at once. */
export async function raceCode(server: ServerUnderTest, count = REDEMPTIONS): Promise<Race> {
  const code = await server.openCode();
  const answers = await atOnce(() => redeem(server, code), count);
  const winners = tokensOf(answers);
  const lineages = await activeOf(server, new Set(given(winners)));
  return { presented: String(code.code), answers, winners, lineages };
}

export const oneLineageOfToken: Check = {
  async run(server) {
    const { answers, winners, lineages } = await raceToken(server);
    assert.ok(winners.length > 0, "somebody is answered");
    assert.equal(lineages.length, 1, `${winners.length} of ${answers.length} were granted`);
    waitLonger(server);
    granted(await refresh(server, lineages[0]), "the one lineage");
  },
};

/** The replay of a code may end what the first redemption gave: at most one lineage is left. */
export const oneLineageOfCode: Check = {
  async run(server) {
    const { winners, lineages } = await raceCode(server);
    assert.equal(winners.length, 1, "one redemption is granted");
    assert.ok(lineages.length <= 1, `${lineages.length} lineages`);
  },
};

export const raceDiesWithItsGrant: Check = {
  async run(server) {
    const { presented, winners } = await raceToken(server);
    const all = new Set([presented, ...given(winners)]);
    const last = [...all].at(-1) ?? presented;
    const { revocation: url } = server.endpoints;
    const revoked = await post(server, { token: last }, { url });
    assert.equal(revoked.status, 200, revoked.text);
    wait(server);
    for (const { accessToken } of winners) {
      assert.ok(!(await isActive(server, accessToken)), "an access token outlives its grant");
    }
    for (const token of all) refused(await refresh(server, token), "a token of a revoked grant");
  },
};
