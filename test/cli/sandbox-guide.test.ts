/**
 * The guide to testing an integration, followed to the letter (`guide-page.ts`): each shell block that is followed by a
 * block of text has to write exactly that text, but for what stands there as "…".
 */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { ROOT } from "../../scripts/source-files.ts";
import { FAULT_NAMES } from "../../src/sandbox/faults.ts";
import { type Block, blocksOf, follow } from "./guide-page.ts";

const PAGE = readFileSync(join(ROOT, "docs/guides/test-your-integration.md"), "utf8");
const LIBRARY = pathToFileURL(join(ROOT, "src/cli/library.ts")).href;

const firstLine = ({ text }: Block): string => text.split("\n", 1)[0] ?? "";

/** What a shown text allows: "…" is anything on the same line. */
const patternOf = (shown: string): RegExp => {
  const parts = shown.trim().split("…");
  const literal = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${literal.join("[^\\n]+?")}$`);
};

test("[G06] the steps of the guide to testing an integration work as they stand", async (t) => {
  const blocks = blocksOf(PAGE);
  const program = blocks.find(({ kind }) => kind === "js")?.text ?? "";
  const { wrote } = await follow(t, blocks, async (first, { home }) => {
    if (!first.startsWith("node --test")) return;
    const source = program.replace('from "keten"', `from ${JSON.stringify(LIBRARY)}`);
    writeFileSync(join(home, "integration.test.mjs"), source);
  });
  let compared = 0;
  for (const [i, block] of blocks.entries()) {
    const shown = blocks[i + 1];
    if (block.kind !== "sh" || shown?.kind !== "text") continue;
    compared += 1;
    assert.match((wrote.get(firstLine(block)) ?? "").trim(), patternOf(shown.text), block.text);
  }
  assert.equal(compared, 12);
  assert.match(wrote.get("node --test integration.test.mjs") ?? "", /(?:# |ℹ )pass 1\b/);
});

test("[A27] the guide says of every fault what a good client does", () => {
  const table = PAGE.split("\n").filter((line) => line.startsWith("| `"));
  const told = table.flatMap((line) => [...(line.split("|")[1] ?? "").matchAll(/`([a-z-]+)`/g)]);
  assert.deepEqual(told.map(([, name]) => name).toSorted(), FAULT_NAMES.toSorted());
});
