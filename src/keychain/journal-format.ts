/**
 * The bytes of a journal file. A record is: a mark (8 bytes), the payload's length (4), the first 16 bytes of a SHA-256
 * over length and payload, the payload. A payload is: the length of its head (4), the head as JSON, what follows.
 *
 * 1. A record is whole or is none. Reading goes from mark to mark, so a torn or flipped record hides neither those
 *    before it nor those behind it.
 * 2. Space written ahead is zeros. Anything else between whole records is damage and is reported.
 * 3. A record that was found whole stays so: a file is only ever written behind what is in it. Who reads it again and
 *    again tells `decodeRecords` what it found before, which then is neither hashed nor parsed another time.
 */

import { createHash } from "node:crypto";

const MARK = Buffer.from("6b746e6af39d1c07", "hex");
const LENGTH_AT = MARK.length;
const DIGEST_AT = LENGTH_AT + 4;
const PAYLOAD_AT = DIGEST_AT + 16;

export type RecordHead =
  /** The first of every file: who began it, when. */
  | { readonly kind: "begun"; readonly at: number; readonly owner: string }
  | {
      readonly kind: "answer";
      readonly at: number;
      readonly chainId: string;
      readonly attemptId: string;
    }
  /** These attempts need their answers no more; they may stand in other files. */
  | { readonly kind: "settled"; readonly at: number; readonly attemptIds: readonly string[] };

export interface JournalRecord {
  readonly position: number;
  readonly head: RecordHead;
  /** What follows the head: the sealed answer. */
  readonly rest: Buffer;
}

/** Bytes that are neither a whole record nor space written ahead. */
export interface Damage {
  readonly position: number;
  readonly bytes: number;
}

/** A record that was found whole, without its bytes. */
export interface KnownRecord {
  readonly head: RecordHead;
  readonly restAt: number;
  readonly length: number;
}

/** The records of a file that were found whole, by position. */
export type KnownRecords = Map<number, KnownRecord>;

export function encodeRecord(head: RecordHead, rest: Uint8Array = Buffer.alloc(0)): Buffer {
  const json = Buffer.from(JSON.stringify(head));
  const record = Buffer.alloc(PAYLOAD_AT + 4 + json.length + rest.length);
  MARK.copy(record);
  record.writeUInt32BE(record.length - PAYLOAD_AT, LENGTH_AT);
  record.writeUInt32BE(json.length, PAYLOAD_AT);
  json.copy(record, PAYLOAD_AT + 4);
  record.set(rest, PAYLOAD_AT + 4 + json.length);
  digestOf(record).copy(record, DIGEST_AT);
  return record;
}

/** Reads all whole records of a file, in order, and the damage between them. `known` is what it held before. */
export function decodeRecords(
  file: Buffer,
  known: KnownRecords = new Map(),
): {
  readonly records: readonly JournalRecord[];
  readonly damage: readonly Damage[];
} {
  const records: JournalRecord[] = [];
  const damage: Damage[] = [];
  let readTo = 0;
  const passOver = (end: number): void => {
    const bytes = lengthWithoutZeros(file.subarray(readTo, end));
    if (bytes > 0) damage.push({ position: readTo, bytes });
  };
  for (let at = nextMark(file, 0, known); at !== -1; at = nextMark(file, at, known)) {
    const record = known.get(at) ?? wholeRecord(file, at);
    if (record === undefined || at + record.length > file.length) {
      at += 1;
      continue;
    }
    known.set(at, record);
    passOver(at);
    const { head, restAt, length } = record;
    records.push({ position: at, head, rest: file.subarray(at + restAt, at + length) });
    at += length;
    readTo = at;
  }
  passOver(file.length);
  return { records, damage };
}

/** Records follow each other closely, so the next one mostly begins where the last one ended. */
const nextMark = (file: Buffer, from: number, known: KnownRecords): number =>
  known.has(from) ? from : file.indexOf(MARK, from);

function wholeRecord(file: Buffer, at: number): KnownRecord | undefined {
  if (at + PAYLOAD_AT > file.length) return undefined;
  const end = at + PAYLOAD_AT + file.readUInt32BE(at + LENGTH_AT);
  if (end > file.length) return undefined;
  const record = file.subarray(at, end);
  const isWhole = digestOf(record).equals(record.subarray(DIGEST_AT, PAYLOAD_AT));
  return isWhole ? parseRecord(record) : undefined;
}

function parseRecord(record: Buffer): KnownRecord {
  const restAt = PAYLOAD_AT + 4 + record.readUInt32BE(PAYLOAD_AT);
  const head = JSON.parse(record.toString("utf8", PAYLOAD_AT + 4, restAt)) as RecordHead;
  return { head, restAt, length: record.length };
}

function digestOf(record: Buffer): Buffer {
  const hash = createHash("sha256").update(record.subarray(LENGTH_AT, DIGEST_AT));
  return hash.update(record.subarray(PAYLOAD_AT)).digest().subarray(0, 16);
}

const ZEROS = Buffer.alloc(4096);

/** How many bytes are left without the zeros at the end. Whole pages of zeros are what there is most of. */
function lengthWithoutZeros(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0) {
    const page = Math.min(end, ZEROS.length);
    if (bytes.compare(ZEROS, 0, page, end - page, end) !== 0) break;
    end -= page;
  }
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end;
}
