/**
 * The provider's side of a run: a stand-in with a policy and faults, an account per program and number, and the API that
 * accepts its access tokens.
 */

import type { Clock } from "../../src/env/clock.ts";
import type { FaultInputs } from "../../src/sandbox/faults.ts";
import type { RequestLine } from "../../src/sandbox/request-log.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import type { ClientSettings } from "../../test/clients/client-program.ts";
import type { SkippingClock } from "../../test/clients/skipping-clock.ts";

export interface Upstream {
  readonly sandbox: Sandbox;
  /** The settings of an application that goes straight to the provider, for a demo user of its own. */
  account(): Promise<ClientSettings>;
  /** How many requests it holds at the moment. */
  held(): number;
  accepts(accessToken: string): Promise<boolean>;
  /** How many answers with new tokens did not leave it, of the chain that a refresh token is of. */
  answersLost(refreshToken: string): Promise<number>;
  calm(): Promise<void>;
  close(): Promise<void>;
}

export async function startUpstream(options: {
  readonly preset: string;
  readonly seed: string;
  readonly clock: SkippingClock;
  readonly faults: FaultInputs;
}): Promise<Upstream> {
  const { preset, seed, clock, faults } = options;
  const provider = PROVIDERS[preset];
  if (!provider) throw new Error(`there is no preset "${preset}"`);
  // The stand-in waits for nothing but the end of a hold.
  const holds = new Set<object>();
  const counting: Clock = {
    ...clock,
    afterReal(milliseconds, callback) {
      const hold = {};
      holds.add(hold);
      const timer = clock.afterReal(milliseconds, () => {
        holds.delete(hold);
        callback();
      });
      const cancel = (): void => {
        holds.delete(hold);
        timer.cancel();
      };
      return { cancel };
    },
  };
  const sandbox = await startSandbox({ provider, seed, clock: counting, faults });
  const { tokenEndpoint: tokenUrl, clientId, clientSecret, resourceServer } = sandbox;
  const control = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const response = await fetch(`${sandbox.url}/sandbox/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`/sandbox/${path}: ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  };
  return {
    sandbox,
    async account() {
      const { refreshToken } = await control("grants", {});
      return { tokenUrl, clientId, clientSecret, refreshToken: String(refreshToken) };
    },
    held: () => holds.size,
    async accepts(accessToken) {
      const response = await fetch(sandbox.introspectionEndpoint, {
        method: "POST",
        body: new URLSearchParams({
          token: accessToken,
          client_id: resourceServer.clientId,
          client_secret: resourceServer.clientSecret,
        }),
      });
      return ((await response.json()) as { active: boolean }).active;
    },
    async answersLost(refreshToken) {
      const inspected = await sandbox.issuer.inspectToken(refreshToken);
      if (!inspected) throw new Error("the refresh token was not issued here");
      const response = await fetch(`${sandbox.url}/sandbox/log`);
      const { requests } = (await response.json()) as { requests: readonly RequestLine[] };
      const isLost = ({ chain, decision, written }: RequestLine): boolean =>
        chain === inspected.chain && decision === "granted" && written !== "whole";
      return requests.filter(isLost).length;
    },
    async calm() {
      await control("faults", Object.fromEntries(Object.keys(faults).map((name) => [name, 0])));
    },
    close: () => sandbox.close(),
  };
}
