/**
 * The one style sheet, in each page: nothing else is loaded. The policy of the pages allows it by its hash. It follows
 * the system's light or dark colours, and holds from 320 pixels on. All text has a contrast of at least 4.5 to 1.
 */

import { createHash } from "node:crypto";

export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #eef1f4; --card: #fff; --text: #17212b; --quiet: #55626f; --line: #c4ccd4;
  --accent: #0b5cad; --accent-strong: #084887; --on-accent: #fff;
  --alarm: #a4161a; --alarm-ground: #fdecec;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #10161c; --card: #1a222b; --text: #e8edf2; --quiet: #a3b0bd; --line: #46535f;
    --accent: #7cb8f5; --accent-strong: #a5cffa; --on-accent: #0c1a28;
    --alarm: #ffb4b0; --alarm-ground: #43191b;
  }
}
* { box-sizing: border-box; }
html { font: 100%/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Open Sans", sans-serif; }
body {
  margin: 0; min-height: 100vh; padding: 1.5rem 1rem 3rem;
  display: flex; flex-direction: column; align-items: center; gap: 1.25rem;
  background: var(--ground); color: var(--text); overflow-wrap: anywhere;
}
header { margin-top: max(0rem, calc(12vh - 3rem)); font-size: 1.0625rem; font-weight: 600; color: var(--quiet); }
main {
  width: 100%; max-width: 26rem; padding: 1.75rem; background: var(--card);
  border: 1px solid var(--line); border-radius: .75rem; box-shadow: 0 1px 3px rgb(0 0 0 / .08);
}
main.wide { max-width: 38rem; }
h1 { margin: 0 0 .375rem; font-size: 1.5rem; line-height: 1.25; font-weight: 650; }
h2 { margin: 1.25rem 0 .25rem; font-size: 1rem; font-weight: 550; }
p { margin: 0 0 1rem; }
main > :last-child { margin-bottom: 0; }
.quiet { color: var(--quiet); font-size: .9375rem; }
.notice { margin: 1rem 0; padding: .75rem 1rem; border-radius: .5rem; color: var(--alarm); background: var(--alarm-ground); }
code { font: .875rem/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; }
form { margin: 0; }
label, legend { display: block; padding: 0; font-weight: 550; }
.field { margin: 1rem 0; }
input[type="text"], input[type="password"] {
  width: 100%; margin-top: .25rem; padding: .625rem .75rem; font: inherit; color: inherit;
  background: var(--card); border: 1px solid var(--quiet); border-radius: .5rem;
}
input.code { max-width: 10rem; font-size: 1.375rem; letter-spacing: .2em; font-variant-numeric: tabular-nums; }
fieldset { margin: 1.25rem 0; padding: 0; border: 0; min-width: 0; }
legend { margin-bottom: .25rem; }
.choice { display: flex; gap: .625rem; align-items: flex-start; padding: .375rem 0; font-weight: 400; }
.choice input { flex: none; width: 1.25rem; height: 1.25rem; margin: .125rem 0 0; accent-color: var(--accent); }
ul { margin: .25rem 0 1.25rem; padding-left: 1.25rem; }
li { margin: .25rem 0; }
button {
  display: block; width: 100%; margin-top: .75rem; padding: .6875rem 1rem; font: inherit; font-weight: 600;
  color: var(--on-accent); background: var(--accent); border: 1px solid transparent; border-radius: .5rem; cursor: pointer;
}
button:hover { background: var(--accent-strong); }
button.second { color: var(--text); background: transparent; border-color: var(--quiet); }
button.second:hover { border-color: var(--text); }
button.link {
  width: auto; margin: 1rem auto 0; padding: .25rem .5rem; font-weight: 400; font-size: .9375rem;
  color: var(--accent); background: transparent; text-decoration: underline; text-underline-offset: .2em;
}
button.link:hover { color: var(--accent-strong); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.grants { list-style: none; margin: 1rem 0; padding: 0; }
.grants li { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: center; padding: .875rem 0; border-top: 1px solid var(--line); }
.grants div { flex: 1 1 14rem; }
.grants p { margin: 0; }
.grants button { width: auto; margin: .25rem 0; padding: .375rem .75rem; }
@media (max-width: 24rem) { main { padding: 1.25rem; } }
@media (forced-colors: active) { main, button { border: 1px solid; } }
`;

/** How a policy names it. */
export const STYLE_SOURCE = `'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`;
