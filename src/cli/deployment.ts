/**
 * A data directory's own files beside the store: who it is, how fast its clock runs, and the API's key.
 *
 * 1. The deployment's id stands in no database: sealed values copied with a database open nowhere else.
 * 2. The time scale belongs to the data. Its clock goes on over restarts from the origin that is written here, and
 *    another scale for the same data is refused.
 * 3. Files are created whole, for the owner alone, by link: of processes that start together one wins, and all read it.
 */

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
import { join } from "node:path";
import { makeDirectory, syncDirectory } from "../env/disk.ts";
import { KetenError } from "../env/error.ts";
import type { Random } from "../env/random.ts";
import { Secret } from "../env/secret.ts";
import type { Instant } from "../kernel/time.ts";

export interface Deployment {
  readonly id: string;
  readonly timeScale: number;
  /** The instant at which scaled and real time agree; undefined where they always do. */
  readonly timeOrigin: Instant | undefined;
}

export interface DeploymentOptions {
  readonly dataDir: string;
  readonly random: Random;
  /** Undefined for the scale the data has, 1 for new data. */
  readonly timeScale: number | undefined;
  /** The wall clock, for the origin of a scale. */
  readonly now: () => Instant;
}

/** Makes the directory for its owner alone; leaves one that is there as it is. @throws KetenError `config_invalid` */
export function makeDataDir(dataDir: string): void {
  try {
    makeDirectory(dataDir);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new KetenError(
      "config_invalid",
      `data directory "${dataDir}" cannot be made (${code}); expected a place this user may write to`,
      { cause: error },
    );
  }
}

/** @throws KetenError `config_invalid` if the file is none of ours or the time scale is another */
export function openDeployment(options: DeploymentOptions): Deployment {
  const { dataDir, random, timeScale, now } = options;
  const path = join(dataDir, "deployment.json");
  const fresh = (): string => {
    const scale = timeScale ?? 1;
    const id = Buffer.from(random.bytes(16)).toString("hex");
    return `${JSON.stringify({ id, timeScale: scale, ...(scale === 1 ? {} : { timeOrigin: now() }) })}\n`;
  };
  const deployment = parse(path, readOrCreate(path, fresh, random));
  if (timeScale !== undefined && timeScale !== deployment.timeScale) {
    throw new KetenError(
      "config_invalid",
      `time scale ${timeScale} is not that of "${dataDir}"; expected ${deployment.timeScale}, or another data directory`,
    );
  }
  return deployment;
}

function parse(path: string, text: string): Deployment {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const { id, timeScale, timeOrigin } = (value ?? {}) as Record<string, unknown>;
  const isScale = typeof timeScale === "number" && timeScale > 0 && Number.isFinite(timeScale);
  if (
    typeof id === "string" &&
    /^[0-9a-f]{32}$/.test(id) &&
    isScale &&
    (timeScale === 1 || typeof timeOrigin === "number")
  ) {
    return { id, timeScale, timeOrigin: timeScale === 1 ? undefined : (timeOrigin as Instant) };
  }
  throw new KetenError(
    "config_invalid",
    `"${path}" is damaged; expected the file that was made with this data`,
  );
}

/** The key to the HTTP API of a data directory, made at the first start. @throws KetenError `key_unsafe` */
export function openApiKey(dataDir: string, random: Random): { path: string; key: Secret } {
  const path = join(dataDir, "api-key");
  const fresh = (): string => `keten_${Buffer.from(random.bytes(32)).toString("base64url")}\n`;
  const key = readOrCreate(path, fresh, random, { isSecret: true }).trim();
  if (/^[\x21-\x7e]{16,1024}$/.test(key)) return { path, key: new Secret(key) };
  throw new KetenError(
    "key_unsafe",
    `API key file "${path}" is malformed; expected one line of 16 to 1024 visible ASCII characters`,
  );
}

function readOrCreate(
  path: string,
  fresh: () => string,
  random: Random,
  { isSecret = false } = {},
): string {
  const found = readText(path, isSecret);
  if (found !== undefined) return found;
  const draft = `${path}.${Buffer.from(random.bytes(8)).toString("hex")}`;
  const descriptor = openSync(draft, "wx", 0o600);
  try {
    fchmodSync(descriptor, 0o600);
    writeSync(descriptor, fresh());
    fsyncSync(descriptor);
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    closeSync(descriptor);
    rmSync(draft, { force: true });
  }
  syncDirectory(join(path, ".."));
  return readText(path, isSecret) ?? "";
}

/** A file's text; undefined without one. @throws KetenError `config_invalid`; `key_unsafe` for a secret open to others */
export function readText(path: string, isSecret = false): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new KetenError("config_invalid", `"${path}" cannot be read (${code})`, { cause: error });
  }
  try {
    const { mode } = fstatSync(descriptor);
    if (isSecret && (mode & 0o077) !== 0) {
      const permissions = (mode & 0o777).toString(8).padStart(4, "0");
      throw new KetenError(
        "key_unsafe",
        `"${path}" has mode ${permissions}; expected 0600, readable by its owner alone`,
      );
    }
    return readFileSync(descriptor, "utf8");
  } finally {
    closeSync(descriptor);
  }
}
