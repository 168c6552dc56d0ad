/**
 * Random histories of one client and subject, and what must be true after every step of them, under any policy.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Authorization, Decision, Tally } from "../../src/kernel/authorization.ts";
import type { Chain } from "../../src/kernel/chain.ts";
import {
  brokenAuthorizationInvariants,
  brokenInvariants,
  brokenTallyInvariants,
} from "../../src/kernel/invariants.ts";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { settle } from "../../src/kernel/policy-change.ts";
import type { ChainRefusal, CodeRefusal } from "../../src/kernel/refusal.ts";
import { DAY, type Duration, HOUR, MINUTE, SECOND } from "../../src/kernel/time.ts";
import { type PolicyJson, policyJson } from "./arbitrary-policy.ts";
import { type Code, granted, type Held, Play } from "./driver.ts";

/** `back` counts from a chain's newest serial: 0 the newest, 1 the one before; -1 is a serial never issued. */
export type Step = { readonly wait: Duration } & (
  | { readonly kind: "present"; readonly chain: number; readonly back: number }
  | { readonly kind: "access"; readonly chain: number; readonly back: number }
  | { readonly kind: "revokeAccess"; readonly chain: number; readonly back: number }
  | { readonly kind: "consent" }
  | { readonly kind: "open" }
  | { readonly kind: "redeem"; readonly pick: number }
  | { readonly kind: "revoke"; readonly chain: number }
  | { readonly kind: "revokeAll" }
  | { readonly kind: "change"; readonly policy: PolicyJson; readonly revive: boolean }
);

interface StepsOptions {
  readonly changes?: "none" | "plain" | "reviving";
  readonly clock?: "forward" | "stepsBack";
  readonly maxLength?: number;
}

const waits = (clock: "forward" | "stepsBack"): fc.Arbitrary<Duration> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(0, 1, 500, SECOND, 2 * SECOND, 5 * SECOND) },
    { weight: 3, arbitrary: fc.constantFrom(29, 30, 31, 60, 569, 570, 600).map((s) => s * SECOND) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 20 * MINUTE }) },
    { weight: 1, arbitrary: fc.constantFrom(HOUR, DAY, 30 * DAY, 100 * DAY) },
    { weight: clock === "forward" ? 0 : 2, arbitrary: fc.integer({ min: -3 * SECOND, max: -1 }) },
  );

const back = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(0, 0, 0, 1, 1) },
  { weight: 2, arbitrary: fc.integer({ min: 2, max: 5 }) },
  { weight: 1, arbitrary: fc.constantFrom(-1, 12) },
);
const chain = fc.constantFrom(0, 0, 0, 1, 2);

/** Random steps. Presentations are most of them: a history that revokes at once shows nothing. */
export function steps(options: StepsOptions = {}): fc.Arbitrary<readonly Step[]> {
  const { changes = "none", clock = "forward", maxLength = 40 } = options;
  const wait = waits(clock);
  const step = (weight: number, rest: { [field: string]: fc.Arbitrary<unknown> }) => ({
    weight,
    arbitrary: fc.record({ wait, ...rest }) as fc.Arbitrary<unknown> as fc.Arbitrary<Step>,
  });
  const kind = <K extends Step["kind"]>(name: K) => fc.constant(name);
  return fc.array(
    fc.oneof(
      step(300, { kind: kind("present"), chain, back }),
      step(50, { kind: kind("access"), chain, back }),
      step(10, { kind: kind("revokeAccess"), chain, back }),
      step(20, { kind: kind("consent") }),
      step(10, { kind: kind("open") }),
      step(10, { kind: kind("redeem"), pick: fc.nat(5) }),
      step(5, { kind: kind("revoke"), chain }),
      step(3, { kind: kind("revokeAll") }),
      step(changes === "none" ? 0 : 30, {
        kind: kind("change"),
        policy: policyJson,
        revive: changes === "reviving" ? fc.boolean() : fc.constant(false),
      }),
    ),
    { maxLength, size: "max" },
  );
}

/** A history as it is played, with all that was ever issued in it. */
export class History {
  readonly play: Play;
  readonly issued: Held[] = [];
  readonly codes: Code[] = [];
  /** Tokens seen dead, and access tokens seen dead. */
  readonly #dead: Set<string> = new Set();
  readonly #deadAccess: Set<string> = new Set();
  readonly #earlier: Policy[] = [];
  #steppedBack = 0;

  constructor(policy: Policy) {
    this.play = new Play(policy);
    this.#consent();
  }

  /** Plays a step and checks all that must hold after it. */
  step(step: Step): void {
    this.play.wait(step.wait);
    this.#steppedBack += Math.max(0, -step.wait);
    this.#check();
    this.#act(step);
    this.#check();
  }

  get past(): { readonly earlier: readonly Policy[]; readonly clockStep: Duration } {
    return { earlier: this.#earlier, clockStep: this.#steppedBack };
  }

  #act(step: Step): void {
    const { play } = this;
    if (step.kind === "present") this.#present(this.#tokenOf(step));
    else if (step.kind === "access") this.#access(this.#tokenOf(step));
    else if (step.kind === "revokeAccess") play.revokeAccess(this.#tokenOf(step));
    else if (step.kind === "consent") this.#consent();
    else if (step.kind === "open") this.codes.push(play.open());
    else if (step.kind === "redeem") {
      this.#redeem(this.codes.at(-1 - (step.pick % this.codes.length)) as Code);
    } else if (step.kind === "revoke") play.revoke(this.#ordinal(step.chain));
    else if (step.kind === "revokeAll") play.revokeAll();
    else this.#change(policyOf(step.policy), step.revive);
  }

  #change(policy: Policy, revive: boolean): void {
    const { play } = this;
    this.#earlier.push(play.policy);
    play.change(policy, { revive });
    if (!revive) return;
    this.#dead.clear();
    this.#deadAccess.clear();
  }

  #ordinal(pick: number): number {
    const ordinals = [...this.play.chains.keys()];
    return ordinals.at(-1 - (pick % ordinals.length)) as number;
  }

  #tokenOf({ chain, back }: { readonly chain: number; readonly back: number }): Held {
    const ordinal = this.#ordinal(chain);
    const serial = Math.max(0, this.play.chain(ordinal).last - back);
    const held = this.issued.findLast(
      (token) => token.ordinal === ordinal && token.serial === serial,
    );
    const any = this.issued.find((token) => token.ordinal === ordinal) as Held;
    return held ?? { ...any, serial, issuedAt: this.play.now };
  }

  #consent(): void {
    const code = this.play.open();
    this.codes.push(code);
    this.#redeem(code);
  }

  #redeem(code: Code): void {
    const { play } = this;
    const before = this.#snapshot(code.ordinal);
    const decision = play.redeem(code);
    if (!decision.granted) {
      this.#refusedChanges(decision, before, code.ordinal);
      return;
    }
    const held = play.held(code.ordinal, decision.answer);
    this.issued.push(held);
    assert.ok(play.accepts(held), "(g) the first token of a chain is accepted");
  }

  #present(token: Held): void {
    const { play } = this;
    const accepted = play.accepts(token);
    const before = this.#snapshot(token.ordinal);
    const decision = play.present(token);
    const reason = decision.granted ? "granted" : decision.refusal.reason;
    const passed = ["granted", "tooEarly", "quotaExceeded"].includes(reason);
    assert.equal(passed, accepted, `(a) ${reason}, but the accepted set says ${accepted}`);
    if (!decision.granted) {
      this.#refusedChanges(decision, before, token.ordinal);
      return;
    }
    const held = play.held(token.ordinal, granted(decision), token);
    if (
      !this.issued.some(
        (other) => other.access.number === held.access.number && other.ordinal === held.ordinal,
      )
    ) {
      this.issued.push(held);
    }
    assert.ok(play.accepts(held), "(g) after an answer the client holds an accepted token");
    assert.ok(play.acceptsAccess(held), "(g) and an accepted access token");
  }

  #access(token: Held): void {
    if (this.play.acceptsAccess(token)) this.play.useAccess(token);
  }

  #snapshot(ordinal: number): Records {
    const { play } = this;
    const chain = play.chains.get(ordinal);
    return {
      chain: chain && settle(chain, play.revisions),
      authorization: play.authorization,
      subject: play.subject.tally,
      client: play.client.tally,
    };
  }

  /** (d) A refusal changes nothing but counters of all calls and the declared effect of replay. */
  #refusedChanges(
    decision: Decision<ChainRefusal | CodeRefusal>,
    before: Records,
    ordinal: number,
  ): void {
    assert.ok(!decision.granted);
    const { refusal } = decision;
    const after = this.#snapshot(ordinal);
    const effect = "effect" in refusal ? refusal.effect : "none";
    const { policy } = this.play;
    const counts = policy.quota.some((quota) => quota.counts === "all");
    const changed = {
      ...(counts ? { counters: {} } : {}),
      ...(effect === "none" ? {} : { live: [] }),
    };
    const bare = (records: Records) => ({
      chain: records.chain && {
        ...records.chain,
        ...(counts ? { counters: {} } : {}),
        ...(effect === "none" ? {} : { revoked: null, attempt: "", register: [] }),
      },
      authorization: {
        ...records.authorization,
        ...changed,
        ...(effect === "clientAndSubjectRevoked" ? { revoked: null } : {}),
      },
      subject: { ...records.subject, ...changed },
      client: { ...records.client, ...changed },
    });
    assert.deepEqual(bare(after), bare(before), `(d) ${refusal.reason} changed a record`);
    if (effect !== "none") assert.ok(after.chain?.revoked, "(d) replay has its declared effect");
    if (effect === "clientAndSubjectRevoked") {
      assert.equal(after.authorization.revoked?.through, after.authorization.opened);
    }
  }

  #check(): void {
    const { play } = this;
    if (this.#steppedBack === 0) {
      this.#nothingRevives();
      this.#noAccessRevives();
    }
    for (const ordinal of play.chains.keys()) {
      const chain = play.settled(ordinal);
      const broken = brokenInvariants(chain, play.policy, play.now, this.past);
      assert.deepEqual(broken, [], `(c) ${JSON.stringify(chain)}`);
      assert.deepEqual(structuredClone(chain), chain, "(f) a chain is plain data");
    }
    const { authorization, policy, now } = play;
    assert.deepEqual(brokenAuthorizationInvariants(authorization, policy, now, this.past), []);
    for (const per of ["subject", "client"] as const) {
      assert.deepEqual(brokenTallyInvariants(play[per].tally, per, policy, now, this.past), []);
    }
  }

  /** (b) A token that was issued and once not accepted is never accepted again, while the clock runs forward. */
  #nothingRevives(): void {
    for (const token of this.issued) {
      const name = `${token.ordinal}.${token.serial}`;
      const accepted = this.play.accepts(token);
      assert.ok(!(accepted && this.#dead.has(name)), `(b) token ${name} was dead and is accepted`);
      if (!accepted) this.#dead.add(name);
    }
  }

  /** (b) The same of access tokens. */
  #noAccessRevives(): void {
    for (const token of this.issued) {
      const name = `${token.ordinal}.${token.access.number}`;
      const accepted = this.play.acceptsAccess(token);
      assert.ok(
        !(accepted && this.#deadAccess.has(name)),
        `(b) access token ${name} was dead and is accepted`,
      );
      if (!accepted) this.#deadAccess.add(name);
    }
  }
}

interface Records {
  readonly chain: Chain | undefined;
  readonly authorization: Authorization;
  readonly subject: Tally;
  readonly client: Tally;
}

/** Plays a whole history; throws at the first thing that does not hold. */
export function playHistory(policy: Policy, history: readonly Step[]): History {
  const played = new History(policy);
  for (const step of history) played.step(step);
  return played;
}
