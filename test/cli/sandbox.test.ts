/** `keten sandbox` and the same as a library: what is listed, what is refused, and that both follow the seed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { startSandbox } from "../../src/cli/library.ts";
import { inOneLine } from "../../src/cli/policy-line.ts";
import { FAULTS } from "../../src/sandbox/faults.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import { eventually, keten, startKeten } from "./processes.ts";

test("[G06] sandbox --list tells every preset and every fault, with a line of what each is", async (t) => {
  const [plain, json] = await Promise.all([
    keten(t, ["sandbox", "--list"]),
    keten(t, ["sandbox", "--list", "--json"]),
  ]);
  assert.deepEqual([plain.code, plain.stderr], [0, ""]);
  const listed = JSON.parse(json.stdout) as Record<"presets" | "faults", Record<string, string>>;
  assert.deepEqual(Object.keys(listed.presets), Object.keys(PROVIDERS));
  assert.deepEqual(listed.faults, FAULTS);
  const lines = plain.stdout.split("\n");
  for (const [name, says] of Object.entries({ ...listed.presets, ...listed.faults })) {
    const line = lines.find((one) => one.startsWith(`  ${name} `));
    assert.ok(says.length > 10 && line?.endsWith(`  ${says}`), name);
  }
});

test("[G06] a preset's line says what a client notices first", () => {
  const line = (name: string) => inOneLine(PROVIDERS[name]!.policy);
  assert.equal(line("strict"), "rotates; the old one dies at once; replay ends the chain");
  assert.equal(
    line("exact-online-10min"),
    "rotates; the old one is open until the new one is used; replay refused; 30 d if unused; 10 min once used; " +
      "9 min 30 s between refreshes; at most 1 per client and subject; 200 token calls a day",
  );
  assert.equal(line("openam-13-reuse"), "one refresh token for good, answers omit it; lives 7 d");
  assert.match(line("exact-online-old-allowed"), /; the old one stays open; /);
  assert.match(line("handshake-observed"), /until the new one, or its access token, is used/);
});

test("[G06] the sandbox's options are read strictly, and name what is wrong", async (t) => {
  const cases: readonly [readonly string[], RegExp][] = [
    [["handshake", "--redirect-uri", "nowhere"], /"--redirect-uri" is "nowhere"; expected an abs/],
    [["handshake", "--fault", "html=3/fortnight"], /fault "html": .* got "3\/fortnight"/],
    [["handshake", "--fault", "html=1:5-9"], /fault "html": unknown member "minMs"/],
    [
      ["handshake", "--fault", "maintenance=1@25:00-26:00"],
      /fault "maintenance": expected "daily"/,
    ],
    [["handshake", "--fault", "maintenance=1@30parsecs"], /fault "maintenance": expected "for"/],
    [["handshake", "--fault", "lost=1"], /unknown fault "lost"/],
  ];
  for (const [args, says] of cases) {
    const { code, stderr, stdout } = await keten(t, ["sandbox", ...args, "--port", "0"]);
    assert.deepEqual([code, stdout], [2, ""], args.join(" "));
    assert.match(stderr, says);
    assert.equal(stderr.trimEnd().split("\n").length, 1);
  }
});

test("[G06] faults of the command line are those of the control API, redirect URIs are the client's, and a signal ends it with 0", async (t) => {
  const uris = ["https://app.example/back", "http://127.0.0.1:9/back"];
  const faults = ["lost-answer=0.05", "chain-incident=3/week", "maintenance=1@04:00-04:30,CET"];
  const running = startKeten(t, [
    ...["sandbox", "handshake", "--port", "0", "--json", "--fault", ...faults],
    ...uris.flatMap((uri) => ["--redirect-uri", uri]),
  ]);
  const { url } = await running.ready;
  const told = (await (await fetch(`${url}/sandbox/faults`)).json()) as Record<string, object>;
  const daily = "04:00-04:30,CET";
  assert.deepEqual(
    [told["lost-answer"], told["chain-incident"], told.maintenance],
    [
      { rate: 0.05, daily: null, until: null },
      { rate: "3/week", daily: null, until: null },
      { rate: 1, daily, until: null },
    ],
  );
  for (const redirectUri of uris) {
    const body = JSON.stringify({ redirectUri });
    const headers = { "content-type": "application/json" };
    const opened = await fetch(`${url}/sandbox/codes`, { method: "POST", headers, body });
    assert.equal(opened.status, 200, await opened.text());
  }
  running.child.kill("SIGTERM");
  assert.equal((await running.finished).code, 0);
});

test("[G06] the library's sandbox is the command's: same seed, same ids and secrets, same chains and log", async (t) => {
  const running = startKeten(t, [
    "sandbox",
    "exact-online",
    "--port",
    "0",
    "--seed",
    "x",
    "--json",
  ]);
  const { clientId, clientSecret, username, password } = await running.ready;
  const sandbox = await startSandbox({ preset: "exact-online", seed: "x" });
  t.after(() => sandbox.close());
  assert.deepEqual(
    [sandbox.clientId, sandbox.clientSecret, sandbox.username, sandbox.password],
    [clientId, clientSecret, username, password],
  );
  assert.ok(!("issuer" in sandbox || "control" in sandbox));
  const refresh = (refresh_token: string) =>
    fetch(sandbox.tokenEndpoint, {
      method: "POST",
      body: new URLSearchParams({
        ...{ grant_type: "refresh_token", refresh_token },
        ...{ client_id: sandbox.clientId, client_secret: sandbox.clientSecret },
      }),
    });
  sandbox.setFaults({ "error-after": 1 });
  assert.equal((await refresh(sandbox.refreshToken)).status, 500);
  sandbox.setFaults({ "*": 0 });
  assert.equal((await refresh(sandbox.refreshToken)).status, 400, "too early");
  sandbox.advance("9 min");
  sandbox.advance("30 s");
  assert.equal((await refresh(sandbox.refreshToken)).status, 200);
  const over = () => sandbox.requests().every(({ written }) => written !== "pending");
  await eventually("the log to be over", () => over() || undefined);
  assert.deepEqual(
    sandbox.requests().map(({ decision, reason }) => [decision, reason]),
    [
      ["granted", null],
      ["refused", "tooEarly"],
      ["granted", null],
    ],
  );
  const { chain } = await sandbox.grant({ username: "ada", age: 1000 });
  const chains = await sandbox.chains();
  assert.equal(chains.find((one) => one.chain === chain)?.subject, "ada");
  assert.throws(() => sandbox.setFaults({ htm: 1 }), { code: "config_invalid" });
  assert.throws(() => sandbox.advance("soon"), { code: "config_invalid", message: /"soon"/ });
  await assert.rejects(startSandbox({ preset: "exact" }), {
    code: "config_invalid",
    message: /preset "exact" is unknown; expected one of strict, /,
  });
});

test("[ISS-33, G06] a stand-in whose vendor grants what the standards advise against says so at its start, and no other", async (t) => {
  const told = async (preset: string): Promise<string> => {
    const running = startKeten(t, ["sandbox", preset, "--port", "0"]);
    return await eventually("its last line", async () =>
      running.stderr().includes("/sandbox/\n") ? running.stderr() : undefined,
    );
  };
  const [exact, openam, standard] = await Promise.all(
    ["exact-online", "openam-13", "handshake"].map(told),
  );
  assert.match(exact as string, /\n {2}grants besides +implicit: this vendor has it/);
  assert.match(openam as string, /\n {2}grants besides +password: this vendor has it/);
  assert.doesNotMatch(standard as string, /grants besides/);
});
