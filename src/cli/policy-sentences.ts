/**
 * A policy in plain words, and what a change of policy means to clients and to chains that live.
 *
 * 1. A sentence is told where it matters to whoever writes a client or reads an incident; bare defaults are left out.
 * 2. What a change shortens is `kernel/diff`'s to say. Here stands what clients notice, which follows from the fields
 *    together and from none alone.
 */

import { fixedEnd, spanOf } from "../explorer/chain-play.ts";
import { holdsEverySerialOpen, type Policy, type Quota } from "../kernel/policy.ts";
import { type Dated, type Duration, FOREVER } from "../kernel/time.ts";
import { SCOPES } from "./policy-check-words.ts";

/** The policy, sentence by sentence. */
export function explained(policy: Policy): readonly string[] {
  return [
    ...rotation(policy),
    ...overlap(policy),
    ...replay(policy),
    ...ends(policy),
    ...limits(policy),
    ...access(policy),
  ];
}

function rotation({ rotate, unrotated, register }: Policy): string[] {
  const same = unrotated === "repeat" ? "the same refresh token again" : "no refresh token";
  const listed =
    register !== "off" && register.superseded === "keep"
      ? [`up to ${register.max} replaced tokens stay listed in the store although they are dead`]
      : [];
  if (rotate === "always") return ["every refresh issues a new refresh token", ...listed];
  if (rotate === "never") {
    return [`one refresh token serves all refreshes: an answer carries ${same}`, ...listed];
  }
  const from =
    "every" in rotate
      ? `it is ${spanOf(rotate.every)} old`
      : `${rotate.fromFraction} of its life has passed`;
  return [`a refresh issues a new refresh token once ${from}, and else ${same}`, ...listed];
}

function overlap(policy: Policy): string[] {
  const { rotate, overlap: open, retry, siblings, firstUse } = policy;
  if (rotate === "never") return [];
  if (holdsEverySerialOpen(policy)) return ["a replaced token stays open, and so do all before it"];
  const stays = openWords(open, firstUse);
  if (stays === null) return ["a replaced token is refused from then on"];
  const says = [`a replaced token stays open ${stays}`];
  says.push(`presented again, it is answered with ${answer(retry)}`);
  if (Number.isFinite(retry.limit)) says.push(`so at most ${retry.limit} times`);
  if (Number.isFinite(retry.streak)) {
    says.push(
      `after ${retry.streak} generations in a row that were presented twice, the next counts as replay`,
    );
  }
  if (siblings !== "displace") says.push(`up to ${siblings.branches} successors live side by side`);
  return says;
}

function openWords(
  { untilUsed, atMost, atLeast, reach }: Policy["overlap"],
  firstUse: Policy["firstUse"],
): string | null {
  const back = reach === 1 ? "" : `, if it is at most ${reach} generations back`;
  const least = `for ${spanOf(atLeast)}${back}`;
  if (!untilUsed) return atLeast > 0 ? least : null;
  const most = atMost === FOREVER ? "" : `, for at most ${spanOf(atMost)}`;
  const use = firstUse === "refresh" ? "used" : "used, or its access token is";
  const also = atLeast > 0 ? `, and in any case ${least}` : "";
  return `until its successor is ${use}${most}${also}`;
}

function answer({ answer: given }: Policy["retry"]): string {
  if (given === "current") return "the same successor";
  if (given === "new") return "a new successor, and the one before is dropped";
  return `the same successor for ${spanOf(given.currentFor)}, then with a new one`;
}

function replay({ replay: { action, accessTokens, sparing } }: Policy): string[] {
  if (action === "refuse") return ["presenting a dead token is refused and does no more"];
  const what = action === "revokeChain" ? "the chain" : "all chains of the client and subject";
  const tokens = accessTokens === "revoke" ? " with its access tokens" : "";
  const spared = sparing > 0 ? `, unless it died less than ${spanOf(sparing)} ago` : "";
  return [`presenting a dead token ends ${what}${tokens}${spared}`];
}

function ends(policy: Policy): string[] {
  const { lifetime, idle, authorization } = policy.expiry;
  const isFixed = policy.rotate === "never";
  return [
    ...limit(lifetime, (span) =>
      isFixed
        ? `the chain ends ${span} after the token's issue, and no refresh moves that`
        : `a token ends ${span} after its issue, and every new one begins anew`,
    ),
    ...limit(idle, (span) => `a token ends ${span} after it was last used`),
    ...(policy.usedFor === FOREVER
      ? []
      : [`a token ends ${spanOf(policy.usedFor)} after its first use`]),
    ...limit(
      authorization,
      (span) => `the authorization ends ${span} after the grant, and no refresh moves that`,
    ),
  ];
}

function limit(steps: Dated<Duration>, says: (span: string) => string): string[] {
  return steps.flatMap(({ from, value }) => {
    const since = Number.isFinite(from)
      ? ` (for tokens issued from ${new Date(from).toISOString().slice(0, 10)})`
      : "";
    return value === FOREVER && since === "" ? [] : [`${says(spanOf(value))}${since}`];
  });
}

const OVER = {
  evictOldest: "one more ends the oldest, without notice",
  evictLeastRecent: "one more ends the one that was used least recently",
  refuse: "one more is refused",
} as const;

function limits({ caps, minInterval, quota, code }: Policy): string[] {
  return [
    ...caps.map(
      ({ per, max, over }) =>
        `at most ${max} ${max === 1 ? "chain lives" : "chains live"} per ${SCOPES[per]}: ${OVER[over]}`,
    ),
    ...(minInterval > 0
      ? [`a chain may be refreshed again only after ${spanOf(minInterval)}`]
      : []),
    ...quota.map(quotaWords),
    ...(code.parallel === "lastOpened"
      ? ["of several open codes only the last may be redeemed"]
      : []),
  ];
}

function quotaWords({ per, max, window, counts }: Quota): string {
  const span = "day" in window ? `day in ${window.day}` : spanOf(window.sliding);
  const calls = counts === "all" ? "token calls" : "granted token calls";
  return `at most ${max} ${calls} per ${SCOPES[per]} and ${span}`;
}

function access({ access: { lifetime, ends: end, max, form } }: Policy): string[] {
  const early =
    end === "own"
      ? ""
      : end === "superseded"
        ? ", or when its refresh token is replaced"
        : ", or when its refresh token is closed";
  const count = Number.isFinite(max) ? [`the newest ${max} access tokens of a chain live`] : [];
  const kind = form === "opaque" ? [] : [`access tokens have the form ${form}`];
  return [`an access token ends after ${spanOf(lifetime)}${early}`, ...count, ...kind];
}

// --- a change -------------------------------------------------------------------------------------------

/** What clients, and chains that live, notice of a change beyond what each field says. */
export function noticed(before: Policy, after: Policy): readonly string[] {
  return [
    ...rotationNoticed(before, after),
    ...slidingNoticed(before, after),
    ...registerNoticed(before, after),
    ...intervalNoticed(before, after),
  ];
}

const rotates = ({ rotate }: Policy): boolean => rotate !== "never";
const opens = ({ overlap: { atLeast, untilUsed } }: Policy): boolean => atLeast > 0 || untilUsed;

function rotationNoticed(before: Policy, after: Policy): string[] {
  if (rotates(before) && !rotates(after)) {
    return [
      after.unrotated === "omit"
        ? "an answer carries no refresh token any more: the client must keep the one it has, not overwrite it with nothing"
        : "an answer repeats the refresh token that was presented",
      "the refresh token that a client holds now works again and again until its end, also for two workers at once and after a lost answer",
      "a copy of it works as long as it does: nobody notices a thief by its refreshes",
    ];
  }
  if (rotates(after) && !rotates(before)) {
    const old = opens(after)
      ? "the old one stays open only for a while"
      : "the old one is refused from then on";
    return [
      `every refresh issues a new refresh token, and ${old}: the client must store the new one before it does anything else`,
      ...(opens(after)
        ? []
        : [
            "a client that loses an answer has lost its chain, and so may one of two workers without a lock",
          ]),
    ];
  }
  return [];
}

/** Whether a refresh moves the end of a chain. */
const slides = (policy: Policy): boolean =>
  rotates(policy) && policy.expiry.lifetime.some(({ value }) => value !== FOREVER);

function slidingNoticed(before: Policy, after: Policy): string[] {
  const [was, is] = [fixedEnd(before), fixedEnd(after)];
  const span = spanOf(is.after);
  if (is.after !== FOREVER && was.after === FOREVER) {
    const from =
      is.by === "lifetime" ? "the issue of the token that its client holds now" : "its grant";
    const since = slides(before)
      ? "a chain that moved its end with every refresh"
      : "a chain that had no fixed end";
    return [`${since} now ends ${span} after ${from}: then a person must consent again`];
  }
  if (was.after !== FOREVER && is.after === FOREVER) {
    const moved = slides(after) ? "every refresh moves the end on" : "it has no fixed end any more";
    return [
      `a chain that ended ${spanOf(was.after)} after its grant, whatever its client did, no longer does: ${moved}`,
    ];
  }
  return [];
}

function registerNoticed({ register: was }: Policy, { register: is }: Policy): string[] {
  const piles = (register: Policy["register"]) =>
    register !== "off" && register.superseded === "keep";
  if (piles(is) && !piles(was)) {
    return ["replaced tokens pile up in the store's list, although they are dead"];
  }
  if (piles(was) && !piles(is)) {
    return ["no more replaced tokens pile up in the store's list"];
  }
  return [];
}

function intervalNoticed(before: Policy, after: Policy): string[] {
  if (after.minInterval <= before.minInterval) return [];
  return [
    `a client that refreshes sooner than ${spanOf(after.minInterval)} after the last time is told to wait`,
  ];
}
