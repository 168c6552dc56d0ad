/** A policy as the command line names it: a preset, or a JSON file. */

import { readFileSync, statSync } from "node:fs";
import { parsePolicy } from "../kernel/parse-policy.ts";
import type { Policy } from "../kernel/policy.ts";
import { PRESETS } from "../vendors/presets.ts";
import { UsageError } from "./failure.ts";
import { clipped } from "./options.ts";

const BYTES_MAX = 1_000_000;

/** @throws UsageError naming the file, where in it, what is wrong and what was expected */
export function readPolicy(name: string): Policy {
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  if (preset) return preset;
  const parsed = parsePolicy(readJson(name));
  if (parsed.ok) return parsed.policy;
  const problems = parsed.problems.map(({ path, message }) =>
    path === "" ? message : `${path}: ${message}`,
  );
  throw new UsageError(`policy file "${name}": ${problems.join("; ")}`);
}

function readJson(name: string): unknown {
  const text = readText(name);
  try {
    return JSON.parse(text);
  } catch (error) {
    const [why] = (error as Error).message.split("\n");
    throw new UsageError(
      `policy file "${name}" is not JSON (${why}); expected an object such as {"retry": {"streak": 8}}`,
    );
  }
}

function readText(name: string): string {
  try {
    const { size } = statSync(name);
    if (size <= BYTES_MAX) return readFileSync(name, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const names = Object.keys(PRESETS).join(", ");
    throw new UsageError(
      `policy "${clipped(name)}" is no preset and no file that can be read (${code}); expected a JSON file, or one of ${names}`,
    );
  }
  throw new UsageError(
    `policy file "${name}" is too long; expected at most ${BYTES_MAX} bytes of JSON`,
  );
}
