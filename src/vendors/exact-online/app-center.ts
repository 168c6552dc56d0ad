/**
 * The App Center, where apps are registered: client id, secret, redirect URIs, review.
 *
 * 1. Each site has its own apps. A customer registers one for itself; until the vendor has reviewed it, only accounts of
 *    that customer may connect it.
 * 2. The secret is shown in the answer that makes it, and never again; a new one ends the one before.
 * 3. The same addresses serve people and programs: a browser is answered with a page, anybody else with JSON.
 * 4. Whatever redirect URI is registered: the authorization endpoint judges it, as the vendor's does.
 *
 * Sources: support.exactonline.com, OAuth step 1; forums.invantive.com t/2227.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { KetenError } from "../../env/error.ts";
import { newGuid } from "../../env/guid.ts";
import type { Random } from "../../env/random.ts";
import { page } from "../../http/pages/frame.ts";
import { type Html, html } from "../../http/pages/html.ts";
import type { RealmServices } from "../../issuer/realms.ts";
import type { Policy } from "../../kernel/policy.ts";
import type { ClientRecord } from "../../store/records.ts";
import type { Settings } from "./settings.ts";
import { APPS_PATH } from "./sites.ts";

export interface AppCenterOptions {
  readonly servicesOf: (request: FastifyRequest) => RealmServices;
  readonly random: Random;
  readonly settings: Settings;
  /** The policy that the stand-in was started with. */
  readonly base: Policy;
}

/** An app as its maker sees it. */
export interface ToldApp {
  readonly clientId: string;
  readonly redirectUris: readonly string[];
  /** The customer that registered it; null for one of the vendor's partners. */
  readonly customer: string | null;
  readonly review: "approved" | "pending";
}

export const toldApp = ({ clientId, redirectUris, tenant, approved }: ClientRecord): ToldApp => ({
  clientId,
  redirectUris,
  customer: tenant,
  review: approved ? "approved" : "pending",
});

/** Every app of a site; what may use no grant is no app. */
export async function appsOf({ issuer }: RealmServices): Promise<readonly ClientRecord[]> {
  const apps: ClientRecord[] = [];
  for await (const client of issuer.listClients()) {
    if (client.grantTypes.length > 0) apps.push(client);
  }
  return apps;
}

const text = { type: "string", minLength: 1, maxLength: 2048 } as const;
const schema = {
  body: {
    type: "object",
    // A form's field that was left empty is there all the same.
    properties: { redirectUri: text, customer: { ...text, minLength: 0 } },
    required: ["redirectUri"],
    additionalProperties: false,
  },
};

export async function appCenterRoutes(
  fastify: FastifyInstance,
  options: AppCenterOptions,
): Promise<void> {
  const { servicesOf } = options;
  const list = async (request: FastifyRequest) => (await appsOf(servicesOf(request))).map(toldApp);
  fastify.get(APPS_PATH, async (request, reply) => {
    const apps = await list(request);
    return isBrowser(request) ? sendPage(request, reply, apps) : reply.send({ apps });
  });
  fastify.post(APPS_PATH, { schema }, async (request, reply) => {
    const made = await registerApp(options, request);
    reply.code(201);
    if (!isBrowser(request)) return reply.send(made);
    return sendPage(request, reply, await list(request), made);
  });
  fastify.post(`${APPS_PATH}/:clientId/secret`, async (request, reply) => {
    const { clientId } = request.params as { clientId: string };
    const secret = await servicesOf(request).issuer.replaceSecret(clientId);
    const made = { clientId, clientSecret: secret.reveal() };
    if (!isBrowser(request)) return reply.send(made);
    return sendPage(request, reply, await list(request), made);
  });
}

/** @throws KetenError `config_invalid` */
async function registerApp(
  { servicesOf, random, settings, base }: AppCenterOptions,
  request: FastifyRequest,
): Promise<ToldApp & { readonly clientSecret: string }> {
  const { redirectUri, ...body } = request.body as { redirectUri: string; customer?: string };
  const customer = body.customer || null;
  if (!URL.canParse(redirectUri) || redirectUri.includes("#")) {
    throw new KetenError(
      "config_invalid",
      "redirectUri is malformed: expected a URL without fragment",
    );
  }
  const { issuer } = servicesOf(request);
  const clientId = newGuid(random);
  const { secret } = await issuer.registerClient({
    clientId,
    kind: "confidential",
    policy: settings.policy(base),
    grantTypes: issuer.realm.grantTypes,
    redirectUris: [redirectUri],
    tenant: customer,
    approved: false,
  });
  const app = { clientId, redirectUris: [redirectUri], customer, review: "pending" } as const;
  return { ...app, clientSecret: secret?.reveal() ?? "" };
}

// --- for people -----------------------------------------------------------------------------------------

/** Whether a browser asks. */
const isBrowser = ({ headers }: FastifyRequest): boolean =>
  headers.accept?.includes("text/html") ?? false;

/** A page of the apps, with the secret of one that was made just now. */
function sendPage(
  { originalUrl }: FastifyRequest,
  reply: FastifyReply,
  apps: readonly ToldApp[],
  made?: { readonly clientId: string; readonly clientSecret: string },
): FastifyReply {
  const setting = { locale: "en", brand: "Exact App Center" } as const;
  const here = originalUrl.slice(0, Math.max(0, originalUrl.indexOf(APPS_PATH))) + APPS_PATH;
  const body = (): Html => html`<h1>Apps</h1>
${made && secretNotice(made)}
<ul class="grants">${apps.map((app) => appLine(here, app))}</ul>
<h2>Register an app</h2>
<form method="post" action="${here}">
<label>Redirect URI <input name="redirectUri" type="url" required></label>
<label>Customer <input name="customer"></label>
<button>Register</button>
</form>`;
  const shown = page(setting, { title: () => "Apps", body, wide: true });
  return reply.headers(shown.headers).send(shown.body);
}

const secretNotice = (made: { readonly clientId: string; readonly clientSecret: string }): Html =>
  html`<p role="status">The client secret of <code>${made.clientId}</code> is <code>${made.clientSecret}</code>. It is shown this once.</p>`;

const appLine = (
  here: string,
  { clientId, redirectUris, customer, review }: ToldApp,
): Html => html`<li>
<div>
<strong>${clientId}</strong>
<p>${redirectUris.join(", ")}</p>
<p class="quiet">${customer ?? "partner"}, review ${review}</p>
</div>
<form method="post" action="${here}/${clientId}/secret"><button class="second">New secret</button></form>
</li>`;
