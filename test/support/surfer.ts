/**
 * A browser as small as can be: it keeps cookies, follows redirects within the first host, and fills in forms. Where a
 * redirect leads elsewhere it stops and tells where to.
 */

import { strict as assert } from "node:assert";

export interface Visited {
  readonly status: number;
  readonly url: string;
  readonly headers: Headers;
  readonly text: string;
  /** The title, without the brand. */
  readonly title: string;
  /** Where a redirect leads that was not followed. */
  readonly left: URL | undefined;
}

export interface SurferOptions {
  readonly headers?: Record<string, string>;
  /** Follows no redirect at all. */
  readonly still?: boolean;
}

export interface Surfer {
  readonly cookies: Map<string, string>;
  open(url: string, options?: SurferOptions): Promise<Visited>;
  /** Posts the page's form with these fields in it. */
  submit(
    page: Visited,
    fields: Record<string, string | readonly string[]>,
    options?: SurferOptions,
  ): Promise<Visited>;
}

const HOPS_MAX = 10;

export function surfer(): Surfer {
  const cookies = new Map<string, string>();
  const keep = (headers: Headers): void => {
    for (const line of headers.getSetCookie()) {
      const [pair = ""] = line.split(";");
      const [name = "", value = ""] = [
        pair.slice(0, pair.indexOf("=")),
        pair.slice(pair.indexOf("=") + 1),
      ];
      if (value === "" || /max-age=0/i.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
  };
  const go = async (
    url: string,
    init: RequestInit,
    { headers = {}, still = false }: SurferOptions,
    hops = 0,
  ): Promise<Visited> => {
    assert.ok(hops < HOPS_MAX, "redirected in a circle");
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, {
      ...init,
      redirect: "manual",
      headers: { ...headers, ...(cookie === "" ? {} : { cookie }) },
    });
    keep(response.headers);
    const location = response.headers.get("location");
    const to = location === null ? undefined : new URL(location, url);
    if (to && !still && to.host === new URL(url).host) {
      await response.arrayBuffer();
      return go(to.href, {}, { headers }, hops + 1);
    }
    const text = await response.text();
    const title = /<title>([^<]*) –/.exec(text)?.[1] ?? "";
    const { status } = response;
    return { status, url, headers: response.headers, text, title, left: to };
  };
  return {
    cookies,
    open: (url, options = {}) => go(url, {}, options),
    submit(page, fields, options = {}) {
      const body = new URLSearchParams({ form: sealedForm(page) });
      for (const [name, values] of Object.entries(fields)) {
        for (const value of [values].flat()) body.append(name, value);
      }
      return go(page.url, { method: "POST", body }, options);
    },
  };
}

/** What a page's form brings back. */
export function sealedForm({ text }: Visited): string {
  const form = /name="form" value="([^"]*)"/.exec(text)?.[1];
  assert.ok(form, `the page has no form: ${text.slice(text.indexOf("<main"), 2000)}`);
  return form;
}
