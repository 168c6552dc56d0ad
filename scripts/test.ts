/**
 * What `npm test` runs: type check, lint, the page of rows, then the tests. It stops at the first step that fails.
 *
 *   npm test                    everything
 *   npm test -- kernel store    the checks, then the test files whose path contains one of the words
 *   npm test -- --only kernel   those test files without the checks
 *
 * The runner's counts are the last thing printed, for whoever reads the end of a log.
 */

import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { ROOT } from "./source-files.ts";

/** Two at a time: the crash and timing tests want a core of their own. */
const CONCURRENCY = 2;

const CHECKS = [
  { name: "types", command: ["npm", "run", "--silent", "types"] },
  { name: "lint", command: ["npm", "run", "--silent", "lint"] },
  { name: "rows", command: ["npm", "run", "--silent", "docs:rows", "--", "--check"] },
];

const startedAt = performance.now();

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

/** Runs a check with this process's Node first in the path; ends the run if the check fails. */
function check({ name, command }: { name: string; command: readonly string[] }): void {
  const since = performance.now();
  const [program = "", ...args] = command;
  const path = [dirname(process.execPath), process.env.PATH].join(delimiter);
  const { status, error } = spawnSync(program, args, {
    cwd: ROOT,
    env: { ...process.env, PATH: path },
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (error) throw error;
  console.log(`${status === 0 ? "✔" : "✖"} ${name} (${seconds(since)})`);
  if (status !== 0) process.exit(1);
}

function testFiles(words: readonly string[]): readonly string[] {
  const all = globSync("test/**/*.test.ts", { cwd: ROOT }).sort();
  if (words.length === 0) return all;
  return all.filter((path) => words.some((word) => path.includes(word)));
}

/** The runner's counts at the end of a run, held back while everything else passes. */
const COUNT = /^(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /;

function withoutCounts(counts: string[]): Transform {
  return new Transform({
    objectMode: true,
    transform(event, _, done): void {
      const isCount = event.type === "test:diagnostic" && COUNT.test(event.data.message);
      if (isCount) counts.push(event.data.message);
      done(null, isCount ? undefined : event);
    },
  });
}

const args = process.argv.slice(2);
const only = args.includes("--only");
const words = args.filter((arg) => arg !== "--only");
const files = testFiles(words);
if (files.length === 0) {
  console.error(`no test file's path contains ${words.map((word) => `"${word}"`).join(" or ")}`);
  process.exit(1);
}

if (!only) CHECKS.forEach(check);

const tests = run({
  files: files.map((path) => join(ROOT, path)),
  cwd: ROOT,
  concurrency: CONCURRENCY,
}).on("test:summary", ({ file, success }) => {
  if (file === undefined && !success) process.exitCode = 1;
});
const counts: string[] = [];
await pipeline(tests, withoutCounts(counts), new spec(), process.stdout, { end: false });
console.log(`\nall in ${seconds(startedAt)}`);
for (const count of counts) console.log(`ℹ ${count}`);
