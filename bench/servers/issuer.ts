/** Keten's issuer over SQLite, durable: every answer follows a commit that was synced to the disk, events included. */

import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import Fastify from "fastify";
import { systemClock } from "../../src/env/system.ts";
import { openSqliteStore } from "../../src/store/sqlite/engine.ts";
import { type BenchClient, openBenchIssuer, serveIssuer } from "../issuer.ts";
import { argumentsOf, served } from "./served.ts";

export interface IssuerArguments {
  readonly directory: string;
  readonly preset: string;
  readonly chains: number;
  readonly client: BenchClient;
}

const { directory, preset, chains, client } = argumentsOf<IssuerArguments>();
const clock = systemClock();
const store = await openSqliteStore({ path: join(directory, "issuer.db"), clock, turn });
const opened = await openBenchIssuer({ store, clock, preset, chains, client });
const fastify = Fastify();
await serveIssuer(fastify, opened, clock);
const url = await fastify.listen({ port: 0, host: "127.0.0.1" });
const { tokens, provider } = opened;
served({ port: Number(new URL(url).port), path: provider.paths.token, tokens }, async () => {
  await fastify.close();
  await store.close();
});
