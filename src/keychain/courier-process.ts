/**
 * The courier: a small process that sends requests and journals their answers, so that an application may be killed in
 * the middle of an exchange and nothing is lost. Started by `courier-link.ts`, never by hand.
 *
 * 1. No application code, no store, no decision: it sends what it is given, journals what comes, and says so.
 * 2. It holds a beacon of its own, as a member of its keychain's family, before it takes a request: while it lives the
 *    family is not dead, and nobody gives up on an answer that it may still journal.
 * 3. It takes no orders from signals: a terminal's Ctrl-C and a service manager's SIGTERM are for the keychain, which
 *    drains. Its own end is the end of the channel.
 * 4. When the channel ends it sends nothing new, harvests what was sent, each answer journaled, and ends. The harvest
 *    limit of a request, ten minutes, bounds that.
 * 5. An unexpected error in one request ends no other.
 */

import type { Clock } from "../env/clock.ts";
import { systemDisk } from "../env/disk.ts";
import { KetenError } from "../env/error.ts";
import type { Exchange } from "../env/exchange.ts";
import { httpPost } from "../env/http-post.ts";
import { type Liveness, registerOwner } from "../env/liveness.ts";
import type { Log } from "../env/log.ts";
import { Secret } from "../env/secret.ts";
import { systemClock, systemRandom } from "../env/system.ts";
import {
  type Begin,
  type FromCourier,
  LEAVE_MS,
  type Leave,
  leaveAgeMs,
  PROTOCOL,
  type ToCourier,
  type WrittenRequest,
  writeAnswer,
  writeResult,
  writeThrown,
} from "./courier-protocol.ts";
import { DataKey } from "./data-key.ts";
import { inProcessExchange } from "./exchange.ts";
import { type Journal, openJournal } from "./journal.ts";
import { createSealer } from "./seal.ts";

/** What it has once it was told who it works for. */
interface Equipment {
  readonly clock: Clock;
  readonly liveness: Liveness;
  readonly journal: Journal;
  readonly exchange: Exchange;
}

/** A request that waits for leave. */
interface Asking {
  readonly granted: (leave: Leave) => void;
  readonly refused: (error: Error) => void;
}

let equipment: Equipment | undefined;
const asking = new Map<number, Asking>();
/** Everything under way, harvest included. */
const works = new Set<Promise<void>>();
let isAlone = false;

/** Says something to the keychain; nobody listens any more once the channel is gone. */
function tell(message: FromCourier): void {
  if (process.connected) process.send?.(message, () => {});
}

const log: Log = {
  info: (event, fields = {}) => tell({ kind: "log", level: "info", event, fields }),
  warn: (event, fields = {}) => tell({ kind: "log", level: "warn", event, fields }),
  error: (event, fields = {}) => tell({ kind: "log", level: "error", event, fields }),
};

function equip(begin: Begin): Equipment {
  if (begin.protocol !== PROTOCOL) throw new Error("it is of another version");
  const { owner, owners, journal: directory, deploymentId, scale, origin } = begin;
  const clock = systemClock({ scale, ...(origin === undefined ? {} : { origin }) });
  const bytes = Buffer.from(begin.key, "base64");
  const keys = [new DataKey(bytes)] as const;
  bytes.fill(0);
  const sealer = createSealer({ keys, deploymentId, random: systemRandom });
  const liveness = registerOwner({ directory: owners, random: systemRandom, ownerId: owner });
  const journal = openJournal({ directory, owner, sealer, clock, disk: systemDisk });
  const exchange = inProcessExchange({ post: httpPost({ clock }), journal, clock, log });
  return { clock, liveness, journal, exchange };
}

function hear(message: ToCourier): void {
  if (message.kind === "begin") start(message);
  else if (equipment) obey(equipment, message);
}

function obey(own: Equipment, message: Exclude<ToCourier, Begin>): void {
  const { exchange, journal } = own;
  switch (message.kind) {
    case "send":
      track(send(own, message.id, message.request));
      return;
    case "leave":
      asking.get(message.id)?.granted(message.leave);
      return;
    case "refuse":
      asking.get(message.id)?.refused(new Error(message.error));
      return;
    case "settle":
      journal.settle(message.attemptIds);
      return;
    case "sweep":
      // Its own files only: for all others it cannot tell who writes to them.
      track(sweep(journal, message.id));
      return;
    case "drain":
      refuseAll("draining");
      void drain(exchange).then(() => tell({ kind: "drained" }));
      return;
  }
}

function start(begin: Begin): void {
  try {
    equipment = equip(begin);
    tell({ kind: "ready", protocol: PROTOCOL });
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unexpected";
    process.send?.({ kind: "unfit", error: reason } satisfies FromCourier, () => process.exit(1));
  }
}

async function sweep(journal: Journal, id: number): Promise<void> {
  const names = await journal.sweep(() => true).catch(() => []);
  tell({ kind: "swept", id, names });
}

/** Waits for all that was sent, and for what is told of it. */
async function drain(exchange: Exchange): Promise<void> {
  await exchange.drain();
  while (works.size > 0) await Promise.allSettled(works);
}

function track(work: Promise<void>): void {
  works.add(work);
  void work.finally(() => works.delete(work));
}

/** One request from here to what came of it. Never rejects. */
async function send(
  { exchange, clock }: Equipment,
  id: number,
  { body, ...request }: WrittenRequest,
): Promise<void> {
  let leave: Leave | undefined;
  try {
    const result = await exchange.send(
      {
        ...request,
        body: new Secret(body),
        whenConnected: async () => {
          leave = await askLeave(clock, id, request.deadlineMs);
        },
        beforeFirstByte: () => checkLeave(clock, leave),
      },
      (answer) => tell({ kind: "late", id, answer: writeAnswer(answer) }),
    );
    tell({ kind: "ended", id, result: writeResult(result) });
  } catch (error) {
    tell({ kind: "ended", id, result: writeThrown(error) });
  }
}

function askLeave(clock: Clock, id: number, withinMs: number): Promise<Leave> {
  const { promise, resolve, reject } = Promise.withResolvers<Leave>();
  const limit = clock.afterReal(withinMs, () => reject(new Error("no leave came in time")));
  asking.set(id, { granted: resolve, refused: reject });
  if (isAlone) reject(new Error("the keychain is gone"));
  tell({ kind: "mayI", id });
  return promise.finally(() => {
    limit.cancel();
    asking.delete(id);
  });
}

/** Right before the first byte: neither side may have been stopped since leave was given. */
function checkLeave(clock: Clock, leave: Leave | undefined): void {
  const ageMs = leave && leaveAgeMs(leave, clock);
  if (ageMs !== undefined && ageMs <= LEAVE_MS) return;
  throw new Error(`leave to send was given ${Math.round(ageMs ?? Number.NaN)} ms ago`);
}

function refuseAll(why: string): void {
  for (const { refused } of asking.values()) refused(new KetenError("draining", why));
}

/** The keychain is gone, killed or in order. */
async function finish(): Promise<void> {
  isAlone = true;
  refuseAll("the keychain is gone");
  if (equipment) {
    const { exchange, journal, liveness } = equipment;
    await drain(exchange);
    journal.close();
    liveness.close();
  }
  process.exit(0);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
process.on("uncaughtException", (error) => {
  // The message may quote what failed; its name says enough.
  log.error("courier_error", { error: error.name });
});
process.on("message", hear);
process.once("disconnect", () => void finish());
if (!process.connected) void finish();
