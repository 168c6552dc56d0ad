/**
 * The algebra of policies against a second telling of it that forgets nothing: every token is kept for ever, with all
 * that happened to it, and what is once closed is marked so. The kernel's bounded record must accept the same tokens.
 *
 * Left out: what the record's bound itself decides (histories are shorter than it, and no policy holds every serial
 * open), and what replay, quotas, caps and intervals refuse besides.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import { branchesOf, holdsEverySerialOpen, type Policy } from "../../src/kernel/policy.ts";
import { FOREVER, type Instant, stepAt } from "../../src/kernel/time.ts";
import { policyJson } from "./arbitrary-policy.ts";
import { type Held, Play } from "./driver.ts";
import { steps } from "./history.ts";

interface Token {
  readonly serial: number;
  readonly parent: Token | null;
  readonly issuedAt: Instant;
  firstUsedAt: Instant | null;
  lastUsedAt: Instant | null;
  supersededAt: Instant | null;
  childUsed: boolean;
  retries: number;
  closed: boolean;
}

class Model {
  readonly tokens: Token[] = [];
  readonly policy: Policy;
  readonly grantAt: Instant;
  streak = 0;

  constructor(policy: Policy, now: Instant) {
    this.policy = policy;
    this.grantAt = now;
    this.issue(null, now);
  }

  issue(parent: Token | null, now: Instant): Token {
    const none = { firstUsedAt: null, lastUsedAt: null, supersededAt: null };
    const serial = this.tokens.length;
    const token = {
      serial,
      parent,
      issuedAt: now,
      ...none,
      childUsed: false,
      retries: 0,
      closed: false,
    };
    if (parent) parent.supersededAt ??= now;
    this.tokens.push(token);
    const others = this.tokens.filter((each) => each.supersededAt === null && each !== token);
    while (others.length > branchesOf(this.policy) - 1) {
      const dropped = others.shift() as Token;
      dropped.supersededAt = now;
      dropped.childUsed = true;
    }
    return token;
  }

  links(token: Token): number {
    let nearest = Number.POSITIVE_INFINITY;
    for (const leaf of this.tokens.filter((each) => each.supersededAt === null)) {
      let count = 0;
      for (let at: Token | null = leaf; at; at = at.parent) {
        if (at === token) nearest = Math.min(nearest, count);
        count += 1;
      }
    }
    return nearest;
  }

  open(token: Token, now: Instant): boolean {
    if (token.supersededAt === null) return true;
    const { overlap, retry } = this.policy;
    if (token.closed || token.retries >= retry.limit) return false;
    if (token.retries === 0 && this.streak >= retry.streak) return false;
    const age = now - token.supersededAt;
    if (age < overlap.atLeast && this.links(token) <= overlap.reach) return true;
    return overlap.untilUsed && !token.childUsed && age < overlap.atMost;
  }

  ended(token: Token, now: Instant): boolean {
    const { expiry, usedFor } = this.policy;
    const { issuedAt, lastUsedAt, firstUsedAt } = token;
    return (
      now >= issuedAt + stepAt(expiry.lifetime, issuedAt) ||
      now >= (lastUsedAt ?? issuedAt) + stepAt(expiry.idle, issuedAt) ||
      now >= this.grantAt + stepAt(expiry.authorization, this.grantAt) ||
      now >= (firstUsedAt ?? FOREVER) + usedFor
    );
  }

  accepted(now: Instant): readonly number[] {
    return this.tokens
      .filter((token) => this.open(token, now) && !this.ended(token, now))
      .map(({ serial }) => serial);
  }

  /** What is closed now stays closed. Called before and after whatever happens. */
  latch(now: Instant): void {
    for (const token of this.tokens) if (!this.open(token, now)) token.closed = true;
  }

  use(token: Token, now: Instant): void {
    if (token.firstUsedAt === null && token.parent) token.parent.childUsed = true;
    token.firstUsedAt ??= now;
  }

  /** The serial of the answer. */
  accept(token: Token, now: Instant): number {
    const { retry } = this.policy;
    this.use(token, now);
    token.lastUsedAt = now;
    if (token.supersededAt === null) {
      if (!token.parent || token.parent.retries === 0) this.streak = 0;
      return this.rotates(token, now) ? this.issue(token, now).serial : token.serial;
    }
    if (token.retries === 0) this.streak += 1;
    token.retries += 1;
    const age = now - token.supersededAt;
    const current =
      retry.answer === "current" || (retry.answer !== "new" && age < retry.answer.currentFor);
    const leaf = current ? this.newestLeaf(token, now) : undefined;
    return (leaf ?? this.issue(token, now)).serial;
  }

  newestLeaf(token: Token, now: Instant): Token | undefined {
    const leaves = this.tokens.filter(
      (each) => each.supersededAt === null && !this.ended(each, now),
    );
    const descends = (leaf: Token | null): boolean =>
      leaf === token || (leaf !== null && descends(leaf.parent));
    return leaves.findLast(descends) ?? leaves.at(-1);
  }

  rotates({ issuedAt }: Token, now: Instant): boolean {
    const { rotate, expiry } = this.policy;
    if (typeof rotate === "string") return rotate === "always";
    if ("every" in rotate) return now - issuedAt >= rotate.every;
    return now - issuedAt >= rotate.fromFraction * stepAt(expiry.lifetime, issuedAt);
  }
}

test("[D01] the bounded record accepts what a record without bounds accepts, under every policy", () => {
  const few = steps({ maxLength: 14 });
  fc.assert(
    fc.property(policyJson, few, fc.boolean(), (json, history, quick) => {
      const parsed = policyOf({ ...json, quota: [], caps: [], minInterval: 0 });
      if (holdsEverySerialOpen(parsed)) return;
      const policy: Policy = { ...parsed, replay: { ...parsed.replay, action: "refuse" } };
      const play = new Play(policy);
      const model = new Model(policy, play.now);
      const held: Held[] = [play.consent()];
      for (const step of history) {
        play.wait(quick ? step.wait % 1000 : step.wait);
        model.latch(play.now);
        const back = "back" in step ? step.back : 0;
        const serial = Math.max(0, model.tokens.length - 1 - Math.max(0, back));
        const token = model.tokens[serial] as Token;
        const expected = model.accepted(play.now).includes(serial);
        if (step.kind === "present") {
          const decision = play.present({ ordinal: 1, serial, issuedAt: token.issuedAt });
          assert.equal(decision.granted, expected, JSON.stringify(decision));
          if (decision.granted) {
            const answer = model.accept(token, play.now);
            assert.equal(decision.answer.access.serial, answer);
            held.push(play.held(1, decision.answer));
          }
        } else if (step.kind === "access" && policy.firstUse === "refreshOrAccess") {
          const holder = held.findLast((each) => each.access.serial === serial);
          if (holder && play.acceptsAccess(holder) && expected) {
            play.useAccess(holder);
            model.use(token, play.now);
          }
        }
        model.latch(play.now);
        const accepted = model.tokens.filter((each) => play.accepts({ ordinal: 1, ...each }));
        assert.deepEqual(
          accepted.map((each) => each.serial),
          model.accepted(play.now),
        );
      }
    }),
    { numRuns: Number(process.env.RUNS ?? 300) * 10 },
  );
});
