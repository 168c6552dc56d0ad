/**
 * HTML that cannot be broken by what is put into it: every value is escaped, for text and for quoted attributes alike,
 * unless it is HTML made here. Attributes must be quoted. Nothing goes into a script or a style: there are none.
 */

/** HTML made by `html`. */
export class Html {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** What a page is put together from; false, null and undefined are nothing. */
export type Part = Html | string | number | false | null | undefined | readonly Part[];

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? "");

/** A template whose values are escaped: html`<p>${anything}</p>` */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let text = strings[0] ?? "";
  for (const [i, part] of parts.entries()) text += textOf(part) + (strings[i + 1] ?? "");
  return new Html(text);
}

function textOf(part: Part): string {
  if (part instanceof Html) return part.toString();
  if (Array.isArray(part)) return (part as readonly Part[]).map(textOf).join("");
  if (part === false || part === null || part === undefined) return "";
  return escapeHtml(String(part));
}
