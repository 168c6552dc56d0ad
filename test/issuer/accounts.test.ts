/**
 * Accounts: passwords, second factors and throttling. Codes are checked against the vectors of RFC 6238 and against
 * a second library, which shares no code with the first.
 */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { generateSync } from "otplib";
import { Secret } from "../../src/env/secret.ts";
import { systemRandom } from "../../src/env/system.ts";
import { type Accounts, createAccounts } from "../../src/issuer/accounts.ts";
import { issuerKeys } from "../../src/issuer/keys.ts";
import { PASSWORD_COST } from "../../src/issuer/passwords.ts";
import { ACCOUNT_RULE, createThrottle } from "../../src/issuer/throttle.ts";
import { acceptedStep, NO_TOTP_STEP, totpCode } from "../../src/issuer/totp.ts";
import { turnstile } from "../../src/issuer/turnstile.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import { keyOf, type Store } from "../../src/store/store.ts";
import { type ManualClock, manualClock } from "../support/manual-clock.ts";

/** The vectors' secret, "12345678901234567890", in base32. RFC 6238, appendix B */
const RFC_SECRET = new Secret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
const CHEAP = { memoryKib: 8, passes: 1 };
const PASSWORD = new Secret("correct horse");
const WRONG = new Secret("wrong horse");
const ALICE = { username: "alice", password: PASSWORD };
const STEP_MS = 30_000;

interface Room {
  readonly accounts: Accounts;
  readonly store: Store;
  readonly clock: ManualClock;
}

async function room(passwordCost = CHEAP): Promise<Room> {
  const clock = manualClock();
  const store = await openMemoryStore({ clock, turn: () => turn() });
  const keys = issuerKeys({ key: new Uint8Array(32), deployment: "test" });
  const accounts = createAccounts({
    store,
    keys,
    random: systemRandom,
    realm: "main",
    now: clock.now,
    uptime: () => clock.boot().at,
    passwordCost,
  });
  return { accounts, store, clock };
}

const from = (device?: string, address = "192.0.2.1") => ({ device, address });

test("[A25, F16] codes are those of RFC 6238, appendix B", () => {
  const vectors: readonly (readonly [number, string])[] = [
    [59, "287082"],
    [1_111_111_109, "081804"],
    [1_111_111_111, "050471"],
    [1_234_567_890, "005924"],
    [2_000_000_000, "279037"],
    [20_000_000_000, "353130"],
  ];
  for (const [seconds, code] of vectors) {
    assert.equal(totpCode(RFC_SECRET, seconds * 1000), code);
    assert.equal(
      acceptedStep(RFC_SECRET, code, seconds * 1000, NO_TOTP_STEP),
      Math.floor(seconds / 30),
    );
  }
});

test("[A25, F16] an independent library makes the same codes, a thousand times", () => {
  for (let i = 0; i < 1000; i += 1) {
    const epoch = 1_700_000_000 + i * 7919;
    const theirs = generateSync({ secret: RFC_SECRET.reveal(), epoch });
    assert.equal(theirs, totpCode(RFC_SECRET, epoch * 1000));
    const step = acceptedStep(RFC_SECRET, theirs, epoch * 1000, NO_TOTP_STEP);
    assert.equal(step, Math.floor(epoch / 30));
  }
});

test("[A25] a code of the step before or after passes, none further away; spaces are nothing", () => {
  const at = 1_700_000_010_000;
  const step = Math.floor(at / STEP_MS);
  for (const drift of [-1, 0, 1]) {
    const code = totpCode(RFC_SECRET, at + drift * STEP_MS);
    assert.equal(acceptedStep(RFC_SECRET, code, at, NO_TOTP_STEP), step + drift);
    const spaced = ` ${code.slice(0, 3)} ${code.slice(3)} `;
    assert.equal(acceptedStep(RFC_SECRET, spaced, at, NO_TOTP_STEP), step + drift);
  }
  for (const drift of [-2, 2, -20, 20]) {
    const code = totpCode(RFC_SECRET, at + drift * STEP_MS);
    assert.equal(acceptedStep(RFC_SECRET, code, at, NO_TOTP_STEP), undefined);
  }
  for (const code of ["", "12345", "1234567", "abcdef", "１２３４５６"]) {
    assert.equal(acceptedStep(RFC_SECRET, code, at, NO_TOTP_STEP), undefined, code);
  }
});

test("[A25] a code passes once, also where it is shown twice at once, and none older passes after it", async () => {
  const { accounts, clock } = await room();
  await accounts.add({ ...ALICE, totpSecret: RFC_SECRET });
  const code = totpCode(RFC_SECRET, clock.now());
  const both = await Promise.all([1, 2, 3].map(() => accounts.checkCode("alice", code)));
  assert.deepEqual(both.map(({ ok }) => ok).sort(), [false, false, true]);
  assert.equal((await accounts.checkCode("alice", code)).ok, false);
  const before = totpCode(RFC_SECRET, clock.now() - STEP_MS);
  assert.equal((await accounts.checkCode("alice", before)).ok, false);
  clock.advance(STEP_MS);
  const next = totpCode(RFC_SECRET, clock.now());
  assert.equal((await accounts.checkCode("alice", next)).ok, true);
});

test("[A25, ISS-22] the store holds neither password nor second factor, and an account without one has no codes", async () => {
  const { accounts, store } = await room();
  await accounts.add({ ...ALICE, totpSecret: RFC_SECRET });
  await accounts.add({ ...ALICE, username: "bob" });
  const row = JSON.stringify(await store.read(keyOf("account", "main/alice")));
  assert.ok(!row.includes(RFC_SECRET.reveal()) && !row.includes(PASSWORD.reveal()));
  assert.deepEqual(await accounts.checkCode("bob", totpCode(RFC_SECRET, 0)), {
    ok: false,
    reason: "wrong",
  });
  const names = (await accounts.list()).map(({ username, hasSecondFactor }) => [
    username,
    hasSecondFactor,
  ]);
  assert.deepEqual(names, [
    ["alice", true],
    ["bob", false],
  ]);
});

test("[house] a password is hashed at the recommended cost, told in the row, and one account's hash is no other's", async () => {
  assert.deepEqual(PASSWORD_COST, { memoryKib: 19_456, passes: 2 });
  const { accounts, store } = await room();
  await accounts.add(ALICE);
  await accounts.add({ ...ALICE, username: "bob" });
  const alice = await store.read(keyOf("account", "main/alice"));
  assert.equal(alice?.password.memoryKib, CHEAP.memoryKib);
  await store.update([keyOf("account", "main/bob")], ([row]) => ({
    result: undefined,
    writes: [{ ...row!, password: alice!.password }],
  }));
  assert.equal((await accounts.checkPassword("bob", PASSWORD, from())).ok, false);
  assert.equal((await accounts.checkPassword("alice", PASSWORD, from())).ok, true);
});

test("[ISS-45] an unknown user is answered like a wrong password: same words, same work, same waits", async () => {
  const { accounts } = await room();
  await accounts.add(ALICE);
  for (const round of [1, 2, 3, 4, 5, 6, 7]) {
    const known = await accounts.checkPassword("alice", WRONG, { address: "192.0.2.1" });
    const unknown = await accounts.checkPassword("nobody", WRONG, { address: "192.0.2.2" });
    assert.deepEqual(known, unknown);
    assert.equal(known.ok || known.reason, round <= 5 ? "wrong" : "throttled");
  }
  for (const name of ["", "a\0b", "\ud800", "x".repeat(300), " padded"]) {
    assert.deepEqual(await accounts.checkPassword(name, WRONG, { address: "192.0.2.3" }), {
      ok: false,
      reason: "wrong",
    });
  }
});

test("[ISS-45] an unknown user takes as long as a wrong password", async () => {
  const { accounts } = await room({ memoryKib: 16 * 1024, passes: 3 });
  await accounts.add(ALICE);
  const shortest = async (username: string): Promise<number> => {
    const times: number[] = [];
    for (const device of ["a", "b", "c", "d", "e"]) {
      const begun = performance.now();
      await accounts.checkPassword(username, WRONG, from(device));
      times.push(performance.now() - begun);
    }
    return Math.min(...times);
  };
  const [known, unknown] = [await shortest("alice"), await shortest("nobody")];
  assert.ok(unknown > known / 3, `${unknown.toFixed(1)} ms against ${known.toFixed(1)} ms`);
});

test("[ISS-45] a throttle's memory is bounded, and what was used last is kept", () => {
  const throttle = createThrottle(() => 0, 100);
  const lane = (name: string) => ({ name, rule: ACCOUNT_RULE, shared: false });
  for (let i = 0; i < 5; i += 1) throttle.begin([lane("kept")]);
  assert.equal(throttle.begin([lane("kept")]).admitted, false);
  for (let i = 0; i < 99; i += 1) throttle.begin([lane(`other ${i}`)]);
  assert.equal(throttle.begin([lane("kept")]).admitted, false);
  throttle.begin([lane("one too many")]);
  assert.equal(throttle.begin([lane("kept")]).admitted, true, "forgotten");
});

test("[ISS-45] a lane forgets: after some hours an account is as it was", async () => {
  const { accounts, clock } = await room();
  await accounts.add(ALICE);
  const guess = () => accounts.checkPassword("alice", WRONG, {});
  for (let i = 0; i < 100; i += 1) {
    const guessed = await guess();
    if (!guessed.ok && guessed.reason === "throttled") clock.advance(guessed.retryAfter);
  }
  clock.advance(15 * 60_000);
  assert.deepEqual(await guess(), { ok: false, reason: "wrong" });
  assert.deepEqual(await guess(), { ok: false, reason: "throttled", retryAfter: 15 * 60_000 });
  clock.advance(8 * 60 * 60_000);
  for (let i = 0; i < 5; i += 1) {
    assert.deepEqual(await guess(), { ok: false, reason: "wrong" });
  }
});

test("[ISS-45] guesses make unknown browsers wait ever longer, and a known browser not at all", async () => {
  const { accounts, clock } = await room();
  await accounts.add(ALICE);
  let guesses = 0;
  for (let minute = 0; minute < 24 * 60 * 6; minute += 1) {
    clock.advance(10_000);
    const address = `198.51.100.${minute % 250}`;
    const checked = await accounts.checkPassword("alice", WRONG, from(undefined, address));
    if (!checked.ok && checked.reason === "wrong") guesses += 1;
    else if (!checked.ok && checked.reason === "throttled") {
      assert.ok(checked.retryAfter <= 15 * 60_000);
    }
  }
  assert.ok(guesses <= 120, `${guesses} guesses passed in a day`);
  assert.equal((await accounts.checkPassword("alice", PASSWORD, from())).ok, false);
  assert.equal((await accounts.checkPassword("alice", PASSWORD, from("her laptop"))).ok, true);
});

test("[ISS-45] a known browser's own failures make only itself wait, at most a minute", async () => {
  const { accounts, clock } = await room();
  await accounts.add(ALICE);
  let longest = 0;
  for (let i = 0; i < 500; i += 1) {
    const checked = await accounts.checkPassword("alice", WRONG, from("stolen laptop"));
    if (!checked.ok && checked.reason === "throttled") {
      longest = Math.max(longest, checked.retryAfter);
      clock.advance(checked.retryAfter);
    }
  }
  assert.equal(longest, 60_000);
  assert.equal((await accounts.checkPassword("alice", PASSWORD, from())).ok, true);
  assert.equal((await accounts.checkPassword("alice", PASSWORD, from("phone"))).ok, true);
});

test("[ISS-45] a hundred guesses sent at once are counted as a hundred", async () => {
  const { accounts } = await room();
  await accounts.add(ALICE);
  const checks = Array.from({ length: 100 }, () => accounts.checkPassword("alice", WRONG, from()));
  const reasons = (await Promise.all(checks)).map((checked) => checked.ok || checked.reason);
  assert.equal(reasons.filter((reason) => reason === "wrong").length, 5);
});

test("[ISS-45] one address waits at all accounts, and logging in to one's own account buys no further guesses", async () => {
  const { accounts } = await room();
  await accounts.add({ ...ALICE, username: "mallory" });
  let guesses = 0;
  for (let i = 0; i < 200; i += 1) {
    const guess = await accounts.checkPassword(
      `user${i}`,
      WRONG,
      from(undefined, `2001:db8::${i}`),
    );
    if (!guess.ok && guess.reason === "wrong") guesses += 1;
    await accounts.checkPassword("mallory", PASSWORD, from(undefined, "2001:db8:0:0:1::2"));
  }
  assert.equal(guesses, 50);
  const elsewhere = await accounts.checkPassword("user1", WRONG, from(undefined, "2001:db8:0:1::"));
  assert.deepEqual(elsewhere, { ok: false, reason: "wrong" });
});

test("[A25] whoever has the right code never waits, however often", async () => {
  const { accounts, clock } = await room();
  await accounts.add({ ...ALICE, totpSecret: RFC_SECRET });
  for (let i = 0; i < 50; i += 1) {
    clock.advance(STEP_MS);
    const right = await accounts.checkCode("alice", totpCode(RFC_SECRET, clock.now()));
    assert.equal(right.ok, true, String(i));
  }
});

test("[A25, ISS-45] whoever has only the password cannot keep a known browser from its second step", async () => {
  const { accounts, clock } = await room();
  await accounts.add({ ...ALICE, totpSecret: RFC_SECRET });
  for (let i = 0; i < 10; i += 1) await accounts.checkCode("alice", "000000");
  const code = totpCode(RFC_SECRET, clock.now());
  const unknown = await accounts.checkCode("alice", code);
  assert.equal(unknown.ok || unknown.reason, "throttled");
  assert.equal((await accounts.checkCode("alice", code, { device: "her laptop" })).ok, true);
});

test("[A25] codes cannot be guessed: at most about a hundred tries a day", async () => {
  const { accounts, clock } = await room();
  await accounts.add({ ...ALICE, totpSecret: RFC_SECRET });
  let guesses = 0;
  for (let i = 0; i < 24 * 60 * 6; i += 1) {
    clock.advance(10_000);
    const code = totpCode(RFC_SECRET, clock.now() - 10 * STEP_MS);
    const checked = await accounts.checkCode("alice", code);
    if (!checked.ok && checked.reason === "wrong") guesses += 1;
  }
  assert.ok(guesses <= 120, `${guesses} guesses passed in a day`);
});

test("[ISS-38] a new password and an end of sessions raise the epoch; the old password is dead at once", async () => {
  const { accounts } = await room();
  const { sessionEpoch } = await accounts.add(ALICE);
  await accounts.changePassword("alice", WRONG);
  assert.equal((await accounts.find("alice"))?.sessionEpoch, sessionEpoch + 1);
  assert.equal((await accounts.checkPassword("alice", PASSWORD, from())).ok, false);
  assert.equal((await accounts.checkPassword("alice", WRONG, from())).ok, true);
  await accounts.endSessions("alice");
  assert.equal((await accounts.find("alice"))?.sessionEpoch, sessionEpoch + 2);
});

test("[house] an account that is malformed, or there already, is refused by name", async () => {
  const { accounts } = await room();
  await accounts.add(ALICE);
  const refused = { code: "config_invalid" };
  await assert.rejects(accounts.add(ALICE), refused);
  await assert.rejects(accounts.add({ ...ALICE, username: " x" }), refused);
  await assert.rejects(
    accounts.add({ ...ALICE, username: "x", password: new Secret("") }),
    refused,
  );
  await assert.rejects(
    accounts.add({ ...ALICE, username: "x", totpSecret: new Secret("short") }),
    refused,
  );
  await assert.rejects(accounts.changePassword("nobody", PASSWORD), refused);
  assert.equal(await accounts.find("x"), undefined);
});

test("[house] a turnstile lets so many through at a time, in the order in which they came, also where one fails", async () => {
  const inTurn = turnstile(2);
  const order: string[] = [];
  const opens: (() => void)[] = [];
  const work = (name: string) =>
    inTurn(async () => {
      order.push(name);
      await new Promise<void>((resolve) => opens.push(resolve));
      if (name === "a") throw new Error("failed");
      return name;
    });
  const all = Promise.allSettled(["a", "b", "c", "d"].map(work));
  assert.deepEqual(order, ["a", "b"]);
  for (const expected of [3, 4, 4, 4]) {
    opens.shift()?.();
    await turn();
    assert.equal(order.length, expected);
  }
  assert.deepEqual(
    (await all).map(({ status }) => status),
    ["rejected", "fulfilled", "fulfilled", "fulfilled"],
  );
  assert.deepEqual(order, ["a", "b", "c", "d"]);
});
