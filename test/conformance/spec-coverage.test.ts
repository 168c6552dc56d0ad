/** The page of the issuer's requirements says what is so: every line, every file and every title in it. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { declaredTests, isTestFile, KNOWN_IDS } from "../../scripts/rows.ts";
import { repositoryFiles } from "../../scripts/source-files.ts";

const PAGE = "docs/spec-coverage.md";
/** The ids that begin a title, in one pair of brackets or several. */
const IDS = /^(?:\[[^\]]+\] )+/;

const files = repositoryFiles();
const tests = files.filter(isTestFile).flatMap(declaredTests);
const page = files.find(({ path }) => path === PAGE)?.text ?? "";

interface Line {
  readonly id: string;
  readonly asks: string;
  readonly shown: readonly string[];
}

const lines: readonly Line[] = page
  .split("\n")
  .filter((line) => line.startsWith("| ISS-"))
  .map((line) => {
    const [, id = "", asks = "", shown = ""] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    return { id, asks, shown: shown.replaceAll("\\|", "|").split("<br>") };
  });

/** The entries that name a test: its title without ids, and its file. */
const namedBy = ({ shown }: Line): readonly { title: string; path: string }[] =>
  shown.flatMap((entry) => {
    const [, title = "", path = ""] = /^(.+) \(`(test\/[^`]+)`\)$/.exec(entry) ?? [];
    return path === "" ? [] : [{ title, path }];
  });

test("[house] every requirement of the issuer has one line, with a test or the reason why there is none", () => {
  const wanted = KNOWN_IDS.filter((id) => id.startsWith("ISS-"));
  assert.equal(wanted.length, 50);
  assert.deepEqual(
    lines.map(({ id }) => id),
    wanted,
  );
  for (const line of lines) {
    assert.ok(line.asks.length > 20, `${line.id} says what it asks`);
    const reason = line.shown.find((entry) => /^Not yet: .{20,}/.test(entry));
    const count = namedBy(line).length;
    assert.ok(count > 0 !== (reason !== undefined), `${line.id}: ${count} tests, ${reason}`);
  }
});

test("[house] every test that the page names is there, and carries the requirement's id", () => {
  for (const line of lines) {
    for (const { title, path } of namedBy(line)) {
      const named = tests.find((one) => one.path === path && one.title?.replace(IDS, "") === title);
      assert.ok(named, `${line.id}: no test "${title}" in ${path}`);
      assert.ok(IDS.exec(named.title ?? "")?.[0].includes(line.id), `${line.id}: "${title}"`);
    }
  }
});

test("[house] every file that the page names is there", () => {
  const paths = new Set(files.map(({ path }) => path));
  for (const [, path = ""] of page.matchAll(/`((?:test|src|docs|sim)\/[^`]+)`/g)) {
    assert.ok(paths.has(path) || files.some((file) => file.path.startsWith(`${path}/`)), path);
  }
});
