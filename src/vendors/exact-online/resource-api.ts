/**
 * The API that access tokens are for, as far as clients of it need: who am I, which companies, customers, items.
 *
 * 1. In this order: the token; the bar of the error budget; whether the owner picked this company at consent; the limits;
 *    the answer. What is refused before the limits does not count against them.
 * 2. An access token that is accepted may count as first use of its refresh token; that is the issuer's to say.
 * 3. An error of a token that no longer is accepted counts against whom it was issued to. Of what is no token of ours
 *    nobody knows whose it was.
 *
 * Sources: support.exactonline.com, OAuth step 3 and response codes ("Authentication Required", the form of errors),
 * API limits; picqer/exact-php-client and ossobv/exactonline (what clients call). How a barred call is answered is
 * published nowhere: 429, which does not feed the bar.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { RealmServices } from "../../issuer/realms.ts";
import { keyOf, type Store } from "../../store/store.ts";
import {
  accountRows,
  type Company,
  companiesOf,
  divisionRow,
  idOf,
  itemRows,
} from "./companies.ts";
import { createErrorBudget, type ErrorBudget, isError } from "./error-budget.ts";
import { type ApiLimits, createLimits } from "./limits.ts";
import { type Answer, answerRows, odataError } from "./odata.ts";
import type { ServerOptions } from "./switches.ts";

export interface ResourceApiOptions {
  readonly realmFor: (request: FastifyRequest) => RealmServices;
  readonly store: Store;
  readonly now: () => number;
  readonly server: () => ServerOptions;
}

/** How a company stands among the resources of a consent. */
export const resourceOf = ({ division }: Pick<Company, "division">): string =>
  `division:${division}`;

/** Who calls. */
interface Caller {
  readonly clientId: string;
  readonly subject: string;
  readonly username: string;
  /** The companies that the owner let the app into. */
  readonly companies: readonly Company[];
}

type Endpoint = (caller: Caller, company: Company, url: URL) => Answer;

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  "hrm/Divisions": ({ companies }, _, url) => answerRows(companies.map(divisionRow), url),
  "system/Divisions": ({ companies }, _, url) => answerRows(companies.map(divisionRow), url),
  "crm/Accounts": (_, { division }, url) => answerRows(accountRows(division), url),
  "logistics/Items": (_, { division }, url) => answerRows(itemRows(division), url),
};

const TOO_MANY = 429;

export async function resourceApi(
  fastify: FastifyInstance,
  options: ResourceApiOptions,
): Promise<void> {
  const desk: Desk = {
    ...options,
    limits: createLimits(options.server),
    errors: createErrorBudget(),
  };
  fastify.get("/api/v1/current/Me", (request, reply) =>
    serve(desk, request, reply, { endpoint: "current/Me", answer: me }),
  );
  fastify.get("/api/v1/:division/*", (request, reply) => {
    const { division, "*": endpoint } = request.params as { division: string; "*": string };
    const found = Object.hasOwn(ENDPOINTS, endpoint) ? ENDPOINTS[endpoint] : undefined;
    return serve(desk, request, reply, {
      endpoint,
      division,
      answer: found ?? (() => odataError(404, `Resource not found for the segment '${endpoint}'.`)),
    });
  });
}

interface Desk extends ResourceApiOptions {
  readonly limits: ApiLimits;
  readonly errors: ErrorBudget;
}

interface Call {
  readonly endpoint: string;
  /** As the path has it; undefined where it has none. */
  readonly division?: string;
  readonly answer: Endpoint;
}

async function serve(
  desk: Desk,
  request: FastifyRequest,
  reply: FastifyReply,
  call: Call,
): Promise<FastifyReply> {
  const services = desk.realmFor(request);
  const token = bearerOf(request);
  const caller = token === undefined ? undefined : await callerOf(desk, services, token);
  const whose = caller?.allowed ?? caller?.was;
  const { name } = services.issuer.realm;
  const key =
    whose && JSON.stringify([name, whose.clientId, whose.subject, call.division, call.endpoint]);
  const now = desk.now();
  const barred = key === undefined ? undefined : desk.errors.barredUntil(key, now);
  if (barred !== undefined) return sendBarred(reply);
  const answer = caller?.allowed
    ? answerTo(desk, caller.allowed, call, { realm: name, url: urlOf(request), now }, reply)
    : authenticationRequired(reply);
  if (key !== undefined && isError(answer.status) && desk.errors.note(key, now)) {
    return sendBarred(reply);
  }
  reply.code(answer.status).header("cache-control", "no-store");
  if (answer.body === undefined) return reply.send();
  return reply.type("application/json; charset=utf-8").send(JSON.stringify(answer.body));
}

/** Counts the call if its address names a company, and answers it. */
function answerTo(
  { limits }: Desk,
  caller: Caller,
  { division, answer }: Call,
  { realm, url, now }: { readonly realm: string; readonly url: URL; readonly now: number },
  reply: FastifyReply,
): Answer {
  const company =
    division === undefined
      ? caller.companies[0]
      : caller.companies.find((known) => String(known.division) === division);
  if (!company) return odataError(403, "Forbidden");
  if (division === undefined) return answer(caller, company, url);
  const { allowed, headers } = limits.count(
    JSON.stringify([realm, caller.clientId, division]),
    now,
  );
  reply.headers(headers);
  return allowed ? answer(caller, company, url) : { status: TOO_MANY, body: undefined };
}

const sendBarred = (reply: FastifyReply): FastifyReply =>
  reply
    .code(TOO_MANY)
    .type("application/json; charset=utf-8")
    .send(JSON.stringify(odataError(TOO_MANY, "Too many errors: the key is blocked.").body));

function authenticationRequired(reply: FastifyReply): Answer {
  const reason = "Authentication Required";
  reply.raw.statusMessage = reason;
  reply.headers({ reason, "www-authenticate": "Bearer" });
  return odataError(401, reason);
}

const bearerOf = ({ headers }: FastifyRequest): string | undefined =>
  /^bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];

/** The address as the client wrote it. */
const urlOf = (request: FastifyRequest): URL =>
  new URL(request.originalUrl, `${request.protocol}://${request.host}`);

/** Who calls with a token, or who could have while it lived. */
async function callerOf(
  { store }: Desk,
  { issuer, accounts }: RealmServices,
  token: string,
): Promise<{ readonly allowed?: Caller; readonly was?: Pick<Caller, "clientId" | "subject"> }> {
  const checked = await issuer.checkAccess(token);
  if (!checked.active) {
    const inspected = await issuer.inspectToken(token);
    const row = inspected && (await store.read(keyOf("chain", inspected.chain)));
    return row ? { was: { clientId: row.client, subject: row.subject } } : {};
  }
  const { clientId, subject, resources } = checked;
  const account = await accounts.find(subject);
  const companies = companiesOf(account?.tenant ?? null).filter(
    (company) => resources.length === 0 || resources.includes(resourceOf(company)),
  );
  return { allowed: { clientId, subject, username: subject, companies } };
}

const me: Endpoint = ({ username }, { division }, url) =>
  answerRows(
    [
      {
        CurrentDivision: division,
        FullName: username,
        UserName: username,
        UserID: idOf("user", username),
        DivisionCustomerName: username,
        LanguageCode: "nl-NL",
      },
    ],
    url,
  );
