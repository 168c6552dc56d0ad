/** Every mistake that is planted, by where it is made. A new rule of the protocol brings its mutant along. */

import { COURIER_MUTANTS } from "./courier-mutants.ts";
import { HOLDER_MUTANTS } from "./holder-mutants.ts";
import { ISSUER_MUTANTS } from "./issuer-mutants.ts";
import { KEYCHAIN_MUTANTS } from "./keychain-mutants.ts";
import type { Mutant } from "./mutant.ts";
import { RELAY_MUTANTS } from "./relay-mutants.ts";
import { STORE_MUTANTS } from "./store-mutants.ts";

export const MUTANTS: readonly Mutant[] = [
  ...HOLDER_MUTANTS,
  ...KEYCHAIN_MUTANTS,
  ...COURIER_MUTANTS,
  ...STORE_MUTANTS,
  ...ISSUER_MUTANTS,
  ...RELAY_MUTANTS,
];
