/** A black-box check, and the verdict of a server on it. */

import { AssertionError } from "node:assert";
import type { ServerUnderTest } from "./server-under-test.ts";

export interface Check {
  /** Whether the server declares what the check is about; by default every server does. */
  readonly appliesTo?: (server: ServerUnderTest) => boolean;
  /** Fails by an assertion. Begins with an owner of its own, and may let time pass. */
  readonly run: (server: ServerUnderTest) => Promise<void>;
}

export type Verdict = "passes" | "fails" | "does not apply";

export interface Judged {
  readonly verdict: Verdict;
  /** Why it fails. */
  readonly why: string | undefined;
}

/** Only a failed assertion is a verdict: anything else is a fault of the check, and thrown. */
export async function judge(check: Check, server: ServerUnderTest): Promise<Judged> {
  if (check.appliesTo?.(server) === false) return { verdict: "does not apply", why: undefined };
  try {
    await check.run(server);
    return { verdict: "passes", why: undefined };
  } catch (error) {
    if (!(error instanceof AssertionError)) throw error;
    return { verdict: "fails", why: error.message };
  }
}
