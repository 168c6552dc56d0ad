/**
 * Time-based one-time passwords as a second factor. RFC 6238
 *
 * 1. SHA-1, six digits, thirty seconds: what every authenticator app speaks.
 * 2. A clock may be one step off either way, not more. RFC 6238, section 5.2
 * 3. A code passes once: it must be of a later step than the last one that passed. The caller keeps that step and
 *    writes it in the transaction that reads it.
 */

import { Secret as Key, TOTP } from "otpauth";
import type { Secret } from "../env/secret.ts";
import { type Instant, SECOND } from "../kernel/time.ts";

export const TOTP_PERIOD_MS = 30 * SECOND;
const DRIFT_STEPS = 1;
const DIGITS = 6;

/** Before the first step there is. */
export const NO_TOTP_STEP = -1;

/** The step of a code that passes now; undefined if it is wrong, too far off, or spent. */
export function acceptedStep(
  secret: Secret,
  code: string,
  now: Instant,
  lastStep: number,
): number | undefined {
  const token = code.replaceAll(/\s/g, "");
  if (!/^\d{6}$/.test(token)) return undefined;
  const delta = totpOf(secret).validate({ token, timestamp: now, window: DRIFT_STEPS });
  if (delta === null) return undefined;
  const step = Math.floor(now / TOTP_PERIOD_MS) + delta;
  return step > lastStep ? step : undefined;
}

/** The code of an instant, as an authenticator app shows it: for whoever stands in for a user. */
export const totpCode = (secret: Secret, at: Instant): string =>
  totpOf(secret).generate({ timestamp: at });

/** Whether a text is a secret as apps take it: base32 of at least 80 bits. */
export function isTotpSecret(text: string): boolean {
  return /^[A-Z2-7]{16,128}$/.test(text);
}

const totpOf = (secret: Secret): TOTP =>
  new TOTP({
    secret: Key.fromBase32(secret.reveal()),
    algorithm: "SHA1",
    digits: DIGITS,
    period: TOTP_PERIOD_MS / SECOND,
  });
