/**
 * Which tests show which row or requirement: reads the ids that begin every test's title and writes
 * `docs/rows.md`. With `--check` it writes nothing and fails if the page is out of date.
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hits, ROOT, repositoryFiles, type SourceFile } from "./source-files.ts";

const ROWS_PAGE = "docs/rows.md";

/** The last number of each group of rows (`A01` …) and of each area of requirements (`ISS-01` …). */
const ROWS = { A: 28, B: 3, C: 23, D: 6, E: 32, F: 22, G: 22 };
const REQUIREMENTS = { ISS: 50, CLI: 18, PRO: 24, STO: 18, CRY: 17, NET: 12, LOG: 13 };

const ROW_IDS = idsOf(ROWS, "");
const REQUIREMENT_IDS = idsOf(REQUIREMENTS, "-");

/** Every id that a test's title may carry, in the page's order. */
export const KNOWN_IDS: readonly string[] = [...ROW_IDS, ...REQUIREMENT_IDS];

/** A test as the source declares it; `title` is undefined if it is not a literal. */
export interface DeclaredTest {
  readonly path: string;
  readonly line: number;
  readonly title: string | undefined;
}

export function isTestFile(file: SourceFile): boolean {
  return /^test\/.*\.test\.ts$/.test(file.path);
}

/** The `test(…)` and `it(…)` calls of a file; subtests (`t.test`) belong to their test. */
export function declaredTests(file: SourceFile): readonly DeclaredTest[] {
  return hits(file.code, /(?<![.\w$])(?:test|it)\(/g).map(({ index, line, match }) => {
    const rest = file.bare.slice(index + match[0].length);
    const literal = /^\s*(["'`])((?:\\[\s\S]|(?!\1)[^\\])*)\1/.exec(rest);
    return { path: file.path, line, title: literal?.[2]?.replace(/\\(["'`])/g, "$1") };
  });
}

/** The ids in the brackets that begin a title; none if it begins otherwise. */
export function idsOfTitle(title: string): readonly string[] {
  return /^\[([^\]]+)\] \S/.exec(title)?.[1]?.split(", ") ?? [];
}

/** The page: a table of ids with the tests that show them, and what has no test yet. */
export function rowsPage(files: readonly SourceFile[]): string {
  const shown = new Map<string, string[]>();
  let count = 0;
  for (const { path, title } of files.filter(isTestFile).flatMap(declaredTests)) {
    const ids = idsOfTitle(title ?? "").filter((id) => KNOWN_IDS.includes(id));
    if (ids.length > 0) count += 1;
    const words = (title ?? "").replace(/^\[[^\]]+\] /, "").replaceAll("|", "\\|");
    for (const id of ids) shown.set(id, [...(shown.get(id) ?? []), `${words} (\`${path}\`)`]);
  }
  const of = (ids: readonly string[]): string =>
    `${ids.filter((id) => shown.has(id)).length} of ${ids.length}`;
  return [
    "# Rows and the tests that show them",
    "",
    "Generated from the titles of the tests by `npm run docs:rows`; `npm test` fails if it is out of date.",
    "",
    `${count} tests; rows ${of(ROW_IDS)}, requirements ${of(REQUIREMENT_IDS)}.`,
    "",
    "| id | tests |",
    "| --- | --- |",
    ...KNOWN_IDS.flatMap((id) => {
      const tests = shown.get(id);
      return tests ? [`| ${id} | ${tests.sort().join("<br>")} |`] : [];
    }),
    "",
    `No test yet: ${spansOf((id) => !shown.has(id)).join(", ") || "none"}.`,
    "",
  ].join("\n");
}

/** The known ids that a condition picks, neighbours joined: `A01`, `A03–A28`. */
function spansOf(picks: (id: string) => boolean): readonly string[] {
  const spans: { first: string; last: string; end: number }[] = [];
  for (const [index, id] of KNOWN_IDS.entries()) {
    if (!picks(id)) continue;
    const span = spans.at(-1);
    if (span?.end === index - 1 && groupOf(span.first) === groupOf(id)) {
      span.last = id;
      span.end = index;
    } else {
      spans.push({ first: id, last: id, end: index });
    }
  }
  return spans.map(({ first, last }) => (first === last ? first : `${first}–${last}`));
}

function groupOf(id: string): string {
  return id.slice(0, -2);
}

function idsOf(groups: Readonly<Record<string, number>>, separator: string): readonly string[] {
  return Object.entries(groups).flatMap(([group, last]) =>
    Array.from({ length: last }, (_, i) => `${group}${separator}${String(i + 1).padStart(2, "0")}`),
  );
}

function pageOnDisk(): string {
  const path = join(ROOT, ROWS_PAGE);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

function main(): void {
  if (!process.argv.includes("--check")) {
    writeFileSync(join(ROOT, ROWS_PAGE), rowsPage(repositoryFiles()));
  } else if (pageOnDisk() !== rowsPage(repositoryFiles())) {
    console.error(`${ROWS_PAGE} is not what the tests' titles say; run: npm run docs:rows`);
    process.exitCode = 1;
  }
}

if (import.meta.main) main();
