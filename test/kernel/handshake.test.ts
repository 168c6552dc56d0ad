/** The recommended policy, sentence by sentence, and the strict one; both against oracles written without the kernel. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import { KEEP, type Policy } from "../../src/kernel/policy.ts";
import { DAY, type Duration, HOUR, type Instant, SECOND } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { granted, type Held, Play } from "./driver.ts";

const HANDSHAKE = PRESETS.handshake as Policy;
const STRICT = PRESETS.strict as Policy;

test("[G02] a client that loses the answer any number of times goes on with the same successor", () => {
  const play = new Play(HANDSHAKE);
  const token = play.consent();
  const lost = play.wait(HOUR).refresh(token);
  for (let time = 0; time < 100; time += 1) {
    const again = play.wait(time % 2 === 0 ? SECOND : DAY).refresh(token);
    assert.equal(again.serial, lost.serial);
    assert.equal(again.issuedAt, lost.issuedAt, "the same token, not only the same number");
    assert.ok(play.acceptsAccess(again), "with a new access token");
  }
  const next = play.refresh(lost);
  assert.equal(next.serial, lost.serial + 1);
});

test("[G02] a client goes on with the same successor whenever it asks again, ten years later too", () => {
  const play = new Play(HANDSHAKE);
  const token = play.consent();
  const lost = play.refresh(token);
  const again = play.wait(3653 * DAY).refresh(token);
  assert.equal(again.serial, lost.serial);
  play.refresh(again);
});

test("[G02] two askers together get the same answer", () => {
  const play = new Play(HANDSHAKE);
  const token = play.wait(HOUR).consent();
  const [one, two] = [play.present(token), play.present(token)].map(granted);
  assert.deepEqual(two?.refresh, one?.refresh);
  assert.notEqual(two?.access.number, one?.access.number);
});

test("[G02] one late duplicate of a client's own request harms nobody", () => {
  for (const delay of [0, 1, SECOND, 30 * SECOND, 60 * SECOND - 1]) {
    const play = new Play(HANDSHAKE);
    const token = play.consent();
    const next = play.wait(HOUR).refresh(token);
    const newest = play.wait(SECOND).refresh(next);
    play.wait(delay).refuses(token, "superseded");
    assert.equal(play.chain().revoked, null);
    const onward = play.refresh(newest);
    assert.equal(onward.serial, newest.serial + 1, "not even the successor changed");
  }
});

test("[G02] after first use of the successor the predecessor is replay and ends the chain", () => {
  const play = new Play(HANDSHAKE);
  const token = play.consent();
  const next = play.wait(HOUR).refresh(token);
  const newest = play.wait(HOUR).refresh(next);
  play.wait(60 * SECOND);
  const refusal = play.refusal(token);
  assert.deepEqual(refusal, { reason: "replayed", serial: 0, effect: "chainRevoked" });
  for (const each of [token, next, newest]) {
    play.refuses(each, "chainRevoked");
    assert.equal(play.acceptsAccess(each), false);
  }
});

test("[G02] a thief in step ends the chain within streak + 1 refreshes", () => {
  const { streak } = HANDSHAKE.retry;
  for (const thiefFirst of [false, true]) {
    const play = new Play(HANDSHAKE);
    let client = play.consent();
    let thief = client;
    let refreshes = 0;
    while (play.chain().revoked === null && refreshes < 100) {
      play.wait(HOUR);
      refreshes += 1;
      const [first, second] = thiefFirst ? [thief, client] : [client, thief];
      const next = play.refresh(first);
      const decision = play.present(second);
      if (decision.granted) assert.equal(decision.answer.refresh?.serial, next.serial);
      client = next;
      thief = next;
    }
    assert.equal(refreshes, streak + 1);
  }
});

test("[G02] a client that loses every other answer for ever is no thief", () => {
  const play = new Play(HANDSHAKE);
  let token = play.consent();
  for (let time = 0; time < 200; time += 1) {
    if (time % 2 === 0) play.wait(HOUR).refresh(token);
    token = play.wait(SECOND).refresh(token);
  }
  assert.equal(play.chain().revoked, null);
});

test("[G02] a token that a streak has closed stays closed when the streak ends, though it is within reach", () => {
  const overlap = { ...HANDSHAKE.overlap, reach: 2, atLeast: HOUR };
  const play = new Play({ ...HANDSHAKE, overlap, retry: { ...HANDSHAKE.retry, streak: 1 } });
  const first = play.consent();
  const closed = play.refresh(first);
  play.refresh(first);
  const next = play.refresh(closed);
  assert.equal(play.accepts(closed), false, "one retried generation in a row is all there may be");
  const newest = play.refresh(next);
  assert.equal(play.accepts(closed), false);
  assert.deepEqual([play.accepts(next), play.accepts(newest)], [true, true]);
});

test("[G02] observed: the predecessor is dead once an access token of the successor was used", () => {
  const play = new Play(PRESETS["handshake-observed"] as Policy);
  const token = play.consent();
  const next = play.wait(HOUR).refresh(token);
  play.wait(59 * SECOND).useAccess(next);
  assert.ok(play.accepts(token), "for at least 60 s after it was replaced");
  play.wait(SECOND);
  assert.equal(play.accepts(token), false);
  play.refresh(next);
});

test("[G02] observed: an access token is written down at its first use only", () => {
  const play = new Play(PRESETS["handshake-observed"] as Policy);
  const token = play.consent();
  const unused = play.chain();
  play.useAccess(token);
  const used = play.chain();
  assert.notEqual(used, unused);
  play.wait(HOUR).useAccess(token);
  assert.equal(play.chain(), used, "the same value: nothing to write");
  const silent = new Play(HANDSHAKE);
  const other = silent.consent();
  const before = silent.chain();
  silent.useAccess(other);
  assert.equal(silent.chain(), before, "a policy that counts refreshes writes nothing");
});

test("[ISS-08] a retry never leaves two living successors, unless the policy has branches", () => {
  const living = (policy: unknown): number => {
    const play = new Play(policyOf(policy));
    const token = play.consent();
    const successors = [0, 1, 2, 3, 4].map(() => play.wait(SECOND).refresh(token));
    return new Set(successors.filter((each) => play.accepts(each)).map(({ serial }) => serial))
      .size;
  };
  const overlap = { atLeast: "30 s" };
  assert.equal(living({ overlap }), 1, "the same successor again");
  assert.equal(
    living({ overlap, retry: { answer: "new" } }),
    1,
    "a new one replaces the unused one",
  );
  assert.equal(
    living({ overlap, retry: { answer: { currentFor: "2 s" } } }),
    1,
    "first one, then the other",
  );
  for (const branches of [2, 3, 4, 8]) {
    assert.equal(
      living({ overlap, retry: { answer: "new" }, siblings: { branches } }),
      Math.min(branches, 5),
      `${branches} branches`,
    );
  }
});

test("[ISS-08] a retry is answered with the newest successor of the token presented, not of another", () => {
  const play = new Play(
    policyOf({
      overlap: { atLeast: "1 h" },
      retry: { answer: { currentFor: "2 s" } },
      siblings: { branches: 2 },
    }),
  );
  const token = play.consent();
  const left = play.refresh(token);
  const right = play.wait(3 * SECOND).refresh(token);
  const leftNext = play.refresh(left);
  play.refresh(right);
  assert.equal(play.wait(SECOND).refresh(left).serial, leftNext.serial);
});

test("[ISS-08] a retry whose successor has ended gets a new one", () => {
  const play = new Play(policyOf({ overlap: { atLeast: "1 h" }, expiry: { idle: "60 s" } }));
  const token = play.consent();
  const lost = play.refresh(token);
  assert.equal(play.wait(59 * SECOND).refresh(token).serial, lost.serial);
  const anew = play.wait(58 * SECOND).refresh(token);
  assert.equal(anew.serial, lost.serial + 1);
  play.refresh(anew);
});

test("[G04] a burst of refreshes fills the record and no more; what it forgets is not spared", () => {
  const play = new Play(policyOf({ replay: { sparing: "60 s", action: "refuse" } }));
  const tokens = [play.consent()];
  while (tokens.length < 40) tokens.push(play.refresh(tokens.at(-1) as Held));
  assert.equal(play.chain().entries.length, KEEP);
  play.refuses(tokens[40 - KEEP] as Held, "superseded");
  play.refuses(tokens[39 - KEEP] as Held, "replayed");
  play.refresh(tokens[39] as Held);
});

test("[D05] replay refused: the dead token is refused, the chain lives", () => {
  const play = new Play(policyOf({ replay: { action: "refuse" } }));
  const token = play.consent();
  const next = play.wait(HOUR).refresh(token);
  const refusal = play.wait(HOUR).refusal(token);
  assert.deepEqual(refusal, { reason: "replayed", serial: 0, effect: "none" });
  play.refresh(next);
});

test("[D05] replay revokes the chain, or every chain of the client and subject", () => {
  for (const [action, others] of [
    ["revokeChain", true],
    ["revokeClientAndSubject", false],
  ] as const) {
    const play = new Play(policyOf({ replay: { action } }));
    const [token, other] = [play.consent(), play.consent()];
    const next = play.wait(HOUR).refresh(token);
    play.wait(HOUR).refuses(token, "replayed");
    play.refuses(next, "chainRevoked");
    assert.equal(play.acceptsAccess(next), false);
    assert.equal(play.accepts(other), others, action);
    assert.ok(play.accepts(play.consent()), "a new consent begins anew");
  }
});

test("[D05] replay answers the same: the dead token gets its successor again", () => {
  const play = new Play(policyOf({ overlap: { atLeast: "60 s" } }));
  const token = play.consent();
  const next = play.refresh(token);
  assert.equal(play.wait(59 * SECOND).refresh(token).serial, next.serial);
  play.wait(SECOND).refuses(token, "superseded");
  play.wait(2 * SECOND).refuses(token, "replayed");
});

test("[ISS-04] strict: a spent token after 2.5 s fails, and the newest one and the grant die", () => {
  const play = new Play(STRICT);
  const token = play.consent();
  const next = play.wait(SECOND).refresh(token);
  assert.equal(play.acceptsAccess(token), false, "its access token ended with it");
  play.wait(2500).refuses(token, "replayed");
  play.refuses(next, "chainRevoked");
  assert.equal(play.acceptsAccess(next), false);
});

test("[ISS-06] handshake accepts the previous token 30 s after rotation", () => {
  const play = new Play(HANDSHAKE);
  const token = play.consent();
  const next = play.wait(HOUR).refresh(token);
  assert.equal(play.wait(30 * SECOND).refresh(token).serial, next.serial);
});

// --- oracles ------------------------------------------------------------------------------------------------

type Said = "granted" | "refused" | "replayed" | "revoked";

interface Oracle {
  present(serial: number, now: Instant): Said;
  accepted(): readonly number[];
}

/** Only the newest token. */
class StrictOracle implements Oracle {
  issuedAt: Instant[];
  revoked = false;

  constructor(now: Instant) {
    this.issuedAt = [now];
  }

  present(serial: number, now: Instant): Said {
    if (this.revoked) return "revoked";
    const diedAt = this.issuedAt[serial + 1];
    if (diedAt === undefined) {
      this.issuedAt.push(now);
      return "granted";
    }
    if (now - diedAt < 2 * SECOND && serial >= this.issuedAt.length - KEEP) return "refused";
    this.revoked = true;
    return "replayed";
  }

  accepted(): readonly number[] {
    return this.revoked ? [] : [this.issuedAt.length - 1];
  }
}

/** The newest token, and the one before it: whoever has not used the successor asks again. */
class HandshakeOracle implements Oracle {
  issuedAt: Instant[];
  retried = false;
  streak = 0;
  revoked = false;

  constructor(now: Instant) {
    this.issuedAt = [now];
  }

  present(serial: number, now: Instant): Said {
    if (this.revoked) return "revoked";
    const newest = this.issuedAt.length - 1;
    if (serial === newest) {
      if (!this.retried) this.streak = 0;
      this.retried = false;
      this.issuedAt.push(now);
      return "granted";
    }
    if (serial === newest - 1 && (this.retried || this.streak < 8)) {
      if (!this.retried) this.streak += 1;
      this.retried = true;
      return "granted";
    }
    const diedAt = this.issuedAt[serial + 2] ?? Number.NEGATIVE_INFINITY;
    if (now - diedAt < 60 * SECOND && serial > newest - KEEP) return "refused";
    this.revoked = true;
    return "replayed";
  }

  accepted(): readonly number[] {
    if (this.revoked) return [];
    const newest = this.issuedAt.length - 1;
    const before = newest > 0 && (this.retried || this.streak < 8) ? [newest - 1] : [];
    return [...before, newest];
  }
}

const SAID: Readonly<Record<string, Said>> = {
  granted: "granted",
  superseded: "refused",
  replayed: "replayed",
  chainRevoked: "revoked",
};

const wait: fc.Arbitrary<Duration> = fc.oneof(
  fc.constantFrom(0, 1, 500, 1999, 2000, 29, 29 * SECOND, 59_999, 60_000),
  fc.integer({ min: 0, max: 90 * SECOND }),
  fc.constantFrom(HOUR, 40 * DAY),
);

function compare(policy: Policy, oracleAt: (now: Instant) => Oracle, backs: readonly number[]) {
  const steps = fc.array(fc.tuple(wait, fc.constantFrom(...backs)), { maxLength: 80, size: "max" });
  fc.assert(
    fc.property(steps, (history) => {
      const play = new Play(policy);
      const tokens: Held[] = [play.consent()];
      const oracle = oracleAt(play.now);
      for (const [pause, back] of history) {
        const token = tokens[Math.max(0, tokens.length - 1 - back)] as Held;
        const decision = play.wait(pause).present(token);
        const said = decision.granted ? "granted" : decision.refusal.reason;
        assert.equal(SAID[said], oracle.present(token.serial, play.now));
        if (decision.granted && decision.answer.kind === "rotated") {
          tokens.push(play.held(1, decision.answer));
        }
        const accepted = tokens.filter((each) => play.accepts(each)).map(({ serial }) => serial);
        assert.deepEqual(accepted, oracle.accepted());
      }
    }),
    { numRuns: 500 },
  );
}

test("[G02] handshake does what two tokens and a streak do, over random histories", () => {
  compare(HANDSHAKE, (now) => new HandshakeOracle(now), [0, 0, 0, 0, 1, 1, 1]);
  compare(HANDSHAKE, (now) => new HandshakeOracle(now), [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 20]);
});

test("[ISS-04] strict does what one token does, over random histories", () => {
  compare(STRICT, (now) => new StrictOracle(now), [0]);
  compare(STRICT, (now) => new StrictOracle(now), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 20]);
});
