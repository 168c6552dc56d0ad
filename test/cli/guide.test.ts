/**
 * The guide for owners of existing products, followed to the letter: its commands are taken from the page and run in a
 * shell, in their order, against a real sandbox and a real server (`guide-page.ts`). What it shows as answers is compared
 * with what is answered: every member, and every word that is not "…".
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../scripts/source-files.ts";
import { oauthError } from "../../src/kernel/refusal.ts";
import { blocksOf, follow, urlIn, withPorts } from "./guide-page.ts";

const PAGE = join(ROOT, "docs/guides/use-keten-from-an-existing-product.md");
const SERVER_PORT = "5383";

/** Replaces what differs from run to run, as the page does. */
function masked(value: Record<string, unknown>): Record<string, unknown> {
  const secret = ["access_token", "refresh_token"];
  return Object.fromEntries(
    Object.entries(value).map(([name, of]) => [
      name,
      secret.includes(name) ? "…" : name === "expires_in" ? typeof of : of,
    ]),
  );
}

test("[G01] the guide's steps work as they stand", async (t) => {
  const blocks = blocksOf(readFileSync(PAGE, "utf8"));
  const shown = blocks.filter(({ kind }) => kind === "json").map(({ text }) => JSON.parse(text));
  const [shownToken, shownOutage, shownLoss] = shown;
  assert.equal(shown.length, 3);
  const bareAsk = blocks.find(({ text }) => text.startsWith('curl -sS --user "reports'))?.text;
  let lost: Record<string, unknown> = {};
  let pastAndRevoked = "";
  let sandboxUrl = "";

  const { wrote, url } = await follow(t, blocks, async (first, { home, url: server }, shell) => {
    if (first.startsWith("field()")) sandboxUrl = urlIn(join(home, "sandbox.json")) ?? "";
    if (first.startsWith("rm billing.txt")) pastAndRevoked = await shell.run(`ask; ${bareAsk}`);
    // Before the owner asks for another token, the grant ends at the provider, and Keten gets to know.
    if (!first.includes("/sandbox/grants")) return;
    await post(`${sandboxUrl}/sandbox/revocations`, { username: "user2" }, 200);
    const key = readFileSync(join(home, ".local/share/keten/api-key"), "utf8").trim();
    const failed = `${server}/v1/connections/acme/token/failed`;
    await post(failed, { generation: 1 }, 410, { authorization: `Bearer ${key}` });
    lost = JSON.parse(await shell.run("ask"));
  });

  const token = JSON.parse(wrote.get(lineWith(wrote, "field()")) ?? "");
  assert.deepEqual(masked(token), masked(shownToken));
  assert.ok(token.expires_in > 0);
  const printed = wrote.get(lineWith(wrote, "consumer add acme --client-id billing")) ?? "";
  const labels = (text: string) =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => line.slice(0, 19));
  const text = blocks.find(({ kind }) => kind === "text")?.text ?? "";
  assert.deepEqual(labels(printed), labels(text));
  const value = (label: string) => new RegExp(`^${label} +(.*)$`, "m").exec(printed)?.[1];
  assert.equal(value("token endpoint"), `${url}/oauth2/relay/token`);
  assert.equal(value("client id"), "billing");
  assert.equal(value("refresh token"), token.refresh_token, "the same again");
  const bare = JSON.parse(wrote.get(lineWith(wrote, 'curl -sS --user "reports')) ?? "");
  assert.equal(bare.access_token, token.access_token, "all share one chain");
  assert.match(wrote.get("keten token acme") ?? "", /^\S+\nname +acme\n/);

  assert.deepEqual(lost, {
    ...shownLoss,
    reconnect_uri: withPorts(shownLoss.reconnect_uri, new Map([[SERVER_PORT, new URL(url).port]])),
  });
  const outage = { reason: "upstreamUnavailable", state: "uncertain", retryAfter: 1000 } as const;
  const { error, description, more } = oauthError(outage, 0);
  assert.deepEqual(shownOutage, { error, error_description: description, ...more });
  const again = JSON.parse(wrote.get("ask") ?? "");
  assert.equal(again.refresh_token, token.refresh_token, "nothing was done in the product");
  assert.notEqual(again.access_token, token.access_token);
  assert.match(wrote.get("keten consumer list") ?? "", /^billing {2}acme .*\nreports {2}acme /);
  assert.equal(pastAndRevoked.match(/"error":"invalid_client"/g)?.length, 2, pastAndRevoked);
});

const lineWith = (wrote: ReadonlyMap<string, string>, part: string): string =>
  [...wrote.keys()].find((line) => line.includes(part)) ?? `no block begins with "${part}"`;

async function post(
  url: string,
  body: object,
  expected: number,
  headers: Record<string, string> = {},
): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  assert.equal(response.status, expected, await response.text());
}
