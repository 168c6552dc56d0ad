/** Records to store in tests: one of each kind, as small as their types allow. */

import type { Chain } from "../../src/kernel/chain.ts";
import { DEFAULT_POLICY } from "../../src/kernel/policy.ts";
import { begin } from "../../src/kernel/present.ts";
import type { ConnectionRecord } from "../../src/store/connection-record.ts";
import type { ChainRecord, ClientRecord, DeploymentRecord } from "../../src/store/records.ts";

export const deployment = (value: string | number): DeploymentRecord => ({ value: String(value) });

export const client = (realm: string, clientId: string): ClientRecord => ({
  realm,
  clientId,
  kind: "confidential",
  secretDigest: null,
  redirectUris: [],
  grantTypes: ["refresh_token"],
  scope: [],
  tenant: null,
  approved: true,
  revisions: [{ revision: 1, at: Number.NEGATIVE_INFINITY, revive: false, policy: {} }],
});

/** The store reads nothing of a connection but when it is due. */
export const connection = (name: string, due: number): ConnectionRecord =>
  ({ name, due }) as unknown as ConnectionRecord;

export const chain = (clientId: string, value?: Chain): ChainRecord => ({
  chain: value ?? begin(DEFAULT_POLICY, 1, 1_700_000_000_000, "attempt-1").chain,
  client: clientId,
  subject: "søren",
  realm: "main",
  scope: ["openid", "profile"],
  resources: [],
  refreshable: true,
  grantType: "authorization_code",
  secret: "x".repeat(86),
});
