/**
 * The key file: where the data key comes from unless a key service is configured.
 *
 * 1. 32 random bytes, created once for the owner's eyes only, by link, so that two processes that start together
 *    agree on one key and no reader sees half of it.
 * 2. A check value beside the data tells whether a key is the one the data was sealed with. It is looked at before
 *    anything else happens: a wrong or missing key changes nothing.
 * 3. A key that others can read is refused, not repaired: it may have been read.
 */

import { timingSafeEqual } from "node:crypto";
import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { syncDirectory } from "../env/disk.ts";
import { KetenError } from "../env/error.ts";
import type { Random } from "../env/random.ts";
import { DATA_KEY_BYTES, DataKey } from "./data-key.ts";

const CHECK_VERSION = "keten-key-check-1";

export interface KeyFileOptions {
  /** Where the key is, such as `<data>/keten.key` or a path on another volume. */
  readonly keyPath: string;
  /** Where the check value is: with the data, such as `<data>/keten.key-check`. */
  readonly checkPath: string;
  readonly random: Random;
}

/**
 * Reads the data key; makes it and its check value where there is neither yet.
 *
 * @throws KetenError `key_unsafe` if others than the owner may use the file, `key_wrong` if it is missing, damaged or
 *   not the key of this data. Nothing was changed then.
 */
export function openKeyFile({ keyPath, checkPath, random }: KeyFileOptions): DataKey {
  const check = readCheck(checkPath);
  const key = readKey(keyPath) ?? (check === undefined ? createKey(keyPath, random) : undefined);
  if (!key) {
    throw new KetenError(
      "key_wrong",
      `key file "${keyPath}" is missing; expected key ${keyIdOf(check)}`,
    );
  }
  if (check === undefined) createFile(checkPath, Buffer.from(checkOf(key)), random);
  // Read back: another process may have written it first, for another key.
  const expected = Buffer.from(readCheck(checkPath) ?? "");
  const actual = Buffer.from(checkOf(key));
  if (expected.length === actual.length && timingSafeEqual(expected, actual)) return key;
  key.wipe();
  throw new KetenError(
    "key_wrong",
    `key file "${keyPath}" holds key ${key.id}; expected key ${keyIdOf(expected.toString())}, which sealed this data`,
  );
}

function readKey(path: string): DataKey | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new KetenError("key_wrong", `key file "${path}" cannot be read`, { cause: error });
  }
  try {
    refuseUnsafe(path, descriptor);
    const bytes = readFileSync(descriptor);
    if (bytes.length !== DATA_KEY_BYTES) {
      throw new KetenError(
        "key_wrong",
        `key file "${path}" has ${bytes.length} bytes; expected ${DATA_KEY_BYTES}`,
      );
    }
    const key = new DataKey(bytes);
    bytes.fill(0);
    return key;
  } finally {
    closeSync(descriptor);
  }
}

function refuseUnsafe(path: string, descriptor: number): void {
  const { mode, uid } = fstatSync(descriptor);
  const permissions = (mode & 0o777).toString(8).padStart(4, "0");
  if ((mode & 0o077) !== 0) {
    throw new KetenError(
      "key_unsafe",
      `key file "${path}" has mode ${permissions}; expected 0400, readable by its owner alone`,
    );
  }
  const self = process.geteuid?.() ?? uid;
  if (uid !== self && uid !== 0) {
    throw new KetenError(
      "key_unsafe",
      `key file "${path}" belongs to user ${uid}; expected user ${self}, who runs this`,
    );
  }
}

function createKey(path: string, random: Random): DataKey | undefined {
  const bytes = random.bytes(DATA_KEY_BYTES);
  createFile(path, bytes, random);
  bytes.fill(0);
  return readKey(path);
}

/** Creates a file with its whole content, durable, mode 0400; does nothing if there is one already. */
function createFile(path: string, bytes: Uint8Array, random: Random): void {
  const draft = `${path}.${Buffer.from(random.bytes(8)).toString("hex")}`;
  const descriptor = openSync(draft, "wx", 0o400);
  try {
    fchmodSync(descriptor, 0o400);
    writeSync(descriptor, bytes);
    fsyncSync(descriptor);
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
      throw new KetenError("key_wrong", `file "${path}" cannot be created`, { cause: error });
    }
  } finally {
    closeSync(descriptor);
    rmSync(draft, { force: true });
  }
  syncDirectory(dirname(path));
}

function readCheck(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new KetenError("key_wrong", `key check "${path}" cannot be read`, { cause: error });
  }
}

function checkOf(key: DataKey): string {
  return `${CHECK_VERSION} ${key.id} ${key.derive("keten key check 1", 32).toString("hex")}\n`;
}

/** The key's id as its check names it, for messages. */
function keyIdOf(check: string | undefined): string {
  return /^[\w-]+ ([0-9a-f]{16}) /.exec(check ?? "")?.[1] ?? "unknown";
}
