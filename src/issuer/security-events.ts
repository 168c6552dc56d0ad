/**
 * What becomes of an owner's grants when something happens to the account. RFC 9700, section 4.14.2
 *
 * The account changes first, durably; then every authorization of its owner is revoked, with codes that are still
 * open. If that fails halfway, the call fails and may be made again: nothing is lost by revoking twice.
 */

import type { Accounts } from "./accounts.ts";
import type { Issuer } from "./issuer.ts";

export interface SecurityEvents {
  readonly passwordChange: "keep" | "revoke";
  /** All sessions of an account end with it. */
  readonly signOut: "keep" | "revoke";
}

/** Apps go on working: the owner takes their access away one by one, or by the vendor's own means. */
export const GRANTS_KEPT: SecurityEvents = { passwordChange: "keep", signOut: "keep" };

/** Accounts whose events do what was declared. */
export function withSecurityEvents(
  accounts: Accounts,
  issuer: Pick<Issuer, "listClients" | "revokeAuthorization">,
  { passwordChange, signOut }: SecurityEvents,
): Accounts {
  const revokeAll = async (subject: string): Promise<void> => {
    for await (const { clientId } of issuer.listClients()) {
      await issuer.revokeAuthorization({ clientId, subject });
    }
  };
  return {
    ...accounts,
    async changePassword(username, password) {
      await accounts.changePassword(username, password);
      if (passwordChange === "revoke") await revokeAll(username);
    },
    async endSessions(username) {
      await accounts.endSessions(username);
      if (signOut === "revoke") await revokeAll(username);
    },
  };
}
