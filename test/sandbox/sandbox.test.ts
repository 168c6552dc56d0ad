/** The sandbox: what it says when it is ready, its control API, and that a seed repeats it. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { parsePolicy } from "../../src/kernel/parse-policy.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import { stand } from "../issuer/stand.ts";
import { manualClock } from "../support/manual-clock.ts";

interface Line {
  readonly decision: string;
  readonly reason: string | null;
  readonly presented: number | null;
  readonly answered: number | null;
  readonly written: string;
  readonly chain: string | null;
  readonly kind: string | null;
}

test("[house] every preset has a provider, and each serves a refresh and a code at once", async (t) => {
  assert.deepEqual(Object.keys(PROVIDERS).sort(), Object.keys(PRESETS).sort());
  for (const preset of Object.keys(PRESETS)) {
    const s = await stand(t, { preset });
    assert.equal((await s.refresh(s.sandbox.refreshToken)).status, 200, preset);
    const granted = await s.redeem(await s.code());
    assert.equal(granted.status, 200, preset);
    assert.equal(
      (await s.introspect(granted.json.access_token as string)).json.active,
      true,
      preset,
    );
  }
});

test("[house] the first token was granted 600 s ago, or less long where it would not live to see it", async (t) => {
  for (const [preset, age] of [
    ["exact-online", 600],
    ["strict", 600],
    ["openam-12", 300],
  ] as const) {
    const s = await stand(t, { preset });
    const inspected = await s.control("tokens/inspect", { token: s.sandbox.refreshToken });
    assert.equal(s.clock.now() - (inspected.issuedAt as number), age * 1000, preset);
    assert.equal(inspected.accepted, true);
  }
});

test("[house] endpoints lie where the vendor has them", async (t) => {
  const paths = {
    "exact-online": "/api/oauth2/token",
    "openam-13": "/openam/oauth2/access_token",
    handshake: "/oauth2/token",
    "google-50": "/token",
  };
  for (const [preset, path] of Object.entries(paths)) {
    const { sandbox } = await stand(t, { preset });
    assert.equal(sandbox.tokenEndpoint, sandbox.url + path);
    assert.ok(sandbox.authorizationEndpoint.startsWith(sandbox.url));
    assert.ok(sandbox.revocationEndpoint.startsWith(sandbox.url));
  }
});

test("[house] the same seed gives the same ids, secrets and tokens; another seed gives others", async () => {
  const runs: string[] = [];
  for (const seed of ["one", "one", "two"]) {
    const provider = PROVIDERS["exact-online"]!;
    const sandbox = await startSandbox({ provider, seed, clock: manualClock() });
    const { clientId, clientSecret, username, password, refreshToken } = sandbox;
    runs.push(JSON.stringify({ clientId, clientSecret, username, password, refreshToken }));
    await sandbox.close();
  }
  assert.equal(runs[0], runs[1]);
  assert.notEqual(runs[1], runs[2]);
});

test("[house] a grant is of a fresh user and may be refreshed at once", async (t) => {
  const s = await stand(t, { preset: "exact-online" });
  const [one, two] = [await s.control("grants"), await s.control("grants")];
  assert.notEqual(one.username, two.username);
  for (const { refreshToken } of [one, two]) await s.next(refreshToken as string);
});

test("[house] the log tells of every request what was presented, decided, answered and written", async (t) => {
  const s = await stand(t, { preset: "strict" });
  const { refreshToken } = s.sandbox;
  await s.next(refreshToken);
  s.clock.advance(5000);
  await s.refresh(refreshToken);
  await s.refresh("garbage");
  const response = await fetch(`${s.sandbox.url}/sandbox/log`);
  const { requests, chains } = (await response.json()) as {
    requests: Line[];
    chains: { chain: string; accepted: number[]; revoked: string }[];
  };
  const seen = requests.map(({ decision, reason, presented, answered, written, kind }) => [
    decision,
    reason,
    presented,
    answered,
    written,
    kind,
  ]);
  assert.deepEqual(seen, [
    ["granted", null, 0, 1, "whole", "rotated"],
    ["refused", "replayed", 0, null, "whole", null],
    ["refused", "tokenMalformed", null, null, "whole", null],
  ]);
  assert.deepEqual(
    chains.map(({ chain, accepted, revoked }) => [chain, accepted, revoked]),
    [[requests[0]?.chain, [], "replay"]],
  );
  const text = JSON.stringify({ requests, chains });
  assert.ok(!text.includes(refreshToken) && !text.includes(s.sandbox.clientSecret));
  const rest = await fetch(`${s.sandbox.url}/sandbox/log?after=2`);
  assert.equal(((await rest.json()) as { requests: Line[] }).requests.length, 1);
});

test("[house] the judge learns which serials a chain accepts", async (t) => {
  const s = await stand(t, { preset: "handshake" });
  const accepted = async (): Promise<unknown> => {
    const response = await fetch(`${s.sandbox.url}/sandbox/chains`);
    return ((await response.json()) as { chains: { accepted: number[] }[] }).chains[0]?.accepted;
  };
  assert.deepEqual(await accepted(), [0]);
  const next = await s.next(s.sandbox.refreshToken);
  assert.deepEqual(await accepted(), [0, 1]);
  const inspect = (token: string) => s.control("tokens/inspect", { token });
  assert.equal((await inspect(s.sandbox.refreshToken)).accepted, true);
  await s.next(next);
  s.clock.advance(60_000);
  assert.deepEqual(await accepted(), [1, 2]);
  assert.equal((await inspect(s.sandbox.refreshToken)).accepted, false);
  assert.deepEqual(await inspect("garbage"), { kind: null, accepted: false });
});

test("[house] the control API refuses what it does not understand, naming it", async (t) => {
  const s = await stand(t);
  const cases: readonly [string, object, RegExp][] = [
    ["codes", { user: "x" }, /additional properties/],
    ["codes", { username: 7 }, /username must be string/],
    [
      "codes",
      { redirectUri: "https://elsewhere.example/" },
      /redirect_uri.*a redirect URI that the client registered/,
    ],
    ["codes", { scope: "everything" }, /scope must not exceed/],
    ["codes", { codeChallenge: "short" }, /code_challenge.*43 characters/],
    ["tokens/inspect", {}, /required property 'token'/],
    ["policy", {}, /required property 'policy'/],
    ["policy", { policy: { rotate: "sometimes" } }, /rotate: expected "always"/],
    [
      "policy",
      { policy: { access: { form: "jwt", ends: "own" }, replay: { accessTokens: "keep" } } },
      /access.form: this issuer makes no jwt/,
    ],
    [
      "faults",
      { "lost-answers": 0.1 },
      /unknown fault "lost-answers": expected one of maintenance, .*lost-answer/,
    ],
    ["faults", { html: 2 }, /fault "html": expected a rate from 0 to 1, .*got 2/],
    ["revocations", {}, /required property 'username'/],
  ];
  const before = await s.dump();
  for (const [path, body, says] of cases) {
    const response = await fetch(`${s.sandbox.url}/sandbox/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const { error } = (await response.json()) as { error: string };
    assert.equal(response.status, 400, `${path} ${JSON.stringify(body)}: ${error}`);
    assert.match(error, says);
  }
  const log = await fetch(`${s.sandbox.url}/sandbox/log?after=x`);
  assert.equal(log.status, 400);
  assert.equal(await s.dump(), before);
});

test("[house] the owner revokes, and a policy changes with and without reviving", async (t) => {
  const s = await stand(t, { preset: "strict" });
  const { refresh_token } = (await s.redeem(await s.code())).json as Record<string, string>;
  await s.control("revocations", { username: s.sandbox.username });
  assert.equal((await s.refresh(refresh_token!)).status, 400);
  assert.ok(parsePolicy({ rotate: "never" }).ok);
  const { revision } = await s.control("policy", { policy: { rotate: "never" } });
  assert.equal(revision, 2);
  assert.equal(await s.next(s.sandbox.refreshToken), s.sandbox.refreshToken);
});
