/**
 * The process that is crashed: a keychain on a data directory, told line by line what to do.
 *
 * 1. Each line on the standard input is one command as JSON; each command is answered with one line of JSON. `ready`
 *    comes first. Between a command and its answer lie the system calls of one refresh and hardly any others.
 * 2. It prints no token: a generation and a digest say which one it was given.
 * 3. A keychain fails by code; anything else is told as `unexpected`, which no crash may cause.
 */

import { createHash } from "node:crypto";
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import {
  type AccessToken,
  KetenError,
  type KeychainLibrary,
  openKeychain,
} from "../../src/cli/library.ts";
import type { Log } from "../../src/env/log.ts";

export type Command =
  /** One refresh: asks for a token newer than the one given out last. */
  | { readonly do: "refresh" }
  /** A token, whatever it takes, and then one refresh more. */
  | { readonly do: "recover" }
  | { readonly do: "close" };

export interface Told {
  readonly generation: number | null;
  /** Of the access token. */
  readonly digest: string | null;
  /** Null for success; `unexpected` for what is no error of Keten's. */
  readonly code: string | null;
  readonly message: string | null;
  readonly cause: string | null;
  readonly retryable: boolean;
}

/** What a victim is started with, as its only argument. */
export interface VictimOptions {
  readonly dataDir: string;
  readonly timeScale: number;
  readonly deadlineMs: number;
  readonly requestLifeMs: number;
  readonly patienceMs: number;
}

export const NAME = "acme";

function say(line: object): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

const told = (token: AccessToken): Told => ({
  generation: token.generation,
  digest: createHash("sha256").update(token.accessToken).digest("hex"),
  ...{ code: null, message: null, cause: null, retryable: false },
});

function failed(error: unknown): Told {
  const isOurs = error instanceof KetenError;
  const { cause = null } = isOurs ? error.evidence : {};
  return {
    ...{ generation: null, digest: null },
    code: isOurs ? error.code : "unexpected",
    message: isOurs ? error.message : String((error as Error)?.stack ?? error),
    cause: cause === null ? null : String(cause),
    retryable: isOurs && error.retryable,
  };
}

async function obey(keychain: KeychainLibrary, command: Command): Promise<Told | null> {
  switch (command.do) {
    case "refresh": {
      const { generation } = await keychain.show(NAME);
      return told(await keychain.failed(NAME, generation));
    }
    case "recover": {
      const { generation } = await keychain.token(NAME);
      return told(await keychain.failed(NAME, generation));
    }
    case "close":
      await keychain.close();
      return null;
  }
}

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2] ?? "{}") as VictimOptions;
  const lines: string[] = [];
  const at =
    (level: string): Log["info"] =>
    (event, fields) =>
      void lines.push(`${level} ${event} ${JSON.stringify(fields ?? {})}`);
  const log: Log = { info: at("info"), warn: at("warn"), error: at("error") };
  const keychain = await openKeychain({ ...options, lazy: true, courier: false, log });
  say({ ready: process.pid });
  for await (const line of createInterface({ input: process.stdin })) {
    const answer = await obey(keychain, JSON.parse(line) as Command).catch(failed);
    say({ answer, log: lines.splice(0) });
    if (answer === null) break;
  }
  process.stdin.destroy();
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    say({ answer: failed(error), log: [] });
    process.exitCode = 1;
  });
}
