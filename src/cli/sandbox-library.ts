/**
 * The sandbox as a library: a stand-in for a provider inside your own process, for tests of whoever talks to it.
 *
 * ```ts
 * import { startSandbox } from "keten";
 *
 * const sandbox = await startSandbox({ preset: "handshake", seed: "my test" });
 * // …point your client at sandbox.tokenEndpoint, and make things go wrong:
 * sandbox.setFaults({ "lost-answer": 1 });
 * sandbox.advance("10 min");
 * await sandbox.close();
 * ```
 */

import { KetenError } from "../env/error.ts";
import type { InspectedChain } from "../issuer/inspection.ts";
import { chainsOf, durationOf } from "../sandbox/control.ts";
import type { DemoGrant, GrantWish } from "../sandbox/demo.ts";
import type { FaultInputs } from "../sandbox/faults.ts";
import type { RequestLine } from "../sandbox/request-log.ts";
import { type Sandbox as Running, startSandbox as start } from "../sandbox/sandbox.ts";
import { PROVIDERS } from "../vendors/providers.ts";

export type { DemoGrant, FaultInputs, GrantWish, InspectedChain, RequestLine };

export interface SandboxOptions {
  /** What to stand in for, by name; `presetNames` has them all. */
  readonly preset: string;
  /** Where to listen on 127.0.0.1. Any free port unless given. */
  readonly port?: number;
  /** The same seed gives the same ids, secrets and faults. "keten" unless given. */
  readonly seed?: string;
  /** How many times faster than life its clock runs. 1 unless given. */
  readonly timeScale?: number;
  /** What goes wrong from the start. */
  readonly faults?: FaultInputs;
  /** Where logins may return to. */
  readonly redirectUris?: readonly string[];
}

export interface Sandbox
  extends Pick<
    Running,
    | "url"
    | "authorizationEndpoint"
    | "tokenEndpoint"
    | "revocationEndpoint"
    | "introspectionEndpoint"
    | "clientId"
    | "clientSecret"
    | "username"
    | "password"
    | "totpSecret"
    | "refreshToken"
  > {
  /** Sets the named faults and leaves the others; "*" stands for all. @throws KetenError `config_invalid` */
  setFaults(faults: FaultInputs): void;
  /** Moves its clock ahead, as "9 min" or "30 d". @throws KetenError `config_invalid` */
  advance(duration: string): void;
  /** Grants a refresh token, to a fresh user unless one is named. @throws KetenError `config_invalid` */
  grant(wish?: GrantWish): Promise<DemoGrant>;
  /** What its token endpoint was asked, and what was decided. */
  requests(): readonly RequestLine[];
  /** Every chain as it is now. */
  chains(): Promise<readonly InspectedChain[]>;
  close(): Promise<void>;
}

/** Starts a stand-in for a provider. @throws KetenError `config_invalid` for a preset or a fault that is none */
export async function startSandbox({ preset, ...options }: SandboxOptions): Promise<Sandbox> {
  const provider = Object.hasOwn(PROVIDERS, preset) ? PROVIDERS[preset] : undefined;
  if (!provider) {
    const names = Object.keys(PROVIDERS).join(", ");
    throw new KetenError(
      "config_invalid",
      `preset "${preset}" is unknown; expected one of ${names}`,
    );
  }
  const {
    control,
    issuer: _,
    resourceServer: __,
    ...running
  } = await start({ provider, ...options });
  const { faults, log, travel, grant } = control;
  return {
    ...running,
    setFaults: (inputs) => faults.set(inputs),
    advance: (duration) => void travel(durationOf("duration", duration)),
    grant,
    requests: () => log.after(0),
    chains: () => chainsOf(control),
  };
}
