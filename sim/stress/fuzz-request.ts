/**
 * Requests for fuzzing: a proper one, and what is done to it before it is sent.
 *
 * 1. A request is kept in parts until it is sent, so that one mutation finds what another left. What cannot be said in
 *    parts (broken encodings, bytes that are no form) is done to the body's text last.
 * 2. Every draw comes from the stream: the same stream gives the same requests.
 * 3. What is sent is well-formed HTTP, whatever it says: bytes that are none have a campaign of their own.
 */

import type { Stream } from "../run/random-stream.ts";

export type Pair = readonly [name: string, value: string];

export interface Draft {
  method: string;
  path: string;
  query: string;
  headers: Pair[];
  contentType: string | undefined;
  pairs: Pair[];
  separator: string;
  /** Done to the body's text, in order. */
  spoil: ((text: string) => string)[];
  chunked: boolean;
}

/** What a mutation may draw from besides its stream. */
export interface Ingredients {
  readonly paths: readonly string[];
  readonly clientId: string;
  readonly clientSecret: string;
  readonly otherClient: { readonly clientId: string; readonly clientSecret: string };
  /** Tokens and codes that are no good where they will be put, and none whose use would be replay. */
  readonly wrongTokens: readonly string[];
}

export type Mutation = (draft: Draft, stream: Stream, from: Ingredients) => void;

const METHODS = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "post"];
const GRANT_TYPES = [
  ...["refresh_token", "authorization_code", "password", "client_credentials", "implicit", ""],
  ...["REFRESH_TOKEN", "refresh_token ", "constructor", "__proto__", "urn:ietf:params:oauth:x"],
];
const CONTENT_TYPES = [
  ...["application/json", "text/plain", "multipart/form-data; boundary=x", "", ";;", "x"],
  ...["APPLICATION/X-WWW-FORM-URLENCODED", "application/x-www-form-urlencoded; charset=utf-16"],
  ...["application/x-www-form-urlencoded;charset=UTF-8", "application/x-www-form-urlencoded-not"],
];
const TEXTS = [
  ...["", " ", "x", "null", "undefined", "0", "-1", "true", "[]", "{}", "\0", "\r\n", "\t", "ключ"],
  ...["\u{1f511}", "\ud800", "\u202e", "a b", "a  b", '"', "\\", "%00", "../..", "<script>", "'--"],
];
const BROKEN_ENCODINGS = [
  "%",
  "%z",
  "%zz",
  "%2",
  "%ff",
  "%c0%af",
  "%ed%a0%80",
  "%u0041",
  "&=&",
  "=&",
];
const NAMES = [
  ...["refresh_token", "code", "scope", "client_id", "client_secret", "redirect_uri", "grant_type"],
  ...["code_verifier", "username", "password", "token", "token_type_hint", "resource", "audience"],
  ...["client_assertion", "client_assertion_type", "__proto__", "constructor", "a[]", "a[b]", ""],
];

const at = (stream: Stream, list: readonly unknown[]): number => stream.whole(0, list.length - 1);

const put = (draft: Draft, name: string, value: string): void => {
  draft.pairs = [...draft.pairs.filter(([other]) => other !== name), [name, value]];
};

/** Percent-encodes a text; what is no text becomes what it would be in a browser's form. */
const encode = (text: string): string => encodeURIComponent(text.toWellFormed());

const basic = (id: string, secret: string): string =>
  `Basic ${Buffer.from([id, secret].map(encodeURIComponent).join(":")).toString("base64")}`;

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  method: (draft, stream) => {
    draft.method = stream.pick(METHODS);
  },
  path: (draft, stream, { paths }) => {
    draft.path = stream.pick(paths);
  },
  contentType: (draft, stream) => {
    draft.contentType = stream.chance(0.2) ? undefined : stream.pick(CONTENT_TYPES);
  },
  drop: (draft, stream) => {
    draft.pairs.splice(at(stream, draft.pairs), 1);
  },
  empty: (draft, stream) => {
    const [name] = draft.pairs[at(stream, draft.pairs)] ?? ["x"];
    put(draft, name, "");
  },
  repeat: (draft, stream) => {
    const pair = draft.pairs[at(stream, draft.pairs)] ?? ["x", "y"];
    const again: Pair = stream.chance(0.5) ? pair : [pair[0], stream.pick(TEXTS)];
    draft.pairs.splice(at(stream, draft.pairs), 0, again);
  },
  shuffle: (draft, stream) => {
    draft.pairs.sort(() => stream.fraction() - 0.5);
  },
  value: (draft, stream) => {
    put(draft, stream.pick(NAMES), stream.pick(TEXTS));
  },
  huge: (draft, stream) => {
    const length = Math.floor(stream.skewed(1_000, 60_000));
    put(draft, stream.pick(NAMES), stream.pick(["A", "%", "é", "+"]).repeat(length));
  },
  unknown: (draft, stream) => {
    const count = Math.floor(stream.skewed(1, 300));
    for (let i = 0; i < count; i += 1) draft.pairs.push([`x${i}`, stream.pick(TEXTS)]);
  },
  grantType: (draft, stream) => {
    put(draft, "grant_type", stream.pick(GRANT_TYPES));
  },
  scope: (draft, stream) => {
    const scope = ["read", "write", "read write", "admin", "read  write", 'a"b', "read\nwrite"];
    put(draft, "scope", stream.pick(scope));
  },
  token: (draft, stream, { wrongTokens }) => {
    const name = stream.pick(["refresh_token", "code", "token"]);
    put(draft, name, stream.pick(wrongTokens));
  },
  flip: (draft, stream) => {
    const i = draft.pairs.findIndex(([name]) => ["refresh_token", "code", "token"].includes(name));
    const [name, value] = draft.pairs[i] ?? ["token", "x"];
    const place = at(stream, [...value]);
    const letter = value[place] === "A" ? "B" : "A";
    put(draft, name, value.slice(0, place) + letter + value.slice(place + 1));
  },
  secret: (draft, stream, { clientSecret, otherClient }) => {
    const wrong = [clientSecret.slice(1), `${clientSecret}x`, otherClient.clientSecret, "x"];
    put(draft, "client_secret", stream.pick(wrong));
  },
  client: (draft, stream, { otherClient }) => {
    put(draft, "client_id", stream.pick([otherClient.clientId, "nobody", "__proto__", "a/b"]));
    if (stream.chance(0.5)) put(draft, "client_secret", otherClient.clientSecret);
  },
  header: (draft, stream, { clientId, clientSecret }) => {
    const values = [
      ...[basic(clientId, clientSecret), basic(clientId, "x"), basic("x", clientSecret), "Basic"],
      ...["Basic !!!", "Bearer x", "basic Og==", `Basic ${"A".repeat(9000)}`, "Digest a=b", " "],
    ];
    draft.headers.push(["authorization", stream.pick(values)]);
    if (!stream.chance(0.5)) return;
    draft.pairs = draft.pairs.filter(([name]) => !["client_id", "client_secret"].includes(name));
  },
  headers: (draft, stream) => {
    const names = ["x-forwarded-for", "forwarded", "cookie", "accept", "origin", "expect-ct", "te"];
    const count = Math.floor(stream.skewed(1, 60));
    for (let i = 0; i < count; i += 1) draft.headers.push([stream.pick(names), `v${i}`]);
  },
  uri: (draft, stream) => {
    const [name, value] = draft.pairs[at(stream, draft.pairs)] ?? ["code", "x"];
    const named = `?${encode(name)}=${encode(value.slice(0, 200))}`;
    draft.query = stream.pick([named, "?a=b", "?%zz", "?", "?&&", "?__proto__=x", "?code[]=x"]);
  },
  encoding: (draft, stream) => {
    const [broken, share] = [stream.pick(BROKEN_ENCODINGS), stream.fraction()];
    draft.spoil.push((text) => {
      const place = Math.floor(share * text.length);
      return text.slice(0, place) + broken + text.slice(place);
    });
  },
  separator: (draft, stream) => {
    draft.separator = stream.pick([";", "&&", "&amp;", "\n", " & "]);
  },
  body: (draft, stream) => {
    const raw = Buffer.from(stream.asRandom().bytes(stream.whole(0, 400))).toString("latin1");
    const text = stream.pick([
      raw,
      "",
      "{",
      '{"grant_type":"refresh_token"}',
      "&&&&",
      "====",
      "+++",
    ]);
    draft.spoil.push(() => text);
  },
  cut: (draft, stream) => {
    const share = stream.fraction();
    draft.spoil.push((text) => text.slice(0, Math.floor(share * text.length)));
  },
  chunked: (draft) => {
    draft.chunked = true;
  },
};

/** A proper request, for mutations to begin from. */
export const draftOf = (path: string, pairs: readonly Pair[]): Draft => ({
  ...{ method: "POST", path, query: "", headers: [], separator: "&", spoil: [], chunked: false },
  contentType: "application/x-www-form-urlencoded",
  pairs: [...pairs],
});

export function bodyOf({ pairs, separator, spoil }: Draft): string {
  const text = pairs.map((pair) => pair.map(encode).join("=")).join(separator);
  return spoil.reduce((spoiled, change) => change(spoiled), text);
}

/** The request as it is sent. Bodies are Latin-1: one character, one byte. */
export function bytesOf(draft: Draft, body: string): string {
  const { method, path, query, headers, contentType, chunked } = draft;
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
  if (contentType !== undefined) lines.push(`content-type: ${contentType}\r\n`);
  const head = `${method} ${path}${query} HTTP/1.1\r\nhost: stress\r\n${lines.join("")}`;
  if (!chunked) return `${head}content-length: ${body.length}\r\n\r\n${body}`;
  const half = body.length >> 1;
  const chunks = [body.slice(0, half), body.slice(half)].filter((chunk) => chunk !== "");
  const framed = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("");
  return `${head}transfer-encoding: chunked\r\n\r\n${framed}0\r\n\r\n`;
}
