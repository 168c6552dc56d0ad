/**
 * The settings of a realm's service "OAuth2 Provider", and the policy that they stand for. Names as in OpenAM's JSON;
 * lifetimes in seconds, −1 for a refresh token that never ends.
 *
 * A change takes effect as every change of policy does: what it shortens ends at once, what was dead stays dead.
 */

import type { Policy } from "../../kernel/policy.ts";
import { FOREVER, type Instant, SECOND, stepAt } from "../../kernel/time.ts";
import { RestRefusal } from "./rest.ts";

export interface Settings {
  readonly codeLifetime: number;
  readonly refreshTokenLifetime: number;
  readonly accessTokenLifetime: number;
  /** Always true here: a provider without refresh tokens is nothing to keep whole. */
  readonly issueRefreshToken: boolean;
  /** The option "Issue Refresh Tokens on Refreshing Access Tokens". */
  readonly issueRefreshTokenOnRefreshedToken: boolean;
}

const NEVER = -1;
/** As far as OpenAM's own 32-bit fields reach. */
const SECONDS_MAX = 2_147_483_647;

/** Whether a refresh issues a new refresh token. */
export const rotatesIn = ({ rotate }: Policy): boolean => rotate !== "never";

export function settingsOf(policy: Policy, now: Instant): Settings {
  const lifetime = stepAt(policy.expiry.lifetime, now);
  return {
    codeLifetime: policy.code.lifetime / SECOND,
    refreshTokenLifetime: lifetime === FOREVER ? NEVER : lifetime / SECOND,
    accessTokenLifetime: policy.access.lifetime / SECOND,
    issueRefreshToken: true,
    issueRefreshTokenOnRefreshedToken: rotatesIn(policy),
  };
}

export function withSettings(policy: Policy, settings: Settings, now: Instant): Policy {
  const { codeLifetime, refreshTokenLifetime, accessTokenLifetime } = settings;
  const rotates = settings.issueRefreshTokenOnRefreshedToken;
  const lifetime = refreshTokenLifetime === NEVER ? FOREVER : refreshTokenLifetime * SECOND;
  const unchanged = stepAt(policy.expiry.lifetime, now) === lifetime;
  const steps = [{ from: Number.NEGATIVE_INFINITY, value: lifetime }];
  return {
    ...policy,
    ...(rotates === rotatesIn(policy) ? {} : optionOf(rotates, policy)),
    expiry: { ...policy.expiry, lifetime: unchanged ? policy.expiry.lifetime : steps },
    code: { ...policy.code, lifetime: codeLifetime * SECOND },
    access: { ...policy.access, lifetime: accessTokenLifetime * SECOND },
  };
}

/** With the option, what a refresh supersedes stays in the list, as the presets have it. */
function optionOf(rotates: boolean, { register }: Policy): Partial<Policy> {
  const listing = (superseded: "keep" | "drop") =>
    register === "off" ? register : { ...register, superseded };
  return rotates
    ? { rotate: "always", unrotated: "repeat", register: listing("keep") }
    : { rotate: "never", unrotated: "omit", register: listing("drop") };
}

/** Settings with what somebody asks to change. @throws RestRefusal 400 naming the attribute */
export function changedSettings(
  settings: Settings,
  asked: Readonly<Record<string, unknown>>,
  hasOption: boolean,
): Settings {
  const changed: Record<string, number | boolean> = { ...settings };
  for (const [name, value] of Object.entries(asked)) {
    if (name.startsWith("_")) continue;
    if (
      !Object.hasOwn(settings, name) ||
      (!hasOption && name === "issueRefreshTokenOnRefreshedToken")
    ) {
      throw new RestRefusal(400, `Unknown attribute "${name}"`);
    }
    changed[name] = checked(name, value, settings[name as keyof Settings]);
  }
  if (!changed.issueRefreshToken) {
    throw new RestRefusal(400, 'Attribute "issueRefreshToken": only true is played here');
  }
  return changed as unknown as Settings;
}

function checked(name: string, value: unknown, before: number | boolean): number | boolean {
  if (typeof before === "boolean") {
    if (typeof value === "boolean") return value;
    throw new RestRefusal(400, `Attribute "${name}": expected true or false`);
  }
  const never = name === "refreshTokenLifetime";
  const isSeconds = Number.isInteger(value) && Number(value) >= 1 && Number(value) <= SECONDS_MAX;
  if (isSeconds || (never && value === NEVER)) return Number(value);
  const orNever = never ? ", or -1 for never" : "";
  throw new RestRefusal(
    400,
    `Attribute "${name}": expected whole seconds from 1 to ${SECONDS_MAX}${orNever}`,
  );
}
