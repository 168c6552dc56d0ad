/** Tokens that prove themselves: what they are, and what becomes of anything else. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ISSUER_KEY_BYTES, issuerKeys } from "../../src/issuer/keys.ts";
import {
  decorate,
  PLAIN_SHAPES,
  scopeMaskOf,
  scopeOfMask,
  type TokenShapes,
  tokenFormat,
  undecorate,
} from "../../src/issuer/token-format.ts";
import { seededRandom } from "../../src/sandbox/seeded-random.ts";
import { MemoryDatabase, openMemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import { manualClock } from "../support/manual-clock.ts";
import { stand } from "./stand.ts";

const KEY = new Uint8Array(32).fill(7);
const CHAIN = { authorizationId: "AAECAwQFBgcICQoLDA0ODw", ordinal: 3 };
const TOKEN = { serial: 2 ** 48 - 1, issuedAt: 1_700_000_000_123 };

const formatOf = (shapes: TokenShapes = PLAIN_SHAPES, deployment = "d", realm = "r", key = KEY) => {
  const format = tokenFormat(issuerKeys({ key, deployment }), realm, shapes);
  const sealed = format.sealSecret(CHAIN, new Uint8Array(32).fill(9), new Uint8Array(16).fill(1));
  return { format, sealed };
};

const shapes = Object.values(PROVIDERS).map(({ name, shapes }) => ({ name, shapes }));

test("[ISS-21] a token is printable ASCII, says what it is of, and is the same whenever it is made", () => {
  for (const { name, shapes: own } of shapes) {
    const { format, sealed } = formatOf(own);
    const text = format.refreshToken(CHAIN, sealed, TOKEN);
    assert.match(text, /^[\x21-\x7e]{80,120}$/, name);
    assert.equal(format.refreshToken(CHAIN, sealed, TOKEN), text, name);
    const read = format.read("refresh", text);
    assert.ok(read && format.confirms(read, sealed), name);
    const { authorizationId, ordinal, serial, issuedAt } = read;
    assert.deepEqual({ authorizationId, ordinal }, CHAIN);
    assert.deepEqual({ serial, issuedAt }, TOKEN);
    assert.equal(format.read("access", text), undefined, "a refresh token is no access token");
  }
});

test("[ISS-21] an access token carries its number, its end and its narrowed scope", () => {
  const { format, sealed } = formatOf();
  const granted = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
  for (const scope of [granted, ["a"], ["i"], ["b", "h", "i"], []]) {
    const access = { ...TOKEN, number: 77, expiresAt: Number.POSITIVE_INFINITY };
    const text = format.accessToken(CHAIN, sealed, access, scopeMaskOf(granted, scope));
    const read = format.read("access", text);
    assert.ok(read && format.confirms(read, sealed));
    assert.deepEqual(read.access, access);
    assert.deepEqual(scopeOfMask(granted, read.scopeMask), scope);
  }
});

test("[ISS-21] a token has exactly one spelling, in every vendor's shape", () => {
  for (const { name, shapes: own } of shapes) {
    const { format, sealed } = formatOf(own);
    const text = format.refreshToken(CHAIN, sealed, TOKEN);
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const otherEndings = [...alphabet].map((last) => text.slice(0, -1) + last);
    const others = [
      `${text}=`,
      `${text}==`,
      ` ${text}`,
      `${text} `,
      `${text}\n`,
      `${text}A`,
      text.slice(0, -1),
      text.replaceAll("-", "+").replaceAll("_", "/").replace(/$/, "!"),
      `${text.slice(0, 20)}\n${text.slice(20)}`,
      `${text.slice(0, 20)}=${text.slice(20)}`,
      text.replace("!", ""),
      text.toLowerCase(),
      encodeURIComponent(`${text}!`),
      ...otherEndings,
    ];
    for (const other of others.filter((spelling) => spelling !== text)) {
      assert.equal(format.read("refresh", other), undefined, `${name}: ${JSON.stringify(other)}`);
    }
  }
});

test("[ISS-21] shapes put their mark in and take it off again", () => {
  const shape = { prefix: "p.", mark: { after: 4, text: "!I" } };
  const encoded = Buffer.from("some bytes").toString("base64url");
  const text = decorate(encoded, shape);
  assert.equal(text, `p.${encoded.slice(0, 4)}!I${encoded.slice(4)}`);
  assert.equal(undecorate(text, shape)?.toString(), "some bytes");
  assert.equal(undecorate(encoded, shape), undefined);
});

test("[ISS-21] the MACs of a token cover 192 bits under 256-bit keys, the inner one 128 of them", () => {
  const { format, sealed } = formatOf();
  const bytes = Buffer.from(format.refreshToken(CHAIN, sealed, TOKEN), "base64url");
  const read = format.read("refresh", bytes.toString("base64url"));
  assert.ok(read);
  for (let bit = 0; bit < 128; bit += 1) {
    const forged = Buffer.from(bytes);
    const at = bytes.length - 24 + (bit >> 3);
    forged[at] = (forged[at] ?? 0) ^ (1 << (bit & 7));
    assert.equal(format.confirms({ ...read, bytes: forged }, sealed), false, `inner bit ${bit}`);
  }
  assert.throws(() => issuerKeys({ key: new Uint8Array(16), deployment: "d" }), /32 bytes/);
});

test("[ISS-23] no token passes in another realm, deployment or under another key", () => {
  const { format, sealed } = formatOf();
  const text = format.refreshToken(CHAIN, sealed, TOKEN);
  const others = {
    deployment: formatOf(PLAIN_SHAPES, "other"),
    realm: formatOf(PLAIN_SHAPES, "d", "other"),
    key: formatOf(PLAIN_SHAPES, "d", "r", new Uint8Array(32).fill(8)),
  };
  for (const [name, other] of Object.entries(others)) {
    assert.equal(other.format.read("refresh", text), undefined, name);
    assert.throws(
      () => other.format.refreshToken(CHAIN, sealed, TOKEN),
      { code: "key_wrong" },
      name,
    );
  }
});

test("[ISS-23, CRY-02] a chain's secret does not open in another chain's row", () => {
  const { format, sealed } = formatOf();
  const other = { ...CHAIN, ordinal: CHAIN.ordinal + 1 };
  assert.throws(() => format.refreshToken(other, sealed, TOKEN), { code: "key_wrong" });
});

/** A store that counts what is asked of it. */
function counting(store: Store): { readonly store: Store; readonly calls: () => number } {
  let calls = 0;
  const counted = new Proxy(store, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        calls += 1;
        return Reflect.apply(member, target, args) as unknown;
      };
    },
  });
  return { store: counted, calls: () => calls };
}

test("[ISS-23, ISS-24] a flipped bit anywhere is refused before any lookup and revokes nothing", async (t) => {
  let calls = (): number => 0;
  const s = await stand(t, {
    preset: "exact-online",
    wrap: (store) => {
      const counted = counting(store);
      calls = counted.calls;
      return counted.store;
    },
  });
  const { issuer, refreshToken, clientId, clientSecret } = s.sandbox;
  const shape = PROVIDERS["exact-online"]!.shapes.refresh;
  const bytes = undecorate(refreshToken, shape);
  assert.ok(bytes);
  const tokens = Array.from({ length: bytes.length * 8 }, (_, bit) => {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return decorate(flipped.toString("base64url"), shape);
  });
  const random = seededRandom("garbage", "tokens");
  for (let length = 0; length < 200; length += 1) {
    tokens.push(Buffer.from(random.bytes(length)).toString("base64url") || "x");
    tokens.push(decorate(Buffer.from(random.bytes(length)).toString("base64url"), shape));
  }
  const before = await s.dump();
  const credentials = { client_id: clientId, client_secret: clientSecret };
  const request = (token: string) => ({
    parameters: { grant_type: "refresh_token", refresh_token: token, ...credentials },
  });
  const start = calls();
  for (const token of tokens) {
    const outcome = await issuer.token(request(token));
    assert.ok(!outcome.granted && outcome.refusal.reason === "tokenMalformed", token);
    const revoked = await issuer.revoke({ parameters: { token, ...credentials } });
    assert.ok(revoked.granted);
  }
  assert.equal(calls(), start, "a lookup");
  assert.equal(await s.dump(), before);
  assert.equal((await s.refresh(refreshToken)).status, 200);
});

test("[ISS-23] a token that the issuer's key confirms and its chain's secret does not is refused and revokes nothing", async (t) => {
  const s = await stand(t);
  const key = seededRandom("keten", "key").bytes(ISSUER_KEY_BYTES);
  const keys = issuerKeys({ key, deployment: "sandbox" });
  const format = tokenFormat(keys, "sandbox", PROVIDERS.strict!.shapes);
  const token = format.read("refresh", s.sandbox.refreshToken);
  assert.ok(token, "the sandbox's own token is read");
  const sealed = format.sealSecret(token, new Uint8Array(32).fill(9), new Uint8Array(16));
  const forged = format.refreshToken(token, sealed, token);
  assert.ok(format.read("refresh", forged), "its outer MAC is good");
  const before = await s.dump();
  assert.equal((await s.refresh(forged)).json.error, "invalid_grant");
  assert.equal(await s.dump(), before);
  assert.equal((await s.refresh(s.sandbox.refreshToken)).status, 200);
});

test("[ISS-24] a code of garbage is refused before any lookup", async (t) => {
  const s = await stand(t);
  const code = await s.code();
  const bytes = Buffer.from(code, "base64url");
  const before = await s.dump();
  for (let at = 0; at < bytes.length; at += 1) {
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    const parameters = {
      grant_type: "authorization_code",
      code: flipped.toString("base64url"),
      client_id: s.sandbox.clientId,
      client_secret: s.sandbox.clientSecret,
    };
    const outcome = await s.sandbox.issuer.token({ parameters });
    assert.ok(!outcome.granted && outcome.refusal.reason === "tokenMalformed", `byte ${at}`);
  }
  assert.equal(await s.dump(), before);
  assert.equal((await s.redeem(code)).status, 200);
});

test("[ISS-22] a dump of the store yields no token, no code, no secret and not the issuer's key", async (t) => {
  const clock = manualClock();
  const database = new MemoryDatabase();
  const store = await openMemoryStore({ clock, turn: () => turn(), database });
  const s = await stand(t, { store, clock, wrap: () => store });
  const code = await s.code();
  const granted = await s.redeem(code);
  const { access_token, refresh_token } = granted.json as Record<string, string>;
  const next = await s.next(refresh_token!);
  const key = Buffer.from(seededRandom("keten", "key").bytes(32));
  const bytes = Buffer.concat([
    ...[...database.rows.values()].flatMap((row) => [Buffer.from(row.id), row.bytes]),
    Buffer.from(JSON.stringify(database.events)),
  ]);
  const secrets: readonly (readonly [string, Buffer | string])[] = [
    ["refresh token", refresh_token!],
    ["next refresh token", next],
    ["access token", access_token!],
    ["code", code],
    ["client secret", s.sandbox.clientSecret],
    ["raw refresh token", Buffer.from(next, "base64url")],
    ["inner MAC", Buffer.from(next, "base64url").subarray(-24, -8)],
    ["raw access token", Buffer.from(access_token!, "base64url")],
    ["issuer key", key],
    ["issuer key in hex", key.toString("hex")],
    ["issuer key in base64", key.toString("base64").slice(0, -1)],
    ["issuer key in base64url", key.toString("base64url")],
  ];
  for (const [name, secret] of secrets) assert.equal(bytes.indexOf(secret), -1, name);
  const texts = bytes.toString("latin1").match(/[A-Za-z0-9_-]{16,}/g) ?? [];
  assert.ok(texts.length >= 4, "the dump holds keys and sealed values");
  for (const text of new Set(texts)) {
    assert.equal((await s.refresh(text)).status, 400, text);
    assert.equal((await s.redeem(text)).status, 400, text);
    assert.deepEqual((await s.introspect(text)).json, { active: false }, text);
  }
  await s.next(next);
});
