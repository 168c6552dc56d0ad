/**
 * Who might ask a server for what is not theirs, and in which words.
 *
 * 1. Two connections, consumers of both, and a third connection that is there to be taken apart by its owner.
 * 2. An identity is a set of credentials; whose they are says what it may be told.
 * 3. A form is something to ask with; whether it is to be granted, to whoever may ask at all, stands beside it.
 */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { API_KEY, apiStand, type Stand } from "../http/stand.ts";
import { httpAnswer } from "../support/raw-server.ts";
import { basicOf, type Consumer, consumerOf } from "./stand.ts";

export type Pairs = readonly (readonly [string, string])[];

export interface Identity {
  readonly name: string;
  readonly authorization?: string;
  /** Credentials that go into the form. */
  readonly form: Pairs;
  /** Whose refresh token it presents unless a form says another. */
  readonly refreshToken: string;
  /** The connection whose access token it may have at the token endpoint; null for none. */
  readonly may: string | null;
  readonly isOwner: boolean;
}

export interface Form {
  readonly name: string;
  readonly pairs: Pairs;
  readonly isGranted: boolean;
  /** Whether it is granted only to one that has a refresh token. */
  readonly refreshes: boolean;
}

/** The connections as the provider knows them. */
export const CONNECTIONS = ["acme", "beta", "spare"] as const;

const upstream = (connection: string, what: string): string => `upstream-${connection}-${what}`;
export const accessOf = (connection: string): string => upstream(connection, "access");

export interface Walls {
  readonly stand: Stand;
  readonly consumers: Readonly<Record<string, Consumer>>;
  readonly identities: readonly Identity[];
  /** What nobody is told, but for what an identity may have. */
  readonly secrets: readonly string[];
}

/** Answers with tokens of the connection whose refresh token is presented, and with whatever else a provider knows. */
function answerAs(request: string): string {
  const connection = /refresh_token=upstream-(\w+)-/.exec(request)?.[1] ?? "nobody";
  const body = {
    access_token: accessOf(connection),
    refresh_token: upstream(connection, "refresh-next"),
    id_token: upstream(connection, "id-token"),
    client_secret: upstream(connection, "client-secret"),
    ...{ token_type: "Bearer", expires_in: 600, scope: "read write" },
  };
  return httpAnswer(200, JSON.stringify(body), { "content-type": "application/json" });
}

export async function buildWalls(t: TestContext): Promise<Walls> {
  const stand = await apiStand(t);
  stand.answers(() => answerAs(stand.provider.requests.at(-1) ?? ""));
  for (const name of CONNECTIONS) {
    const client_secret = upstream(name, "client-secret");
    const refresh_token = upstream(name, "refresh-first");
    const added = await stand.connect(name, { client_secret, refresh_token });
    assert.equal(added.status, 201, added.text);
    const first = await stand.call("GET", `/v1/connections/${name}/token`);
    assert.equal(first.json.access_token, accessOf(name));
  }
  const add = async (connection: string, more: object = {}): Promise<Consumer> => {
    const body = { connection, ...more };
    const { status, json, text } = await stand.call("POST", "/v1/consumers", { body });
    assert.equal(status, 201, text);
    return consumerOf(json);
  };
  const consumers = {
    one: await add("acme"),
    peer: await add("acme"),
    other: await add("beta"),
    bare: await add("acme", { refresh_token: false }),
    elsewhere: await add("acme", { allow_from: ["192.0.2.0/24"] }),
    revoked: await add("acme"),
    spare: await add("spare", { client_id: "spare" }),
  };
  await stand.call("DELETE", `/v1/consumers/${consumers.revoked.clientId}`);
  const upstreamSecrets = CONNECTIONS.flatMap((name) =>
    ["access", "refresh-first", "refresh-next", "id-token", "client-secret"].map((what) =>
      upstream(name, what),
    ),
  );
  const consumerSecrets = Object.values(consumers).flatMap((consumer) => [
    consumer.clientSecret,
    basicOf(consumer).slice("Basic ".length),
    ...(consumer.refreshToken === "" ? [] : [consumer.refreshToken]),
  ]);
  const secrets = [API_KEY, ...upstreamSecrets, ...consumerSecrets];
  return { stand, consumers, identities: identitiesOf(consumers), secrets };
}

function identitiesOf(consumers: Readonly<Record<string, Consumer>>): readonly Identity[] {
  const { one, other } = consumers as { one: Consumer; other: Consumer };
  const none = { form: [], refreshToken: one.refreshToken, may: null, isOwner: false };
  const may: Readonly<Record<string, string | null>> = {
    ...{ one: "acme", peer: "acme", bare: "acme", other: "beta", spare: "spare" },
    ...{ elsewhere: null, revoked: null },
  };
  const bearer = (name: string, token: string): Identity => ({
    ...{ ...none, name: `${name} as a bearer`, authorization: `Bearer ${token}` },
  });
  return [
    { ...none, name: "nobody" },
    ...Object.entries(consumers).flatMap(([name, consumer]) => {
      const ways = bothWays(name, consumer, consumer.refreshToken, may[name] ?? null);
      return ["one", "other", "revoked"].includes(name) ? ways : ways.slice(0, 1);
    }),
    ...bothWays("one with other's secret", { ...one, clientSecret: other.clientSecret }, "", null),
    ...bothWays("one with no secret", { ...one, clientSecret: "" }, "", null).slice(1),
    { ...bearer("the API key", API_KEY), isOwner: true },
    bearer("an access token", accessOf("acme")),
    bearer("a refresh token", one.refreshToken),
    bearer("a secret", one.clientSecret),
  ].map((identity) => ({ ...identity, refreshToken: identity.refreshToken || one.refreshToken }));
}

/** Credentials in the header, and the same in the form. */
function bothWays(
  name: string,
  consumer: Consumer,
  refreshToken: string,
  may: string | null,
): readonly Identity[] {
  const { clientId, clientSecret } = consumer;
  const form: Pairs = [
    ["client_id", clientId],
    ["client_secret", clientSecret],
  ];
  const common = { refreshToken, may, isOwner: false };
  return [
    { ...common, name: `${name} by Basic`, authorization: basicOf(consumer), form: [] },
    { ...common, name: `${name} by body`, form },
  ];
}

/** What an identity asks the token endpoint with. */
export function formsFor(
  identity: Identity,
  consumers: Readonly<Record<string, Consumer>>,
): readonly Form[] {
  const own: Pairs = [
    ["grant_type", "refresh_token"],
    ["refresh_token", identity.refreshToken],
  ];
  const bare: Pairs = [["grant_type", "client_credentials"]];
  const good = (name: string, pairs: Pairs, refreshes = true): Form => ({
    ...{ name, pairs, refreshes, isGranted: true },
  });
  const bad = (name: string, pairs: Pairs): Form => ({
    ...{ name, pairs, refreshes: true, isGranted: false },
  });
  const others = Object.entries(consumers).filter(
    ([, { refreshToken }]) => refreshToken !== "" && refreshToken !== identity.refreshToken,
  );
  const { other } = consumers as { other: Consumer };
  const victim = identity.refreshToken === other.refreshToken ? "acme" : "beta";
  const grant = (type: string, ...more: Pairs): Form =>
    bad(`grant ${type}`, [["grant_type", type], ["refresh_token", other.refreshToken], ...more]);
  return [
    good("its own", own),
    good("client credentials", bare, false),
    ...["read write", "write read", ""].map((scope) =>
      good(`scope "${scope}"`, [...own, ["scope", scope]]),
    ),
    ...["read", "read write admin", "*", "openid", "offline_access", "read,write", " "].map(
      (scope) => bad(`scope "${scope}"`, [...own, ["scope", scope]]),
    ),
    bad("wider scope by credentials", [...bare, ["scope", "read write admin"]]),
    // What is not ours to read changes nothing: the answer is the asker's own.
    ...["subject", "resource", "audience", "connection", "sub", "name", "account", "act"].flatMap(
      (name) => [
        good(`${name} of another`, [...own, [name, victim]]),
        good(`${name} twice`, [...bare, [name, victim], [name, "acme"]], false),
      ],
    ),
    grant("password", ["username", victim], ["password", "x"]),
    grant("authorization_code", ["code", other.refreshToken], ["redirect_uri", "https://a.test"]),
    grant(
      "urn:ietf:params:oauth:grant-type:token-exchange",
      ["subject_token", identity.refreshToken],
      ["subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"],
      ["requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"],
      ["audience", victim],
    ),
    grant("urn:ietf:params:oauth:grant-type:jwt-bearer", ["assertion", "e30.e30."]),
    grant("urn:ietf:params:oauth:grant-type:device_code", ["device_code", other.refreshToken]),
    grant("implicit"),
    grant("REFRESH_TOKEN"),
    grant("__proto__"),
    ...others.map(([name, { refreshToken }]) =>
      bad(`the refresh token of ${name}`, [
        ["grant_type", "refresh_token"],
        ["refresh_token", refreshToken],
      ]),
    ),
    bad("an access token", [
      ["grant_type", "refresh_token"],
      ["refresh_token", accessOf(victim)],
    ]),
    bad("two refresh tokens", [...own, ["refresh_token", other.refreshToken]]),
    bad("two grants", [...own, ["grant_type", "client_credentials"]]),
    bad("two scopes", [...own, ["scope", "read write"], ["scope", "read"]]),
    bad("another's client id", [
      ...own,
      ["client_id", consumers.spare?.clientId ?? ""],
      ["client_id", other.clientId],
    ]),
    bad("another's secret", [
      ...own,
      ["client_secret", other.clientSecret],
      ["client_secret", "x"],
    ]),
    bad("credentials of another beside", [
      ...own,
      ["client_id", other.clientId],
      ["client_secret", "guessed"],
    ]),
    bad("nothing", []),
  ];
}
