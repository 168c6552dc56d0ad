/** Each house rule seen to fail on a small text, and to let its nearest innocent neighbour pass. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { rowsPage } from "../scripts/rows.ts";
import { ROOT, sourceFile } from "../scripts/source-files.ts";
import * as tidy from "../scripts/tidy.ts";

/** Runs a rule over files given as `path: text`. */
function faultsOf(rule: tidy.Rule, files: Readonly<Record<string, string>>): readonly string[] {
  return rule(Object.entries(files).map(([path, text]) => sourceFile(path, text)));
}

/** The rule finds exactly one fault in the first text, at the place given, and none in the second. */
function catches(
  rule: tidy.Rule,
  path: string,
  { bad, line = 1, good }: { bad: string; line?: number; good: string },
): void {
  const faults = faultsOf(rule, { [path]: bad });
  assert.equal(faults.length, 1, faults.join("\n"));
  assert.ok(faults[0]!.startsWith(`${path}:${line}: `));
  assert.match(faults[0]!, /; expected/);
  assert.deepEqual(faultsOf(rule, { [path]: good }), []);
}

test("[house] comments and literals are blanked, what stands in a template's braces is not", () => {
  const text = [
    'const a = "Date.now()"; // Date.now()',
    "const b = `Date.now() ${Date.now() + `${{ a }.a} Date.now()`} Date.now()`;",
    "const c = /[/`\"]Date.now()/.test(a) && 4 / 2 / 1; /* ' Date.now() */",
    "const d = 'it\\'s Date.now()' + b + c;",
  ].join("\n");
  const { bare, code } = sourceFile("src/env/a.ts", text);
  assert.equal(code.length, text.length);
  assert.equal(bare.length, text.length);
  assert.equal(code.split("Date.now()").length - 1, 1);
  assert.equal(bare.split("Date.now()").length - 1, 7);
  assert.match(code, /\{ a \}\.a/);
  assert.match(code, /\.test\(a\) && 4 \/ 2 \/ 1;/);
});

test("[D01] a vendor's name is found in code, comments and paths outside src/vendors", () => {
  catches(tidy.vendorNames, "src/issuer/a.ts", {
    bad: "// exact: yes\n// as Exact Online does",
    line: 2,
    good: "// an exact, intuitive figure, hydrated",
  });
  assert.equal(faultsOf(tidy.vendorNames, { "src/env/xero.ts": "" }).length, 1);
  const allowed = {
    "src/vendors/okta/policy.ts": "okta",
    "docs/a.md": "okta",
    "test/a.ts": "okta",
  };
  assert.deepEqual(faultsOf(tidy.vendorNames, allowed), []);
});

test("[house] the kernel's clock, chance, waiting and imports are found", () => {
  const bad = ["Date.now()", "new Date()", "Math.random()", "async () => 1", 'import "node:fs"'];
  for (const text of [...bad, 'import { a } from "../env/a.ts"', 'import { a } from "./a/b.ts"']) {
    catches(tidy.pureKernel, "src/kernel/a.ts", { bad: text, good: `// ${text}` });
  }
  catches(tidy.pureKernel, "src/kernel/a.ts", {
    bad: "let a: Promise<void>;",
    good: 'import { a } from "./b.ts"; new Date(a);',
  });
});

test("[house] a timer on the refresh path is found, in env and in the worker it is allowed", () => {
  catches(tidy.refreshPath, "src/keychain/a.ts", {
    bad: "\nsetTimeout(f, 1);",
    line: 2,
    good: "clock.setTimer(f, 1); new Date(at);",
  });
  catches(tidy.refreshPath, "src/issuer/a.ts", { bad: "crypto.subtle", good: "hkdfSync()" });
  const allowed = { "src/env/a.ts": "setTimeout(f)", "src/store/sqlite/worker.ts": "Date.now()" };
  assert.deepEqual(faultsOf(tidy.refreshPath, allowed), []);
});

test("[house] an import upwards or across is found", () => {
  catches(tidy.layers, "src/issuer/a.ts", {
    bad: 'import { a } from "../keychain/a.ts";',
    good: 'import { a } from "../store/a.ts";\nimport pino from "pino";',
  });
  catches(tidy.layers, "src/env/a.ts", {
    bad: 'type A = import("../store/a.ts").A;',
    good: 'const text = `import "../store/a.ts"`;',
  });
  catches(tidy.layers, "src/vendors/acme/policy.ts", {
    bad: 'import { a } from "../../http/a.ts";',
    good: 'import { a } from "../../kernel/a.ts";',
  });
  catches(tidy.layers, "src/http/a.ts", {
    bad: 'import { a } from "../../test/a.ts";',
    good: 'export { a } from "./b.ts";',
  });
  assert.match(faultsOf(tidy.layers, { "src/a.ts": "" })[0]!, /belongs to no layer/);
});

test("[house] a project that references another layer is found", () => {
  const kernel = { "src/kernel/tsconfig.json": "{}" };
  const env = (path: string): string => `{ "references": [{ "path": "../${path}" }] }`;
  const check = (path: string): number =>
    faultsOf(tidy.projects, { ...kernel, "src/env/tsconfig.json": env(path) }).length;
  assert.equal(check("kernel"), 0);
  assert.equal(check("store"), 1);
});

test("[house] a file of 501 lines is found", () => {
  catches(tidy.fileLengths, "src/http/a.ts", {
    bad: "a;\n".repeat(501),
    line: 501,
    good: "a;\n".repeat(500),
  });
});

test("[house] a file named after nothing is found", () => {
  assert.equal(faultsOf(tidy.fileNames, { "src/http/utils.ts": "" }).length, 1);
  assert.equal(faultsOf(tidy.fileNames, { "src/http/pages/index.ts": "" }).length, 1);
  assert.equal(
    faultsOf(tidy.fileNames, { "src/http/index.ts": "", "src/env/log.ts": "" }).length,
    0,
  );
});

test("[house] a source file that nothing imports is found", () => {
  const files = {
    "src/cli/main.ts": 'await import("./a.ts");',
    "src/cli/a.ts": 'new Worker(new URL("./b.ts", import.meta.url));',
    "src/cli/b.ts": '// import "./c.ts"',
    "src/cli/c.ts": "",
  };
  assert.deepEqual(faultsOf(tidy.deadFiles, files), [
    "src/cli/c.ts:1: is imported by no file; expected: a use, or no such file",
  ]);
});

test("[house] work left for later and silenced tests are found", () => {
  catches(tidy.leftovers, "docs/a.md", {
    bad: `\n${"TO"}${"DO"}: more`,
    line: 2,
    good: "todo lists",
  });
  catches(tidy.leftovers, "test/a.test.ts", { bad: `test.${"only"}("a")`, good: 'test("a")' });
  catches(tidy.leftovers, "test/a.test.ts", { bad: `t.${"skip"}()`, good: "cursor.skipTo(1)" });
});

test("[house] a machine's path, a registry's host and a resolved URL are found", () => {
  catches(tidy.noMachine, "docs/a.md", { bad: `see ${"/ho"}me/me/keten`, good: "see docs/home/a" });
  catches(tidy.noMachine, ".npmrc", {
    bad: `https://${"registry"}.example.org`,
    good: "a registry.",
  });
  catches(tidy.noMachine, "package-lock.json", { bad: '{ "resolved": "" }', good: "{}" });
});

test("[house] a test's title without a known id is found", () => {
  for (const bad of ['test("adds", f)', 'test("[Z99] adds", f)', "it(title, f)"]) {
    catches(tidy.testTitles, "test/a.test.ts", { bad, good: 'test(\n  "[A04, ISS-02] adds", f)' });
  }
  catches(tidy.testTitles, "test/a.test.ts", { bad: "test(`${a}`)", good: "test(`[house] ${a}`)" });
});

test("[house] the page of rows lists each id with its tests", () => {
  const text = 'test("[A04, ISS-02] code dies", f);\nit("[A04] a | b", f);\ntest("[house] c", f);';
  const page = rowsPage([sourceFile("test/a.test.ts", text)]);
  assert.match(page, /^2 tests; rows 1 of 136, requirements 1 of 152\.$/m);
  assert.match(
    page,
    /^\| A04 \| a \\\| b \(`test\/a\.test\.ts`\)<br>code dies \(`test\/a\.test\.ts`\) \|$/m,
  );
  assert.match(page, /^\| ISS-02 \| code dies /m);
  assert.match(page, /^No test yet: A01–A03, A05–A28, B01–B03, .+, ISS-01, ISS-03–ISS-50, /m);
});

test("[house] the linter refuses a long function and a default export", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "keten-lint-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const lint = (text: string): string => {
    writeFileSync(join(folder, "a.ts"), text);
    const args = ["lint", "--colors=off", "--vcs-enabled=false", "--config-path=.", folder];
    const { stdout, stderr } = spawnSync("node_modules/.bin/biome", args, { cwd: ROOT });
    return `${stdout}${stderr}`;
  };
  const ofLines = (count: number): string =>
    `export const f = () => {\n${"  g();\n".repeat(count)}};\n`;
  assert.match(lint(ofLines(70)), /Checked 1 file/);
  assert.doesNotMatch(lint(ofLines(70)), /lint\//);
  assert.match(lint(ofLines(71)), /noExcessiveLinesPerFunction/);
  assert.match(lint("export default 1;\n"), /noDefaultExport/);
});
