/**
 * A recording of all that a process does to the files of one directory, in the order in which it happens: taken by
 * strace, kept as lines of JSON.
 *
 * 1. A write may be on the disk from the moment it is called; a sync counts once it has returned, and for what was
 *    written before it was called.
 * 2. Files are known by what was opened, not by name: a name may move or go while the file is written.
 * 3. The shared memory beside a WAL and the beacons of living processes are left out: neither survives a machine.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import type { Mark } from "./power-workload.ts";

/** Files by number; names relative to the directory that was recorded, which is the empty name. */
export type Op =
  | { readonly op: "create"; readonly file: number; readonly name: string }
  | { readonly op: "write"; readonly file: number; readonly at: number; readonly bytes: Buffer }
  | { readonly op: "truncate"; readonly file: number; readonly size: number }
  /** Of all that was done to the file before the operation numbered `before`. */
  | { readonly op: "sync"; readonly file: number; readonly before: number }
  | { readonly op: "makeDirectory"; readonly name: string }
  | { readonly op: "link" | "rename"; readonly from: string; readonly to: string }
  | { readonly op: "unlink"; readonly name: string }
  | { readonly op: "syncDirectory"; readonly name: string; readonly before: number }
  | { readonly op: "mark"; readonly mark: Mark };

export type Trace = readonly Op[];

/** What strace is to record. */
export const TRACED: readonly string[] = [
  ...["openat", "close", "write", "pwrite64", "ftruncate", "fsync", "fdatasync"],
  ...["mkdir", "link", "rename", "unlink"],
];

/** Calls that would change files in ways this reading does not know: their presence is refused. */
export const REFUSED: readonly string[] = [
  ...["writev", "pwritev", "pwritev2", "fallocate", "renameat", "renameat2", "linkat"],
  ...["mkdirat", "copy_file_range", "sendfile", "truncate", "creat", "open"],
];

export const LEFT_OUT: RegExp = /-shm$|(?:^|\/)owners(?:\/|$)/;

interface Called {
  readonly entered: number;
  readonly left: number;
  readonly name: string;
  readonly args: string;
  readonly result: number;
}

/** Joins the halves of calls during which another thread was heard. */
function callsIn(text: string): readonly Called[] {
  const open = new Map<string, { readonly entered: number; readonly name: string; args: string }>();
  const calls: Called[] = [];
  for (const [line, said] of text.split("\n").entries()) {
    const begun = /^(\d+) +(\w+)\((.*)<unfinished \.\.\.>$/s.exec(said);
    const resumed = /^(\d+) +<\.\.\. (\w+) resumed>(.*)$/s.exec(said);
    const [, thread = "", name = "", rest = ""] =
      begun ?? resumed ?? /^(\d+) +(\w+)\((.*)$/s.exec(said) ?? [];
    if (name === "") continue;
    if (begun) {
      open.set(thread, { entered: line, name, args: rest });
      continue;
    }
    const first = resumed ? open.get(thread) : undefined;
    const whole = (first?.args ?? "") + rest;
    const result = /\) += (-?\d+)(?:<[^>]*>)?[^=]*$/.exec(whole);
    if (!result) continue;
    calls.push({
      ...{ entered: first?.entered ?? line, left: line, name },
      args: whole.slice(0, result.index),
      result: Number(result[1]),
    });
  }
  return calls;
}

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll("\\x", ""), "hex");
/** Every quoted argument; strace wrote them in hexadecimal. */
const quoted = (args: string): readonly Buffer[] =>
  [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?/g)].map(([, hex = "", cut]) => {
    if (cut) throw new Error("the recording cut a write short");
    return bytesOf(hex);
  });

function lastNumber(args: string): number {
  const found = /(\d+) *$/.exec(args)?.[1];
  if (found === undefined) throw new Error(`the recording has no position: ${args.slice(-80)}`);
  return Number(found);
}

/** Reads a recording of what was done under `root`; `marks` is the file of marks. */
export function readStrace(path: string, root: string, marks: string): Trace {
  return new Reader(root, marks).read(callsIn(readFileSync(path, "latin1")));
}

interface Opened {
  /** Undefined for the file of marks. */
  readonly file: number | undefined;
  readonly directory: string | undefined;
  at: number;
}

class Reader {
  readonly #root: string;
  readonly #marks: string;
  readonly #opened = new Map<number, Opened>();
  /** Where each name leads, as processes see it. */
  readonly #names = new Map<string, number>();
  readonly #timed: { readonly at: number; readonly entered: number; readonly op: Op }[] = [];
  #files = 0;

  constructor(root: string, marks: string) {
    this.#root = root;
    this.#marks = marks;
  }

  read(calls: readonly Called[]): Trace {
    for (const call of [...calls].sort((a, b) => a.left - b.left)) {
      if (call.result >= 0) this.#take(call);
    }
    const ordered = this.#timed.sort((a, b) => a.at - b.at);
    return ordered.map(({ op, entered }) => {
      if (op.op !== "sync" && op.op !== "syncDirectory") return op;
      return { ...op, before: ordered.findIndex(({ at }) => at >= entered) };
    });
  }

  #add(call: Called, op: Op, at = call.entered): void {
    this.#timed.push({ at, entered: call.entered, op });
  }

  /** The name under the root; undefined for what is elsewhere or left out. */
  #nameOf(path: string): string | undefined {
    if (path !== this.#root && !path.startsWith(`${this.#root}/`)) return undefined;
    const name = path.slice(this.#root.length + 1);
    return LEFT_OUT.test(name) ? undefined : name;
  }

  #take(call: Called): void {
    const { name, args } = call;
    const descriptor = Number(/^(\d+)/.exec(args)?.[1]);
    const opened = this.#opened.get(descriptor);
    const paths = quoted(name === "write" || name === "pwrite64" ? "" : args).map(String);
    const [first, second] = paths.map((path) => this.#nameOf(path));
    switch (name) {
      case "openat":
        this.#open(call, paths[0] ?? "", first);
        break;
      case "close":
        this.#opened.delete(descriptor);
        break;
      case "write":
      case "pwrite64":
        if (opened) this.#write(call, opened, name);
        break;
      case "ftruncate":
        if (opened?.file === undefined) break;
        this.#add(call, { op: "truncate", file: opened.file, size: lastNumber(args) });
        break;
      case "fsync":
      case "fdatasync":
        if (opened) this.#sync(call, opened);
        break;
      case "mkdir":
        if (first !== undefined) this.#add(call, { op: "makeDirectory", name: first });
        break;
      case "unlink":
        if (first === undefined) break;
        this.#names.delete(first);
        this.#add(call, { op: "unlink", name: first });
        break;
      case "link":
      case "rename":
        this.#move(call, name, first, second);
        break;
      default:
        if (first !== undefined) throw new Error(`the recording has a ${name} of "${first}"`);
    }
  }

  #open(call: Called, path: string, name: string | undefined): void {
    if (path === this.#marks) {
      this.#opened.set(call.result, { file: undefined, directory: undefined, at: 0 });
      return;
    }
    this.#opened.delete(call.result);
    if (name === undefined) return;
    let file = this.#names.get(name);
    if (file === undefined && call.args.includes("O_CREAT")) {
      file = this.#files;
      this.#files += 1;
      this.#names.set(name, file);
      this.#add(call, { op: "create", file, name }, call.left);
    }
    const directory = file === undefined ? name : undefined;
    this.#opened.set(call.result, { file, directory, at: 0 });
  }

  #write(call: Called, opened: Opened, name: string): void {
    const [bytes] = quoted(call.args);
    if (!bytes || bytes.length !== call.result)
      throw new Error(`a write is not whole: ${call.args.slice(0, 80)}`);
    const { file, directory } = opened;
    if (directory !== undefined) return;
    if (file === undefined) {
      for (const line of bytes.toString().split("\n").filter(Boolean)) {
        this.#add(call, { op: "mark", mark: JSON.parse(line) as Mark });
      }
      return;
    }
    const at = name === "pwrite64" ? lastNumber(call.args) : opened.at;
    if (name === "write") opened.at += bytes.length;
    this.#add(call, { op: "write", file, at, bytes });
  }

  #sync(call: Called, { file, directory }: Opened): void {
    if (directory !== undefined) {
      this.#add(call, { op: "syncDirectory", name: directory, before: 0 }, call.left);
    } else if (file !== undefined) this.#add(call, { op: "sync", file, before: 0 }, call.left);
  }

  #move(
    call: Called,
    op: "link" | "rename",
    from: string | undefined,
    to: string | undefined,
  ): void {
    const file = from === undefined ? undefined : this.#names.get(from);
    if (from === undefined || to === undefined || file === undefined) return;
    if (dirname(from) !== dirname(to)) throw new Error(`the recording moves "${from}" to "${to}"`);
    this.#names.set(to, file);
    if (op === "rename") this.#names.delete(from);
    this.#add(call, { op, from, to });
  }
}

// --- kept recordings ------------------------------------------------------------------------------------

export function writeTrace(path: string, trace: Trace): void {
  const lines = trace.map((op) =>
    JSON.stringify(op.op === "write" ? { ...op, bytes: op.bytes.toString("base64") } : op),
  );
  const { BROTLI_PARAM_LGWIN, BROTLI_PARAM_QUALITY } = constants;
  const params = { [BROTLI_PARAM_LGWIN]: 24, [BROTLI_PARAM_QUALITY]: 9 };
  writeFileSync(path, brotliCompressSync(lines.join("\n"), { params }));
}

export function readTrace(path: string): Trace {
  const lines = brotliDecompressSync(readFileSync(path)).toString().split("\n");
  return lines.map((line) => {
    const op = JSON.parse(line) as Op & { readonly bytes?: string };
    return op.op === "write" ? { ...op, bytes: Buffer.from(`${op.bytes}`, "base64") } : op;
  });
}
