/** The issuer's own MAC, against the runtime's. */

import assert from "node:assert/strict";
import { createHmac, createSecretKey, randomBytes } from "node:crypto";
import { test } from "node:test";
import { macOf } from "../../src/issuer/keys.ts";

test("[house] a MAC is HMAC-SHA-256, whatever the lengths of key and message", () => {
  for (const keyBytes of [1, 32, 64]) {
    const key = createSecretKey(randomBytes(keyBytes));
    const mac = macOf(key);
    for (const length of [0, 1, 55, 56, 64, 83, 960, 961, 5000, 3]) {
      const message = randomBytes(length);
      const expected = createHmac("sha256", key).update(message).digest();
      assert.deepEqual(mac(message), expected, `${keyBytes} and ${length} bytes`);
    }
  }
});

test("[house] MACs of several keys do not disturb each other", () => {
  const keys = [randomBytes(32), randomBytes(32)].map((bytes) => createSecretKey(bytes));
  const macs = keys.map(macOf);
  const first = macs[0]?.(Buffer.from("one"));
  const second = macs[1]?.(Buffer.from("another"));
  assert.deepEqual(
    first,
    createHmac("sha256", keys[0] ?? "")
      .update("one")
      .digest(),
  );
  assert.deepEqual(
    second,
    createHmac("sha256", keys[1] ?? "")
      .update("another")
      .digest(),
  );
});

test("[house] a key longer than a block is refused", () => {
  assert.throws(() => macOf(createSecretKey(randomBytes(65))), /no longer than a block/);
});
