/**
 * Under the stand-in's control path, what nobody but the vendor can do: turn the switches, review an app, and grant an
 * app what it grants when asked. It guards nothing, like all of that path.
 */

import type { FastifyInstance, FastifyRequest } from "fastify";
import { KetenError } from "../../env/error.ts";
import type { RealmServices, Realms } from "../../issuer/realms.ts";
import type { Policy } from "../../kernel/policy.ts";
import { appsOf, toldApp } from "./app-center.ts";
import type { App, Favours, Settings } from "./settings.ts";
import { type Positions, toldSwitches } from "./switches.ts";

export interface ControlOptions {
  readonly servicesOf: (request: FastifyRequest) => RealmServices;
  readonly realms: Realms;
  readonly settings: Settings;
  /** The policy that the stand-in was started with. */
  readonly base: Policy;
}

const PATH = "/sandbox/exact-online";

interface AppBody extends Favours {
  readonly approved?: boolean;
}

const flag = { type: "boolean" } as const;
const appSchema = {
  body: {
    type: "object",
    properties: { approved: flag, oldTokensAllowed: flag, quotaExempt: flag },
    additionalProperties: false,
  },
};

export async function controlRoutes(
  fastify: FastifyInstance,
  { servicesOf, realms, settings, base }: ControlOptions,
): Promise<void> {
  const told = () => toldSwitches(settings.positions());
  fastify.get(`${PATH}/switches`, async () => told());
  const schema = { body: { type: "object" } };
  fastify.post(`${PATH}/switches`, { schema }, async (request) => {
    await settings.turn(request.body as Positions, base, await allApps(realms));
    return told();
  });
  fastify.get(`${PATH}/apps`, async (request) => {
    const services = servicesOf(request);
    const apps = await appsOf(services);
    const { issuer } = services;
    return {
      apps: apps.map((client) => ({
        ...toldApp(client),
        ...settings.favoursOf({ issuer, client }),
      })),
    };
  });
  fastify.post(`${PATH}/apps/:clientId`, { schema: appSchema }, async (request) => {
    const { clientId } = request.params as { clientId: string };
    const { approved, ...favours } = request.body as AppBody;
    const { issuer } = servicesOf(request);
    const client = await issuer.findClient(clientId);
    if (!client)
      throw new KetenError("config_invalid", `there is no app "${clientId}" at this site`);
    if (Object.keys(favours).length > 0) await settings.favour({ issuer, client }, favours, base);
    const reviewed =
      approved === undefined ? client : await issuer.approveClient(clientId, approved);
    return { ...toldApp(reviewed), ...settings.favoursOf({ issuer, client }) };
  });
}

/** Every app of every site. */
async function allApps(realms: Realms): Promise<readonly App[]> {
  const apps: App[] = [];
  for (const services of realms.list()) {
    const { issuer } = services;
    for (const client of await appsOf(services)) apps.push({ issuer, client });
  }
  return apps;
}
