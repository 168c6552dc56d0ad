/**
 * As much of OData 2 as the vendor's public clients use: `$select`, `$top`, `$filter` by equality, pages of sixty.
 *
 * 1. `Select` without the dollar sign is taken for `$select`: one published client sends it so.
 * 2. A page that is not the last names the next one, with everything else that was asked.
 * 3. Query options that are not played are refused, not ignored: an answer would be another than what was asked for.
 *
 * Sources: picqer/exact-php-client; npm @nangohq/providers, entry exact-online (`d.__next`, sixty a page).
 */

import type { Row } from "./companies.ts";

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export const PAGE_SIZE = 60;

/** An error of the API. */
export const odataError = (status: number, message: string): Answer => ({
  status,
  body: { error: { code: "", message: { lang: "", value: message } } },
});

const PLAYED = ["$select", "select", "$top", "$filter", "$skiptoken", "$format"];

/** Answers a query over some rows; `url` is the one that was asked. */
export function answerRows(rows: readonly Row[], url: URL): Answer {
  const options = new Map(
    [...url.searchParams].map(([name, value]) => [name.toLowerCase(), value]),
  );
  const unknown = [...options.keys()].find((name) => !PLAYED.includes(name));
  if (unknown !== undefined) return odataError(400, `Query option '${unknown}' is not supported.`);
  const filtered = filter(rows, options.get("$filter"));
  if (typeof filtered === "string") return odataError(400, filtered);
  const fields = (options.get("$select") ?? options.get("select"))?.split(",").map((f) => f.trim());
  const wrong = fields?.find((field) => !isField(rows, field));
  if (wrong !== undefined) return odataError(400, `Could not find a property named '${wrong}'.`);
  const top = options.get("$top");
  if (top !== undefined && !/^\d{1,6}$/.test(top)) {
    return odataError(400, "Query option '$top' is malformed.");
  }
  const asked = filtered.slice(0, top === undefined ? undefined : Number(top));
  const page = pageAfter(asked, options.get("$skiptoken"));
  if (!page) return odataError(400, "Query option '$skiptoken' is malformed.");
  const results = page.rows.map((row) => (fields ? only(row, fields) : row));
  const next = page.next && { __next: nextUrl(url, page.next) };
  return { status: 200, body: { d: { results, ...next } } };
}

const isField = ([first]: readonly Row[], name: string): boolean =>
  first !== undefined && Object.hasOwn(first, name);

const only = (row: Row, fields: readonly string[]): Row =>
  Object.fromEntries(fields.map((field) => [field, row[field] ?? null]));

/** What names a row to go on after. */
const keyOf = (row: Row): string => String(row.ID ?? row.Code);

function pageAfter(rows: readonly Row[], token: string | undefined) {
  const last = /^guid'([0-9a-f-]{36})'$/.exec(token ?? "")?.[1];
  const from = token === undefined ? 0 : rows.findIndex((row) => keyOf(row) === last) + 1;
  if (token !== undefined && from === 0) return undefined;
  const page = rows.slice(from, from + PAGE_SIZE);
  const end = page.at(-1);
  return { rows: page, next: from + page.length < rows.length && end ? keyOf(end) : undefined };
}

function nextUrl(url: URL, after: string): string {
  const next = new URL(url);
  next.searchParams.set("$skiptoken", `guid'${after}'`);
  return next.href.replaceAll("%24", "$");
}

/** The rows of which a field equals a value; a text that says why not. */
function filter(rows: readonly Row[], text: string | undefined): readonly Row[] | string {
  if (text === undefined) return rows;
  const [, field = "", literal = ""] = /^(\w+) eq (.+)$/.exec(text.trim()) ?? [];
  if (!isField(rows, field)) return "Query option '$filter' is not supported.";
  const value = /^(?:guid)?'(.*)'$/.exec(literal)?.[1]?.replaceAll("''", "'") ?? literal;
  return rows.filter((row) => String(row[field]) === value);
}
