/** What figures depend on besides the code: the machine, the disk, the versions. Nothing that names a host or a user. */

import { execFileSync } from "node:child_process";
import {
  closeSync,
  fdatasyncSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { ROOT } from "../scripts/source-files.ts";
import { median } from "./figures.ts";

const PACKAGES = ["fastify", "oidc-provider", "koa"];
const SYNCS = 100;
const PAGE_BYTES = 4096;
/** Linux's magic number of a file system in memory. */
const TMPFS = 0x01021994;

export interface Surroundings {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly platform: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly commit: string;
  /** Files of the source that differ from the commit. */
  readonly changed: number;
  /** Writing a page and syncing it, at the place of the databases. */
  readonly syncMs: number;
  /** What else ran when the bench began: processes that wanted a core, over the last minute. */
  readonly loadAverage: number;
}

export function surroundingsIn(directory: string): Surroundings {
  const cpus = os.cpus();
  const { node = "", sqlite = "", v8 = "" } = process.versions;
  return {
    cpu: cpus[0]?.model.trim() ?? "unknown",
    cores: cpus.length,
    memoryBytes: os.totalmem(),
    platform: `${process.platform} ${process.arch}`,
    versions: {
      ...{ node, v8, sqlite },
      ...Object.fromEntries(PACKAGES.flatMap((name) => versionOf(name))),
    },
    commit: git(["rev-parse", "--short", "HEAD"]),
    changed: git(["status", "--porcelain", "--", "src", "bench"]).split("\n").filter(Boolean)
      .length,
    syncMs: syncTime(directory),
    loadAverage: os.loadavg()[0] ?? 0,
  };
}

function versionOf(name: string): readonly [string, string][] {
  try {
    const text = readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8");
    return [[name, (JSON.parse(text) as { version: string }).version]];
  } catch {
    return [];
  }
}

function git(args: readonly string[]): string {
  try {
    return execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}

function syncTime(directory: string): number {
  const path = join(directory, "sync");
  const file = openSync(path, "w");
  const page = Buffer.alloc(PAGE_BYTES, 1);
  const times = Array.from({ length: SYNCS }, () => {
    const since = performance.now();
    writeSync(file, page);
    fdatasyncSync(file);
    return performance.now() - since;
  });
  closeSync(file);
  rmSync(path);
  return median(times);
}

/** Whether what is written there would be in memory only: nothing durable can be measured there. */
export const isInMemory = (directory: string): boolean =>
  process.platform === "linux" && statfsSync(directory).type === TMPFS;
