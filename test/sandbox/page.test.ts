/** The live page: what it shows of chains, faults and requests, that nothing breaks out of it, and that its forms work. */

import { strict as assert } from "node:assert";
import { hash } from "node:crypto";
import { test } from "node:test";
import type { InspectedChain } from "../../src/issuer/inspection.ts";
import { chainPicture, standingOf } from "../../src/sandbox/chain-picture.ts";
import { FAULT_NAMES } from "../../src/sandbox/faults.ts";
import { type Wire, wire } from "./wire.ts";

const CHAIN: InspectedChain = {
  chain: "a.1",
  client: "c",
  subject: "ada",
  last: 3,
  accepted: [2, 3],
  acceptedFrom: null,
  revoked: null,
  revokedAt: null,
  grantAt: 0,
  lastGrantAt: 0,
  accessTokens: 4,
  accessEndsAt: 600_000,
  notBefore: 0,
};

async function page(w: Wire): Promise<{ headers: Headers; text: string }> {
  const response = await fetch(`${w.sandbox.url}/sandbox/`);
  assert.equal(response.status, 200);
  return { headers: response.headers, text: await response.text() };
}

const press = (w: Wire, form: Record<string, string>, headers: Record<string, string> = {}) =>
  fetch(`${w.sandbox.url}/sandbox/page`, {
    method: "POST",
    body: new URLSearchParams(form),
    headers,
    redirect: "manual",
  });

test("[G06] a chain is drawn link by link: accepted, superseded, revoked, and which was presented last", () => {
  const standings = (chain: InspectedChain) =>
    [0, 1, 2, 3].map((serial) => standingOf(chain, serial));
  assert.deepEqual(standings(CHAIN), ["superseded", "superseded", "accepted", "accepted"]);
  assert.deepEqual(standings({ ...CHAIN, accepted: [], acceptedFrom: 1 }), [
    "superseded",
    "accepted",
    "accepted",
    "accepted",
  ]);
  assert.deepEqual(
    new Set(standings({ ...CHAIN, accepted: [], revoked: "replay" })),
    new Set(["revoked"]),
  );
  const drawn = chainPicture(CHAIN, 2).toString();
  assert.match(drawn, /aria-label="serials 0 to 3; accepted: 2, 3; presented last: 2"/);
  assert.equal(drawn.match(/<rect /g)?.length, 4);
  assert.equal(drawn.match(/class="presented"/g)?.length, 1);
  const long = chainPicture({ ...CHAIN, last: 99, accepted: [99] }, 3).toString();
  assert.equal(long.match(/<rect /g)?.length, 14);
  assert.ok(!long.includes('class="presented"'), "what is not drawn has no mark");
});

test("[G06] the page shows chains, requests, faults and the time, without a script, under a policy that lets none in", async (t) => {
  const w = await wire(t, "handshake", { faults: { html: "3/week" } });
  await w.refresh(w.sandbox.refreshToken);
  await w.lines();
  const { headers, text } = await page(w);
  assert.match(text, /<h3>user2<\/h3>/);
  assert.match(text, /serials 0 to 1; accepted: 0, 1; presented last: 0/);
  assert.match(text, /2024-01-01 00:00:00Z/);
  assert.match(text, /3\/week/);
  for (const name of FAULT_NAMES) assert.ok(text.includes(`<th scope="row">${name}</th>`), name);
  assert.match(text, /<meta http-equiv="refresh" content="\d+">/);
  assert.ok(!/<script|\son\w+=|style="/i.test(text));
  assert.ok(!text.includes(w.sandbox.refreshToken) && !text.includes(w.sandbox.clientSecret));
  const style = /<style>(.*?)<\/style>/s.exec(text)?.[1] ?? "";
  const policy = headers.get("content-security-policy") ?? "";
  assert.ok(policy.startsWith("default-src 'none'; "), policy);
  assert.ok(policy.includes(`style-src 'sha256-${hash("sha256", style, "base64")}'`), policy);
  assert.match(style, /color-scheme: light dark/);
  const still = await (await fetch(`${w.sandbox.url}/sandbox/?still`)).text();
  assert.ok(!still.includes("http-equiv"));
});

test("[G06] what is in a request or a name is text on the page", async (t) => {
  const w = await wire(t, "strict");
  await w.call("POST", "grants", { username: `<script>alert("1")</script>` });
  await w.ask({ grant_type: "<img src=x>" });
  await w.lines();
  const { text } = await page(w);
  assert.ok(!/<script|<img/.test(text));
  assert.match(text, /&lt;script&gt;alert\(&quot;1&quot;\)/);
  assert.match(text, /&lt;img src=x&gt;/);
});

test("[G06] every button of the page works as a plain form", async (t) => {
  const w = await wire(t, "strict");
  const faults = async () =>
    (await w.call("GET", "faults")).json as Record<string, { rate: number }>;
  const pressed = async (form: Record<string, string>): Promise<void> => {
    const { status, headers } = await press(w, form);
    assert.deepEqual([status, headers.get("location")], [303, "/sandbox/"], JSON.stringify(form));
  };
  await pressed({ do: "fault", name: "html", rate: "1" });
  assert.equal((await faults()).html?.rate, 1);
  await pressed({ do: "clear" });
  assert.equal((await faults()).html?.rate, 0);
  await pressed({ do: "travel", advance: "30 d" });
  assert.equal((await w.call("GET", "clock")).json.ahead, 30 * 86_400_000);
  await pressed({ do: "grant" });
  assert.match((await page(w)).text, /<h3>user3<\/h3>/);
  await pressed({ do: "revoke", username: "user3" });
  assert.match((await page(w)).text, /revoked by clientAndSubject/);
  const forms = [...(await page(w)).text.matchAll(/<form .*?<\/form>/gs)].map(([form]) => form);
  assert.ok(forms.length > 40);
  for (const form of forms) {
    const fields = [...form.matchAll(/name="(\w+)" value="([^"]*)"/g)];
    await pressed(Object.fromEntries(fields.map(([, name, value]) => [name, value])));
  }
});

test("[house] a form of another site is not carried out, and a wrong one says what is wrong", async (t) => {
  const w = await wire(t, "strict");
  const foreign = { "sec-fetch-site": "cross-site" };
  const other = await press(w, { do: "fault", name: "html", rate: "1" }, foreign);
  assert.equal(other.status, 403);
  for (const [form, says] of [
    [{}, /the form has no &quot;do&quot;/],
    [{ do: "dance" }, /&quot;do&quot; is none of/],
    [{ do: "fault", name: "htm", rate: "1" }, /unknown fault &quot;htm&quot;/],
    [{ do: "fault", name: "html", rate: "often" }, /expected a rate from 0 to 1/],
    [{ do: "travel", advance: "soon" }, /expected a duration/],
  ] as const) {
    const response = await press(w, form);
    assert.equal(response.status, 400);
    assert.match(await response.text(), says);
  }
  const { json } = await w.call("GET", "faults");
  assert.ok(Object.values(json).every((fault) => (fault as { rate: number }).rate === 0));
});
