/**
 * Faults as a client meets them, byte by byte: what it is sent, how its connection ends, and what the issuer decided
 * meanwhile, which is what its next request finds.
 */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { createFaults } from "../../src/sandbox/faults.ts";
import { seededRandom } from "../../src/sandbox/seeded-random.ts";
import { tokenOf, wire } from "./wire.ts";

const DAY = 24 * 3_600_000;

test("[A27] an answer that is lost leaves nothing but a closed connection, and the token is spent", async (t) => {
  const w = await wire(t, "strict", { faults: { "lost-answer": 1 } });
  const heard = await w.refresh(w.sandbox.refreshToken);
  assert.deepEqual(heard, { status: 0, headers: {}, body: "", end: "closed" });
  await w.call("DELETE", "faults");
  w.clock.advance(5000);
  assert.equal((await w.refresh(w.sandbox.refreshToken)).status, 400);
  const seen = (await w.lines()).map(({ decision, reason, written }) => [
    decision,
    reason,
    written,
  ]);
  assert.deepEqual(seen, [
    ["granted", null, "none"],
    ["refused", "replayed", "whole"],
  ]);
});

test("[A27] a reset after N bytes leaves exactly those of the body, after the commit", async (t) => {
  const w = await wire(t, "handshake", {
    faults: { "reset-after": { rate: 1, minBytes: 7, maxBytes: 7 } },
  });
  const heard = await w.refresh(w.sandbox.refreshToken);
  assert.equal(heard.end, "reset");
  assert.equal(heard.status, 200);
  assert.equal(heard.body, '{"acces');
  assert.ok(Number(heard.headers["content-length"]) > 100, "the whole answer was announced");
  const [line] = await w.lines();
  assert.deepEqual(
    [line?.decision, line?.written, line?.resetAfterBytes, line?.presented, line?.answered],
    ["granted", "part", 7, 0, 1],
  );
  await w.call("DELETE", "faults/reset-after");
  const again = await w.refresh(w.sandbox.refreshToken);
  assert.equal(again.status, 200, "the policy answers who asks again");
});

test("[A27] a truncated answer ends in the middle, by an orderly end", async (t) => {
  const w = await wire(t, "strict", { faults: { truncated: 1 } });
  const heard = await w.refresh(w.sandbox.refreshToken);
  const announced = Number(heard.headers["content-length"]);
  assert.deepEqual([heard.status, heard.end], [200, "closed"]);
  assert.equal(heard.body.length, announced >> 1);
});

test("[A27] a slow answer arrives in pieces, whole in the end and not before its time", async (t) => {
  const w = await wire(t, "strict", { faults: { slow: { rate: 1, minMs: 1000, maxMs: 1000 } } });
  const lengths = new Set<number>();
  let isOver = false;
  const refreshing = w
    .ask({ grant_type: "refresh_token", refresh_token: w.sandbox.refreshToken }, (body) => {
      lengths.add(body.length);
    })
    .finally(() => {
      isOver = true;
    });
  let passedMs = 0;
  while (!isOver) {
    await w.call("GET", "clock");
    if (w.clock.pending() === 0) continue;
    w.clock.advance(99);
    assert.equal(w.clock.pending(), 1, "a piece does not come before its time");
    w.clock.advance(1);
    passedMs += 100;
  }
  const heard = await refreshing;
  assert.equal(passedMs, 1000);
  assert.equal(heard.body.length, Number(heard.headers["content-length"]));
  assert.ok(lengths.size >= 5, `${lengths.size} sizes of the body were seen`);
  assert.notEqual(tokenOf(heard), "");
  assert.equal((await w.lines())[0]?.written, "whole");
});

test("[A27] maintenance keeps to its time of day in its zone, winter and summer, and consumes nothing", async (t) => {
  const w = await wire(t, "exact-online", { faults: { maintenance: 0 } });
  await w.call("POST", "faults", { maintenance: { rate: 1, daily: "04:00-04:30,CET" } });
  const statusAt = async (utc: string): Promise<number> => {
    const { now } = (await w.call("GET", "clock")).json as { now: number };
    const advance = `${Date.parse(utc) - now} ms`;
    assert.equal((await w.call("POST", "clock", { advance })).status, 200);
    const { refreshToken } = (await w.call("POST", "grants")).json as { refreshToken: string };
    return (await w.refresh(refreshToken)).status;
  };
  assert.equal(await statusAt("2024-01-02T02:59:59Z"), 200);
  assert.equal(await statusAt("2024-01-02T03:00:00Z"), 503);
  const { refreshToken } = (await w.call("POST", "grants")).json as { refreshToken: string };
  const page = await w.refresh(refreshToken);
  assert.match(page.headers["content-type"] ?? "", /^text\/html/);
  assert.match(page.body, /^<!doctype html>/);
  assert.equal(await statusAt("2024-01-02T03:29:59Z"), 503);
  assert.equal(await statusAt("2024-01-02T03:30:00Z"), 200);
  assert.equal((await w.refresh(refreshToken)).status, 200, "what was refused was not consumed");
  assert.equal(await statusAt("2024-07-02T02:15:00Z"), 503, "in summer an hour earlier by UTC");
  assert.equal(await statusAt("2024-07-02T03:15:00Z"), 200);
});

test("[A27] a fault for so long ends by itself, in the sandbox's time", async (t) => {
  const w = await wire(t, "strict");
  const { json } = await w.call("POST", "faults", { maintenance: { rate: 1, for: "30 min" } });
  const { until } = json.maintenance as { until: number };
  assert.equal(until, w.clock.now() + 1_800_000);
  assert.equal((await w.refresh(w.sandbox.refreshToken)).status, 503);
  w.clock.advance(1_799_999);
  assert.equal((await w.refresh(w.sandbox.refreshToken)).status, 503);
  w.clock.advance(1);
  assert.equal((await w.refresh(w.sandbox.refreshToken)).status, 200);
});

test("[A27] a chain incident is spelled as the vendor spells an unknown token, and consumes nothing", async (t) => {
  const w = await wire(t, "exact-online", { faults: { "chain-incident": 1 } });
  const heard = await w.refresh(w.sandbox.refreshToken);
  await w.call("DELETE", "faults");
  const unknown = await w.refresh(`${w.sandbox.refreshToken.slice(0, -4)}AAAA`);
  assert.deepEqual([heard.status, heard.body], [unknown.status, unknown.body]);
  assert.equal(heard.headers.reason, unknown.headers.reason);
  assert.match(heard.body, /invalid or empty chainId/);
  assert.equal((await w.refresh(w.sandbox.refreshToken)).status, 200);
  assert.equal((await w.lines())[0]?.decision, "none");
});

test("[A27] a chain incident meets no request but a refresh", async (t) => {
  const w = await wire(t, "exact-online", { faults: { "chain-incident": 1 } });
  const { code } = (await w.call("POST", "codes", {})).json as { code: string };
  assert.equal((await w.ask({ grant_type: "authorization_code", code })).status, 200);
  assert.equal((await w.lines())[0]?.fault, null);
});

test("[A27] three incidents a week are about three a week, however often a client asks", () => {
  const hitsOf = (seed: string, everyMs: number): readonly number[] => {
    let now = 0;
    const random = (purpose: string) => seededRandom(seed, purpose);
    const faults = createFaults({ random, now: () => now }, { "chain-incident": "3/week" });
    const hits: number[] = [];
    for (now = everyMs; now < 100 * 7 * DAY; now += everyMs) {
      if (faults.draw()?.name === "chain-incident") hits.push(now);
    }
    return hits;
  };
  for (const everyMs of [600_000, 3_600_000]) {
    const { length } = hitsOf("a", everyMs);
    assert.ok(length > 250 && length < 350, `${length} in 100 weeks at every ${everyMs} ms`);
  }
  assert.deepEqual(hitsOf("a", 3_600_000), hitsOf("a", 3_600_000));
  assert.notDeepEqual(hitsOf("a", 3_600_000), hitsOf("b", 3_600_000));
});
