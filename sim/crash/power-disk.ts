/**
 * What a disk may hold after a loss of power, by a recording of what was done to it.
 *
 * 1. What was synced is there. Of what was not, each write may be there, be missing, or be there in some of its sectors
 *    of 512 bytes, whatever became of the writes before and after it.
 * 2. A file is as long as what survived of it reaches, or as long as it was made; what was never written reads as zeros.
 * 3. A name is durable once its directory was synced: until then each making, linking, renaming and removing of a name
 *    may be there or not, for itself. A file without its directory is gone.
 * 4. Not modelled: a disk that loses what it was told to sync, and sectors that turn into something never written.
 */

import { dirname } from "node:path";
import type { Random } from "../../src/env/random.ts";
import type { Op, Trace } from "./power-trace.ts";

const SECTOR = 512;
/** How often a write that survives at all does so in part. */
const TORN = 0.3;

export type Mode = "none" | "all" | "some";

/** A state: files by name, and the directories there are. */
export interface DiskState {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly directories: ReadonlySet<string>;
  /** Equal for equal choices at the same place: what makes states different. */
  readonly choices: string;
}

type Change = Extract<Op, { op: "write" | "truncate" }>;

interface File {
  durable: Buffer;
  pending: { readonly index: number; readonly change: Change }[];
}

interface Naming {
  readonly index: number;
  readonly directory: string;
  readonly apply: (names: Map<string, number | "directory">) => unknown;
}

const parentOf = (name: string): string => {
  const parent = dirname(name);
  return parent === "." ? "" : parent;
};

export class PowerDisk {
  readonly #files = new Map<number, File>();
  readonly #durable = new Map<string, number | "directory">([["", "directory"]]);
  /** As running processes see it. */
  readonly #live = new Map<string, number | "directory">([["", "directory"]]);
  #naming: Naming[] = [];

  /** Does the next operation of the recording. */
  take(op: Op, index: number): void {
    switch (op.op) {
      case "create":
        this.#files.set(op.file, { durable: Buffer.alloc(0), pending: [] });
        this.#name(index, op.name, (names) => names.set(op.name, op.file));
        break;
      case "write":
      case "truncate":
        this.#file(op.file).pending.push({ index, change: op });
        break;
      case "sync":
        this.#sync(op.file, op.before);
        break;
      case "makeDirectory":
        if (op.name !== "") this.#name(index, op.name, (names) => names.set(op.name, "directory"));
        break;
      case "link":
      case "rename":
        this.#move(index, op);
        break;
      case "unlink":
        this.#name(index, op.name, (names) => names.delete(op.name));
        break;
      case "syncDirectory":
        this.#syncDirectory(op.name, op.before);
        break;
      case "mark":
    }
  }

  #file(number: number): File {
    const file = this.#files.get(number);
    if (!file) throw new Error(`the recording has no file ${number}`);
    return file;
  }

  #name(index: number, name: string, apply: Naming["apply"]): void {
    this.#naming.push({ index, directory: parentOf(name), apply });
    apply(this.#live);
  }

  #move(index: number, { op, from, to }: Extract<Op, { op: "link" | "rename" }>): void {
    const file = this.#live.get(from);
    if (file === undefined) throw new Error(`the recording moves "${from}", which is not there`);
    this.#name(index, to, (names) => {
      names.set(to, file);
      if (op === "rename") names.delete(from);
    });
  }

  #sync(number: number, before: number): void {
    const file = this.#file(number);
    const synced = file.pending.filter(({ index }) => index < before);
    file.pending = file.pending.filter(({ index }) => index >= before);
    for (const { change } of synced) file.durable = changed(file.durable, change);
  }

  #syncDirectory(directory: string, before: number): void {
    const isSynced = (naming: Naming) => naming.directory === directory && naming.index < before;
    for (const naming of this.#naming) if (isSynced(naming)) naming.apply(this.#durable);
    this.#naming = this.#naming.filter((naming) => !isSynced(naming));
  }

  /** Whether anything hangs in the air. */
  get isSettled(): boolean {
    const files = [...this.#files.values()];
    return this.#naming.length === 0 && files.every(({ pending }) => pending.length === 0);
  }

  /** One of the states that a loss of power at this moment may leave. */
  state(mode: Mode, random: Random): DiskState {
    const chosen: string[] = [];
    const isKept = (): boolean => {
      const kept = mode === "all" || (mode === "some" && random.fraction() < 0.5);
      chosen.push(kept ? "1" : "0");
      return kept;
    };
    const names = new Map(this.#durable);
    for (const { apply } of this.#naming) if (isKept()) apply(names);
    const directories = new Set(
      [...names].filter(([, what]) => what === "directory").map(([name]) => name),
    );
    const isThere = (name: string): boolean =>
      name === "" || (directories.has(name) && isThere(parentOf(name)));
    const files = new Map<string, Buffer>();
    const contents = new Map<number, Buffer>();
    for (const [name, number] of names) {
      if (number === "directory" || !isThere(parentOf(name))) continue;
      const content = contents.get(number) ?? this.#content(number, mode, isKept, random, chosen);
      contents.set(number, content);
      files.set(name, content);
    }
    for (const name of [...directories]) if (!isThere(name)) directories.delete(name);
    return { files, directories, choices: chosen.join("") };
  }

  #content(
    number: number,
    mode: Mode,
    isKept: () => boolean,
    random: Random,
    chosen: string[],
  ): Buffer {
    let { durable: content } = this.#file(number);
    for (const { change } of this.#file(number).pending) {
      if (!isKept()) continue;
      const isTorn = mode === "some" && change.op === "write" && random.fraction() < TORN;
      content = isTorn ? torn(content, change, random, chosen) : changed(content, change);
    }
    return content;
  }
}

function sized(content: Buffer, size: number): Buffer {
  if (size <= content.length) return content;
  return Buffer.concat([content, Buffer.alloc(size - content.length)]);
}

function changed(content: Buffer, change: Change): Buffer {
  if (change.op === "truncate")
    return Buffer.from(sized(content, change.size).subarray(0, change.size));
  const next = Buffer.from(sized(content, change.at + change.bytes.length));
  change.bytes.copy(next, change.at);
  return next;
}

/** Some of the sectors of a write; its end counts to the length even where it is missing, or not. */
function torn(
  content: Buffer,
  { at, bytes }: Extract<Op, { op: "write" }>,
  random: Random,
  chosen: string[],
): Buffer {
  const end = at + bytes.length;
  let next: Buffer =
    random.fraction() < 0.5 ? Buffer.from(sized(content, end)) : Buffer.from(content);
  for (let from = at; from < end; ) {
    const to = Math.min(end, (Math.floor(from / SECTOR) + 1) * SECTOR);
    const isThere = random.fraction() < 0.5;
    chosen.push(isThere ? "t" : "f");
    if (isThere) {
      next = sized(next, to);
      bytes.copy(next, from, from - at, to - at);
    }
    from = to;
  }
  return next;
}

/** The same recording as if some syncs had not been made: what a judge must notice. */
export function withoutSyncs(trace: Trace, isLeftOut: (name: string, op: Op) => boolean): Trace {
  const names = new Map<number, string>();
  return trace.map((op): Op => {
    if (op.op === "create") names.set(op.file, op.name);
    const name =
      op.op === "sync" ? names.get(op.file) : op.op === "syncDirectory" ? op.name : undefined;
    return name !== undefined && isLeftOut(name, op) && "before" in op ? { ...op, before: 0 } : op;
  });
}
