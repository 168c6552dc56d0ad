/** What a client is told of each provider: every fact whole, every name known, every address one to send secrets to. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { About } from "../../src/kernel/outcome.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import type { ClientFacts, Fact } from "../../src/vendors/client-facts.ts";
import { CLIENT_FACTS } from "../../src/vendors/facts.ts";
import { providerSettings } from "../../src/vendors/known-providers.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";

const factsOf = (facts: ClientFacts): readonly Fact<unknown>[] => [
  facts.clientAuthentication,
  ...(facts.tokenEndpoint ? [facts.tokenEndpoint] : []),
  ...(facts.probeEndpoint ? [facts.probeEndpoint] : []),
  ...facts.readings,
];

/** Facts are compared with their sources by people: not in the future, and not before there was a project. */
const isDay = (text: string): boolean => {
  const at = Date.parse(`${text}T00:00:00Z`);
  const isWritten = Number.isFinite(at) && new Date(at).toISOString().startsWith(text);
  return isWritten && at >= Date.UTC(2026, 0, 1) && at <= Date.now() + 86_400_000;
};

test("[G08] there are at least 25 providers, each with its policy and a stand-in", () => {
  const names = Object.keys(CLIENT_FACTS);
  assert.ok(names.length >= 25, `${names.length} providers`);
  for (const name of names) {
    assert.ok(Object.hasOwn(PRESETS, name), `${name} has a policy`);
    assert.equal(PROVIDERS[name]?.policy, PRESETS[name], `${name} is played by its policy`);
  }
});

test("[G08] every fact has a value, a source, and the day on which it was compared with it", () => {
  for (const [name, facts] of Object.entries(CLIENT_FACTS)) {
    for (const { value, source, checkedOn } of factsOf(facts)) {
      assert.ok(value !== undefined && value !== null && value !== "", name);
      assert.match(source, /\S{3}.*[^?]$/, name);
      assert.ok(isDay(checkedOn), `${name}: checked on "${checkedOn}"`);
    }
  }
});

const ABOUT: readonly About[] = ["token", "tooEarly", "rate", "client", "request", "endpoint"];

test("[G08] policies are names of presets, readings are in lower case and say something", () => {
  for (const [name, { policies, readings, clientAuthentication }] of Object.entries(CLIENT_FACTS)) {
    assert.equal(policies[0], name, "the first is the provider's own");
    for (const policy of policies) assert.ok(Object.hasOwn(PRESETS, policy), `${name}: ${policy}`);
    assert.ok(["basic", "body"].includes(clientAuthentication.value), name);
    for (const { value } of readings) {
      const { status, error, description, about } = value;
      assert.ok(ABOUT.includes(about), name);
      assert.ok(status !== undefined || error !== undefined || description !== undefined, name);
      if (description !== undefined) assert.equal(description, description.toLowerCase(), name);
    }
  }
});

test("[G08] every address is https, without credentials, and without a fragment", () => {
  for (const [name, { tokenEndpoint, probeEndpoint }] of Object.entries(CLIENT_FACTS)) {
    for (const fact of [tokenEndpoint, probeEndpoint]) {
      if (!fact) continue;
      const { protocol, username, password, hash, href } = new URL(fact.value);
      assert.deepEqual([protocol, username, password, hash], ["https:", "", "", ""], name);
      assert.equal(href, fact.value, `${name}: written as it is sent`);
    }
  }
});

test("[G08] a connection can be made to each: by its name, or by its name and the customer's own address", () => {
  for (const [name, facts] of Object.entries(CLIENT_FACTS)) {
    const tokenEndpoint = "https://tenant.example/oauth/token";
    const settings = providerSettings(
      facts.tokenEndpoint ? { provider: name } : { provider: name, tokenEndpoint },
    );
    assert.equal(settings.tokenEndpoint, facts.tokenEndpoint?.value ?? tokenEndpoint);
    assert.equal(settings.policies.length, facts.policies.length);
    if (facts.tokenEndpoint) continue;
    assert.throws(() => providerSettings({ provider: name }), /has no token endpoint of its own/);
  }
});

// The vendors' own policy.ts says of each that this is not documented.
test("[G08] what a vendor does not document is read strictly: no overlap, reuse ends the chain, a refresh ends the access token", () => {
  for (const name of ["box", "notion", "linear", "visma", "openai", "anthropic", "intuit"]) {
    const { overlap, replay, access } = PRESETS[name] as Policy;
    assert.deepEqual([overlap.atLeast, overlap.untilUsed], [0, false], name);
    assert.deepEqual([replay.action, access.ends], ["revokeChain", "superseded"], name);
  }
});

/** Ours and theirs, by name, where both mean the same server. */
const LISTED: Readonly<Record<string, string>> = {
  "google-100": "google",
  amazon: "amazon",
  atlassian: "atlassian",
  box: "box",
  dropbox: "dropbox",
  entra: "microsoft",
  "github-apps": "github",
  intuit: "intuit",
  linkedin: "linkedin",
  notion: "notion",
  salesforce: "salesforce",
};

/** What the list has instead, where it means another product or an older one. */
const LISTED_OTHERWISE: Readonly<Record<string, readonly [string, string]>> = {
  slack: ["https://slack.com/api/oauth.access", "the first version, which rotates nothing"],
  workos: ["https://api.workos.com/sso/token", "single sign-on, which has no refresh tokens"],
  xero: ["https://api.xero.com/oauth/AccessToken", "OAuth 1.0a"],
};

test("[G08] token endpoints are those of an independent list, as far as it has them", () => {
  const path = new URL(import.meta.resolve("grant/config/oauth.json"));
  const list = JSON.parse(readFileSync(path, "utf8")) as Record<string, { access_url?: string }>;
  for (const [name, theirs] of Object.entries(LISTED)) {
    assert.equal(CLIENT_FACTS[name]?.tokenEndpoint?.value, list[theirs]?.access_url, name);
  }
  for (const [name, [address, why]] of Object.entries(LISTED_OTHERWISE)) {
    assert.equal(list[name]?.access_url, address, `${name} was listed for ${why}`);
    assert.notEqual(CLIENT_FACTS[name]?.tokenEndpoint?.value, address);
  }
});
