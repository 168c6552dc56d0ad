/**
 * The journal: where a remote's answer is durable before anybody parses it.
 *
 * 1. A place is reserved before the request is sent. Its space is on disk already, written as zeros and synced, so that
 *    a full disk stops a refresh before it begins and never after. (A file system that copies on write may break
 *    this promise; then rule 4 holds.)
 * 2. `append` returns once the answer is sealed and synced. Nothing is reordered and nothing waits for company.
 * 3. An answer larger than its place takes more space if there is some; else its beginning is kept, as incomplete.
 * 4. After a failed write or sync of a record its file is left alone for good: a later sync that succeeds proves
 *    nothing about it. The answer is written again to a new file, once.
 * 5. Each process writes files of its own, named after its owner id, which is never used twice. Anybody who has the
 *    key reads all of them: what a dead process left is found without asking it.
 * 6. Entries stay until settled, and then for the retention time: a store that fell back to an old backup may need them.
 *    A file goes as a whole, when all of its entries may and nobody writes to it any more. A settlement is not
 *    synced: if it is forgotten, the entry is looked at once more, which does no harm.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { Clock } from "../env/clock.ts";
import type { Disk, DiskFile } from "../env/disk.ts";
import { KetenError } from "../env/error.ts";
import type { RawAnswer } from "../env/exchange.ts";
import type { ReceivedAnswer } from "../env/http-post.ts";
import { DAY, type Duration, type Instant } from "../kernel/time.ts";
import {
  decodeRecords,
  encodeRecord,
  type JournalRecord,
  type KnownRecords,
} from "./journal-format.ts";
import { type AnswerIds, decodeAnswer, encodeAnswer, rawAnswerOf } from "./raw-answer.ts";
import type { SealContext, Sealer } from "./seal.ts";

export interface JournalEntry {
  readonly owner: string;
  readonly at: Instant;
  readonly answer: RawAnswer;
  readonly settled: boolean;
}

/** Something in a journal that could not be read; the rest was. */
export interface JournalFault {
  readonly file: string;
  readonly position: number;
  /** `damaged`: torn or changed bytes. `sealed`: a whole record that this key does not open. */
  readonly what: "damaged" | "sealed";
}

export interface JournalContents {
  /** Oldest first. */
  readonly entries: readonly JournalEntry[];
  readonly faults: readonly JournalFault[];
}

/** Space for one answer. To be filled or released, or it is lost until the process ends. */
export interface Place {
  /** Seals an answer and makes it durable. @throws KetenError `journal_unavailable` */
  append(ids: AnswerIds, answer: ReceivedAnswer): void;
  release(): void;
}

/** Which answers to open. */
export type Wanted = (attemptId: string, settled: boolean) => boolean;

export interface Journal {
  /** Proves that one more answer can be kept. @throws KetenError `journal_unavailable`, retryable */
  reserve(): Place;
  /**
   * All whole entries of all processes that share the directory, or those of one chain.
   * @throws KetenError `journal_unavailable`, as do the other questions
   */
  entries(chainId?: string, isWanted?: Wanted): Promise<JournalContents>;
  /** The attempts of all answers in all journals; opens none. */
  answered(): Promise<readonly AnswerIds[]>;
  /** Says that these attempts' answers are needed no more, whoever journaled them. Attempt ids are unique for ever. */
  settle(attemptIds: readonly string[]): void;
  /** Removes files that nobody needs; `isAlive` says whether an owner may still write. Returns their names. */
  sweep(isAlive: (owner: string) => boolean): Promise<readonly string[]>;
  /** Closes the files; what is in them stays. */
  close(): void;
}

export interface JournalOptions {
  /** Such as `<data>/journal`. */
  readonly directory: string;
  /** This process's owner id: letters, digits, `-` and `_`. */
  readonly owner: string;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly disk: Disk;
  /** How long a settled entry stays. A day: longer than a fail-over takes to be noticed. */
  readonly retentionMs?: Duration;
  /** The space one answer is sure of. 64 KiB: token answers have a few. */
  readonly placeBytes?: number;
  /** How much is written ahead at a time. */
  readonly stepBytes?: number;
  /** A file of this size gets no more places. */
  readonly fileBytes?: number;
}

const FILE_NAME = /^([A-Za-z0-9_-]+)-(\d{6,})\.journal$/;

/** A file being written. */
interface Segment {
  readonly name: string;
  readonly file: DiskFile;
  /** Where the next record goes. */
  used: number;
  /** How far the file is on disk. */
  allocated: number;
  /** How many places are given out in it. */
  places: number;
  /** Takes no more places; those given out are good. */
  full: boolean;
  /** A write failed: takes no more bytes. */
  broken: boolean;
}

/** A whole record with the file it stands in. */
interface Located extends JournalRecord {
  readonly file: string;
  readonly owner: string;
}

/** @throws KetenError `journal_unavailable` if the directory cannot be made. */
export function openJournal(options: JournalOptions): Journal {
  assert.match(options.owner, /^[A-Za-z0-9_-]+$/);
  try {
    options.disk.makeDirectory(options.directory);
  } catch (error) {
    throw unavailable("its directory cannot be made", error);
  }
  return new FileJournal(options);
}

class FileJournal implements Journal {
  readonly #options: Required<JournalOptions>;
  #current: Segment | undefined;
  readonly #open = new Set<Segment>();
  /** What was read of each file, so that looking at all of them again costs little more than fetching their bytes. */
  #known = new Map<string, KnownRecords>();
  #segments = 0;
  #closed = false;

  constructor(options: JournalOptions) {
    this.#options = {
      retentionMs: DAY,
      placeBytes: 64 * 1024,
      stepBytes: 256 * 1024,
      fileBytes: 4 * 1024 * 1024,
      ...options,
    };
  }

  reserve(): Place {
    if (this.#closed) throw unavailable("it is closed");
    let segment: Segment;
    try {
      segment = this.#segmentWithRoom();
    } catch (error) {
      throw unavailable("no space could be made durable", error);
    }
    segment.places += 1;
    let isHeld = true;
    const giveBack = (): void => {
      if (!isHeld) return;
      isHeld = false;
      segment.places -= 1;
      this.#closeIfDone(segment);
    };
    return {
      append: (ids, answer) => {
        assert.ok(isHeld, "a place takes one answer");
        try {
          if (!this.#write(segment, ids, answer)) this.#writeElsewhere(ids, answer);
        } finally {
          giveBack();
        }
      },
      release: giveBack,
    };
  }

  async entries(chainId?: string, isWanted: Wanted = () => true): Promise<JournalContents> {
    const { records, faults } = await this.#readAll();
    const settled = settledIn(records);
    const entries: JournalEntry[] = [];
    for (const { head, rest, position, file, owner } of records) {
      if (head.kind !== "answer" || (chainId ?? head.chainId) !== head.chainId) continue;
      const ids = { chainId: head.chainId, attemptId: head.attemptId };
      if (!isWanted(head.attemptId, settled.has(head.attemptId))) continue;
      try {
        const block = this.#options.sealer.openBytes(placeOf(ids), rest);
        const answer = rawAnswerOf(ids, decodeAnswer(block));
        block.fill(0);
        entries.push({ owner, at: head.at, answer, settled: settled.has(head.attemptId) });
      } catch (error) {
        if (!(error instanceof KetenError && error.code === "seal_broken")) throw error;
        faults.push({ file, position, what: "sealed" });
      }
    }
    return { entries: entries.sort((a, b) => a.at - b.at), faults };
  }

  async answered(): Promise<readonly AnswerIds[]> {
    const { records } = await this.#readAll();
    return records.flatMap(({ head }) =>
      head.kind === "answer" ? [{ chainId: head.chainId, attemptId: head.attemptId }] : [],
    );
  }

  settle(attemptIds: readonly string[]): void {
    if (this.#closed || attemptIds.length === 0) return;
    const at = this.#options.clock.now();
    const record = encodeRecord({ kind: "settled", at, attemptIds });
    try {
      this.#put(this.#segmentWithRoom(record.length), record);
    } catch {
      // Rule 6: a settlement that is not kept costs one more look at the entry.
    }
  }

  async sweep(isAlive: (owner: string) => boolean): Promise<readonly string[]> {
    const { disk, directory, owner: self, clock, retentionMs } = this.#options;
    const isOpen = (name: string): boolean => [...this.#open].some((one) => one.name === name);
    // Asked before the files are read: whoever dies in between has written before that.
    const idle = this.#files().filter(([name, owner]) =>
      owner === self ? !isOpen(name) : !isAlive(owner),
    );
    const { records, faults } = await this.#readAll();
    const settled = settledIn(records);
    const oldest = clock.now() - retentionMs;
    const removable = idle.filter(([name]) => {
      const own = records.filter(({ file }) => file === name);
      // A file with nothing but damage says not how old it is: a puzzle for a person.
      if (own.length === 0) return !faults.some(({ file }) => file === name);
      return own.every(({ head }) => {
        const isSettled = head.kind !== "answer" || settled.has(head.attemptId);
        return isSettled && head.at <= oldest;
      });
    });
    for (const [name] of removable) disk.remove(join(directory, name));
    return removable.map(([name]) => name);
  }

  close(): void {
    this.#closed = true;
    for (const segment of this.#open) segment.file.close();
    this.#open.clear();
    this.#current = undefined;
  }

  /** The current segment with room for one more place (or a record); a new one if need be. */
  #segmentWithRoom(bytes = this.#options.placeBytes): Segment {
    const { placeBytes, fileBytes } = this.#options;
    const needOf = (segment: Segment): number => segment.used + segment.places * placeBytes + bytes;
    let segment = this.#current;
    if (segment && needOf(segment) > fileBytes) segment.full = true;
    if (!segment || segment.full) {
      segment = this.#begin();
      const previous = this.#current;
      this.#current = segment;
      if (previous) this.#closeIfDone(previous);
    }
    try {
      this.#allocate(segment, needOf(segment));
    } catch (error) {
      segment.full = true;
      throw error;
    }
    return segment;
  }

  /** Begins a file; leaves none behind if its first space cannot be made durable. */
  #begin(): Segment {
    const { directory, owner, disk, clock } = this.#options;
    this.#segments += 1;
    const name = `${owner}-${String(this.#segments).padStart(6, "0")}.journal`;
    const file = disk.create(join(directory, name));
    const segment = { name, file, used: 0, allocated: 0, places: 0, full: false, broken: false };
    const record = encodeRecord({ kind: "begun", at: clock.now(), owner });
    try {
      this.#allocate(segment, record.length + this.#options.placeBytes);
      file.write(record, 0);
      file.sync();
    } catch (error) {
      file.close();
      disk.remove(join(directory, name));
      throw error;
    }
    segment.used = record.length;
    this.#open.add(segment);
    return segment;
  }

  /** Makes a segment's space durable up to a size, in whole steps. */
  #allocate(segment: Segment, size: number): void {
    const { stepBytes } = this.#options;
    if (size <= segment.allocated) return;
    const next = Math.ceil(size / stepBytes) * stepBytes;
    segment.file.write(Buffer.alloc(next - segment.allocated), segment.allocated);
    segment.file.sync();
    segment.allocated = next;
  }

  /** Seals and writes an answer into a place of a segment; false if the segment fails. */
  #write(segment: Segment, ids: AnswerIds, answer: ReceivedAnswer): boolean {
    if (segment.broken) return false;
    const { placeBytes } = this.#options;
    let record = this.#encode(ids, answer);
    if (record.length > placeBytes) {
      try {
        const others = (segment.places - 1) * placeBytes;
        this.#allocate(segment, segment.used + others + record.length);
      } catch {
        segment.full = true;
        record = this.#encode(ids, cut(answer, record.length - placeBytes));
      }
    }
    try {
      this.#put(segment, record);
      segment.file.sync();
      return true;
    } catch {
      segment.full = true;
      segment.broken = true;
      return false;
    }
  }

  #put(segment: Segment, record: Buffer): void {
    const position = segment.used;
    segment.used += record.length;
    try {
      segment.file.write(record, position);
    } catch (error) {
      segment.full = true;
      segment.broken = true;
      throw error;
    }
  }

  #writeElsewhere(ids: AnswerIds, answer: ReceivedAnswer): void {
    let segment: Segment;
    try {
      segment = this.#segmentWithRoom();
    } catch (error) {
      throw unavailable("an answer could not be made durable", error);
    }
    segment.places += 1;
    const isWritten = this.#write(segment, ids, answer);
    segment.places -= 1;
    if (!isWritten) throw unavailable("an answer could not be made durable");
  }

  #encode(ids: AnswerIds, answer: ReceivedAnswer): Buffer {
    const block = encodeAnswer(answer);
    const sealed = this.#options.sealer.sealBytes(placeOf(ids), block);
    block.fill(0);
    const { chainId, attemptId } = ids;
    const at = this.#options.clock.now();
    return encodeRecord({ kind: "answer", at, chainId, attemptId }, sealed);
  }

  #closeIfDone(segment: Segment): void {
    if (segment === this.#current || segment.places > 0 || !this.#open.delete(segment)) return;
    segment.file.close();
  }

  /** The journal files in the directory with their owners, in order of name. */
  #files(): readonly (readonly [name: string, owner: string])[] {
    const { disk, directory } = this.#options;
    return disk.list(directory).flatMap((name) => {
      const owner = FILE_NAME.exec(name)?.[1];
      return owner === undefined ? [] : [[name, owner] as const];
    });
  }

  /** @throws KetenError `journal_unavailable` */
  async #readAll(): Promise<{ records: readonly Located[]; faults: JournalFault[] }> {
    try {
      return await this.#readFiles();
    } catch (error) {
      throw unavailable("it cannot be read", error);
    }
  }

  async #readFiles(): Promise<{ records: readonly Located[]; faults: JournalFault[] }> {
    const records: Located[] = [];
    const faults: JournalFault[] = [];
    const known = new Map<string, KnownRecords>();
    for (const [file, owner] of this.#files()) {
      const bytes = await this.#options.disk.read(join(this.#options.directory, file));
      // Another process may have swept it meanwhile.
      if (bytes === undefined) continue;
      const ofFile = this.#known.get(file) ?? new Map();
      known.set(file, ofFile);
      const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      const found = decodeRecords(whole, ofFile);
      for (const record of found.records) records.push({ ...record, file, owner });
      for (const { position } of found.damage) faults.push({ file, position, what: "damaged" });
    }
    this.#known = known;
    return { records, faults };
  }
}

function settledIn(records: readonly Located[]): ReadonlySet<string> {
  return new Set(
    records.flatMap(({ head }) => (head.kind === "settled" ? [...head.attemptIds] : [])),
  );
}

/** Where an answer is sealed for: its attempt, whatever file it stands in. */
function placeOf({ chainId, attemptId }: AnswerIds): SealContext {
  return {
    kind: "journal",
    column: "answer",
    id: JSON.stringify([chainId, attemptId]),
    generation: 0,
  };
}

/** The beginning of an answer, shorter by so many bytes. */
function cut(answer: ReceivedAnswer, bytes: number): ReceivedAnswer {
  // One byte more: "complete" is a character longer when it is false.
  const length = Math.max(0, answer.body.length - bytes - 1);
  return { ...answer, body: answer.body.subarray(0, length), complete: false };
}

function unavailable(what: string, cause?: unknown): KetenError {
  return new KetenError("journal_unavailable", `the journal is unavailable: ${what}`, {
    retryable: true,
    ...(cause === undefined ? {} : { cause }),
  });
}
