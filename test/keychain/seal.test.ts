import assert from "node:assert/strict";
import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { inspect } from "node:util";
import { Secret } from "../../src/env/secret.ts";
import { systemRandom } from "../../src/env/system.ts";
import { DataKey } from "../../src/keychain/data-key.ts";
import { keyedDigest } from "../../src/keychain/keyed-digest.ts";
import {
  createSealer,
  SEAL_OVERHEAD_BYTES,
  type SealContext,
  type Sealer,
} from "../../src/keychain/seal.ts";
import { seededRandom } from "../support/seeded-random.ts";

const KEY = new DataKey(Buffer.alloc(32, 1));
const OTHER_KEY = new DataKey(Buffer.alloc(32, 2));
const PLACE: SealContext = { kind: "connection", column: "refreshToken", id: "c1", generation: 7 };
const TOKEN = new Secret("rt-canary-77");

function sealerOf(keys: readonly [DataKey, ...DataKey[]] = [KEY], deploymentId = "d1"): Sealer {
  return createSealer({ keys, deploymentId, random: systemRandom });
}

/** Refused, and in the same words as everything else that is refused. */
function assertBroken(open: () => unknown): void {
  assert.throws(open, (error: Error & { code?: string; evidence?: object }) => {
    assert.ok(!("cause" in error));
    const { name, code, message, evidence } = error;
    assert.deepEqual(
      [name, code, message, evidence],
      ["KetenError", "seal_broken", "a sealed value does not open here", {}],
    );
    return true;
  });
}

test("[CRY-01, E01] what is sealed opens in its place and shows nothing of itself", () => {
  const sealer = sealerOf();
  const envelope = sealer.seal(PLACE, TOKEN);
  assert.match(envelope, /^[A-Za-z0-9_-]+$/);
  assert.equal(sealer.open(PLACE, envelope).reveal(), TOKEN.reveal());
  const bytes = Buffer.from(envelope, "base64url");
  assert.equal(bytes.length, TOKEN.reveal().length + SEAL_OVERHEAD_BYTES);
  assert.ok(!bytes.includes("canary"));
  for (const text of ["", "\u{1f517} chain", "x".repeat(100_000)]) {
    assert.equal(sealer.open(PLACE, sealer.seal(PLACE, new Secret(text))).reveal(), text);
  }
});

test("[CRY-03] two envelopes of one value in one place have nothing in common but their header", () => {
  const [a, b] = [1, 2].map(() => Buffer.from(sealerOf().seal(PLACE, TOKEN), "base64url"));
  assert.ok(a && b);
  assert.deepEqual(a.subarray(0, 9), b.subarray(0, 9));
  for (const [from, to] of [
    [9, 33],
    [33, 65],
    [65, -16],
    [-16, undefined],
  ] as const) {
    assert.notDeepEqual(a.subarray(from, to), b.subarray(from, to));
  }
});

test("[CRY-02, E01] an envelope moved to any other place is refused", () => {
  const envelope = sealerOf().seal(PLACE, TOKEN);
  const elsewhere: readonly SealContext[] = [
    { ...PLACE, kind: "chain" },
    { ...PLACE, column: "accessToken" },
    { ...PLACE, id: "c2" },
    { ...PLACE, generation: 8 },
    // The same letters, divided otherwise.
    { ...PLACE, kind: "connectionrefresh", column: "Token" },
    { ...PLACE, column: "refreshTokenc", id: "1" },
  ];
  for (const place of elsewhere) assertBroken(() => sealerOf().open(place, envelope));
  assertBroken(() => sealerOf([KEY], "d2").open(PLACE, envelope));
  assert.equal(
    sealerOf()
      .open({ ...PLACE }, envelope)
      .reveal(),
    TOKEN.reveal(),
  );
});

test("[CRY-17, CRY-01] every single-bit change of an envelope is refused in the same words", () => {
  const sealer = sealerOf();
  const envelope = Buffer.from(sealer.seal(PLACE, TOKEN), "base64url");
  for (let bit = 0; bit < envelope.length * 8; bit += 1) {
    const changed = Buffer.from(envelope);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assertBroken(() => sealer.openBytes(PLACE, changed));
  }
});

test("[CRY-17] every single-bit change of an envelope's text is refused, spare bits included", () => {
  const sealer = sealerOf();
  for (const length of [0, 1, 2]) {
    const text = Buffer.from(sealer.seal(PLACE, new Secret("x".repeat(length))));
    for (let bit = 0; bit < text.length * 8; bit += 1) {
      const changed = Buffer.from(text);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assertBroken(() => sealer.open(PLACE, changed.toString("latin1")));
    }
  }
  const envelope = sealer.seal(PLACE, TOKEN);
  for (const changed of [`${envelope}=`, `${envelope}\n`, ` ${envelope}`, `${envelope}!`]) {
    assertBroken(() => sealer.open(PLACE, changed));
  }
});

test("[CRY-17] an envelope cut anywhere, or longer, is refused", () => {
  const sealer = sealerOf();
  const envelope = sealer.sealBytes(PLACE, Buffer.from("rt"));
  for (let length = 0; length < envelope.length; length += 1) {
    assertBroken(() => sealer.openBytes(PLACE, envelope.subarray(0, length)));
  }
  assertBroken(() => sealer.openBytes(PLACE, Buffer.concat([envelope, Buffer.of(0)])));
});

test("[CRY-01, CRY-06] a later key seals, earlier ones open, an unknown one is refused", () => {
  const old = sealerOf([OTHER_KEY]).seal(PLACE, TOKEN);
  const both = sealerOf([KEY, OTHER_KEY]);
  assert.equal(both.open(PLACE, old).reveal(), TOKEN.reveal());
  assertBroken(() => sealerOf([KEY]).open(PLACE, old));
  assertBroken(() => sealerOf([OTHER_KEY]).open(PLACE, both.seal(PLACE, TOKEN)));
});

test("[CRY-04, CRY-01] what GCM accepts under another commitment or version is refused", () => {
  const sealer = sealerOf();
  const envelope = sealer.sealBytes(PLACE, Buffer.from("rt"));
  // A forger who knows the derived key, and makes a perfect GCM message under another commitment.
  const parts = ["d1", PLACE.kind, PLACE.column, PLACE.id, "7"].flatMap((part) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    return [length, Buffer.from(part)];
  });
  const place = Buffer.concat(parts);
  const context = createHash("sha256").update(place).digest();
  const keys = KEY.derive("keten seal 1", 76, { salt: envelope.subarray(9, 33), context });
  const forge = (commitment: Uint8Array, version = 1): Buffer => {
    const header = Buffer.concat([Buffer.of(version), envelope.subarray(1, 33), commitment]);
    const cipher = createCipheriv("aes-256-gcm", keys.subarray(0, 32), keys.subarray(32, 44));
    cipher.setAAD(Buffer.concat([header, place]));
    return Buffer.concat([header, cipher.update("me"), cipher.final(), cipher.getAuthTag()]);
  };
  assert.equal(sealer.openBytes(PLACE, forge(keys.subarray(44))).toString(), "me");
  assertBroken(() => sealer.openBytes(PLACE, forge(randomBytes(32))));
  assertBroken(() => sealer.openBytes(PLACE, forge(keys.subarray(44), 2)));
});

test("[CRY-08] a wiped key neither shows nor does anything more", () => {
  const key = new DataKey(Buffer.alloc(32, 3));
  const sealer = sealerOf([key]);
  assert.doesNotMatch(inspect(key, { showHidden: true, depth: 9 }), /03 03|bytes/);
  assert.equal(JSON.stringify(key), `{"id":"${key.id}"}`);
  key.wipe();
  assert.throws(() => sealer.seal(PLACE, TOKEN), { code: "ERR_ASSERTION" });
});

test("[CRY-12] digests find and match a secret, differ by purpose and key, and never throw on a bad one", () => {
  const digest = keyedDigest(KEY, "apiToken");
  const of = digest.of(TOKEN);
  assert.match(of, /^[A-Za-z0-9_-]{43}$/);
  assert.equal(keyedDigest(KEY, "apiToken").of(new Secret("rt-canary-77")), of);
  assert.notEqual(keyedDigest(KEY, "account").of(TOKEN), of);
  assert.notEqual(keyedDigest(OTHER_KEY, "apiToken").of(TOKEN), of);
  assert.notEqual(createHash("sha256").update(TOKEN.reveal()).digest("base64url"), of);
  assert.equal(digest.matches(TOKEN, of), true);
  assert.equal(digest.matches(new Secret("rt-canary-78"), of), false);
  for (const wrong of ["", of.slice(1), `${of}A`, "é"]) {
    assert.equal(digest.matches(TOKEN, wrong), false);
  }
});

test("[CRY-13] a sealer takes its nonces from the randomness it is given", () => {
  const seal = () =>
    createSealer({ keys: [KEY], deploymentId: "d1", random: seededRandom(1) }).seal(PLACE, TOKEN);
  assert.equal(seal(), seal());
});
