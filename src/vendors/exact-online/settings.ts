/**
 * What can be set of one stand-in while it runs: the positions of its switches, and what the vendor grants single apps.
 *
 * 1. A setting that concerns the policy is a new revision of every app's policy; what it does to living chains,
 *    `kernel/policy.ts` says. An app whose policy stays as it was gets none.
 * 2. All policies are read before the first is changed: what cannot be is refused and nothing has happened.
 * 3. Settings live as long as the server. Policies lie in the store: over a store that outlives the server, a setting of
 *    the policy does too, until somebody sets another.
 */

import type { Issuer } from "../../issuer/issuer.ts";
import { readPolicy } from "../../issuer/policy-input.ts";
import { formatPolicy } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";
import type { ClientRecord } from "../../store/records.ts";
import type { ExactOnlineDialectOptions } from "./dialect.ts";
import {
  type Effect,
  effectsOf,
  OLD_TOKENS_ALLOWED,
  type Positions,
  policyChangeOf,
  QUOTA_EXEMPT,
  type ServerOptions,
  serverOptionsOf,
  wordsOf,
} from "./switches.ts";

/** What the vendor grants one app when asked. forums.invantive.com t/1223; picqer/exact-php-client issue 523 */
export interface Favours {
  readonly oldTokensAllowed?: boolean;
  readonly quotaExempt?: boolean;
}

/** An app at its site. */
export interface App {
  readonly issuer: Issuer;
  readonly client: ClientRecord;
}

export interface Settings {
  /** The positions that differ from the defaults. */
  positions(): Positions;
  server(): ServerOptions;
  words(): ExactOnlineDialectOptions;
  favoursOf(app: App): Favours;
  /** The policy of an app without favours, over the one that the stand-in was started with. */
  policy(base: Policy): Policy;
  /** @throws KetenError `config_invalid` if a switch or a position is unknown, `policy_invalid` if no policy could be so */
  turn(change: Positions, base: Policy, apps: readonly App[]): Promise<void>;
  /** @throws KetenError `policy_invalid` if no policy could be so */
  favour(app: App, change: Favours, base: Policy): Promise<void>;
}

/** Settings that begin in some positions, which the policy that the stand-in is started with has already. */
export function createSettings(initial: Positions): Settings {
  const favours = new Map<string, Favours>();
  let turned: Positions = {};
  const positions = (): Positions => ({ ...initial, ...turned });
  const keyOf = ({ client }: App): string => `${client.realm}/${client.clientId}`;
  const favoursOf = (app: App): Favours => favours.get(keyOf(app)) ?? {};
  return {
    positions,
    server: () => serverOptionsOf(positions()),
    words: () => wordsOf(positions()),
    favoursOf,
    policy: (base) => policyWith(effectsOf(turned), base),
    async turn(change, base, apps) {
      const changes = effectsOf(change);
      if (changes.some(({ policy }) => policy)) {
        const effects = effectsOf({ ...turned, ...change });
        const revive = changes.some((effect) => effect.revive);
        const policies = apps.map((app) => {
          const policy = policyWith([...effects, ...favoursIn(favoursOf(app))], base);
          return { app, policy };
        });
        for (const { app, policy } of policies) await changePolicy(app, policy, revive);
      }
      turned = { ...turned, ...change };
    },
    async favour(app, change, base) {
      const next = { ...favoursOf(app), ...change };
      const policy = policyWith([...effectsOf(turned), ...favoursIn(next)], base);
      await changePolicy(app, policy, change.oldTokensAllowed === true);
      favours.set(keyOf(app), next);
    },
  };
}

const favoursIn = ({ oldTokensAllowed, quotaExempt }: Favours): readonly Effect[] => [
  ...(oldTokensAllowed ? [OLD_TOKENS_ALLOWED] : []),
  ...(quotaExempt ? [QUOTA_EXEMPT] : []),
];

/** @throws KetenError `policy_invalid` naming every problem */
const policyWith = (effects: readonly Effect[], base: Policy): Policy =>
  readPolicy(policyChangeOf(effects), { base });

async function changePolicy(
  { issuer, client }: App,
  policy: Policy,
  revive: boolean,
): Promise<void> {
  const now = client.revisions.at(-1)?.policy;
  if (JSON.stringify(now) === JSON.stringify(formatPolicy(policy))) return;
  await issuer.changePolicy(client.clientId, policy, { revive });
}
