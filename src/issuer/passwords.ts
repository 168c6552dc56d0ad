/**
 * Passwords of resource owners: Argon2id by the runtime's own implementation. RFC 9106
 *
 * 1. Costs are what OWASP asks for at least, 19 MiB and two passes: about 30 ms. A hash says what it was made with, so
 *    that costs can rise while older hashes still pass.
 * 2. A key of the issuer is mixed in: whoever has the store alone cannot even try passwords.
 * 3. The account is mixed in: one account's hash proves nothing about another's.
 * 4. Hashing is done outside of transactions, off the main thread, and two at a time: the runtime's few threads also
 *    sync files and look up names, and a flood of logins must not stop that.
 */

import { argon2, type KeyObject, timingSafeEqual } from "node:crypto";
import type { Secret } from "../env/secret.ts";
import type { PasswordHash } from "../store/records.ts";
import { turnstile } from "./turnstile.ts";

/** What one hash costs. */
export interface PasswordCost {
  readonly memoryKib: number;
  readonly passes: number;
}

/** The least that OWASP's Password Storage Cheat Sheet recommends for Argon2id. */
export const PASSWORD_COST: PasswordCost = { memoryKib: 19 * 1024, passes: 2 };

export const PASSWORD_SALT_BYTES = 16;
const TAG_BYTES = 32;
const LANES = 1;

/** Of the four threads that the runtime has by default. */
const AT_ONCE_MAX = 2;
const inTurn = turnstile(AT_ONCE_MAX);

export interface Passwords {
  /** The salt must be fresh. */
  hash(account: string, password: Secret, salt: Uint8Array): Promise<PasswordHash>;
  /** Takes as long where there is no hash as where the password is wrong. */
  matches(account: string, password: Secret, hash: PasswordHash | undefined): Promise<boolean>;
}

export function passwordsWith(key: KeyObject, cost: PasswordCost = PASSWORD_COST): Passwords {
  const secret = key.export();
  const noHash: PasswordHash = {
    ...cost,
    lanes: LANES,
    salt: Buffer.alloc(PASSWORD_SALT_BYTES).toString("base64url"),
    tag: Buffer.alloc(TAG_BYTES).toString("base64url"),
  };
  const tagOf = (account: string, password: Secret, made: Omit<PasswordHash, "tag">) => {
    const { memoryKib, passes, lanes, salt } = made;
    const parameters = {
      // One spelling for what looks the same on every keyboard. NIST SP 800-63B, section 3.1.1.2
      message: password.reveal().normalize("NFKC"),
      nonce: Buffer.from(salt, "base64url"),
      parallelism: lanes,
      tagLength: TAG_BYTES,
      memory: memoryKib,
      passes,
      secret,
      associatedData: account,
    };
    const hashed = (): Promise<Buffer> =>
      new Promise((resolve, reject) =>
        argon2("argon2id", parameters, (error, tag) => (error ? reject(error) : resolve(tag))),
      );
    return inTurn(hashed);
  };
  return {
    async hash(account, password, salt) {
      const made = { ...cost, lanes: LANES, salt: Buffer.from(salt).toString("base64url") };
      const tag = await tagOf(account, password, made);
      return { ...made, tag: tag.toString("base64url") };
    },
    async matches(account, password, hash) {
      const stored = hash ?? noHash;
      const tag = await tagOf(account, password, stored);
      const equal = timingSafeEqual(tag, Buffer.from(stored.tag, "base64url"));
      return equal && hash !== undefined;
    },
  };
}
