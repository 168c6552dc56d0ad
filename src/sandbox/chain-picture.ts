/**
 * A chain as a picture: each serial a link. Accepted ones are whole, superseded ones broken, of a revoked chain all are
 * crossed out; a mark stands under the one that was presented last.
 */

import { type Html, html } from "../http/pages/html.ts";
import type { InspectedChain } from "../issuer/inspection.ts";
import type { Serial } from "../kernel/ids.ts";

/** The newest links; a longer chain comes from further left. */
const LINKS_MAX = 14;
const LINK = { width: 58, height: 30, step: 46, top: 8, left: 30 };
const HEIGHT = 64;

type Standing = "accepted" | "superseded" | "revoked";

export function chainPicture(chain: InspectedChain, presented: Serial | null): Html {
  const { last } = chain;
  const first = Math.max(0, last - LINKS_MAX + 1);
  const serials = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const width = LINK.left + LINK.step * serials.length + LINK.width;
  const x = (serial: Serial): number => LINK.left + LINK.step * (serial - first);
  return html`<svg role="img" aria-label="${inWords(chain, presented)}" viewBox="0 0 ${width} ${HEIGHT}" width="${width}" height="${HEIGHT}">
${first > 0 && html`<text x="14" y="28">…</text>`}
${serials.map((serial) => link(serial, x(serial), standingOf(chain, serial)))}
${presented !== null && presented >= first && presented <= last && mark(x(presented))}
</svg>`;
}

function link(serial: Serial, x: number, standing: Standing): Html {
  const { width, height, top } = LINK;
  const [right, bottom] = [x + width, top + height];
  return html`<g class="${standing}"><title>${serial}: ${standing}</title>
<rect x="${x}" y="${top}" width="${width}" height="${height}" rx="${height / 2}"/>
<text x="${x + width / 2}" y="${top + 20}">${serial}</text>
${standing === "revoked" && html`<path d="M${x + 12} ${bottom - 4}L${right - 12} ${top + 4}"/>`}</g>`;
}

/** A small arrow below the link. */
function mark(x: number): Html {
  const middle = x + LINK.width / 2;
  return html`<path class="presented" d="M${middle} 44l6 10h-12z"><title>presented last</title></path>`;
}

export function standingOf(
  { accepted, acceptedFrom, revoked }: InspectedChain,
  serial: Serial,
): Standing {
  if (revoked !== null) return "revoked";
  const isOpen = accepted.includes(serial) || (acceptedFrom !== null && serial >= acceptedFrom);
  return isOpen ? "accepted" : "superseded";
}

function inWords(
  { last, accepted, acceptedFrom, revoked }: InspectedChain,
  presented: Serial | null,
): string {
  const open =
    revoked === null
      ? acceptedFrom === null
        ? `accepted: ${accepted.join(", ") || "none"}`
        : `accepted from ${acceptedFrom} on`
      : `revoked by ${revoked}`;
  const mark = presented === null ? "" : `; presented last: ${presented}`;
  return `serials 0 to ${last}; ${open}${mark}`;
}
