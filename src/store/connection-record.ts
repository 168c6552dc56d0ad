/**
 * The keychain's record of one connection: provider x app x account, with what is held of its chain. It names all
 * that a refresh needs, so that any process with the key can carry it on.
 */

import type { Holding } from "../kernel/holding.ts";
import type { Reading } from "../kernel/outcome.ts";
import type { Instant } from "../kernel/time.ts";

export interface ProviderSettings {
  /** The preset it came from, for people; null where given by hand. */
  readonly preset: string | null;
  readonly tokenEndpoint: string;
  /** RFC 6749, section 2.3.1: HTTP Basic, or in the body. */
  readonly clientAuthentication: "basic" | "body";
  /** The policies that may be in force there, each as `formatPolicy` writes it; never empty. */
  readonly policies: readonly unknown[];
  /** Where a GET with an access token tells whether it is dead; absent where no such address is known. */
  readonly probeEndpoint?: string;
  /** How it spells refusals. */
  readonly readings: readonly Reading[];
}

export interface ConnectionRecord {
  readonly name: string;
  readonly createdAt: Instant;
  readonly provider: ProviderSettings;
  readonly clientId: string;
  /** Sealed; null for public clients. */
  readonly clientSecret: string | null;
  readonly holding: Holding;
  /** When something is to be done next; Infinity for nothing. */
  readonly due: Instant;
}
