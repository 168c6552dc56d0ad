/** Every provider by the name of its preset. Who has no wire format of its own here speaks as the standards do. */

import { EXACT_ONLINE_PROVIDERS } from "./exact-online/provider.ts";
import { GOOGLE_PROVIDERS } from "./google/provider.ts";
import { OPENAM_PROVIDERS } from "./openam/provider.ts";
import { PRESETS } from "./presets.ts";
import type { Provider } from "./provider.ts";
import { standardProvider } from "./standards/provider.ts";

const OWN: ReadonlyMap<string, Provider> = new Map(
  [...OPENAM_PROVIDERS, ...EXACT_ONLINE_PROVIDERS, ...GOOGLE_PROVIDERS].map((provider) => [
    provider.name,
    provider,
  ]),
);

export const PROVIDERS: Readonly<Record<string, Provider>> = Object.fromEntries(
  Object.entries(PRESETS).map(([name, policy]) => [
    name,
    OWN.get(name) ?? standardProvider(name, policy),
  ]),
);
