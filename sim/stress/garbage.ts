/**
 * Random tokens, a million of them, at an issuer with living chains: none is granted, nothing is written, and every chain
 * is afterwards as it was.
 *
 * 1. Kinds of garbage, in the order of how far they get: no token at all; the right shape; one bit or character off an
 *    authentic one; a token of one kind as another; authentic tokens of another key, deployment, realm, store or client.
 * 2. Those of another store are the hardest: same key, same realm, same client, same owner, and so an outer MAC that
 *    holds and a chain that exists. Only the chain's own secret tells them apart.
 * 3. They are presented for a refresh, as a code, for revocation and for introspection.
 */

import { setImmediate as turn } from "node:timers/promises";
import { Secret } from "../../src/env/secret.ts";
import { createIssuer, type Issuer } from "../../src/issuer/issuer.ts";
import { ISSUER_KEY_BYTES, issuerKeys } from "../../src/issuer/keys.ts";
import type { IssuerRequest } from "../../src/issuer/request.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { providerOf } from "../../test/conformance/keten-server.ts";
import { dump } from "../../test/issuer/stand.ts";
import { type ManualClock, manualClock } from "../../test/support/manual-clock.ts";
import { Stream } from "../run/random-stream.ts";
import { type Campaign, inRounds, type OnProgress, Violations } from "./campaign.ts";
import { type CountingStore, countingStore } from "./counting-store.ts";

export interface GarbageOptions {
  readonly tokens: number;
  readonly seed: string;
  readonly preset?: string;
  readonly onProgress?: OnProgress;
}

interface Owned {
  readonly refresh: string;
  readonly access: string;
}

interface House {
  readonly issuer: Issuer;
  readonly clock: ManualClock;
  readonly store: Store;
  /** Tokens of the client that presents. */
  readonly owned: readonly Owned[];
  /** Tokens of the other client. */
  readonly others: readonly Owned[];
}

const OWNERS = 50;
const WORKERS = 64;
const PROGRESS_EVERY = 1000;
const SCOPE = ["read", "write"];
const OWN = { client_id: "client", client_secret: "the client's own secret" };
const OTHER = { client_id: "other", client_secret: "the other client's own secret" };

interface HouseOptions {
  readonly preset: string;
  /** What its chains' secrets are drawn from. */
  readonly seed: string;
  readonly key?: string;
  readonly deployment?: string;
  readonly realm?: string;
  readonly wrap?: (store: Store) => Store;
}

/** An issuer with two clients, and a chain of each owner for each of them. */
async function openHouse(options: HouseOptions): Promise<House> {
  const { preset, seed, key = "key", deployment = "stress", realm: name = "stress" } = options;
  const { wrap = (store) => store } = options;
  const { policy, shapes } = providerOf(preset);
  const clock = manualClock();
  const store = wrap(await openMemoryStore({ clock, turn: () => turn() }));
  const keys = issuerKeys({
    key: new Stream(key, "key").asRandom().bytes(ISSUER_KEY_BYTES),
    deployment,
  });
  const random = new Stream(seed, "issuer").asRandom();
  const grantTypes = ["authorization_code", "refresh_token"] as const;
  const realm = { name, issuer: "http://127.0.0.1", shapes, grantTypes };
  const issuer = createIssuer({ store, clock, random, keys, realm });
  const tokensOf = async ({ client_id: clientId, client_secret }: typeof OWN) => {
    const secret = new Secret(client_secret);
    const kind = "confidential";
    await issuer.registerClient({ clientId, kind, policy, scope: SCOPE, grantTypes, secret });
    const owned: Owned[] = [];
    for (let i = 0; i < OWNERS; i += 1) owned.push(await grant(issuer, clientId, `owner${i}`));
    return owned;
  };
  return { issuer, clock, store, owned: await tokensOf(OWN), others: await tokensOf(OTHER) };
}

async function grant(issuer: Issuer, clientId: string, subject: string): Promise<Owned> {
  const outcome = await issuer.grant({ clientId, subject });
  if (!outcome.granted) throw new Error(`a grant was refused: ${outcome.refusal.reason}`);
  const { refreshToken, accessToken } = outcome.response;
  return { refresh: refreshToken ?? "", access: accessToken };
}

// --- garbage ---------------------------------------------------------------------------------------------

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const bytes = (stream: Stream, length: number): Buffer =>
  Buffer.from(stream.asRandom().bytes(length));

function flipBit(stream: Stream, token: string): string {
  const raw = Buffer.from(token, "base64url");
  const at = stream.whole(0, raw.length - 1);
  raw[at] = (raw[at] ?? 0) ^ (1 << stream.whole(0, 7));
  return raw.toString("base64url");
}

/** A character taken away, put in, or replaced by another. */
function changeText(stream: Stream, token: string): string {
  const at = stream.whole(0, token.length - 1);
  const letter = stream.pick([...ALPHABET]);
  const [before, after] = [token.slice(0, at), token.slice(at + 1)];
  switch (stream.whole(0, 3)) {
    case 0:
      return before;
    case 1:
      return before + after;
    case 2:
      return before + letter + token.slice(at);
    default:
      return before + (token[at] === letter ? "=" : letter) + after;
  }
}

/** The first bytes of a real token, which say what it is, and random ones behind them. */
function shapedLike(stream: Stream, token: string): string {
  const raw = Buffer.from(token, "base64url");
  return Buffer.concat([raw.subarray(0, 3), bytes(stream, raw.length - 3)]).toString("base64url");
}

type Make = (stream: Stream) => string;

/** Garbage by the names under which it is counted. */
async function makers(house: House, options: HouseOptions): Promise<Record<string, Make>> {
  const any =
    (tokens: readonly Owned[]): Make =>
    (stream) =>
      stream.pick(tokens)[stream.pick(["refresh", "access"] as const)];
  const real = any(house.owned);
  const elsewhere = async (change: Partial<HouseOptions>): Promise<Make> =>
    any((await openHouse({ ...options, seed: `${options.seed}/elsewhere`, ...change })).owned);
  return {
    "random bytes": (stream) => bytes(stream, stream.whole(1, 120)).toString("base64url"),
    "random text": (stream) => bytes(stream, stream.whole(1, 200)).toString("latin1"),
    "right shape": (stream) => shapedLike(stream, real(stream)),
    "bit flipped": (stream) => flipBit(stream, real(stream)),
    "character off": (stream) => changeText(stream, real(stream)),
    "another kind": (stream) => stream.pick(house.owned).access,
    "another key": await elsewhere({ key: "another key" }),
    "another deployment": await elsewhere({ deployment: "elsewhere" }),
    "another realm": await elsewhere({ realm: "elsewhere" }),
    "another store": await elsewhere({}),
    "another client": any(house.others),
  };
}

// --- presenting ------------------------------------------------------------------------------------------

const WAYS = ["refresh", "code", "revoke", "introspect"] as const;
type Way = (typeof WAYS)[number];

/** Presents a token; says in words what must not be, or nothing. */
async function present(issuer: Issuer, way: Way, token: string): Promise<string | undefined> {
  const request = (parameters: object): IssuerRequest => ({
    parameters: { ...OWN, ...parameters },
  });
  if (way === "revoke") {
    await issuer.revoke(request({ token }));
    return undefined;
  }
  if (way === "introspect") {
    const outcome = await issuer.introspect(request({ token }));
    return outcome.granted && outcome.introspection.active ? "is active" : undefined;
  }
  const parameters =
    way === "refresh"
      ? { grant_type: "refresh_token", refresh_token: token }
      : { grant_type: "authorization_code", code: token };
  return (await issuer.token(request(parameters))).granted ? "was granted" : undefined;
}

/** An authentic token of its own client is no garbage to revocation and introspection. */
const waysOf = (kind: string): readonly Way[] =>
  kind === "another kind" ? ["refresh", "code"] : WAYS;

export async function runGarbage(options: GarbageOptions): Promise<Campaign> {
  const { tokens, seed, preset = "handshake", onProgress } = options;
  const violations = new Violations();
  let counted: CountingStore | undefined;
  const wrap = (store: Store): Store => {
    counted = countingStore(store);
    return counted.store;
  };
  const house = await openHouse({ preset, seed, wrap });
  if (!counted) throw new TypeError("the store was not wrapped");
  const { access, minInterval } = providerOf(preset).policy;
  const makes = Object.entries(await makers(house, { preset, seed })).filter(
    // Where the refresh token is the access token too, there is no other kind.
    ([kind]) => kind !== "another kind" || access.form !== "refreshToken",
  );
  const before = await dump(house.store);
  const [rows, events] = [counted.rows, counted.events];
  const counts: Record<string, number> = {};
  const startedAt = performance.now();
  const rounds = Math.ceil(tokens / WORKERS);
  const workers = Array.from({ length: WORKERS }, (_, i) => new Stream(`${seed}/${i}`, "garbage"));
  const work = async (stream: Stream): Promise<void> => {
    const [kind, make] = stream.pick(makes);
    const way = stream.pick(waysOf(kind));
    counts[kind] = (counts[kind] ?? 0) + 1;
    const wrong = await present(house.issuer, way, make(stream));
    if (wrong) violations.add(`a token of "${kind}" ${wrong} (${way})`);
  };
  await inRounds(workers, rounds, work, async (round) => {
    if (round % PROGRESS_EVERY === 0) onProgress?.(round * WORKERS, tokens, preset);
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const written = { rows: counted.rows - rows, events: counted.events - events };
  if (written.rows > 0) violations.add(`${written.rows} rows were written`);
  if (written.events > 0) violations.add(`${written.events} events were written`);
  if ((await dump(house.store)) !== before) violations.add("the store is not as it was");
  house.clock.advance(minInterval);
  for (const { refresh } of house.owned) {
    const refused = !(await present(house.issuer, "refresh", refresh));
    if (refused) violations.add("a chain did not go on");
  }
  const perSecond = Math.round((rounds * WORKERS) / seconds);
  const figures = { preset, tokens: rounds * WORKERS, seed, ...written, perSecond, counts };
  return { figures, violations: violations.texts };
}
