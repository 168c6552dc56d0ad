/**
 * What is measured: the servers, each a process of its own, and what the load generator sends to each.
 *
 * 1. Every load has as many connections, and every rotating load as many chains: one for each connection.
 * 2. Token requests authenticate the client in the body, at all servers alike; the echo gets the same forms.
 * 3. All servers are up during the whole run; only one of them is asked at a time.
 */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Child, start } from "../scripts/children.ts";
import { RELAY_PATHS } from "../src/http/relay-paths.ts";
import type { BenchClient } from "./issuer.ts";
import { formHead, type Job } from "./load.ts";
import type { Loader } from "./loader.ts";
import type { EchoArguments } from "./servers/echo.ts";
import type { IssuerArguments } from "./servers/issuer.ts";
import type { KeychainArguments } from "./servers/keychain.ts";
import type { OidcProviderArguments } from "./servers/oidc-provider.ts";
import type { ReadyRelay, RelayArguments } from "./servers/relay.ts";

export const FIGURES = [
  "echo",
  "oidcProvider",
  "oidcProviderWithIdTokens",
  "rotations",
  "rotationsStrict",
  "tokenReads",
  "readsWhileRotating",
  "relayTokens",
  "relayTokensByTurns",
] as const;
export type FigureName = (typeof FIGURES)[number];

/** One figure: the server that is asked, and the loads that run at once, of which the first is measured. */
export interface Stand {
  readonly figure: FigureName;
  readonly server: Child;
  readonly loads: readonly [string, ...string[]];
}

export interface StandOptions {
  readonly directory: string;
  readonly connections: number;
  /** Of the relay, who ask by turns. */
  readonly consumers: number;
  readonly loader: Loader;
  /** Where the servers write CPU profiles when they end; none unless given. */
  readonly profiles: string | undefined;
}

export const POLICY = "handshake";
export const CLIENT: BenchClient = {
  clientId: "bench-client",
  clientSecret: "bench-secret-0123456789abcdefghijklmnopq",
};

/** What a server is started with: a directory, and where CPU profiles go. */
export type ServerOptions = Pick<StandOptions, "directory" | "profiles">;

/** A server of chains as it says it is ready. */
interface Tokens {
  readonly port: number;
  readonly path: string;
  readonly tokens: readonly string[];
}

interface ReadyKeychain {
  readonly port: number;
  readonly apiKey: string;
  readonly names: readonly string[];
  readonly issuer: Tokens;
}

/** Starts everything and tells the load generator. */
export async function startStands(options: StandOptions): Promise<readonly Stand[]> {
  const { connections, loader } = options;
  const issuerOf = (preset: string, chains: number): Promise<Server<Tokens>> =>
    startServer<IssuerArguments, Tokens>(options, "issuer", preset, (directory) => ({
      ...{ directory, preset, chains, client: CLIENT },
    }));
  // Its first chains are rotated by the load, the next belong to the keychain's connections, then a sample, and the
  // last is the relay's.
  const issuer = await issuerOf(POLICY, 2 * connections + 2);
  const strict = await issuerOf("strict", connections);
  const { port, path, tokens } = issuer.ready;
  const loaded = tokens.slice(0, connections);
  const kept = tokens.slice(connections, 2 * connections);
  const [sample = "", shared = ""] = tokens.slice(-2);
  const keychain = await startServer<KeychainArguments, ReadyKeychain>(
    options,
    "keychain",
    "keychain",
    (directory) => ({
      ...{ directory, preset: POLICY, chains: connections, client: CLIENT },
      ...{ tokenEndpoint: `http://127.0.0.1:${port}${path}`, refreshTokens: kept },
    }),
  );
  const tokenEndpoint = `http://127.0.0.1:${port}${path}`;
  const relay = await startRelay(options, {
    ...{ tokenEndpoint, client: CLIENT, refreshToken: shared, preset: POLICY },
    consumers: options.consumers,
  });
  const oidcProviderOf = (name: string, scope: string): Promise<Server<Tokens>> =>
    startServer<OidcProviderArguments, Tokens>(options, "oidc-provider", name, () => ({
      ...{ chains: connections, scope, ...CLIENT },
    }));
  const oidcProvider = await oidcProviderOf("oidc-provider", "read write");
  const withIdTokens = await oidcProviderOf("oidc-provider-id-tokens", "openid read write");
  const answerBytes = await answerBytesOf(issuer.ready, sample);
  const echo = await startServer<EchoArguments, { readonly port: number }>(
    options,
    "echo",
    "echo",
    () => ({ answerBytes }),
  );
  const { names, apiKey } = keychain.ready;
  const body = FORM + sample;
  const echoed: Job = {
    sends: "requests",
    requests: names.map(() => formHead("/token", body.length) + body),
  };
  const reads: Job = { sends: "requests", requests: names.map((name) => tokenRead(name, apiKey)) };
  loader.prepare({ name: "echo", port: echo.ready.port, job: echoed });
  loader.prepare({ name: "oidcProvider", ...rotating(oidcProvider.ready) });
  loader.prepare({ name: "oidcProviderWithIdTokens", ...rotating(withIdTokens.ready) });
  loader.prepare({ name: "rotations", ...rotating({ ...issuer.ready, tokens: loaded }) });
  loader.prepare({ name: "rotationsStrict", ...rotating(strict.ready) });
  loader.prepare({ name: "tokenReads", port: keychain.ready.port, job: reads });
  loader.prepare({ name: "rotationsMeanwhile", ...rotating(keychain.ready.issuer) });
  const asks = relay.ready.forms.map(relayRequest);
  const same: Job = { sends: "requests", requests: asks.slice(0, connections) };
  const turns: Job = { sends: "turns", connections, requests: asks };
  loader.prepare({ name: "relayTokens", port: relay.ready.port, job: same });
  loader.prepare({ name: "relayTokensByTurns", port: relay.ready.port, job: turns });
  return [
    { figure: "echo", server: echo.child, loads: ["echo"] },
    { figure: "oidcProvider", server: oidcProvider.child, loads: ["oidcProvider"] },
    {
      figure: "oidcProviderWithIdTokens",
      server: withIdTokens.child,
      loads: ["oidcProviderWithIdTokens"],
    },
    { figure: "rotations", server: issuer.child, loads: ["rotations"] },
    { figure: "rotationsStrict", server: strict.child, loads: ["rotationsStrict"] },
    { figure: "tokenReads", server: keychain.child, loads: ["tokenReads"] },
    {
      figure: "readsWhileRotating",
      server: keychain.child,
      loads: ["tokenReads", "rotationsMeanwhile"],
    },
    { figure: "relayTokens", server: relay.child, loads: ["relayTokens"] },
    { figure: "relayTokensByTurns", server: relay.child, loads: ["relayTokensByTurns"] },
  ];
}

/** A relay with consumers, each with a form of its own. */
export const startRelay = (
  options: ServerOptions,
  args: Omit<RelayArguments, "directory">,
): Promise<Server<ReadyRelay>> =>
  startServer<RelayArguments, ReadyRelay>(options, "relay", "relay", (directory) => ({
    ...{ directory, ...args },
  }));

export const relayRequest = (form: string): string =>
  formHead(RELAY_PATHS.token, form.length) + form;

export interface Server<R> {
  readonly child: Child;
  readonly ready: R;
}

/** Starts a server with a directory of its own. */
async function startServer<A, R>(
  { directory, profiles }: ServerOptions,
  file: string,
  name: string,
  argumentsIn: (directory: string) => A,
): Promise<Server<R>> {
  const own = join(directory, name);
  mkdirSync(own);
  const profiling = profiles === undefined ? "" : `--cpu-prof --cpu-prof-dir=${profiles}/${name}`;
  const child = start(`bench/servers/${file}.ts`, [JSON.stringify(argumentsIn(own))], {
    NODE_ENV: "production",
    NODE_OPTIONS: profiling,
  });
  return { child, ready: JSON.parse(await child.ready) as R };
}

const { clientId, clientSecret } = CLIENT;
const FORM = `grant_type=refresh_token&client_id=${clientId}&client_secret=${clientSecret}&refresh_token=`;

function rotating({ port, path, tokens }: Tokens): { readonly port: number; readonly job: Job } {
  return { port, job: { sends: "rotations", form: FORM, path, tokens } };
}

function tokenRead(name: string, apiKey: string): string {
  return [
    `GET /v1/connections/${name}/token HTTP/1.1`,
    "host: 127.0.0.1",
    `authorization: Bearer ${apiKey}`,
    "\r\n",
  ].join("\r\n");
}

/** How long a token response is. */
async function answerBytesOf({ port, path }: Tokens, refreshToken: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: FORM + refreshToken,
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`status ${response.status}: ${text}`);
  return text.length;
}
