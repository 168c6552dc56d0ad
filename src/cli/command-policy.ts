/** `keten policy`: what a policy promises, what it means, and what a change of it does. */

import { Command, Option } from "commander";
import { type Bounds, type Check, checkPolicy } from "../explorer/check.ts";
import { diffPolicies, type PolicyChange } from "../kernel/diff.ts";
import { formatPolicy } from "../kernel/parse-policy.ts";
import type { Policy } from "../kernel/policy.ts";
import { DURATION_EXAMPLES, type Duration, parseDuration } from "../kernel/time.ts";
import { withCommands } from "./command-group.ts";
import { UsageError } from "./failure.ts";
import { clipped, jsonOption } from "./options.ts";
import { checkJson, checkLines, shortLines } from "./policy-check-words.ts";
import { readPolicy } from "./policy-file.ts";
import { explained, noticed } from "./policy-sentences.ts";
import { print, say } from "./terminal.ts";

const LIVE_MAX = 1_000_000;
/** Whoever waits longer is told for what. */
const PATIENCE_MS = 1000;
const WHICH = "a preset's name or a JSON file";

interface CheckOptions {
  readonly live?: number;
  readonly recover?: Duration;
  readonly json?: true;
}

export function policyCommand(): Command {
  const command = new Command("policy").description(
    "say what a policy promises, what it means, and what a change of it does",
  );
  return withCommands(command, [checkCommand(), explainCommand(), diffCommand()]);
}

const named = (name: string, description: string): Command =>
  new Command(name).description(description);

function checkCommand(): Command {
  return named("check", "prove or refute what a policy promises, by searching every way")
    .argument("<policy>", WHICH)
    .addOption(
      new Option(
        "--live <number>",
        "refuted if more refresh tokens can be accepted at one time",
      ).argParser(liveArgument),
    )
    .addOption(
      new Option(
        "--recover <duration>",
        "refuted if a client that lost an answer can be without a token for longer",
      ).argParser(durationArgument),
    )
    .addOption(jsonOption("print the result as one line of JSON"))
    .addHelpText(
      "after",
      "\nExit code 0: what was stated holds. 1: it is refuted. That a well-behaved client\nalways has a token, up to an end that the policy declares, is always stated.",
    )
    .action(check);
}

async function check(name: string, { live, recover, json }: CheckOptions): Promise<void> {
  const bounds: Bounds = { live, recoverMs: recover };
  const checked = checkPolicy(readPolicy(name), bounds, progress());
  if (json) await print(JSON.stringify(checkJson(name, checked, bounds)));
  else for (const line of checkLines(checked, bounds)) await print(line);
  if (!checked.holds) process.exitCode = 1;
}

function explainCommand(): Command {
  return named("explain", "say a policy in plain words, and what follows from it")
    .argument("<policy>", WHICH)
    .addOption(jsonOption("print it as one line of JSON"))
    .action(async (name: string, { json }: { json?: true }) => {
      const policy = readPolicy(name);
      const sentences = explained(policy);
      const checked = checkPolicy(policy, {}, progress());
      if (json) {
        const found = checkJson(name, checked, {});
        return await print(JSON.stringify({ fields: formatPolicy(policy), sentences, ...found }));
      }
      for (const line of sentences) await print(line);
      await print("what follows");
      for (const line of shortLines(checked)) await print(`  ${line}`);
    });
}

function diffCommand(): Command {
  return named("diff", "say what a change from one policy to another does, before it is made")
    .argument("<before>", WHICH)
    .argument("<after>", WHICH)
    .addOption(jsonOption("print it as one line of JSON"))
    .action(async (before: string, after: string, { json }: { json?: true }) => {
      const told = difference(readPolicy(before), readPolicy(after));
      if (json) await print(JSON.stringify({ before, after, ...told }));
      else for (const line of differenceLines(told)) await print(line);
    });
}

interface Difference {
  readonly changes: readonly PolicyChange[];
  /** What clients and chains that live notice, beyond single fields. */
  readonly notices: readonly string[];
  /** Results of the check that differ. */
  readonly results: readonly { readonly before: string; readonly after: string }[];
}

/** What a change does: its fields, what clients notice, and which results of the check differ. */
function difference(before: Policy, after: Policy): Difference {
  const changes = diffPolicies(before, after);
  if (changes.length === 0) return { changes, notices: [], results: [] };
  const [was, is] = [resultsOf(before), resultsOf(after)];
  const results = was.flatMap((line, i) => {
    const now = is[i] ?? "";
    return line === now ? [] : [{ before: line, after: now }];
  });
  return { changes, notices: noticed(before, after), results };
}

function resultsOf(policy: Policy): readonly string[] {
  const found: Check = checkPolicy(policy, {}, progress());
  return shortLines(found);
}

function differenceLines({ changes, notices, results }: Difference): readonly string[] {
  if (changes.length === 0) return ["nothing changes"];
  const shortened = changes.flatMap(({ shortens }) => (shortens === null ? [] : [shortens]));
  const revived = changes.flatMap(({ revives }) => (revives === null ? [] : [revives]));
  const part = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];
  return [
    ...part("what clients notice", notices),
    ...part(
      "what holds from now on",
      changes.map(({ says }) => says),
    ),
    ...(shortened.length === 0
      ? ["what lives now: nothing ends by the change itself"]
      : part("what lives now", shortened)),
    ...part(
      'what is dead now stays dead, unless the change says "revive"; then come back',
      revived,
    ),
    ...part(
      "what the check finds",
      results.flatMap((result) => [`before: ${result.before}`, `after:  ${result.after}`]),
    ),
  ];
}

// --- arguments and progress -------------------------------------------------------------------------------

function liveArgument(text: string): number {
  const value = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1 && value <= LIVE_MAX) return value;
  throw new UsageError(
    `option "--live" is "${clipped(text)}"; expected a whole number from 1 to ${LIVE_MAX}`,
  );
}

/** As in a policy; the blank before the unit may be left out. */
function durationArgument(text: string): Duration {
  const spaced = text.replace(/^(\d+)([a-z]+)$/, "$1 $2");
  const value = parseDuration(text === "0" ? 0 : spaced);
  if (value !== undefined) return value;
  throw new UsageError(
    `option "--recover" is "${clipped(text)}"; expected a duration such as ${DURATION_EXAMPLES}`,
  );
}

/** Tells a person at a terminal what is searched, once it takes long. */
function progress(): (what: string) => void {
  const begun = performance.now();
  return (what) => {
    if (process.stderr.isTTY && performance.now() - begun > PATIENCE_MS) say(`searching: ${what}`);
  };
}
