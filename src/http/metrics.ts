/**
 * Metrics for Prometheus.
 *
 * 1. Labels are routes, statuses and words of ours: never a name, an id or anything that was sent.
 * 2. Reading a token counts by adding to a number; everything else is worked out when somebody asks.
 */

import type { FastifyInstance } from "fastify";
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { ConnectionView } from "../keychain/connection.ts";

export interface ApiCounts {
  /** Access tokens handed out over HTTP. */
  handedOut: number;
  /** Answers that were errors, by code. */
  readonly faults: Map<string, number>;
}

export const newCounts = (): ApiCounts => ({ handedOut: 0, faults: new Map() });

export interface MetricsOptions {
  readonly counts: ApiCounts;
  readonly connections: () => Promise<readonly ConnectionView[]>;
}

export function metricsRoute(
  fastify: FastifyInstance,
  { counts, connections }: MetricsOptions,
): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const figures = figuresIn(registry);
  fastify.get("/metrics", { schema: { summary: "Figures for Prometheus" } }, async (_, reply) => {
    // A store in trouble must not hide the rest.
    const views = await connections().catch(() => []);
    figures.take(counts, views);
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}

function figuresIn(registry: Registry): {
  take(counts: ApiCounts, views: readonly ConnectionView[]): void;
} {
  const registers = [registry];
  const handedOut = new Counter({
    name: "keten_tokens_handed_out_total",
    help: "Access tokens handed out over HTTP",
    registers,
  });
  const faults = new Counter({
    name: "keten_api_errors_total",
    help: "Error answers of the API, by code",
    labelNames: ["error"],
    registers,
  });
  const generations = new Gauge({
    name: "keten_generations",
    help: "Access tokens fetched from providers, over all connections there are",
    registers,
  });
  const connections = new Gauge({
    name: "keten_connections",
    help: "Connections, by status",
    labelNames: ["status"],
    registers,
  });
  return {
    take(counts, views) {
      handedOut.reset();
      handedOut.inc(counts.handedOut);
      faults.reset();
      for (const [error, count] of counts.faults) faults.inc({ error }, count);
      generations.set(views.reduce((sum, { generation }) => sum + generation, 0));
      connections.reset();
      for (const { status } of views) connections.inc({ status });
    },
  };
}
