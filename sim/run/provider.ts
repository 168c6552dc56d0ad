/**
 * The provider: a real issuer with a vendor's policy and dialect, behind a wire that answers as its HTTP surface would.
 * One request at a time, so that each commit belongs to a known request.
 */

import type { Clock } from "../../src/env/clock.ts";
import { KetenError } from "../../src/env/error.ts";
import { Secret } from "../../src/env/secret.ts";
import {
  spellFailure,
  spellGranted,
  spellRefusal,
  type WireAnswer,
} from "../../src/http/dialect.ts";
import { parseForm } from "../../src/http/form.ts";
import { createIssuer, type Issuer } from "../../src/issuer/issuer.ts";
import { ISSUER_KEY_BYTES, issuerKeys } from "../../src/issuer/keys.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import type { Duration } from "../../src/kernel/time.ts";
import type { Codec } from "../../src/store/codec.ts";
import { openGroupCommit } from "../../src/store/group-commit.ts";
import { MemoryDatabase } from "../../src/store/memory.ts";
import type { Provider } from "../../src/vendors/provider.ts";
import type { Faults } from "./faults.ts";
import type { Arrival, Kept, Ledger, State } from "./ledger.ts";
import type { Stream } from "./random-stream.ts";
import { SimEngine } from "./sim-engine.ts";
import type { Trace } from "./trace.ts";
import type { World } from "./world.ts";

export const CLIENT_ID = "client";
const CLIENT_SECRET = "a client secret of the simulation";

const KEYS = issuerKeys({ key: Buffer.alloc(ISSUER_KEY_BYTES, 3), deployment: "simulation" });

export interface ProviderParts {
  readonly world: World;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly trace: Trace;
  readonly faults: Faults;
  readonly stream: Stream;
  readonly vendor: Provider;
  readonly policy: Policy;
  readonly rows: Codec;
}

export interface Answered {
  readonly wire: WireAnswer;
  /** The refresh token that the answer carries, or the presented one where it carries none; null for a refusal. */
  readonly carries: string | null;
}

export class SimProvider {
  readonly clientSecret: Secret = new Secret(CLIENT_SECRET);
  readonly #parts: ProviderParts;
  readonly #database = new MemoryDatabase();
  #issuer: Issuer | undefined;
  #by: State["by"] = "grant";
  #free: Promise<void> = Promise.resolve();

  constructor(parts: ProviderParts) {
    this.#parts = parts;
  }

  async open(): Promise<void> {
    const { world, clock, ledger, faults, stream, vendor, policy, rows } = this.#parts;
    const turn = () => world.turn(null);
    const names = {
      busy: null,
      read: null,
      begin: null,
      failed: "issuerCommitFailed",
      unknownApplied: "issuerCommitUnknown",
      unknownLost: null,
    } as const;
    const store = await openGroupCommit({
      clock,
      codec: rows,
      open: async () =>
        new SimEngine({
          ...{ database: this.#database, turn, faults, names },
          onCommit: (changes) => ledger.committed(changes, this.#by),
          onFault: () => {},
        }),
    });
    const { grantTypes, shapes, scopeRequired, scope } = vendor;
    const issuer = createIssuer({
      ...{ store, clock, keys: KEYS, random: stream.asRandom() },
      realm: {
        ...{ name: "simulated", issuer: "https://provider.example", shapes, scopeRequired },
        grantTypes: grantTypes.filter((type) => type !== "password"),
      },
    });
    await issuer.registerClient({
      ...{ clientId: CLIENT_ID, kind: "confidential", policy, scope },
      grantTypes: ["authorization_code", "refresh_token"],
      redirectUris: ["https://client.example/callback"],
      secret: this.clientSecret,
    });
    this.#issuer = issuer;
  }

  /** Grants a chain to a new subject; returns its first refresh token. */
  async grant(
    name: string,
    age: Duration,
  ): Promise<{ readonly kept: Kept; readonly token: string }> {
    const { ledger } = this.#parts;
    return await this.#alone("grant", async (issuer) => {
      const outcome = await issuer.grant({ clientId: CLIENT_ID, subject: name, age });
      if (!outcome.granted) throw new Error(`a grant was refused: ${outcome.refusal.reason}`);
      const token = outcome.response.refreshToken ?? "";
      const chain = outcome.trace.chain ?? "";
      const id = chain.slice(0, chain.lastIndexOf("."));
      const kept = ledger.begin(name, chain, token, {
        chain: this.#database.rows.get(`chain:${chain}`)?.bytes ?? new Uint8Array(),
        authorization: this.#database.rows.get(`authorization:${id}`)?.bytes ?? null,
      });
      return { kept, token };
    });
  }

  /** The user withdraws a consent, or gives another one to somebody else. */
  async operate(kept: Kept, what: "userRevoked" | "consentedAgain"): Promise<void> {
    const of = { clientId: CLIENT_ID, subject: kept.name };
    await this.#alone("operator", async (issuer) => {
      if (what === "userRevoked") await issuer.revokeAuthorization(of);
      else await issuer.grant(of);
    });
  }

  /** Somebody shows an access token where it is for, which may count as first use of its refresh token. */
  async use(accessToken: Secret): Promise<void> {
    await this.#alone("use", async (issuer) => {
      try {
        await issuer.checkAccess(accessToken.reveal());
      } catch (error) {
        if (!(error instanceof KetenError)) throw error;
      }
    });
  }

  /** Answers one request as the vendor's surface would. */
  async answer(
    body: string,
    authorization: string | undefined,
    arrival: Arrival,
  ): Promise<Answered> {
    const { vendor, ledger, trace, clock } = this.#parts;
    const { request } = arrival;
    return await this.#alone(arrival, async (issuer) => {
      try {
        const parameters = parseForm(body);
        const outcome = await issuer.token({ parameters, authorization });
        if (!outcome.granted) {
          arrival.reason = outcome.refusal.reason;
          trace.note(`provider refuses request ${request.id}: ${arrival.reason}`);
          return { wire: spellRefusal(vendor.dialect, outcome.refusal, outcome.at), carries: null };
        }
        const { response, trace: seen } = outcome;
        arrival.granted = true;
        arrival.answered = seen.answered;
        if (!arrival.isDuplicate) ledger.refreshes += 1;
        const carries = response.refreshToken ?? String(parameters.refresh_token);
        const serial = seen.answered ?? 0;
        if (!ledger.tokens.has(carries)) {
          ledger.tokens.set(carries, { of: request.of, serial });
          request.of.issued.set(serial, clock.now());
        }
        trace.note(`provider grants request ${request.id}: ${seen.kind}, serial ${seen.answered}`);
        return { wire: spellGranted(vendor.dialect, response), carries };
      } catch (error) {
        if (!(error instanceof KetenError)) throw error;
        arrival.reason = error.code;
        trace.note(`provider fails at request ${request.id}: ${error.code}`);
        return { wire: spellFailure(vendor.dialect, error.retryable), carries: null };
      }
    });
  }

  async #alone<T>(by: State["by"], work: (issuer: Issuer) => Promise<T>): Promise<T> {
    const before = this.#free;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#free = promise;
    await before;
    this.#by = by;
    try {
      return await work(this.#issuer as Issuer);
    } finally {
      resolve();
    }
  }
}
