/** Every preset policy by name. A preset is data: no rule knows which one it follows. */

import type { Policy } from "../kernel/policy.ts";
import { AIRLOCK_POLICIES } from "./airlock/policy.ts";
import { AMAZON_POLICIES } from "./amazon/policy.ts";
import { ANTHROPIC_POLICIES } from "./anthropic/policy.ts";
import { ATLASSIAN_POLICIES } from "./atlassian/policy.ts";
import { AUTH0_POLICIES } from "./auth0/policy.ts";
import { BETTER_AUTH_POLICIES } from "./better-auth/policy.ts";
import { BOX_POLICIES } from "./box/policy.ts";
import { COGNITO_POLICIES } from "./cognito/policy.ts";
import { CURITY_POLICIES } from "./curity/policy.ts";
import { DJANGO_OAUTH_TOOLKIT_POLICIES } from "./django-oauth-toolkit/policy.ts";
import { DROPBOX_POLICIES } from "./dropbox/policy.ts";
import { DUENDE_POLICIES } from "./duende/policy.ts";
import { ENTRA_POLICIES } from "./entra/policy.ts";
import { EXACT_ONLINE_POLICIES } from "./exact-online/policy.ts";
import { GITHUB_APPS_POLICIES } from "./github-apps/policy.ts";
import { GOOGLE_POLICIES } from "./google/policy.ts";
import { HUBSPOT_POLICIES } from "./hubspot/policy.ts";
import { HYDRA_POLICIES } from "./hydra/policy.ts";
import { INTUIT_POLICIES } from "./intuit/policy.ts";
import { KEYCLOAK_POLICIES } from "./keycloak/policy.ts";
import { LEAGUE_POLICIES } from "./league-oauth2-server/policy.ts";
import { LINEAR_POLICIES } from "./linear/policy.ts";
import { LINKEDIN_POLICIES } from "./linkedin/policy.ts";
import { MAS_POLICIES } from "./mas/policy.ts";
import { MIRO_POLICIES } from "./miro/policy.ts";
import { NODE_OIDC_PROVIDER_POLICIES } from "./node-oidc-provider/policy.ts";
import { NOTION_POLICIES } from "./notion/policy.ts";
import { OKTA_POLICIES } from "./okta/policy.ts";
import { OPENAI_POLICIES } from "./openai/policy.ts";
import { OPENAM_POLICIES } from "./openam/policy.ts";
import { PINGFEDERATE_POLICIES } from "./pingfederate/policy.ts";
import { SALESFORCE_POLICIES } from "./salesforce/policy.ts";
import { SHOPIFY_POLICIES } from "./shopify/policy.ts";
import { SLACK_POLICIES } from "./slack/policy.ts";
import { STANDARD_POLICIES } from "./standards/policy.ts";
import { SUPABASE_POLICIES } from "./supabase/policy.ts";
import { SUPERTOKENS_POLICIES } from "./supertokens/policy.ts";
import { TWINFIELD_POLICIES } from "./twinfield/policy.ts";
import { VISMA_POLICIES } from "./visma/policy.ts";
import { WORKOS_POLICIES } from "./workos/policy.ts";
import { WSO2_POLICIES } from "./wso2/policy.ts";
import { X_POLICIES } from "./x/policy.ts";
import { XERO_POLICIES } from "./xero/policy.ts";
import { ZOHO_POLICIES } from "./zoho/policy.ts";

export const PRESETS: Readonly<Record<string, Policy>> = {
  ...STANDARD_POLICIES,
  ...OPENAM_POLICIES,
  ...EXACT_ONLINE_POLICIES,
  ...GOOGLE_POLICIES,
  ...AIRLOCK_POLICIES,
  ...AMAZON_POLICIES,
  ...ANTHROPIC_POLICIES,
  ...ATLASSIAN_POLICIES,
  ...AUTH0_POLICIES,
  ...BETTER_AUTH_POLICIES,
  ...BOX_POLICIES,
  ...COGNITO_POLICIES,
  ...CURITY_POLICIES,
  ...DJANGO_OAUTH_TOOLKIT_POLICIES,
  ...DROPBOX_POLICIES,
  ...DUENDE_POLICIES,
  ...ENTRA_POLICIES,
  ...GITHUB_APPS_POLICIES,
  ...HUBSPOT_POLICIES,
  ...HYDRA_POLICIES,
  ...INTUIT_POLICIES,
  ...KEYCLOAK_POLICIES,
  ...LEAGUE_POLICIES,
  ...LINEAR_POLICIES,
  ...LINKEDIN_POLICIES,
  ...MAS_POLICIES,
  ...MIRO_POLICIES,
  ...NODE_OIDC_PROVIDER_POLICIES,
  ...NOTION_POLICIES,
  ...OKTA_POLICIES,
  ...OPENAI_POLICIES,
  ...PINGFEDERATE_POLICIES,
  ...SALESFORCE_POLICIES,
  ...SHOPIFY_POLICIES,
  ...SLACK_POLICIES,
  ...SUPABASE_POLICIES,
  ...SUPERTOKENS_POLICIES,
  ...TWINFIELD_POLICIES,
  ...VISMA_POLICIES,
  ...WORKOS_POLICIES,
  ...WSO2_POLICIES,
  ...X_POLICIES,
  ...XERO_POLICIES,
  ...ZOHO_POLICIES,
};
