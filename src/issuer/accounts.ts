/**
 * The accounts of a realm: resource owners with a password and, where they have one, a second factor.
 *
 * 1. An account's name is the subject of what it consents to.
 * 2. What is unknown costs what is wrong: the same lanes of the throttle, the same hash.
 * 3. A second factor's code passes once: the step it belongs to is written in the transaction that checked it.
 * 4. A session is no row. Whoever holds one holds the account's epoch of that time; a changed password and an end of
 *    all sessions raise the epoch, durably, before they return.
 * 5. Hashes are made before a transaction, and a password is compared once more with the row that it replaces.
 */

import { KetenError } from "../env/error.ts";
import type { Random } from "../env/random.ts";
import { Secret } from "../env/secret.ts";
import type { Duration, Instant } from "../kernel/time.ts";
import type { EventType } from "../store/events.ts";
import { everyRecord } from "../store/every.ts";
import { inRealm } from "../store/realm-key.ts";
import type { AccountRecord } from "../store/records.ts";
import { type Key, keyOf, type Store } from "../store/store.ts";
import { type IssuerKeys, SALT_BYTES } from "./keys.ts";
import {
  PASSWORD_SALT_BYTES,
  type PasswordCost,
  type Passwords,
  passwordsWith,
} from "./passwords.ts";
import {
  ACCOUNT_RULE,
  ADDRESS_RULE,
  CODE_RULE,
  createThrottle,
  DEVICE_RULE,
  type Lane,
  type LaneRule,
  type Throttle,
} from "./throttle.ts";
import { acceptedStep, isTotpSecret, NO_TOTP_STEP } from "./totp.ts";

export type Locale = AccountRecord["locale"];

export interface Account {
  readonly username: string;
  readonly tenant: string | null;
  readonly locale: Locale;
  readonly hasSecondFactor: boolean;
  /** A session holds the epoch in which it began, and ends when the account's is another. */
  readonly sessionEpoch: number;
}

export interface NewAccount {
  readonly username: string;
  readonly password: Secret;
  readonly tenant?: string | null;
  readonly locale?: Locale;
  /** Base32, as authenticator apps take it. */
  readonly totpSecret?: Secret;
}

export type Checked =
  | { readonly ok: true; readonly account: Account }
  | { readonly ok: false; readonly reason: "wrong" }
  | { readonly ok: false; readonly reason: "throttled"; readonly retryAfter: Duration };

/** Where an attempt comes from. */
export interface Origin {
  /** Names a browser that has logged in to this account before; verified by the caller. */
  readonly device?: string | undefined;
  readonly address?: string | undefined;
}

export interface Accounts {
  /** @throws KetenError `config_invalid` if there is one of that name, or something is malformed */
  add(account: NewAccount): Promise<Account>;
  find(username: string): Promise<Account | undefined>;
  /** All of them, by name. */
  list(): Promise<readonly Account[]>;
  checkPassword(username: string, password: Secret, from: Origin): Promise<Checked>;
  /** Spends the code if it passes. Only for whoever has shown the password. */
  checkCode(username: string, code: string, from?: Pick<Origin, "device">): Promise<Checked>;
  /** Ends all sessions too. @throws KetenError `config_invalid` if there is no such account */
  changePassword(username: string, password: Secret): Promise<void>;
  /** @throws KetenError `config_invalid` if there is no such account */
  endSessions(username: string): Promise<void>;
}

export interface AccountsOptions {
  readonly store: Store;
  readonly random: Random;
  readonly keys: IssuerKeys;
  /** Its name. */
  readonly realm: string;
  /** The wall clock, by which codes are judged. */
  readonly now: () => Instant;
  /** Time since boot, by which waits are judged. */
  readonly uptime: () => number;
  readonly passwordCost?: PasswordCost;
}

/** Longer ones are refused unhashed: nobody types them. */
const PASSWORD_CHARACTERS_MAX = 1024;
const WRONG: Checked = { ok: false, reason: "wrong" };

export function createAccounts(options: AccountsOptions): Accounts {
  const { store, random, keys, realm, now, uptime } = options;
  const passwords = passwordsWith(keys.derive("passwords", [realm]), options.passwordCost);
  const idOf = (username: string): string => inRealm(realm, username);
  const desk = { store, keys, passwords, throttle: createThrottle(uptime), now, idOf };
  const keyFor = (username: string): Key<"account"> => keyOf("account", idOf(username));
  const hash = (username: string, password: Secret) =>
    passwords.hash(idOf(username), password, random.bytes(PASSWORD_SALT_BYTES));
  const change = (
    username: string,
    type: EventType,
    changed: (row: AccountRecord) => Partial<AccountRecord>,
  ): Promise<void> =>
    store.update([keyFor(username)], ([row]) => {
      if (!row) throw invalid(`there is no account "${username}" in realm "${realm}"`);
      const record = { ...row, sessionEpoch: row.sessionEpoch + 1, ...changed(row) };
      const events = [{ type, about: idOf(username), data: {} }];
      return { result: undefined, writes: [record], events };
    });

  return {
    async add(account) {
      checkNew(account);
      const { username, password, tenant = null, locale = "en", totpSecret } = account;
      const record: AccountRecord = {
        realm,
        username,
        tenant,
        locale,
        password: await hash(username, password),
        totpSecret: totpSecret
          ? sealTotpSecret(keys, idOf(username), totpSecret, random.bytes(SALT_BYTES))
          : null,
        totpStep: NO_TOTP_STEP,
        sessionEpoch: 0,
      };
      return store.update([keyFor(username)], ([row]) => {
        if (row) throw invalid(`account "${username}" exists already in realm "${realm}"`);
        const events = [{ type: "account.added", about: idOf(username), data: {} } as const];
        return { result: accountOf(record), writes: [record], events };
      });
    },
    async find(username) {
      const row = isUsername(username) ? await store.read(keyFor(username)) : undefined;
      return row && accountOf(row);
    },
    async list() {
      const found: Account[] = [];
      for await (const { record } of everyRecord(store, "account", { owner: realm })) {
        found.push(accountOf(record));
      }
      return found;
    },
    checkPassword: (username, password, from) => checkPassword(desk, username, password, from),
    checkCode: (username, code, from = {}) => checkCode(desk, username, code, from),
    async changePassword(username, password) {
      checkPasswordText(password);
      const made = await hash(username, password);
      await change(username, "account.passwordChanged", () => ({ password: made }));
    },
    endSessions: (username) => change(username, "account.sessionsEnded", () => ({})),
  };
}

/** What a check works with. */
interface AccountDesk {
  readonly store: Store;
  readonly keys: IssuerKeys;
  readonly passwords: Passwords;
  readonly throttle: Throttle;
  readonly now: () => Instant;
  readonly idOf: (username: string) => string;
}

async function checkPassword(
  { store, passwords, throttle, idOf }: AccountDesk,
  username: string,
  password: Secret,
  from: Origin,
): Promise<Checked> {
  const admission = throttle.begin(lanesOf(username, from));
  if (!admission.admitted) return throttled(admission.retryAfter);
  if (password.reveal().length > PASSWORD_CHARACTERS_MAX) return WRONG;
  const id = idOf(username);
  const row = isUsername(username) ? await store.read(keyOf("account", id)) : undefined;
  if (!(await passwords.matches(id, password, row?.password)) || !row) return WRONG;
  admission.succeeded();
  return { ok: true, account: accountOf(row) };
}

async function checkCode(
  { store, keys, throttle, now, idOf }: AccountDesk,
  username: string,
  code: string,
  { device }: Pick<Origin, "device">,
): Promise<Checked> {
  if (!isUsername(username)) return WRONG;
  // A known browser has a lane of its own here too: whoever has the password must not lock out who has both.
  const ids = device === undefined ? [username] : [username, device];
  const admission = throttle.begin([laneOf("code", ids, CODE_RULE)]);
  if (!admission.admitted) return throttled(admission.retryAfter);
  const at = now();
  const id = idOf(username);
  const checked = await store.update([keyOf("account", id)], ([row]) => {
    const secret = row && unsealTotpSecret(keys, id, row.totpSecret);
    const step = secret && acceptedStep(secret, code, at, row.totpStep);
    if (!row || step === undefined) return { result: WRONG };
    const record = { ...row, totpStep: step };
    const result: Checked = { ok: true, account: accountOf(record) };
    return { result, writes: [record] };
  });
  if (checked.ok) admission.succeeded();
  return checked;
}

const accountOf = ({ username, tenant, locale, totpSecret, sessionEpoch }: AccountRecord) => ({
  username,
  tenant,
  locale,
  hasSecondFactor: totpSecret !== null,
  sessionEpoch,
});

const throttled = (retryAfter: Duration): Checked => ({
  ok: false,
  reason: "throttled",
  retryAfter,
});

/** Names are JSON, so that no user name reads like another lane. */
const laneOf = (kind: string, ids: readonly string[], rule: LaneRule, shared = false): Lane => ({
  name: JSON.stringify([kind, ...ids]),
  rule,
  shared,
});

function lanesOf(username: string, { device, address }: Origin): readonly Lane[] {
  if (device !== undefined) return [laneOf("device", [username, device], DEVICE_RULE)];
  const ofAccount = laneOf("account", [username.slice(0, USERNAME_CHARACTERS_MAX)], ACCOUNT_RULE);
  return address === undefined
    ? [ofAccount]
    : [ofAccount, laneOf("address", [networkOf(address)], ADDRESS_RULE, true)];
}

/** An address as one subscriber has it: of IPv6, its first 64 bits. */
function networkOf(address: string): string {
  if (!address.includes(":") || address.includes(".")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  const after = tail ? tail.split(":") : [];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - after.length);
  return [...groups, ...Array<string>(zeros).fill("0"), ...after].slice(0, 4).join(":");
}

// --- the second factor's secret, sealed for its account ---------------------------------------------------

function sealTotpSecret(keys: IssuerKeys, id: string, secret: Secret, salt: Uint8Array): string {
  return keys.seal("totp secret", [id], Buffer.from(secret.reveal()), salt);
}

function unsealTotpSecret(keys: IssuerKeys, id: string, sealed: string | null): Secret | undefined {
  if (sealed === null) return undefined;
  const plain = keys.unseal("totp secret", [id], sealed);
  if (!plain) {
    throw new KetenError("seal_broken", `the second factor of account "${id}" cannot be opened`);
  }
  return new Secret(plain.toString());
}

// --- what an account may be -------------------------------------------------------------------------------

const USERNAME_CHARACTERS_MAX = 256;

/** Printable, without a space at either end, and short enough to be a subject. */
export const isUsername = (text: string): boolean =>
  text.length >= 1 &&
  text.length <= USERNAME_CHARACTERS_MAX &&
  text.isWellFormed() &&
  text.trim() === text &&
  !/\p{Cc}/u.test(text);

const invalid = (message: string): KetenError => new KetenError("config_invalid", message);

function checkNew({ username, password, totpSecret }: NewAccount): void {
  if (!isUsername(username)) {
    throw invalid(
      `account name ${JSON.stringify(username)}: expected 1 to ${USERNAME_CHARACTERS_MAX} printable characters, no space at either end`,
    );
  }
  checkPasswordText(password);
  if (totpSecret && !isTotpSecret(totpSecret.reveal())) {
    throw invalid(`second factor of "${username}": expected 16 to 128 characters of base32`);
  }
}

function checkPasswordText(password: Secret): void {
  const { length } = password.reveal();
  if (length >= 1 && length <= PASSWORD_CHARACTERS_MAX) return;
  throw invalid(`password: expected 1 to ${PASSWORD_CHARACTERS_MAX} characters, got ${length}`);
}
