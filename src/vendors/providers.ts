/** Every provider by the name of its preset. */

import { EXACT_ONLINE_PROVIDERS } from "./exact-online/provider.ts";
import { GOOGLE_PROVIDERS } from "./google/provider.ts";
import { OPENAM_PROVIDERS } from "./openam/provider.ts";
import type { Provider } from "./provider.ts";
import { STANDARD_PROVIDERS } from "./standards/provider.ts";

export const PROVIDERS: Readonly<Record<string, Provider>> = Object.fromEntries(
  [...STANDARD_PROVIDERS, ...OPENAM_PROVIDERS, ...EXACT_ONLINE_PROVIDERS, ...GOOGLE_PROVIDERS].map(
    (provider) => [provider.name, provider],
  ),
);
