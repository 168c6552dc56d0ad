/** Whether this process lives, and whether it should be sent work. Neither asks for a key or tells a secret. */

import { Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";

export interface HealthOptions {
  /** What keeps it from work now, in a word; undefined if nothing. Rejects if that cannot be told. */
  readonly notReady: () => Promise<string | undefined>;
}

const StatusAnswer = Type.Object({ status: Type.String() });

export function healthRoutes(fastify: FastifyInstance, { notReady }: HealthOptions): void {
  fastify.get(
    "/healthz",
    { schema: { summary: "Whether the process lives", response: { 200: StatusAnswer } } },
    async () => ({ status: "ok" }),
  );
  fastify.get(
    "/readyz",
    {
      schema: {
        summary: "Whether the process takes work",
        response: { 200: StatusAnswer, 503: StatusAnswer },
      },
    },
    async (_request, reply) => {
      const reason = await notReady().catch(() => "store_unavailable");
      if (reason === undefined) return { status: "ready" };
      return reply.code(503).header("retry-after", "1").send({ status: reason });
    },
  );
}
