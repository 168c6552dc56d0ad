/** The long test of the relay, cut to days: eight consumers, three processes, one Exact Online chain, and faults. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { runSixtyDays } from "../../sim/sixty-days/run.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

test("[F12, G01, E14, E15, E16] eight consumers on three processes share one Exact Online chain for days with faults: no break, inside the provider's limits", async (t) => {
  const result = await runSixtyDays({
    ...{ days: 1, seed: "days", directory: temporaryDirectory(t), isInMemory: true },
  });
  t.diagnostic(JSON.stringify(result));
  assert.deepEqual(result.broken, []);
  assert.equal(result.invalidGrants, 0);
  assert(result.refreshes > 130, `${result.refreshes} refreshes are too few to mean anything`);
  assert(result.tokenCallsPerDayMax <= 200, `${result.tokenCallsPerDayMax} token calls in a day`);
  assert.equal(result.overQuota, 0);
  assert(result.errorsPerHourMax < 10, `${result.errorsPerHourMax} errors in an hour`);
  assert(result.tooEarly <= 2, `${result.tooEarly} refreshes came too early`);
  assert(result.kills >= 4 && result.stops >= 1, "processes are killed and restarted");
  assert.equal(result.happened["a revoked consumer is told 400 invalid_grant"], 3);
});

test("[house] the long test would notice a holder that does not know of the least interval", async (t) => {
  const result = await runSixtyDays({
    ...{ days: 1 / 8, seed: "mistaken", directory: temporaryDirectory(t), isInMemory: true },
    mistaken: (settings) => ({
      ...settings,
      policies: settings.policies.map((policy) => Object.assign({}, policy, { minInterval: 0 })),
    }),
  });
  assert(result.tooEarly > 10, `${result.tooEarly} refreshes came too early`);
});
