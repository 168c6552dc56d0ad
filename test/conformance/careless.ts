/**
 * A server made careless: the same endpoints behind a gateway that makes one mistake. With it every check can be seen to
 * bite, whatever servers there are.
 *
 * Each mistake is one that servers have made: a parameter read from the URI, a method not looked at, a client not
 * compared, an error that has consumed the token already.
 */

import { SECOND } from "../../src/kernel/time.ts";
import {
  type Answer,
  answerOf,
  type Declared,
  encode,
  type Form,
  type HttpRequest,
  redeem,
  type Send,
  type ServerUnderTest,
} from "./server-under-test.ts";

/** Changes how requests are sent. */
export type Mistake = (send: Send, server: ServerUnderTest) => Send;

const FORM_TYPE = { "content-type": "application/x-www-form-urlencoded" };

const formOf = ({ body = "" }: HttpRequest): Record<string, string> =>
  Object.fromEntries(new URLSearchParams(body));

/** The request with its form changed; a request without one as it is. */
function changed(
  request: HttpRequest,
  change: (form: Record<string, string>) => Form,
): HttpRequest {
  if (request.body === undefined || request.method === "GET") return request;
  return { ...request, body: encode(change(formOf(request))) };
}

const bare = (url: string): string => url.split("?", 1)[0] ?? url;

/** What is in the URI becomes part of the body; what the body has already stays. */
function uriIntoBody(request: HttpRequest): HttpRequest {
  const query = Object.fromEntries(new URL(request.url).searchParams);
  const body = encode({ ...query, ...formOf(request) });
  return { url: bare(request.url), method: "POST", headers: FORM_TYPE, body };
}

const without =
  (name: string) =>
  (form: Form): Form => ({ ...form, [name]: undefined });

const asOwnClient =
  ({ client }: ServerUnderTest) =>
  (form: Form): Form => ({
    ...form,
    client_id: client.clientId,
    client_secret: client.clientSecret,
  });

/** Sends a good request before each refused one: what was presented is consumed by then. */
const consumesFirst =
  (mend: (request: HttpRequest, server: ServerUnderTest) => HttpRequest): Mistake =>
  (send, server) =>
  async (request) => {
    const answer = await send(request);
    if (answer.status >= 400) await send(mend(request, server));
    return answer;
  };

export const MISTAKES = {
  "forgets no-store": (send) => async (request) => ({
    ...(await send(request)),
    header: () => null,
  }),
  "looks at no method": (send) => (request) =>
    send(request.method === undefined ? request : uriIntoBody(request)),
  "takes one of the repeated": (send) => (request) => send(changed(request, (form) => form)),
  "reads the URI": (send) => (request) => send(uriIntoBody(request)),
  "ignores the URI": (send) => (request) => send({ ...request, url: bare(request.url) }),
  "compares no client": (send, server) => (request) => send(changed(request, asOwnClient(server))),
  "grants any scope": (send) => (request) => send(changed(request, without("scope"))),
  "consumes before it checks the secret": consumesFirst((request, server) =>
    changed(request, asOwnClient(server)),
  ),
  "reads any body": (send) => (request) => {
    const { body = "" } = request;
    const isJson = body.startsWith("{");
    const form = isJson ? encode(JSON.parse(body) as Form) : body;
    return send({ ...request, headers: FORM_TYPE, body: form });
  },
  "needs no verifier": (send, server) => {
    let verifier: string | undefined;
    const openCode = server.openCode.bind(server);
    Object.assign(server, {
      async openCode() {
        const code = await openCode();
        verifier = String(code.code_verifier);
        return code;
      },
    });
    return (request) =>
      send(
        changed(request, (form) => ("code" in form ? { ...form, code_verifier: verifier } : form)),
      );
  },
  "answers a code again": (send) => {
    const answers = new Map<string, Answer>();
    return async (request) => {
      const { code } = formOf(request);
      const answer = (code && answers.get(code)) || (await send(request));
      if (code) answers.set(code, answer);
      return answer;
    };
  },
  "revokes on garbage": (send, server) => {
    let known = "";
    return async (request) => {
      const answer = await send(request);
      if (typeof answer.json.refresh_token === "string") known = answer.json.refresh_token;
      if (answer.status >= 400 && known !== "") {
        const body = encode(asOwnClient(server)({ token: known }));
        await send({ url: server.endpoints.revocation, headers: FORM_TYPE, body });
      }
      return answer;
    };
  },
  "revokes nothing": (send, server) => (request) =>
    request.url === server.endpoints.revocation
      ? Promise.resolve(answerOf(200, () => null, ""))
      : send(request),
  "tells of inactive tokens": (send) => async (request) => {
    const answer = await send(request);
    if (answer.json.active !== false) return answer;
    return { ...answer, json: { ...answer.json, client_id: "somebody" } };
  },
  "grants anew whatever is presented": (send, server) => async (request) => {
    const { grant_type } = formOf(request);
    if (grant_type === undefined) return send(request);
    return redeem({ ...server, send }, await server.openCode());
  },
} satisfies Readonly<Record<string, Mistake>>;

export type MistakeName = keyof typeof MISTAKES;

/** The server behind a gateway that makes a mistake. */
export function careless(server: ServerUnderTest, name: MistakeName): ServerUnderTest {
  const spoiled = { ...server };
  const mistake: Mistake = MISTAKES[name];
  return Object.assign(spoiled, { send: mistake(server.send, spoiled) });
}

/** The server with its clock off: what it declares ends a second before or after it really does. */
export function offByASecond(
  server: ServerUnderTest,
  limit: keyof Declared & `${string}Ms`,
  sign: 1 | -1,
): ServerUnderTest {
  const { declares } = server;
  return { ...server, declares: { ...declares, [limit]: declares[limit] + sign * SECOND } };
}
