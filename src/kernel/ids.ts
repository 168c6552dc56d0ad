/**
 * Names of the things the kernel counts. An authorization is one client acting for one subject in one realm;
 * its chains are numbered, and the chain's key is the authorization's id with that number. Both keys are thus
 * known before anything is read.
 */

/** A token's number in its chain, in order of issue: 0, 1, 2 … at most 2^48. */
export type Serial = number;

/** A chain's number in its authorization, which is also the number of the code that began it: 1, 2, 3 … */
export type Ordinal = number;

export const SERIAL_MAX: Serial = 2 ** 48;

/** `<authorization id>.<ordinal>` */
export type ChainKey = string;

export function chainKey(authorizationId: string, ordinal: Ordinal): ChainKey {
  return `${authorizationId}.${ordinal}`;
}
