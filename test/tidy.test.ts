/** The repository against its house rules. What each rule catches is shown in `tidy-rules.test.ts`. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { repositoryFiles } from "../scripts/source-files.ts";
import * as tidy from "../scripts/tidy.ts";

const files = repositoryFiles();

function holds(rule: tidy.Rule): void {
  const faults = rule(files);
  assert.ok(faults.length === 0, `\n${faults.join("\n")}`);
}

test("[D01] no vendor is named outside src/vendors, test and docs", () => holds(tidy.vendorNames));
test("[house] the kernel is pure", () => holds(tidy.pureKernel));
test("[house] the refresh path takes time and chance from env", () => holds(tidy.refreshPath));
test("[house] imports run downwards", () => holds(tidy.layers));
test("[house] the compiler's projects draw the same layers", () => holds(tidy.projects));
test("[house] no file is too long", () => holds(tidy.fileLengths));
test("[house] files are named after their subject", () => holds(tidy.fileNames));
test("[house] no source file is dead", () => holds(tidy.deadFiles));
test("[house] nothing is left for later and no test is silenced", () => holds(tidy.leftovers));
test("[house] no file knows the machine it was written on", () => holds(tidy.noMachine));
test("[house] every test's title says what it shows", () => holds(tidy.testTitles));
