/**
 * A refresh through the TCP proxy, fault by fault: how its outcome is named, and whether the chain goes on.
 *
 * 1. Everything is real: exchange, journal, SQLite and an issuer. Only the connection between them goes wrong.
 * 2. What the outcome must be called is read from the bytes that the proxy let pass, by other means than the keychain's:
 *    nothing of a request sent, *not sent*; a whole refresh token, *answered*; anything less, *in doubt*.
 * 3. Then the keychain is closed and opened again, as a restart, the network is well, and the chain must go on or its
 *    loss be named, by the same oracle as for the other tools.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Home, openHome } from "../../src/cli/compose.ts";
import { KetenError, openKeychain } from "../../src/cli/library.ts";
import type { Log } from "../../src/env/log.ts";
import type { StoredEvent } from "../../src/store/events.ts";
import {
  acceptedPlaces,
  evidenceOf,
  type Fate,
  FORGIVING,
  fateOf,
  prepareHome,
  type Stand,
  TIME_SCALE,
} from "./stand.ts";
import { type Fault, type Passage, startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";
import { NAME } from "./victim.ts";

/** A fault of a connection, or that there is none to be had. */
export type ProxyCase = Fault | { readonly kind: "refuse" };

export interface Tried {
  readonly policy: string;
  readonly fault: ProxyCase;
  /** As the event of the attempt's end names it, and as the bytes say it must be. */
  readonly named: string;
  readonly expected: string;
  readonly requests: number;
  readonly accepted: readonly string[];
  readonly fate: Fate;
  readonly faults: readonly string[];
}

/** Long enough for a loopback answer on a busy machine, byte by byte. Strict chains in doubt wait that long. */
const REQUEST_LIFE_MS = 4000;
/** A held answer is to come late. */
const HOLD_DEADLINE_MS = 300;
/** Callers who wait for a doubt to be settled are sent away at once: what was done meanwhile is looked at first. */
const SHORT_PATIENCE_MS = 300;

/** After each byte of an answer, and before the first. */
export const everyByte = (answerBytes: number): readonly number[] =>
  Array.from({ length: answerBytes + 1 }, (_, i) => i);

/** Cuts after so many bytes of an answer, each way, and the other faults. */
export function allCases(cuts: readonly number[]): readonly ProxyCase[] {
  return [
    { kind: "refuse" },
    { kind: "reset", request: "kept" },
    { kind: "reset", request: "passed" },
    { kind: "halfOpen", towards: "client" },
    { kind: "halfOpen", towards: "server" },
    { kind: "hold" },
    { kind: "slow" },
    { kind: "truncate", more: 1 },
    { kind: "truncate", more: 10_000 },
    { kind: "duplicate", back: "first" },
    { kind: "duplicate", back: "second" },
    { kind: "duplicate", back: "both" },
    ...cuts.flatMap((after): readonly ProxyCase[] => [
      { kind: "cut", after, by: "fin" },
      { kind: "cut", after, by: "rst" },
    ]),
  ];
}

/** How long the answer to a refresh is, headers and all. */
export async function answerLength(stand: Stand): Promise<number> {
  const { passages } = await refreshThrough(stand, { kind: "pass" }, async () => {});
  return Math.max(...passages.map(({ passed }) => passed.length));
}

/** Tries one fault on a chain of its own. */
export async function tryProxyCase(stand: Stand, fault: ProxyCase): Promise<Tried> {
  let accepted: readonly string[] = [];
  let secrets: readonly string[] = [];
  const seen = await refreshThrough(stand, fault, async (dataDir) => {
    const [testimony] = await evidenceOf(dataDir);
    if (!testimony) return;
    accepted = await acceptedPlaces(stand, testimony);
    secrets = testimony.tokens.map(({ token }) => token.reveal());
  });
  const { end, events, log, requests, passages, generation } = seen;
  const ended = events.filter(({ type }) => type === "attempt.ended" || type === "token.parked");
  const [first] = ended;
  const named = `${first?.data.outcome}`;
  const expected = expectedOf(
    fault,
    passages.find((passage) => passage.fault === fault),
  );
  const isTwice = fault.kind === "duplicate";
  // A second delivery that is refused looks like somebody else's use of the token.
  const fate = fateOf(accepted, end, isTwice ? ["usedElsewhere", "lostAnswer"] : ["lostAnswer"]);
  const isKnown = expected === "answered" && !isTwice;
  const leaked = secrets.some((secret) => [log, end.message].join("\n").includes(secret));
  const faults: readonly (readonly [boolean, string])[] = [
    [named !== expected, `named ${named}; expected ${expected}`],
    [fate === "avoidable", "a chain was lost that could have been kept"],
    [fate === "misread", "a chain lived on although no accepted token was found"],
    [fate === "unsettled", `it ended with ${end.code} (${end.cause}): ${end.message}`],
    [FORGIVING.has(stand.preset) && fate !== "kept", "lost under a forgiving policy"],
    [isKnown && fate !== "kept", "lost although the refresh token came whole"],
    [fault.kind === "refuse" && requests > 0, "a request arrived that was not sent"],
    [end.generation !== null && end.generation <= generation, "a generation was forgotten"],
    [leaked, "a secret was written"],
  ];
  return {
    ...{ policy: stand.preset, fault, named, expected, requests, accepted, fate },
    faults: faults.flatMap(([isSo, what]) => (isSo ? [what] : [])),
  };
}

/** What the bytes that were let through prove. */
function expectedOf(fault: ProxyCase, passage: Passage | undefined): string {
  if (fault.kind === "refuse") return "notSent";
  // The deadline passes first; the late answer is settled as one of its own.
  if (fault.kind === "hold") return "inDoubt";
  const text = passage?.passed.toString("latin1") ?? "";
  const bodyAt = text.indexOf("\r\n\r\n");
  if (bodyAt < 0) return "inDoubt";
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
  if (status >= 400) return "refusedUnspent";
  const token = text.slice(bodyAt).split('"refresh_token":"')[1];
  return token?.includes('"') ? "answered" : "inDoubt";
}

interface Seen {
  readonly end: End;
  /** Of the refresh with the fault. */
  readonly events: readonly StoredEvent[];
  readonly log: string;
  readonly requests: number;
  readonly passages: readonly Passage[];
  /** Handed out before the restart. */
  readonly generation: number;
}

async function refreshThrough(
  stand: Stand,
  fault: ProxyCase,
  look: (dataDir: string) => Promise<void>,
): Promise<Seen> {
  const directory = mkdtempSync(join(tmpdir(), "keten-proxy-"));
  const dataDir = join(directory, "data");
  const { port, pathname } = new URL(stand.sandbox.tokenEndpoint);
  const proxy = await startTcpProxy(Number(port));
  try {
    const grant = await stand.grant();
    const endpoint = `http://127.0.0.1:${proxy.port}${pathname}`;
    const { generation } = await prepareHome(dataDir, stand.connectionOf(grant, NAME, endpoint));
    const before = (await stand.requestsOf(grant)).length;
    const first = await faultyRefresh(dataDir, proxy, fault, look, generation);
    const requests = (await stand.requestsOf(grant)).length - before;
    const { passages } = first.proxy;
    const end = await recover(dataDir);
    return { ...first, end, requests, passages };
  } finally {
    await proxy.close().catch(() => {});
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The refresh whose connection goes wrong, and a look at what is left once its outcome is told. */
async function faultyRefresh(
  dataDir: string,
  proxy: TcpProxy,
  fault: ProxyCase,
  look: (dataDir: string) => Promise<void>,
  generation: number,
): Promise<{
  events: readonly StoredEvent[];
  log: string;
  proxy: TcpProxy;
  generation: number;
}> {
  const lines: string[] = [];
  const write: Log["info"] = (event, fields) => void lines.push(event + JSON.stringify(fields));
  const home = await openHome({
    ...{ dataDir, mode: "lazy", timeScale: TIME_SCALE },
    log: { info: write, warn: write, error: write },
    deadlineMs: fault.kind === "hold" ? HOLD_DEADLINE_MS : REQUEST_LIFE_MS,
    ...{ requestLifeMs: REQUEST_LIFE_MS, patienceMs: SHORT_PATIENCE_MS },
  });
  try {
    const from = (await allEvents(home)).length;
    if (fault.kind === "refuse") await proxy.refuse(true);
    else proxy.next(fault);
    const given = await refreshed(home, generation, from, lines);
    const events = (await allEvents(home)).slice(from);
    return { events, log: lines.join("\n"), proxy, generation: given };
  } finally {
    proxy.release();
    // What was sent is finished first: a held answer is taken in.
    await home.close();
    await look(dataDir);
    await proxy.refuse(false);
  }
}

/** Asks for a token newer than a generation until an attempt has an outcome; says what was given out. */
async function refreshed(
  home: Home,
  generation: number,
  from: number,
  lines: string[],
): Promise<number> {
  let given = generation;
  for (;;) {
    try {
      given = (await home.keychain.failed(NAME, generation, "crash")).generation;
    } catch (error) {
      lines.push(String(error));
    }
    const events = (await allEvents(home)).slice(from);
    if (events.some(({ type }) => type === "attempt.ended")) return given;
  }
}

const EVENTS_MAX = 1000;
const allEvents = (home: Home): Promise<readonly StoredEvent[]> => home.store.events(0, EVENTS_MAX);

type End = {
  generation: number | null;
  code: string | null;
  cause: string | null;
  message: string | null;
};

/** After a restart, on a network that is well. */
async function recover(dataDir: string): Promise<End> {
  const times = { deadlineMs: 5000, requestLifeMs: 5000, patienceMs: 15_000 };
  const keychain = await openKeychain({
    ...{ dataDir, lazy: true, timeScale: TIME_SCALE, courier: false },
    ...times,
  });
  try {
    const { generation: first } = await keychain.token(NAME);
    const { generation } = await keychain.failed(NAME, first);
    return { generation, code: null, cause: null, message: null };
  } catch (error) {
    const isOurs = error instanceof KetenError;
    const cause = isOurs ? (error.evidence.cause ?? null) : null;
    return {
      generation: null,
      code: isOurs ? error.code : "unexpected",
      cause: cause === null ? null : String(cause),
      message: String(error),
    };
  } finally {
    await keychain.close();
  }
}
