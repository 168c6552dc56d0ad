/** `keten policy check|explain|diff`, as users run it. */

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { failureOf } from "../../src/cli/failure.ts";
import { readPolicy } from "../../src/cli/policy-file.ts";
import { explained, noticed } from "../../src/cli/policy-sentences.ts";
import { parseProgram } from "../../src/cli/program.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { keten } from "./processes.ts";

const preset = (name: string): Policy => PRESETS[name] as Policy;

test("[G05, D06] check says what holds and how long a thief goes unnoticed, and exits with 0", async (t) => {
  const args = ["policy", "check", "handshake", "--live", "2", "--recover", "0"];
  const { code, stdout, stderr } = await keten(t, args);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^at most 2 live tokens of a chain: holds$/m);
  assert.match(stdout, /^a client that lost an answer recovers within 0 s: holds$/m);
  assert.match(
    stdout,
    /right before the client: noticed at the client's refresh 9, after 1 h 30 min/,
  );
  assert.match(stdout, /^what Keten risks under the same faults: no avoidable loss, /m);
});

test("[G05, D06] check refutes a bound with a shortest story, and exits with 1", async (t) => {
  const args = ["policy", "check", "strict", "--live", "1", "--recover", "1h"];
  const { code, stdout, stderr } = await keten(t, args);
  assert.deepEqual([code, stderr], [1, ""]);
  const lines = stdout.split("\n");
  assert.equal(lines[0], "at most 1 live token of a chain: holds");
  const at = lines.indexOf("a client that lost an answer recovers within 1 h: refuted");
  assert.deepEqual(lines.slice(at + 1, at + 4), [
    "a client that lost an answer never goes on: it is refused as replaced",
    "    the client presents token 3, which is granted; the answer is lost",
    "    it asks again at once: refused as replaced",
  ]);
});

test("[G05, D06] check --json says the same to machines, of a policy in a file", async (t) => {
  const file = join(temporaryDirectory(t), "policy.json");
  writeFileSync(file, JSON.stringify({ expiry: { idle: "5 min" }, replay: { action: "refuse" } }));
  const { code, stdout } = await keten(t, ["policy", "check", file, "--live", "1", "--json"]);
  assert.equal(code, 1);
  const found = JSON.parse(stdout);
  assert.deepEqual([found.policy, found.holds], [file, false]);
  assert.deepEqual([found.live.verdict, found.live.most, found.live.bound], ["holds", 1, 1]);
  assert.equal(found.wellBehaved.verdict, "refuted");
  assert.deepEqual(found.wellBehaved.story, [
    "10 min later the client presents token 1: refused as expired",
  ]);
  assert.deepEqual(
    found.habits.map(({ habit }: { habit: string }) => habit),
    ["retryAtOnce", "retryLater", "twoWorkers", "restore"],
  );
});

test("[D06] a cap counts: fifty chains of a client and subject, and no bound of twenty-five", async (t) => {
  const { code, stdout } = await keten(t, [
    "policy",
    "check",
    "google-50",
    "--live",
    "25",
    "--json",
  ]);
  const { live, thief } = JSON.parse(stdout);
  assert.equal(code, 1);
  assert.deepEqual([live.verdict, live.per, live.most], ["refuted", "clientAndSubject", 50]);
  assert.equal(thief[0].ends, "unnoticed");
  assert.equal(thief[0].refreshes, null);
  assert.equal(thief[0].after, "forever");
});

test("[G05] explain says a policy in plain words, then what follows from it", async (t) => {
  const { code, stdout } = await keten(t, ["policy", "explain", "exact-online"]);
  assert.equal(code, 0);
  const [sentences = "", follows = ""] = stdout.split("what follows\n");
  for (const says of [
    "every refresh issues a new refresh token",
    "a replaced token stays open until its successor is used",
    "presented again, it is answered with a new successor, and the one before is dropped",
    "a chain may be refreshed again only after 9 min 30 s",
    "at most 1 chain lives per client and subject: one more ends the oldest, without notice",
  ]) {
    assert.ok(sentences.split("\n").includes(says), says);
  }
  assert.match(follows, /goes on only after 9 min 30 s, and only if it asks again within 30 d/);
});

test("[G05] diff says in plain words what turning rotation off does: the same token, a fixed end, no pile-up", async (t) => {
  const { code, stdout } = await keten(t, ["policy", "diff", "openam-13", "openam-13-reuse"]);
  assert.equal(code, 0);
  for (const says of [
    /answer carries no refresh token any more: the client must keep the one it has/,
    /works again and again until its end/,
    /a chain that moved its end with every refresh now ends 7 d after the issue of the token/,
    /no more replaced tokens pile up in the store's list/,
    /what lives now: nothing ends by the change itself/,
    /before: a client that lost an answer never goes on: it is refused as used/,
    /after: {2}a thief with the current token, at its best: for ever/,
  ]) {
    assert.match(stdout, says);
  }
});

test("[G05] diff says what turning rotation on does: store the new token, the old one is refused, tokens pile up", async (t) => {
  const args = ["policy", "diff", "openam-13-reuse", "openam-13", "--json"];
  const { code, stdout } = await keten(t, args);
  assert.equal(code, 0);
  const { notices, changes } = JSON.parse(stdout);
  assert.match(notices[0], /every refresh issues a new refresh token, and the old one is refused/);
  assert.match(notices[1], /a client that loses an answer has lost its chain/);
  assert.match(notices.join("\n"), /no longer does: every refresh moves the end on/);
  assert.match(notices.join("\n"), /replaced tokens pile up/);
  assert.deepEqual(
    changes.map(({ path }: { path: string }) => path),
    ["rotate", "unrotated", "register"],
  );
});

test("[G05] nothing that stays the same is said to change", async (t) => {
  const { stdout } = await keten(t, ["policy", "diff", "strict", "strict"]);
  assert.equal(stdout, "nothing changes\n");
  assert.deepEqual(noticed(preset("google-25"), preset("google-100")), []);
});

test("[G05] every preset is explained, each field that differs in a sentence", () => {
  for (const [name, policy] of Object.entries(PRESETS)) {
    const says = explained(policy);
    assert.ok(says.length >= 3, name);
    for (const sentence of says)
      assert.doesNotMatch(sentence, /undefined|NaN|Infinity|\bnull\b/, name);
  }
  const all = explained({ ...preset("handshake-observed"), usedFor: 600_000 }).join("\n");
  assert.match(
    all,
    /until its successor is used, or its access token is, and in any case for 1 min/,
  );
  assert.match(all, /a token ends 10 min after its first use/);
  assert.match(
    all,
    /after 8 generations in a row that were presented twice, the next counts as replay/,
  );
});

test("[G05, D06] a malformed policy or bound gives one line: where, what is wrong, what was expected", async (t) => {
  const directory = temporaryDirectory(t);
  const at = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  mkdirSync(join(directory, "folder"));
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [
      ["check", at("a", '{"overlap": {"atleast": 0}}')],
      /^policy file ".*a": overlap\.atleast: unknown field, expected one of atLeast, /,
    ],
    [
      ["check", at("b", '{"expiry": {"idle": 30}}')],
      /expiry\.idle: expected a duration such as .*, got 30$/,
    ],
    [["check", at("c", '{"retry": ')], /c" is not JSON \(.*\); expected an object such as/],
    [
      ["check", at("d", '{"retry": {"streak": 8, "answer": "new"}}')],
      /retry\.streak: a streak needs/,
    ],
    [
      ["explain", "acme"],
      /^policy "acme" is no preset and no file that can be read \(ENOENT\); expected a JSON file, or one of strict, /,
    ],
    [["diff", "strict", join(directory, "folder")], /\(EISDIR\)/],
    [["diff", "strict"], /^missing argument; expected after; /],
    [["check", "strict", "--live", "0"], /^option "--live" is "0"; expected a whole number from 1/],
    [
      ["check", "strict", "--recover", "soon"],
      /^option "--recover" is "soon"; expected a duration such as/,
    ],
    [[], /^no policy command given; expected one of check, explain, diff$/],
    [["prove"], /^unknown command "policy prove"; expected one of check, explain, diff$/],
  ];
  for (const [args, says] of cases) {
    const line = `keten policy ${args.join(" ")}`;
    const thrown = await parseProgram(["policy", ...args]).then(
      () => assert.fail(`${line} was taken`),
      (error: unknown) => error,
    );
    const { exitCode, message } = failureOf(thrown);
    assert.match(message, says, line);
    assert.equal(exitCode, 2, line);
    assert.ok(!message.includes("\n"), `${line}: one line`);
  }
  assert.equal(readPolicy("strict"), PRESETS.strict);
});
