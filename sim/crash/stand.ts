/**
 * What the crash tools share: a stand-in provider that knows what it accepted, a data directory with something to lose,
 * and the verdict about what became of it.
 *
 * 1. The oracle is the stand-in itself. Right after the crash, a copy of the data directory is opened with its own key,
 *    and every refresh token that store or journal can give is shown to the stand-in (`inspectToken`, which changes
 *    nothing). If it accepts one, the chain can be kept: whatever then ends it is an *avoidable* loss.
 * 2. If it accepts none, the chain is lost already, and then the keychain must say so by cause. A chain that lives on
 *    all the same shows that the evidence was misread; that fails the run too.
 */

import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEvidence, type Testimony } from "../../scripts/torture/evidence.ts";
import { type ConnectOptions, openKeychain } from "../../src/cli/library.ts";
import type { DemoGrant } from "../../src/sandbox/demo.ts";
import type { RequestLine } from "../../src/sandbox/request-log.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import { NAME } from "./victim.ts";

/** The policies that differ in what may be done about a lost answer. */
export const POLICIES = ["handshake", "exact-online", "strict"] as const;

/** Where the policy keeps the old token open, no single crash may end a chain. */
export const FORGIVING: ReadonlySet<string> = new Set(["handshake", "exact-online"]);

/** Least intervals of ten minutes then pass in a second. */
export const TIME_SCALE = 600;

export interface Stand {
  readonly preset: string;
  readonly sandbox: Sandbox;
  grant(): Promise<DemoGrant>;
  /** What is needed to take over a grant; `tokenEndpoint` may be that of a proxy. */
  connectionOf(grant: DemoGrant, name?: string, tokenEndpoint?: string): ConnectOptions;
  /** Requests for a chain, once none is being decided any more. */
  requestsOf(grant: DemoGrant): Promise<readonly RequestLine[]>;
  close(): Promise<void>;
}

export async function startStand(preset: string): Promise<Stand> {
  const provider = PROVIDERS[preset];
  if (!provider) throw new Error(`no provider is called "${preset}"`);
  const sandbox = await startSandbox({ provider, timeScale: TIME_SCALE });
  const { url, clientId, clientSecret } = sandbox;
  const lines = async (): Promise<readonly RequestLine[]> => {
    const answer = await fetch(`${url}/sandbox/log`);
    return ((await answer.json()) as { requests: readonly RequestLine[] }).requests;
  };
  return {
    preset,
    sandbox,
    grant: async () => {
      const answer = await fetch(`${url}/sandbox/grants`, { method: "POST" });
      return (await answer.json()) as DemoGrant;
    },
    connectionOf: ({ refreshToken }, name = NAME, tokenEndpoint = sandbox.tokenEndpoint) => ({
      ...{ name, provider: preset, clientId, clientSecret, refreshToken, tokenEndpoint },
    }),
    requestsOf: async ({ chain }) => {
      // A request that arrived before this one is at least being decided when it is answered.
      let seen = await lines();
      for (let still = 0; still < 2; ) {
        const before = JSON.stringify(seen.filter((line) => line.chain === chain));
        seen = await lines();
        const now = seen.filter((line) => line.chain === chain);
        const open = seen.some(({ decision }) => decision === "pending");
        still = !open && JSON.stringify(now) === before ? still + 1 : 0;
      }
      return seen.filter((line) => line.chain === chain);
    },
    close: () => sandbox.close(),
  };
}

/** Takes over a chain in this process, refreshes it once and closes: the state before a crash. */
export async function prepareHome(
  dataDir: string,
  connection: ConnectOptions,
): Promise<{ readonly generation: number }> {
  const keychain = await openKeychain({
    ...{ dataDir, lazy: true, timeScale: TIME_SCALE, courier: false },
  });
  try {
    await keychain.connect(connection);
    return await keychain.token(connection.name);
  } finally {
    await keychain.close();
  }
}

/** What a data directory holds, read from a copy so that nothing of it changes. */
export async function evidenceOf(dataDir: string): Promise<readonly Testimony[]> {
  const copy = mkdtempSync(join(tmpdir(), "keten-evidence-"));
  try {
    for (const name of ["deployment.json", "keten.key", "keten.key-check", "journal"]) {
      cpSync(join(dataDir, name), join(copy, name), { recursive: true, force: true });
    }
    for (const name of ["keten.db", "keten.db-wal"]) {
      const from = join(dataDir, name);
      if (existsSync(from)) cpSync(from, join(copy, name));
    }
    return await readEvidence(copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** In which of our places the tokens lie that the stand-in accepts. */
export async function acceptedPlaces(
  { sandbox }: Stand,
  { tokens }: Pick<Testimony, "tokens">,
): Promise<readonly string[]> {
  const places: string[] = [];
  for (const { place, token } of tokens) {
    const inspected = await sandbox.issuer.inspectToken(token.reveal());
    if (inspected?.accepted) places.push(place);
  }
  return places;
}

export type Fate = "kept" | "unavoidable" | "avoidable" | "misread" | "unsettled";

/** What became of a chain: what could be kept, and what was said in the end. */
export function fateOf(
  accepted: readonly string[],
  end: { readonly code: string | null; readonly cause: string | null },
  causes: readonly string[] = ["lostAnswer"],
): Fate {
  if (end.code === null) return accepted.length > 0 ? "kept" : "misread";
  if (end.code !== "connection_lost") return "unsettled";
  if (accepted.length > 0) return "avoidable";
  return end.cause !== null && causes.includes(end.cause) ? "unavoidable" : "unsettled";
}
