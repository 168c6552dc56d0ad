/**
 * The live page of a stand-in: pure functions from what is the case to HTML. It needs no script, says nothing by colour
 * alone, and reads as well in the dark.
 */

import { type Html, html } from "../http/pages/html.ts";
import type { InspectedChain } from "../issuer/inspection.ts";
import type { Instant } from "../kernel/time.ts";
import { chainPicture } from "./chain-picture.ts";
import type { FaultObject } from "./fault-settings.ts";
import { FAULT_NAMES, FAULTS, type FaultName } from "./faults.ts";
import { PAGE_STYLE } from "./page-style.ts";
import type { RequestLine } from "./request-log.ts";

export interface PageView {
  /** What it stands in for. */
  readonly name: string;
  readonly now: Instant;
  /** How many times faster than life. */
  readonly timeScale: number;
  readonly chains: readonly InspectedChain[];
  readonly faults: Readonly<Record<FaultName, FaultObject>>;
  /** The newest requests, newest first. */
  readonly requests: readonly RequestLine[];
  /** The serial that was presented last, by chain. */
  readonly presented: ReadonlyMap<string, number>;
  /** Whether the page stays as it is, for whoever reads it slowly. */
  readonly isStill: boolean;
}

const REFRESH_SECONDS = 3;
const CHAINS_MAX = 50;
const SPANS = ["1 min", "9 min", "10 min", "1 h", "1 d", "30 d"];
const RATES = [
  [0, "off"],
  [0.1, "1 in 10"],
  [1, "always"],
] as const;

export function sandboxPage(view: PageView): Html {
  const { name, isStill, timeScale } = view;
  const scale = timeScale === 1 ? "" : `, ${timeScale} times faster than life`;
  return page(
    name,
    isStill ? null : REFRESH_SECONDS,
    html`<header>
<h1>${name}</h1>
<p>a stand-in, not the provider. Its time is <time>${utc(view.now)}</time>${scale}.
<a href="${isStill ? "?" : "?still"}">${isStill ? "keep it live" : "hold it still"}</a></p>
</header>
${chains(view)}
${requests(view)}
${clock()}
${faults(view)}`,
  );
}

/** A page for what went wrong. */
export const problemPage = (message: string): Html =>
  page(
    "not done",
    null,
    html`<h1>Not done</h1><p>${message}</p><p><a href="/sandbox/">back</a></p>`,
  );

const page = (
  title: string,
  refreshSeconds: number | null,
  main: Html,
): Html => html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
${refreshSeconds !== null && html`<meta http-equiv="refresh" content="${refreshSeconds}">`}
<title>${title}: sandbox</title>
<style>${PAGE_STYLE}</style>
<main>${main}</main>
</html>
`;

/** A form with one button; what it asks for stands in its fields. */
const button = (label: string, fields: Readonly<Record<string, string | number>>): Html =>
  html`<form method="post" action="/sandbox/page">${Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )}<button>${label}</button></form>`;

function chains({ chains, presented, now }: PageView): Html {
  const shown = chains
    .toSorted((a, b) => b.lastGrantAt - a.lastGrantAt || (a.chain < b.chain ? -1 : 1))
    .slice(0, CHAINS_MAX);
  return html`<section>
<h2>Chains</h2>
${shown.map((chain) => {
  const last = presented.get(chain.chain);
  return html`<article>
<h3>${chain.subject}</h3>
${chainPicture(chain, last ?? null)}
<p>${standing(chain, now)}</p>
${chain.revoked === null && button("revoke", { do: "revoke", username: chain.subject })}
</article>`;
})}
${chains.length > shown.length && html`<p>and ${chains.length - shown.length} more</p>`}
${button("grant another", { do: "grant" })}
</section>`;
}

/** How a chain stands, in words. */
function standing(chain: InspectedChain, now: Instant): string {
  const { revoked, revokedAt, notBefore, lastGrantAt, accessTokens, accessEndsAt } = chain;
  const granted = `last grant ${utc(lastGrantAt)}, ${accessTokens} access token${accessTokens === 1 ? "" : "s"}`;
  if (revoked !== null) {
    return `revoked by ${revoked}${revokedAt === null ? "" : ` ${utc(revokedAt)}`}; ${granted}`;
  }
  const early = notBefore > now ? `; not before ${utc(notBefore)}` : "";
  const ends = Number.isFinite(accessEndsAt) ? `, the newest ends ${utc(accessEndsAt)}` : "";
  return `${granted}${ends}${early}`;
}

const clock = (): Html => html`<section>
<h2>Time</h2>
<p>Move the sandbox's clock ahead by</p>
<div class="row">${SPANS.map((advance) => button(advance, { do: "travel", advance }))}</div>
</section>`;

function faults({ faults }: PageView): Html {
  return html`<section>
<h2>Faults</h2>
<table>
<thead><tr><th scope="col">fault</th><th scope="col">does</th><th scope="col">rate</th><th scope="col">set to</th></tr></thead>
<tbody>${FAULT_NAMES.map((name) => faultRow(name, faults[name]))}</tbody>
</table>
${button("all off", { do: "clear" })}
</section>`;
}

function faultRow(name: FaultName, { rate, daily, until }: FaultObject): Html {
  const when = [daily && `daily ${daily}`, until && `until ${utc(until)}`].filter(Boolean);
  return html`<tr class="${rate === 0 ? "off" : "on"}">
<th scope="row">${name}</th>
<td>${FAULTS[name]}</td>
<td>${rate === 0 ? "off" : rate} ${when.join(", ")}</td>
<td class="row">${RATES.map(([value, label]) => button(label, { do: "fault", name, rate: value }))}</td>
</tr>`;
}

function requests({ requests }: PageView): Html {
  return html`<section>
<h2>Last requests</h2>
${requests.length === 0 && html`<p>none so far</p>`}
<table>
<thead><tr>${COLUMNS.map(([label]) => html`<th scope="col">${label}</th>`)}</tr></thead>
<tbody>${requests.map(
    (line) =>
      html`<tr class="${line.decision}">${COLUMNS.map(
        ([, cell]) => html`<td>${cell(line)}</td>`,
      )}</tr>`,
  )}</tbody>
</table>
</section>`;
}

const COLUMNS: readonly (readonly [string, (line: RequestLine) => string | number | null])[] = [
  ["no.", ({ number }) => number],
  ["at", ({ receivedAt }) => utc(receivedAt)],
  [
    "asked for",
    ({ grantType, duplicateOf }) =>
      `${grantType ?? "nothing known"}${duplicateOf === null ? "" : ` (again, as ${duplicateOf})`}`,
  ],
  ["presented", ({ presented }) => presented],
  ["decided", ({ decision, reason }) => (reason === null ? decision : `${decision}: ${reason}`)],
  ["answered", ({ answered }) => answered],
  ["status", ({ status }) => status],
  ["left here", ({ written }) => written],
  ["fault", ({ fault }) => fault],
];

/** An instant to the second, in UTC; what never comes is called so. */
const utc = (at: Instant): string =>
  Number.isFinite(at) ? `${new Date(at).toISOString().slice(0, 19).replace("T", " ")}Z` : "never";
