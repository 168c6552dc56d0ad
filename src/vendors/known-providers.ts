/** How a connection's settings come of what is known of its provider. */

import { KetenError } from "../env/error.ts";
import { formatPolicy } from "../kernel/parse-policy.ts";
import type { Policy } from "../kernel/policy.ts";
import type { ProviderSettings } from "../store/connection-record.ts";
import { CLIENT_FACTS } from "./facts.ts";
import { PRESETS } from "./presets.ts";

/** Every name that `provider` and `policy` may have. */
export const PRESET_NAMES: readonly string[] = Object.keys(PRESETS);

/** How a connection's provider is named by whoever adds it. */
export interface ProviderChoice {
  /** A preset with all that is known of its vendor. */
  readonly provider?: string | undefined;
  /** The preset of a policy alone; goes with `tokenEndpoint`. */
  readonly policy?: string | undefined;
  /** Needed with `policy`; with `provider`, in place of the known address. */
  readonly tokenEndpoint?: string | undefined;
  /** In place of what is known; HTTP Basic where nothing is (RFC 6749, section 2.3.1). */
  readonly clientAuthentication?: "basic" | "body" | undefined;
  /** Where a GET with an access token tells whether it is dead; where the token endpoint is the known one, as known. */
  readonly probeEndpoint?: string | undefined;
}

/** @throws KetenError `config_invalid` naming what is missing, unknown or too much */
export function providerSettings(choice: ProviderChoice): ProviderSettings {
  const { provider, policy, tokenEndpoint, clientAuthentication, probeEndpoint } = choice;
  if (provider !== undefined && policy !== undefined) {
    throw invalid("both a provider and a policy are given; expected one of them");
  }
  const preset = presetNamed(provider, "provider") ?? presetNamed(policy, "policy");
  if (preset === undefined) {
    throw invalid("neither a provider nor a token endpoint with a policy is given; expected one");
  }
  const facts = provider === undefined ? undefined : CLIENT_FACTS[preset];
  const endpoint = tokenEndpoint ?? facts?.tokenEndpoint?.value;
  if (endpoint === undefined) {
    throw invalid(`"${preset}" has no token endpoint of its own; expected its address`);
  }
  return {
    preset: provider ?? null,
    tokenEndpoint: checkedEndpoint(endpoint),
    clientAuthentication: clientAuthentication ?? facts?.clientAuthentication.value ?? "basic",
    policies: (facts?.policies ?? [preset]).map((name) => formatPolicy(PRESETS[name] as Policy)),
    readings: facts?.readings.map(({ value }) => value) ?? [],
    ...probeAt(probeEndpoint ?? (tokenEndpoint ? undefined : facts?.probeEndpoint?.value)),
  };
}

const probeAt = (endpoint: string | undefined): Pick<ProviderSettings, "probeEndpoint"> =>
  endpoint === undefined ? {} : { probeEndpoint: checkedEndpoint(endpoint, "probe endpoint") };

function presetNamed(name: string | undefined, what: string): string | undefined {
  if (name === undefined || Object.hasOwn(PRESETS, name)) return name;
  throw invalid(
    `${what} "${clipped(name)}" is unknown; expected one of ${PRESET_NAMES.join(", ")}`,
  );
}

/** The same rules as those by which requests are sent later, told where the address is given. */
function checkedEndpoint(text: string, which = "token endpoint"): string {
  const url = URL.parse(text);
  const wrong = (what: string): KetenError =>
    invalid(`${which} ${what}; expected "https://…", or "http://…" on this machine`);
  if (!url) throw wrong("is no URL");
  if (url.username || url.password) throw wrong("carries a user name or password");
  if (url.hash) throw wrong("has a fragment");
  const isLoopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
  if (url.protocol === "https:" || (url.protocol === "http:" && isLoopback)) return url.href;
  throw wrong(`"${clipped(url.origin)}" is not protected`);
}

const clipped = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text);

const invalid = (message: string): KetenError => new KetenError("config_invalid", message);
