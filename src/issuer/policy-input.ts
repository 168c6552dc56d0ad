/** A policy that somebody wrote, and how one that cannot be is refused. */

import { KetenError } from "../env/error.ts";
import type { Problem } from "../kernel/combinations.ts";
import { type ParseOptions, parsePolicy } from "../kernel/parse-policy.ts";
import type { Policy } from "../kernel/policy.ts";

/** Reads a policy. @throws KetenError `policy_invalid` naming every problem */
export function readPolicy(input: unknown, options: ParseOptions): Policy {
  const parsed = parsePolicy(input, options);
  if (parsed.ok) return parsed.policy;
  throw policyRefused(parsed.problems);
}

export function policyRefused(problems: readonly Problem[]): KetenError {
  const lines = problems.map(({ path, message }) => `${path}: ${message}`);
  return new KetenError("policy_invalid", `policy refused: ${lines.join("; ")}`);
}
