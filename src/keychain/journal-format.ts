/**
 * The bytes of a journal file. A record is: a mark (8 bytes), the payload's length (4), the first 16 bytes of a SHA-256
 * over length and payload, the payload. A payload is: the length of its head (4), the head as JSON, what follows.
 *
 * 1. A record is whole or is none. Reading goes from mark to mark, so a torn or flipped record hides neither those
 *    before it nor those behind it.
 * 2. Space written ahead is zeros. Anything else between whole records is damage and is reported.
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

/** Reads all whole records of a file, in order, and the damage between them. */
export function decodeRecords(file: Buffer): {
  readonly records: readonly JournalRecord[];
  readonly damage: readonly Damage[];
} {
  const records: JournalRecord[] = [];
  const damage: Damage[] = [];
  let readTo = 0;
  const passOver = (end: number): void => {
    const gap = trimZeros(file.subarray(readTo, end));
    if (gap.length > 0) damage.push({ position: readTo, bytes: gap.length });
  };
  for (let at = file.indexOf(MARK); at !== -1; at = file.indexOf(MARK, at)) {
    const record = wholeRecord(file, at);
    if (record === undefined) {
      at += 1;
      continue;
    }
    passOver(at);
    records.push({ position: at, ...parseRecord(record) });
    at += record.length;
    readTo = at;
  }
  passOver(file.length);
  return { records, damage };
}

function wholeRecord(file: Buffer, at: number): Buffer | undefined {
  if (at + PAYLOAD_AT > file.length) return undefined;
  const end = at + PAYLOAD_AT + file.readUInt32BE(at + LENGTH_AT);
  if (end > file.length) return undefined;
  const record = file.subarray(at, end);
  const isWhole = digestOf(record).equals(record.subarray(DIGEST_AT, PAYLOAD_AT));
  return isWhole ? record : undefined;
}

function parseRecord(record: Buffer): Omit<JournalRecord, "position"> {
  const restAt = PAYLOAD_AT + 4 + record.readUInt32BE(PAYLOAD_AT);
  const head = JSON.parse(record.toString("utf8", PAYLOAD_AT + 4, restAt)) as RecordHead;
  return { head, rest: record.subarray(restAt) };
}

function digestOf(record: Buffer): Buffer {
  const hash = createHash("sha256").update(record.subarray(LENGTH_AT, DIGEST_AT));
  return hash.update(record.subarray(PAYLOAD_AT)).digest().subarray(0, 16);
}

/** Without the zeros at its end; empty if all are. */
function trimZeros(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return bytes.subarray(0, end);
}
