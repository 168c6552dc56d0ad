/**
 * The keychain API's bodies, as schemas and as types. Names are written as RFC 6749 writes them; instants are Unix
 * seconds by Keten's clock, durations whole seconds. No answer has a field for a refresh token or a client secret.
 */

import { type Static, type TSchema, Type } from "@fastify/type-provider-typebox";
import type { Clock } from "../env/clock.ts";
import { type Instant, SECOND } from "../kernel/time.ts";
import type { ConnectionView } from "../keychain/connection.ts";
import type { HandOut } from "../keychain/hand-outs.ts";

const TEXT_MAX = 16 * 1024;

/** As `checkName` of the keychain has it: names stand in paths and on command lines. */
const NAME_SCHEMA = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";

export const Name = Type.String({
  pattern: NAME_SCHEMA,
  description: 'Letters, digits, ".", "_" and "-"; at most 64, beginning with a letter or digit',
  examples: ["acme"],
});

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

const UnixSeconds = Type.Integer({ description: "Unix seconds" });

export const NameParams = Type.Object({ name: Name });

export const ConnectionRequest = Type.Object(
  {
    name: Name,
    provider: Type.Optional(
      Type.String({ maxLength: 64, description: "A preset; instead of `policy`" }),
    ),
    policy: Type.Optional(
      Type.String({ maxLength: 64, description: "The preset of a policy; with `token_endpoint`" }),
    ),
    token_endpoint: Type.Optional(Type.String({ maxLength: 2048 })),
    client_authentication: Type.Optional(
      Type.Union([Type.Literal("basic"), Type.Literal("body")], {
        description: "How the client authenticates; RFC 6749, section 2.3.1",
      }),
    ),
    client_id: Type.String({ minLength: 1, maxLength: 2048 }),
    client_secret: Type.Optional(Type.String({ minLength: 1, maxLength: TEXT_MAX })),
    refresh_token: Type.String({ minLength: 1, maxLength: TEXT_MAX }),
    probe_endpoint: Type.Optional(
      Type.String({ maxLength: 2048, description: "Where a GET tells whether a token is dead" }),
    ),
  },
  { additionalProperties: false },
);
export type ConnectionRequest = Static<typeof ConnectionRequest>;

export const ReconnectRequest = Type.Object(
  { refresh_token: Type.String({ minLength: 1, maxLength: TEXT_MAX }) },
  { additionalProperties: false },
);

export const FailedRequest = Type.Object(
  { generation: Type.Integer({ minimum: 0, description: "Of the token that was refused" }) },
  { additionalProperties: false },
);

export const ConnectionAnswer = Type.Object({
  name: Type.String(),
  provider: Type.String(),
  token_endpoint: Type.String(),
  client_id: Type.String(),
  status: Type.String(),
  since: UnixSeconds,
  generation: Type.Integer({ description: "How many access tokens were fetched" }),
  scope: Nullable(Type.String({ description: "Of the access token, as the provider says it" })),
  access_ends_at: Nullable(UnixSeconds),
  next_at: Nullable(UnixSeconds),
  curable_until: Nullable(UnixSeconds),
  cause: Nullable(Type.String({ description: "Why it cannot go on, as a code" })),
  explanation: Nullable(Type.String({ description: "The same in words, with the next step" })),
  evidence: Nullable(Type.String({ description: "What the provider wrote" })),
  granted_at: UnixSeconds,
  refreshed_at: Nullable(UnixSeconds),
  parked: Type.Integer({ description: "Refresh tokens that came late and are kept" }),
  open_attempts: Type.Integer({ description: "Requests whose outcome is not known" }),
});
export type ConnectionAnswer = Static<typeof ConnectionAnswer>;

export const ConnectionsAnswer = Type.Object({ connections: Type.Array(ConnectionAnswer) });
export type ConnectionsAnswer = Static<typeof ConnectionsAnswer>;

export const TokenAnswer = Type.Object({
  access_token: Type.String(),
  token_type: Type.String(),
  expires_in: Type.Integer({ description: "Seconds it may still be used" }),
  expires_at: UnixSeconds,
  generation: Type.Integer({ description: "Report a token that fails with this number" }),
});
export type TokenAnswer = Static<typeof TokenAnswer>;

export const ErrorAnswer = Type.Object(
  { error: Type.String(), message: Type.String() },
  {
    additionalProperties: true,
    description: "`error` is for machines, `message` for people; what else there is, is evidence",
  },
);
export type ErrorAnswer = Static<typeof ErrorAnswer>;

const seconds = (at: Instant): number => Math.floor(at / SECOND);
const secondsOrNull = (at: Instant | null): number | null => (at === null ? null : seconds(at));

export function connectionAnswer(view: ConnectionView): ConnectionAnswer {
  return {
    name: view.name,
    provider: view.provider,
    token_endpoint: view.tokenEndpoint,
    client_id: view.clientId,
    status: view.status,
    since: seconds(view.since),
    generation: view.generation,
    scope: view.scope,
    access_ends_at: secondsOrNull(view.accessEndsAt),
    next_at: secondsOrNull(view.nextAt),
    curable_until: secondsOrNull(view.curableUntil),
    cause: view.cause,
    explanation: view.explanation?.en ?? null,
    evidence: view.evidence,
    granted_at: seconds(view.grantAt),
    refreshed_at: secondsOrNull(view.refreshedAt),
    parked: view.parked,
    open_attempts: view.openAttempts,
  };
}

/** What is left of a token's life, in whole seconds: early rather than late. */
export function expiresIn({ endsAt }: HandOut, clock: Clock): number {
  return Math.max(0, Math.floor((endsAt - clock.now()) / SECOND));
}

export function tokenAnswer(handOut: HandOut, clock: Clock): TokenAnswer {
  return {
    access_token: handOut.accessToken.reveal(),
    token_type: handOut.tokenType,
    expires_in: expiresIn(handOut, clock),
    expires_at: seconds(handOut.endsAt),
    generation: handOut.generation,
  };
}

/** The text of an answer around the one number that changes; a hand-out is one value per generation. */
const texts = new WeakMap<HandOut, { readonly head: string; readonly tail: string }>();

/** `tokenAnswer` as JSON, made once per generation: reading a token is what workers do all day. */
export function tokenAnswerText(handOut: HandOut, clock: Clock): string {
  let text = texts.get(handOut);
  if (!text) {
    const json = JSON.stringify({ ...tokenAnswer(handOut, clock), expires_in: 0 });
    const cut = json.lastIndexOf('"expires_in":0') + '"expires_in":'.length;
    text = { head: json.slice(0, cut), tail: json.slice(cut + 1) };
    texts.set(handOut, text);
  }
  return text.head + expiresIn(handOut, clock) + text.tail;
}
