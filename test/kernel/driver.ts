/**
 * A client (or several, or a thief) playing against the kernel: time is a number, tokens are serials, and what the
 * kernel says must be written is written.
 *
 * `refresh` and `consent` insist on success and return the new token; `refusal` insists on refusal; `present` and
 * `redeem` only ask.
 */

import assert from "node:assert/strict";
import {
  type After,
  type Authorization,
  type Decision,
  deadByScope,
  delist,
  NEW_TALLY,
  newAuthorization,
  openCode,
  present,
  redeem,
  revokeAll,
  type Scopes,
  type Tally,
} from "../../src/kernel/authorization.ts";
import {
  type AccessGrant,
  type Answer,
  accessActive,
  type Chain,
  isAccepted,
  type Presented,
  revoke,
  revokeAccess,
} from "../../src/kernel/chain.ts";
import { chainKey, type Ordinal } from "../../src/kernel/ids.ts";
import { newest, type Policy, type Revision } from "../../src/kernel/policy.ts";
import { settle } from "../../src/kernel/policy-change.ts";
import { accessUsed } from "../../src/kernel/present.ts";
import type { ChainRefusal, CodeRefusal, Refusal } from "../../src/kernel/refusal.ts";
import type { Duration, Instant } from "../../src/kernel/time.ts";

/** A refresh token in somebody's hands, with the access token that came with it. */
export interface Held extends Presented {
  readonly ordinal: Ordinal;
  readonly access: AccessGrant;
}

export interface Code {
  readonly ordinal: Ordinal;
  readonly openedAt: Instant;
}

/** What several authorizations share: the records of their subject or client. */
export class Box {
  tally: Tally = NEW_TALLY;
}

/** 2026-01-15T12:00:00Z: no border of day, month or daylight saving time is near. */
export const NOON: Instant = Date.UTC(2026, 0, 15, 12);

interface Setup {
  readonly at?: Instant;
  readonly id?: string;
  readonly subject?: Box;
  readonly client?: Box;
}

/** One client acting for one subject. */
export class Play {
  now: Instant;
  revisions: Revision[];
  authorization: Authorization;
  readonly chains: Map<Ordinal, Chain> = new Map();
  readonly subject: Box;
  readonly client: Box;
  #attempts = 0;

  constructor(policy: Policy, { at = NOON, id = "a", subject, client }: Setup = {}) {
    this.now = at;
    this.revisions = [{ revision: 1, policy, at, revive: false }];
    this.authorization = newAuthorization(id);
    this.subject = subject ?? new Box();
    this.client = client ?? new Box();
  }

  get policy(): Policy {
    return newest(this.revisions).policy;
  }

  get scopes(): Scopes {
    const { authorization, subject, client } = this;
    return { authorization, subject: subject.tally, client: client.tally };
  }

  /** A chain as it is written; the last one unless told. */
  chain(ordinal: Ordinal = Math.max(...this.chains.keys())): Chain {
    const chain = this.chains.get(ordinal);
    assert.ok(chain, `no chain ${ordinal}`);
    return chain;
  }

  /** The same chain, settled under the newest revision. */
  settled(ordinal?: Ordinal): Chain {
    return settle(this.chain(ordinal), this.revisions);
  }

  wait(duration: Duration): this {
    this.now += duration;
    return this;
  }

  change(policy: Policy, { revive = false }: { readonly revive?: boolean } = {}): this {
    const revision = newest(this.revisions).revision + 1;
    this.revisions = [...this.revisions, { revision, policy, at: this.now, revive }];
    return this;
  }

  open(): Code {
    this.authorization = openCode(this.authorization);
    return { ordinal: this.authorization.opened, openedAt: this.now };
  }

  redeem(code: Code): Decision<CodeRefusal | ChainRefusal> {
    const decision = redeem({
      scopes: this.scopes,
      code,
      chain: this.chains.get(code.ordinal),
      revisions: this.revisions,
      now: this.now,
      attempt: this.#nextAttempt(),
    });
    this.#write(code.ordinal, decision.after);
    return decision;
  }

  /** Opens a code and redeems it. */
  consent(): Held {
    const code = this.open();
    return this.held(code.ordinal, granted(this.redeem(code)));
  }

  present(token: Presented & { readonly ordinal: Ordinal }): Decision<ChainRefusal> {
    const decision = present({
      scopes: this.scopes,
      ordinal: token.ordinal,
      chain: this.chain(token.ordinal),
      token: { serial: token.serial, issuedAt: token.issuedAt },
      revisions: this.revisions,
      now: this.now,
      attempt: this.#nextAttempt(),
    });
    this.#write(token.ordinal, decision.after);
    return decision;
  }

  /** What the client holds after an answer; if it names no refresh token, the one presented. */
  held(ordinal: Ordinal, answer: Answer, before?: Presented): Held {
    const refresh = answer.refresh ?? before ?? { serial: 0, issuedAt: this.now };
    return { ordinal, serial: refresh.serial, issuedAt: refresh.issuedAt, access: answer.access };
  }

  /** Presents a token, which must be accepted. */
  refresh(token: Held): Held {
    return this.held(token.ordinal, granted(this.present(token)), token);
  }

  /** Presents a token, which must be refused. */
  refusal(token: Presented & { readonly ordinal: Ordinal }): ChainRefusal {
    return refused(this.present(token));
  }

  /** Presents a token, which must be refused for this reason. */
  refuses(token: Presented & { readonly ordinal: Ordinal }, reason: ChainRefusal["reason"]): void {
    assert.equal(this.refusal(token).reason, reason);
  }

  /** Whether a token is in the accepted set: by its chain, and by the scopes around it. */
  accepts(token: Presented & { readonly ordinal: Ordinal }): boolean {
    const chain = this.settled(token.ordinal);
    const dead = deadByScope(this.scopes, token.ordinal, chain);
    return dead === null && isAccepted(chain, this.policy, token, this.now);
  }

  /** Whether an access token is accepted by its chain. */
  acceptsAccess(token: Held): boolean {
    return accessActive(this.settled(token.ordinal), this.policy, token.access, this.now);
  }

  /** A resource server accepts the access token that came with a refresh token. */
  useAccess(token: Held): void {
    const { ordinal, access } = token;
    const used = accessUsed(this.settled(ordinal), this.policy, access.serial, this.now);
    this.chains.set(ordinal, used);
  }

  revokeAccess(token: Held): void {
    const chain = revokeAccess(this.settled(token.ordinal), token.access, this.now);
    this.chains.set(token.ordinal, chain);
  }

  /** The owner ends one chain. */
  revoke(ordinal: Ordinal = Math.max(...this.chains.keys())): void {
    const revocation = { at: this.now, by: "owner", accessTokens: "revoke" } as const;
    const key = chainKey(this.authorization.id, ordinal);
    this.#write(ordinal, {
      chain: revoke(this.chain(ordinal), revocation),
      ...delist(this.scopes, key),
    });
  }

  /** The owner ends every chain of the client. */
  revokeAll(): void {
    this.authorization = revokeAll(this.authorization, this.now, "revoke");
  }

  #nextAttempt(): string {
    this.#attempts += 1;
    return `attempt ${this.#attempts}`;
  }

  #write(ordinal: Ordinal, after: After): void {
    if (after.chain) this.chains.set(ordinal, after.chain);
    if (after.authorization) this.authorization = after.authorization;
    if (after.subject) this.subject.tally = after.subject;
    if (after.client) this.client.tally = after.client;
  }
}

export function granted<R extends Refusal>(decision: Decision<R>): Answer {
  assert.ok(decision.granted, JSON.stringify(decision));
  return decision.answer;
}

export function refused<R extends Refusal>(decision: Decision<R>): R {
  assert.ok(!decision.granted, JSON.stringify(decision));
  return decision.refusal;
}
