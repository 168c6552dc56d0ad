/** A preset in the hands of a client, by name; and what is asked of every one of them. */

import assert from "node:assert/strict";
import type { Policy } from "../../src/kernel/policy.ts";
import type { Duration } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { granted, type Held, Play } from "../kernel/driver.ts";

export type Setup = ConstructorParameters<typeof Play>[1];

export function playOf(preset: string, setup: Setup = {}): Play {
  assert.ok(Object.hasOwn(PRESETS, preset), `there is no preset "${preset}"`);
  return new Play(PRESETS[preset] as Policy, setup);
}

/** The token is presented and its answer repeats it, or has none: either way it is the one to go on with. */
export function lasts(play: Play, token: Held, answer: "repeated" | "omitted"): void {
  const { refresh } = granted(play.present(token));
  assert.equal(refresh?.serial, answer === "omitted" ? undefined : token.serial);
}

/** A refresh brings a token that is another one. */
export function rotates(play: Play, token: Held): Held {
  const next = play.refresh(token);
  assert.ok(next.serial > token.serial, "a new token");
  return next;
}

export const accessLife = ({ access }: Held): Duration => access.expiresAt - access.issuedAt;

/** The second use of a token that was used is replay, and ends the chain. */
export function reuseEndsChain(play: Play, token: Held): Held {
  const next = rotates(play, token);
  play.wait(5000).refuses(token, "replayed");
  play.refuses(next, "chainRevoked");
  return next;
}
