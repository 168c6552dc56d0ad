/**
 * Exact Online's authorization endpoint. Sources: support.exactonline.com, OAuth steps 1 and 2 (both response types,
 * `force_login`, redirect URIs: HTTPS, public, no localhost, else 401; the owner picks companies); forums.invantive.com
 * t/1570 (the second factor is compulsory); exactonline/exactonline-api-ruby-client (a slash at the end).
 *
 * Each consent displaces the one before it, so each is asked for.
 */

import type { AuthorizationRules } from "../../http/authorize-rules.ts";
import { companiesOf } from "./companies.ts";
import { resourceOf } from "./resource-api.ts";

export const EXACT_ONLINE_AUTHORIZATION: AuthorizationRules = {
  brand: "Exact Online",
  responseTypes: ["code", "token"],
  pkce: "optional",
  redirects: "httpsPublicOnly",
  refusalStatus: 401,
  forceLogin: "force_login",
  secondFactor: "required",
  issuerInAnswer: false,
  consent: "always",
  refresh: "always",
  trailingSlash: true,
  resources: ({ tenant }) =>
    companiesOf(tenant).map((company) => ({
      id: resourceOf(company),
      label: `${company.division} ${company.name}`,
    })),
};
