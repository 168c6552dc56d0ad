/**
 * Where the live page is: `GET /sandbox/`, and one address for its forms.
 *
 * Another site's page may not press these buttons: a browser tells where a form came from.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { KetenError } from "../env/error.ts";
import { readForms } from "../http/form.ts";
import type { Html } from "../http/pages/html.ts";
import { type ControlOptions, chainsOf, durationOf } from "./control.ts";
import { toldFaults } from "./faults.ts";
import { problemPage, sandboxPage } from "./page.ts";
import { PAGE_POLICY } from "./page-style.ts";

export interface PageOptions extends ControlOptions {
  /** What the stand-in stands in for. */
  readonly name: string;
}

const REQUESTS_SHOWN = 12;
/** How far back it is looked for what a chain was presented last. */
const REQUESTS_READ = 1000;

export async function pageRoutes(fastify: FastifyInstance, options: PageOptions): Promise<void> {
  readForms(fastify);
  fastify.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const asked = error instanceof KetenError && error.code === "config_invalid";
    return show(reply.code(asked ? 400 : (error.statusCode ?? 500)), problemPage(error.message));
  });
  fastify.get("/sandbox", (_request, reply) => reply.redirect("/sandbox/", 308));
  fastify.get("/sandbox/", async (request, reply) => show(reply, await pageOf(options, request)));
  fastify.post("/sandbox/page", async ({ headers, body }, reply) => {
    const from = headers["sec-fetch-site"] ?? "same-origin";
    if (from !== "same-origin" && from !== "none") {
      return show(reply.code(403), problemPage("this form was sent by another site"));
    }
    await carryOut(options, (body ?? {}) as Form);
    return reply.redirect("/sandbox/", 303);
  });
}

function show(reply: FastifyReply, page: Html): FastifyReply {
  return reply
    .headers({
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": PAGE_POLICY,
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    })
    .send(page.toString());
}

async function pageOf(options: PageOptions, { query }: FastifyRequest): Promise<Html> {
  const { name, clock, faults, log } = options;
  const lines = log.newest(REQUESTS_READ);
  const presented = lines.flatMap(({ chain, presented: serial }) =>
    chain === null || serial === null ? [] : ([[chain, serial]] as const),
  );
  return sandboxPage({
    name,
    now: clock.now(),
    timeScale: clock.scale,
    chains: await chainsOf(options),
    faults: toldFaults(faults),
    requests: lines.slice(-REQUESTS_SHOWN).reverse(),
    presented: new Map(presented),
    isStill: "still" in (query as object),
  });
}

/** The fields of a form; a repeated one is none of ours. */
type Form = Readonly<Record<string, string | readonly string[] | undefined>>;

async function carryOut(options: PageOptions, form: Form): Promise<void> {
  const field = (name: string): string => {
    const value = form[name];
    if (typeof value === "string" && value !== "") return value;
    throw new KetenError("config_invalid", `the form has no "${name}"`);
  };
  switch (field("do")) {
    case "fault":
      return options.faults.set({ [field("name")]: Number(field("rate")) });
    case "clear":
      return options.faults.clear();
    case "travel":
      return void options.travel(durationOf("advance", field("advance")));
    case "grant":
      return void (await options.grant());
    case "revoke": {
      const of = { clientId: options.clientId, subject: field("username") };
      return await options.issuer.revokeAuthorization(of);
    }
    default:
      throw new KetenError("config_invalid", '"do" is none of fault, clear, travel, grant, revoke');
  }
}
