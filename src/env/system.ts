/**
 * The real clock and the real randomness.
 *
 * 1. A scaled clock runs faster than life from an origin on: now = origin + (wall - origin) * scale. Processes that
 *    share data at a scale must be given the same origin, or they disagree about now.
 * 2. Boot time is the kernel's count since boot, sleep included; nothing scales or sets it. Its resolution is 10 ms.
 * 3. A timer is a wish, not a promise: it never fires early, and fires at most a minute late after the machine slept,
 *    because the runtime's own timers stand still meanwhile. So a long wait looks at the boot time in between.
 * 4. Timers keep no process alive.
 */

import { createHash, randomBytes, randomFillSync } from "node:crypto";
import { readFileSync } from "node:fs";
import os from "node:os";
import { type Duration, type Instant, MINUTE } from "../kernel/time.ts";
import type { Clock, Timer } from "./clock.ts";
import type { Random } from "./random.ts";

/** Longer waits are cut into steps of this, also because the runtime's timers end at 2^31 - 1 ms. */
const STEP_MS = MINUTE;

const BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id";

export interface SystemClockOptions {
  /** How many times faster than life; 1 unless given. */
  readonly scale?: number;
  /** The wall-clock instant at which scaled and real time agree; the moment of the call unless given. */
  readonly origin?: Instant;
}

/** Makes the clock of this machine. */
export function systemClock({ scale = 1, origin = Date.now() }: SystemClockOptions = {}): Clock {
  if (!(scale > 0 && Number.isFinite(scale))) {
    throw new RangeError(`time scale ${scale} is unusable; expected a number above 0`);
  }
  const id = bootId();
  return {
    scale,
    now: () => origin + (Date.now() - origin) * scale,
    boot: () => ({ id, at: bootTime() }),
    after: (duration, callback) => startTimer(duration / scale, callback),
    afterReal: (milliseconds, callback) => startTimer(milliseconds, callback),
  };
}

function bootTime(): Duration {
  return os.uptime() * 1000;
}

/**
 * Where the kernel gives no boot id: a digest of the host's name and the boot instant, rounded to ten minutes. A
 * wall clock set by more than that, or unluckily across a rounding edge, makes it a different id, and then leases of
 * before are judged like those of another machine: waited out, never taken for dead.
 */
function bootId(): string {
  try {
    return readFileSync(BOOT_ID_FILE, "latin1").trim();
  } catch {
    const bootedAt = Math.round((Date.now() - bootTime()) / (10 * MINUTE));
    return createHash("sha256").update(`${os.hostname()} ${bootedAt}`).digest("hex").slice(0, 32);
  }
}

function startTimer(milliseconds: number, callback: () => void): Timer {
  if (milliseconds === Number.POSITIVE_INFINITY) return { cancel: () => {} };
  const dueAt = bootTime() + milliseconds;
  let timer: NodeJS.Timeout;
  const wait = (remaining: number): void => {
    const isLast = remaining <= STEP_MS;
    const step = Math.max(0, isLast ? remaining : STEP_MS);
    timer = setTimeout(isLast ? callback : () => wait(dueAt - bootTime()), Math.ceil(step)).unref();
  };
  wait(milliseconds);
  return { cancel: () => clearTimeout(timer) };
}

/** Drawn at once and given out piece by piece, since a draw costs 2 µs however short; each byte once, then erased. */
const drawn = Buffer.allocUnsafeSlow(4096);
let given = drawn.length;
/** What is longer is drawn for itself. */
const PIECE_MAX = 64;

function randomPiece(length: number): Uint8Array {
  if (given + length > drawn.length) {
    randomFillSync(drawn);
    given = 0;
  }
  const piece = new Uint8Array(length);
  piece.set(drawn.subarray(given, given + length));
  drawn.fill(0, given, given + length);
  given += length;
  return piece;
}

/** The operating system's randomness. */
export const systemRandom: Random = {
  bytes: (length) => (length <= PIECE_MAX ? randomPiece(length) : randomBytes(length)),
  fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};
