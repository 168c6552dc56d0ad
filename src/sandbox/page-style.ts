/** The page's one style sheet, and the policy that lets in it and nothing else. */

import { hash } from "node:crypto";
import { Html } from "../http/pages/html.ts";

const CSS = `
:root { color-scheme: light dark; --good: light-dark(#0a6b3d, #5fd39a); --dead: light-dark(#6b7280, #9aa3af);
  --bad: light-dark(#b3261e, #ff8a80); --line: light-dark(#d4d7dc, #3b4048); }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; margin: 0; }
p { margin: .25rem 0; }
article { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; overflow-x: auto; padding: .75rem; }
section { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } th, td { border-bottom: 1px solid var(--line); padding: .25rem .5rem;
  text-align: left; vertical-align: top; } tbody th { font-weight: normal; } tr.on { font-weight: bold; }
tr.refused td, tr.failed td { color: var(--bad); }
form { display: inline; } .row { white-space: nowrap; } button { font: inherit; margin: .1rem; padding: .1rem .6rem; }
svg { display: block; } svg text { fill: currentcolor; font-size: 14px; text-anchor: middle; }
rect { fill: none; stroke-width: 5; } .accepted rect { stroke: var(--good); }
.superseded rect { stroke: var(--dead); stroke-dasharray: 6 4; stroke-width: 3; } .superseded text { fill: var(--dead); }
.revoked rect, .revoked path { stroke: var(--bad); stroke-width: 2; } .revoked text { fill: var(--bad); }
.presented { fill: currentcolor; }
`;

export const PAGE_STYLE = new Html(CSS);

/** No script, no image, no frame; forms to this very server. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${hash("sha256", CSS, "base64")}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");
