/**
 * The console's one page that is played: realm → services → OAuth2 Provider, for the administrator. A form without a
 * script; what it sends goes where the REST interface's requests go.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Secret } from "../../env/secret.ts";
import { readForms } from "../../http/form.ts";
import { type Content, notice, page } from "../../http/pages/frame.ts";
import { Html, html } from "../../http/pages/html.ts";
import { type AdministrationDesk, configure, shownSettings } from "./administration.ts";
import type { OpenamRealm } from "./directory.ts";
import { ROOT, realmPathOf } from "./realm-paths.ts";
import { RestRefusal, textOf } from "./rest.ts";
import { ADMINISTRATOR, SSO_NAME } from "./sso.ts";

const SERVICE = "/services/oauth2-provider";
const SETTING = { locale: "en", brand: "OpenAM" } as const;

/** OpenAM's own labels. */
const LABELS: Readonly<Record<string, string>> = {
  codeLifetime: "Authorization Code Lifetime (seconds)",
  refreshTokenLifetime: "Refresh Token Lifetime (seconds, -1 for never)",
  accessTokenLifetime: "Access Token Lifetime (seconds)",
  issueRefreshToken: "Issue Refresh Tokens",
  issueRefreshTokenOnRefreshedToken: "Issue Refresh Tokens on Refreshing Access Tokens",
};

export function consoleRoutes(fastify: FastifyInstance, desk: AdministrationDesk): void {
  readForms(fastify);
  fastify.get("/openam/console", (request, reply) => show(desk, request, reply));
  fastify.post("/openam/console", (request, reply) => logIn(desk, request, reply));
  fastify.get(`/openam/console${SERVICE}`, (request, reply) => show(desk, request, reply));
  fastify.post(`/openam/console${SERVICE}`, (request, reply) => save(desk, request, reply));
}

const sendPage = (reply: FastifyReply, content: Content): FastifyReply => {
  const { status, headers, body } = page(SETTING, content);
  return reply.code(status).headers(headers).send(body);
};

const addressOf = ({ path }: OpenamRealm): string =>
  `/openam/console/realms/root${path === ROOT ? "" : path.replaceAll("/", "/realms/")}${SERVICE}`;

const formOf = ({ body }: FastifyRequest): Readonly<Record<string, unknown>> => ({
  ...(body as Record<string, unknown> | undefined),
});

function loginPage(reply: FastifyReply, message?: string): FastifyReply {
  const title = "Sign in to OpenAM";
  const form = html`<h1>${title}</h1>
${message && notice(message)}
<form method="post" action="/openam/console">
<div class="field">
<label for="username">User Name</label>
<input id="username" name="username" type="text" value="${ADMINISTRATOR}" autocomplete="username">
</div>
<div class="field">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password">
</div>
<button type="submit">Log In</button>
</form>`;
  const status = message === undefined ? 200 : 401;
  return sendPage(reply, { status, title: () => title, body: () => form });
}

async function logIn(
  { directory, sessions }: AdministrationDesk,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const root = directory.find(ROOT);
  const { username = "", password = "" } = formOf(request);
  const checked = await root?.services.accounts.checkPassword(
    String(username),
    new Secret(String(password)),
    { address: request.ip },
  );
  if (!root || !checked?.ok) return loginPage(reply, "Authentication failed.");
  const cookie = `${SSO_NAME}=${sessions.open(root, checked.account)}`;
  return reply
    .header("set-cookie", `${cookie}; Path=/openam; HttpOnly; SameSite=Strict`)
    .redirect(addressOf(root), 303);
}

async function show(
  desk: AdministrationDesk,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const session = await desk.sessions.find(request);
  if (!session) return loginPage(reply);
  if (!session.isAdministrator) return loginPage(reply, "Only the administrator may see this.");
  return settingsPage(desk, reply, realmPathOf(request), {});
}

async function save(
  desk: AdministrationDesk,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const session = await desk.sessions.find(request);
  if (!session?.isAdministrator) return loginPage(reply, "Log in first.");
  const path = realmPathOf(request);
  const realm = desk.directory.find(path);
  if (!realm) return settingsPage(desk, reply, path, {});
  try {
    await configure(desk, realm, askedIn(formOf(request), desk));
  } catch (error) {
    if (!(error instanceof RestRefusal)) throw error;
    return settingsPage(desk, reply, path, { status: error.statusCode, message: error.message });
  }
  return settingsPage(desk, reply, path, { message: "Saved." });
}

/** A form's texts as the attributes that they stand for: a box that is not ticked is not sent at all. */
function askedIn(form: Readonly<Record<string, unknown>>, { version }: AdministrationDesk) {
  const lifetimes = ["codeLifetime", "refreshTokenLifetime", "accessTokenLifetime"];
  return {
    ...Object.fromEntries(
      lifetimes.map((name) => [name, Number(textOf(form[name]) ?? Number.NaN)]),
    ),
    ...(version.option
      ? { issueRefreshTokenOnRefreshedToken: form.issueRefreshTokenOnRefreshedToken === "true" }
      : {}),
  };
}

function settingsPage(
  { directory, provider, version, now }: AdministrationDesk,
  reply: FastifyReply,
  path: string,
  { message, status = 200 }: { readonly message?: string; readonly status?: number },
): FastifyReply {
  const realm = directory.find(path);
  if (!realm) {
    const body = () => html`<h1>Not found</h1>${notice(`There is no realm ${path}.`)}`;
    return sendPage(reply, { status: 404, title: () => "Not found", body });
  }
  const title = `${path} → Services → OAuth2 Provider`;
  const settings = shownSettings(
    { ...realm, policy: realm.policy ?? provider.policy },
    version,
    now(),
  );
  const fields = Object.entries(settings).map(([name, value]) => field(name, value));
  const realms = directory
    .list()
    .map((one) => html`<li><a href="${addressOf(one)}">${one.path}</a></li>`);
  const body = html`<h1>${title}</h1>
${message && (status === 200 ? html`<p role="status">${message}</p>` : notice(message))}
${!realm.policy && html`<p class="quiet">Not configured yet. These are the defaults.</p>`}
<form method="post" action="${addressOf(realm)}">
${fields}
<button type="submit">${realm.policy ? "Save Changes" : "Create"}</button>
</form>
<h2>Realms</h2>
<ul>${realms}</ul>`;
  return sendPage(reply, { status, title: () => title, body: () => body, wide: true });
}

function field(name: string, value: number | boolean): Html {
  if (typeof value === "number") {
    return html`<div class="field">
<label for="${name}">${LABELS[name]}</label>
<input id="${name}" name="${name}" type="text" inputmode="numeric" value="${value}" required>
</div>`;
  }
  const ticked = value && new Html(" checked");
  const fixed = name === "issueRefreshToken" && new Html(" disabled");
  return html`<label class="choice"><input name="${name}" type="checkbox" value="true"${ticked}${fixed}> ${LABELS[name]}</label>`;
}
