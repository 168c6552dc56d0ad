/** What a client knows of each provider, by the name of its preset. */

import { AIRLOCK_CLIENT_FACTS } from "./airlock/client-facts.ts";
import { AMAZON_CLIENT_FACTS } from "./amazon/client-facts.ts";
import { ANTHROPIC_CLIENT_FACTS } from "./anthropic/client-facts.ts";
import { ATLASSIAN_CLIENT_FACTS } from "./atlassian/client-facts.ts";
import { AUTH0_CLIENT_FACTS } from "./auth0/client-facts.ts";
import { BETTER_AUTH_CLIENT_FACTS } from "./better-auth/client-facts.ts";
import { BOX_CLIENT_FACTS } from "./box/client-facts.ts";
import type { ClientFacts } from "./client-facts.ts";
import { COGNITO_CLIENT_FACTS } from "./cognito/client-facts.ts";
import { CURITY_CLIENT_FACTS } from "./curity/client-facts.ts";
import { DJANGO_OAUTH_TOOLKIT_CLIENT_FACTS } from "./django-oauth-toolkit/client-facts.ts";
import { DROPBOX_CLIENT_FACTS } from "./dropbox/client-facts.ts";
import { DUENDE_CLIENT_FACTS } from "./duende/client-facts.ts";
import { ENTRA_CLIENT_FACTS } from "./entra/client-facts.ts";
import { EXACT_ONLINE_CLIENT_FACTS } from "./exact-online/client-facts.ts";
import { GITHUB_APPS_CLIENT_FACTS } from "./github-apps/client-facts.ts";
import { GOOGLE_CLIENT_FACTS } from "./google/client-facts.ts";
import { HUBSPOT_CLIENT_FACTS } from "./hubspot/client-facts.ts";
import { HYDRA_CLIENT_FACTS } from "./hydra/client-facts.ts";
import { INTUIT_CLIENT_FACTS } from "./intuit/client-facts.ts";
import { KEYCLOAK_CLIENT_FACTS } from "./keycloak/client-facts.ts";
import { LEAGUE_CLIENT_FACTS } from "./league-oauth2-server/client-facts.ts";
import { LINEAR_CLIENT_FACTS } from "./linear/client-facts.ts";
import { LINKEDIN_CLIENT_FACTS } from "./linkedin/client-facts.ts";
import { MAS_CLIENT_FACTS } from "./mas/client-facts.ts";
import { MIRO_CLIENT_FACTS } from "./miro/client-facts.ts";
import { NODE_OIDC_PROVIDER_CLIENT_FACTS } from "./node-oidc-provider/client-facts.ts";
import { NOTION_CLIENT_FACTS } from "./notion/client-facts.ts";
import { OKTA_CLIENT_FACTS } from "./okta/client-facts.ts";
import { OPENAI_CLIENT_FACTS } from "./openai/client-facts.ts";
import { OPENAM_CLIENT_FACTS } from "./openam/client-facts.ts";
import { PINGFEDERATE_CLIENT_FACTS } from "./pingfederate/client-facts.ts";
import { SALESFORCE_CLIENT_FACTS } from "./salesforce/client-facts.ts";
import { SHOPIFY_CLIENT_FACTS } from "./shopify/client-facts.ts";
import { SLACK_CLIENT_FACTS } from "./slack/client-facts.ts";
import { SUPABASE_CLIENT_FACTS } from "./supabase/client-facts.ts";
import { SUPERTOKENS_CLIENT_FACTS } from "./supertokens/client-facts.ts";
import { TWINFIELD_CLIENT_FACTS } from "./twinfield/client-facts.ts";
import { VISMA_CLIENT_FACTS } from "./visma/client-facts.ts";
import { WORKOS_CLIENT_FACTS } from "./workos/client-facts.ts";
import { WSO2_CLIENT_FACTS } from "./wso2/client-facts.ts";
import { X_CLIENT_FACTS } from "./x/client-facts.ts";
import { XERO_CLIENT_FACTS } from "./xero/client-facts.ts";
import { ZOHO_CLIENT_FACTS } from "./zoho/client-facts.ts";

export const CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  ...OPENAM_CLIENT_FACTS,
  ...EXACT_ONLINE_CLIENT_FACTS,
  ...GOOGLE_CLIENT_FACTS,
  ...AIRLOCK_CLIENT_FACTS,
  ...AMAZON_CLIENT_FACTS,
  ...ANTHROPIC_CLIENT_FACTS,
  ...ATLASSIAN_CLIENT_FACTS,
  ...AUTH0_CLIENT_FACTS,
  ...BETTER_AUTH_CLIENT_FACTS,
  ...BOX_CLIENT_FACTS,
  ...COGNITO_CLIENT_FACTS,
  ...CURITY_CLIENT_FACTS,
  ...DJANGO_OAUTH_TOOLKIT_CLIENT_FACTS,
  ...DROPBOX_CLIENT_FACTS,
  ...DUENDE_CLIENT_FACTS,
  ...ENTRA_CLIENT_FACTS,
  ...GITHUB_APPS_CLIENT_FACTS,
  ...HUBSPOT_CLIENT_FACTS,
  ...HYDRA_CLIENT_FACTS,
  ...INTUIT_CLIENT_FACTS,
  ...KEYCLOAK_CLIENT_FACTS,
  ...LEAGUE_CLIENT_FACTS,
  ...LINEAR_CLIENT_FACTS,
  ...LINKEDIN_CLIENT_FACTS,
  ...MAS_CLIENT_FACTS,
  ...MIRO_CLIENT_FACTS,
  ...NODE_OIDC_PROVIDER_CLIENT_FACTS,
  ...NOTION_CLIENT_FACTS,
  ...OKTA_CLIENT_FACTS,
  ...OPENAI_CLIENT_FACTS,
  ...PINGFEDERATE_CLIENT_FACTS,
  ...SALESFORCE_CLIENT_FACTS,
  ...SHOPIFY_CLIENT_FACTS,
  ...SLACK_CLIENT_FACTS,
  ...SUPABASE_CLIENT_FACTS,
  ...SUPERTOKENS_CLIENT_FACTS,
  ...TWINFIELD_CLIENT_FACTS,
  ...VISMA_CLIENT_FACTS,
  ...WORKOS_CLIENT_FACTS,
  ...WSO2_CLIENT_FACTS,
  ...X_CLIENT_FACTS,
  ...XERO_CLIENT_FACTS,
  ...ZOHO_CLIENT_FACTS,
};
