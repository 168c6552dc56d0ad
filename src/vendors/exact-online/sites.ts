/**
 * The country sites: seven servers that know nothing of each other's apps and users.
 *
 * 1. Each site is a realm. What one site knows, another answers like what never was.
 * 2. A site is told apart by its host, `start.exactonline.de`; where the server stands on this machine, by the first
 *    part of the path, `/de/api/oauth2/token`. With neither it is the Dutch one, the vendor's own.
 * 3. Apps are registered at another host of the vendor, `apps.exactonline.com`, with the site before the path; here also
 *    under `/apps`.
 * 4. Any other host of the vendor's name is answered as its gateway answers it.
 *
 * Sources: npm @nangohq/providers, entry exact-online (the seven sites); picqer/exact-php-client issue 617 (apps are
 * bound to one).
 */

import type { IncomingMessage } from "node:http";
import type { FastifyRequest } from "fastify";
import type { RealmServices, RealmSettings } from "../../issuer/realms.ts";
import type { TokenShapes } from "../../issuer/token-format.ts";
import type { SurfaceParts } from "../provider.ts";

export const SITES = ["nl", "be", "de", "fr", "es", "co.uk", "com"] as const;
export type Site = (typeof SITES)[number];

/** The one that is meant where none is named. */
export const HOME_SITE: Site = "nl";

/** Where requests for an unknown host of the vendor go. */
export const GATEWAY_PATH = "/gateway";
export const APPS_PATH = "/apps";

const isSite = (text: string): text is Site => (SITES as readonly string[]).includes(text);

const APPS_HOST = "apps.exactonline.com";
const VENDOR_HOST = /\.exactonline\.[a-z.]+$/;

const hostOf = ({ headers }: Pick<IncomingMessage, "headers">): string =>
  (headers.host ?? "").toLowerCase().replace(/:\d+$/, "");

/** The site whose host it is. */
function siteAt(host: string): Site | undefined {
  const site = /^start\.exactonline\.(.+)$/.exec(host)?.[1] ?? "";
  return isSite(site) ? site : undefined;
}

/** The site that stands before a path. */
function siteBefore(url: string): Site | undefined {
  const first = /^\/([a-z.]+)(?=\/)/.exec(url)?.[1] ?? "";
  return isSite(first) ? first : undefined;
}

/** The path that a request means, without what only names a site. */
export function rewriteUrl(request: Pick<IncomingMessage, "headers" | "url">): string {
  const { url = "/" } = request;
  const host = hostOf(request);
  if (siteAt(host)) return url;
  if (VENDOR_HOST.test(host) && host !== APPS_HOST) return GATEWAY_PATH;
  const site = siteBefore(url);
  const path = site ? url.slice(`/${site}`.length) : url;
  return host === APPS_HOST && path === "/" ? APPS_PATH : path;
}

/** The site that a request means. */
export const siteOf = (request: FastifyRequest): Site =>
  siteAt(hostOf(request)) ?? siteBefore(request.originalUrl) ?? HOME_SITE;

const COUNTRIES: Readonly<Record<Site, string>> = {
  nl: "NL",
  be: "BE",
  de: "DE",
  fr: "FR",
  es: "ES",
  "co.uk": "UK",
  com: "US",
};

/** What a site's tokens begin with. Only the Dutch stamp is known from samples. */
export const stampOf = (site: Site): string => `stamp${COUNTRIES[site]}001.`;

/** Makes the realms of all sites but the home one, which is the main realm. */
export function openSites(
  { realms, settingsOf, url }: SurfaceParts,
  shapesOf: (site: Site) => TokenShapes,
): (site: Site) => RealmServices {
  const sites = new Map<Site, RealmServices>([[HOME_SITE, realms.main]]);
  for (const site of SITES) {
    if (site !== HOME_SITE) sites.set(site, realms.create(settingsAt(site)));
  }
  return (site) => sites.get(site) ?? realms.main;

  function settingsAt(site: Site): RealmSettings {
    const { grantTypes, scopeRequired } = settingsOf(site);
    return {
      name: site,
      grantTypes,
      ...(scopeRequired === undefined ? {} : { scopeRequired }),
      shapes: shapesOf(site),
      // The server's address is known only once it listens.
      get issuer() {
        return `${url()}/${site}`;
      },
    };
  }
}
