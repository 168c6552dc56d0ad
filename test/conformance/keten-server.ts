/** Keten's sandbox of a preset as a server under test: real sockets on loopback, a clock that moves when told. */

import { hash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { Secret } from "../../src/env/secret.ts";
import { authorizationIdOf } from "../../src/issuer/token-format.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { stepAt } from "../../src/kernel/time.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import { inRealm } from "../../src/store/realm-key.ts";
import type { Store } from "../../src/store/store.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import type { Provider } from "../../src/vendors/provider.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import { manualClock } from "../support/manual-clock.ts";
import {
  type Declared,
  type Form,
  type Send,
  type ServerUnderTest,
  sendByFetch,
} from "./server-under-test.ts";

const REDIRECT_URI = "http://127.0.0.1/callback";
const OTHER_CLIENT = { clientId: "other-client", clientSecret: "the other client's own secret" };

export interface KetenUnderTest extends ServerUnderTest {
  readonly policy: Policy;
  readonly sandbox: Sandbox;
  readonly store: Store;
  /** Keys of the rows that may be written for the owner of an opened code: his authorization, and what is counted of him. */
  rowsOf(code: Form): readonly string[];
}

export interface KetenOptions {
  /** In place of the preset's own. */
  readonly policy?: Policy;
  readonly send?: Send;
  readonly wrap?: (store: Store) => Store;
  readonly seed?: string;
}

/** The provider that plays a preset: the vendor's own, or the standards' wire with the preset's policy. */
export function providerOf(preset: string): Provider {
  const policy = PRESETS[preset];
  const plain = PROVIDERS.strict;
  if (!policy || !plain) throw new TypeError(`there is no preset "${preset}"`);
  return PROVIDERS[preset] ?? { ...plain, name: preset, policy };
}

/** @throws KetenError `policy_invalid` where the issuer cannot play the policy */
export async function startKeten(
  preset: string,
  options: KetenOptions = {},
): Promise<KetenUnderTest> {
  const { send = sendByFetch, wrap = (store) => store, seed } = options;
  const base = providerOf(preset);
  const { policy = base.policy } = options;
  const provider = { ...base, policy };
  const clock = manualClock();
  const store = wrap(await openMemoryStore({ clock, turn: () => turn() }));
  const sandbox = await startSandbox({
    ...{ provider, clock, store, redirectUris: [REDIRECT_URI] },
    ...(seed === undefined ? {} : { seed }),
  });
  const { issuer, clientId, clientSecret } = sandbox;
  const { grantTypes, scope } = provider;
  await issuer.registerClient({
    ...{ clientId: OTHER_CLIENT.clientId, kind: "confidential", policy, grantTypes, scope },
    redirectUris: [REDIRECT_URI],
    secret: new Secret(OTHER_CLIENT.clientSecret),
  });
  let owners = 0;
  const subjects = new Map<unknown, string>();
  return {
    name: preset,
    ...{ policy, sandbox, store, scope, send },
    endpoints: {
      token: sandbox.tokenEndpoint,
      revocation: sandbox.revocationEndpoint,
      introspection: sandbox.introspectionEndpoint,
    },
    client: { clientId, clientSecret },
    otherClient: OTHER_CLIENT,
    declares: declaredBy(policy, clock.now()),
    async openCode() {
      owners += 1;
      const verifier = `${owners}`.padStart(43, "v");
      // Names of one length give codes of one length.
      const subject = `owner${String(owners).padStart(8, "0")}`;
      const opened = await issuer.openCode({
        ...{ clientId, subject, redirectUri: REDIRECT_URI },
        codeChallenge: hash("sha256", verifier, "base64url"),
      });
      if ("refusal" in opened) throw new Error(`no code was opened: ${opened.refusal.reason}`);
      subjects.set(opened.code, subject);
      return { code: opened.code, redirect_uri: REDIRECT_URI, code_verifier: verifier };
    },
    rowsOf({ code }) {
      const subject = subjects.get(code);
      if (subject === undefined) throw new TypeError("the code was not opened here");
      const { name } = issuer.realm;
      return [authorizationIdOf(name, clientId, subject), `subject:${inRealm(name, subject)}`];
    },
    pass: (milliseconds) => clock.advance(milliseconds),
    close: () => sandbox.close(),
  };
}

function declaredBy(policy: Policy, now: number): Declared {
  const { lifetime, idle, authorization } = policy.expiry;
  const windows = policy.quota.map(({ window }) => ("sliding" in window ? window.sliding : 0));
  return {
    paceMs: policy.minInterval,
    quotaMs: Math.max(0, ...windows),
    codeMs: policy.code.lifetime,
    accessMs: policy.access.lifetime,
    lifetimeMs: stepAt(lifetime, now),
    idleMs: stepAt(idle, now),
    authorizationMs: stepAt(authorization, now),
    rotates: policy.rotate === "always",
  };
}
