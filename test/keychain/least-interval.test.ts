/** A provider with a least interval between refreshes, and requests in doubt: it is asked rarely, whatever it says. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret } from "../../src/env/secret.ts";
import { HOUR, MINUTE, SECOND } from "../../src/kernel/time.ts";
import { providerSettings } from "../../src/vendors/known-providers.ts";
import {
  answer,
  type Machine,
  machine,
  type Started,
  silence,
  start,
  tokens,
  untilInTime,
  type Wire,
} from "./harness.ts";

const INTERVAL_MS = 570 * SECOND;

/** A keychain at Exact Online, as it is known, with its first token just fetched. */
async function fetched(on: Machine, wire: Wire): Promise<Started> {
  const started = await start(on, { mode: "proactive", wire });
  await started.keychain.connect({
    name: "acme",
    provider: providerSettings({
      ...{ provider: "exact-online", tokenEndpoint: "http://127.0.0.1:9/token" },
    }),
    ...{ clientId: "client", clientSecret: new Secret("client secret") },
    refreshToken: new Secret("refresh-0"),
  });
  await untilInTime(on, () => started.sent.length === 1);
  return started;
}

test("[F12] a provider that is away for an hour is asked once in each of its intervals, and once more", async (t) => {
  const on = machine(t);
  let n = 0;
  const { sent } = await fetched(on, () => (n++ === 0 ? tokens(1) : answer(503, "maintenance")));
  const until = on.clock.now() + HOUR;
  await untilInTime(on, () => on.clock.now() >= until, SECOND);
  assert(sent.length >= 6 && sent.length <= 8, `${sent.length} requests in an hour`);
});

test("[F12] not processed, then processed and lost: the error budget of an hour is not used up on asking too early", async (t) => {
  const on = machine(t);
  let grantedAt = Number.NEGATIVE_INFINITY;
  let asked = 0;
  let tooEarly = 0;
  const wire: Wire = () => {
    asked += 1;
    if (asked === 2) return answer(503, "maintenance");
    if (on.clock.now() - grantedAt < INTERVAL_MS) {
      tooEarly += 1;
      const description = "Rate limit exceeded: access_token not expired";
      return answer(400, { error: "access_denied", error_description: description });
    }
    grantedAt = on.clock.now();
    return asked === 3 ? silence : tokens(asked);
  };
  const { keychain } = await fetched(on, wire);
  const isThere = async () => (await keychain.show("acme")).generation === 2;
  await untilInTime(on, isThere, SECOND);
  assert(tooEarly <= 2, `${tooEarly} requests came too early`);
  assert(on.clock.now() - grantedAt < MINUTE);
});
