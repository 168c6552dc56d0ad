/**
 * Change of policy: a chain settled under the revisions made since it was last touched.
 *
 * 1. What was dead under the old revision at the instant of the change stays dead, unless the change says `revive`.
 * 2. Settling is computed, not scheduled: the value is the same whenever it is asked for, and is written with the next
 *    accepted request.
 */

import { type Chain, type Entry, isAccepted } from "./chain.ts";
import { holdsEverySerialOpen, type Policy, type Revision } from "./policy.ts";

/**
 * Settles a chain under the newest revision, going through every change since it was last touched.
 *
 * At each change, what was dead under the old revision is dropped and `floor` rises above every serial, so that
 * nothing revives; unless the change says `revive`, or both revisions hold every serial open with equal limits.
 * The value is the same whenever it is computed; it is written with the next accepted request.
 */
export function settle(chain: Chain, revisions: readonly Revision[]): Chain {
  let settled = chain;
  for (const [index, change] of revisions.entries()) {
    if (change.revision <= settled.revision) continue;
    const before = revisions[index - 1]?.policy;
    if (!before) throw new RangeError(`policy revision ${settled.revision} is not known any more`);
    settled = change.revive ? reopened(settled) : dropDead(settled, before, change);
    settled = { ...settled, revision: change.revision };
  }
  return settled;
}

/** What was closed for good is open again as far as the policy holds it so. */
function reopened(chain: Chain): Chain {
  const isClosed = ({ retries }: Entry): boolean => retries === Number.POSITIVE_INFINITY;
  if (!chain.entries.some(isClosed)) return chain;
  const entries = chain.entries.map((entry) =>
    isClosed(entry) ? { ...entry, retries: 0 } : entry,
  );
  return { ...chain, entries };
}

function dropDead(chain: Chain, before: Policy, { policy, at }: Revision): Chain {
  if (rulesOfLife(before) === rulesOfLife(policy)) return chain;
  const sameLimits =
    JSON.stringify([before.expiry, before.usedFor]) ===
    JSON.stringify([policy.expiry, policy.usedFor]);
  const allStayOpen = holdsEverySerialOpen(before) && holdsEverySerialOpen(policy) && sameLimits;
  return {
    ...chain,
    floor: allStayOpen ? chain.floor : chain.last + 1,
    accessFloor: Math.max(chain.accessFloor, accessFloorAfter(chain, before, policy)),
    entries: chain.entries.filter((entry) => isAccepted(chain, before, entry, at)),
  };
}

/** Access tokens numbered below this may be dead. Where `ends` weakens, the record cannot tell which are: all end. */
function accessFloorAfter(chain: Chain, before: Policy, after: Policy): number {
  const strength = ["own", "notOpen", "superseded"];
  const weakens = strength.indexOf(after.access.ends) < strength.indexOf(before.access.ends);
  return weakens ? chain.accessLast + 1 : chain.accessLast - before.access.max + 1;
}

/** What decides on whether a token lives, as text: where it stays the same, nothing needs to be dropped. */
function rulesOfLife({ overlap, firstUse, retry, usedFor, expiry, access }: Policy): string {
  return JSON.stringify([overlap, firstUse, retry, usedFor, expiry, access]);
}
