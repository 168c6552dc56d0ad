/** The judge of the simulator: each class of a loss in a history made by hand. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import type { FaultName } from "../../sim/run/faults.ts";
import { type History, runHistory, type Simulation } from "../../sim/run/history.ts";
import type { Kept } from "../../sim/run/ledger.ts";
import type { Host } from "../../sim/run/machine.ts";
import { drawProfile, type Profile } from "../../sim/run/profile.ts";
import { formatPolicy, policyOf } from "../../src/kernel/parse-policy.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { MINUTE, SECOND } from "../../src/kernel/time.ts";
import { providerSettings } from "../../src/vendors/known-providers.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";

interface Stage {
  readonly simulation: Simulation;
  readonly kept: Kept;
  readonly hosts: readonly Host[];
  sleep(ms: number): Promise<void>;
}

/** A calm history of one connection; its faults are on only where the script says so. */
async function stage(
  name: string,
  faults: readonly FaultName[],
  script: (stage: Stage) => Promise<void>,
  changes: Partial<Profile> = {},
): Promise<History> {
  const profile: Profile = {
    ...drawProfile(`by hand, ${name}`),
    policyName: name,
    policy: PRESETS[name] as Policy,
    vendor: PROVIDERS[name]!,
    settings: providerSettings({ provider: name, tokenEndpoint: "https://provider.example/token" }),
    ...{ scale: 1, hosts: 2, connections: 1, mode: "lazy", isStarted: false },
    ...{ realSeals: false, realRows: false },
    ...{ latencyMs: 1, wayMs: 50, skewMs: 0, patienceMs: SECOND },
    holding: { ...drawProfile("x").holding, hold: 10 * MINUTE },
    timing: {
      ...{ deadlineMs: 30 * SECOND, requestLifeMs: 60 * SECOND, leaseMs: 30 * SECOND },
      ...{ leaseMarginMs: 5 * SECOND, clockDriftMs: SECOND },
    },
    rates: Object.fromEntries(faults.map((fault) => [fault, 1])),
    ...changes,
  };
  return await runHistory(profile, {
    inWords: true,
    script: async (simulation) => {
      simulation.faults.isOn = false;
      const kept = simulation.ledger.kept.get("c1")!;
      const hosts = simulation.machine.living;
      await script({ simulation, kept, hosts, sleep: (ms) => simulation.world.sleep(ms) });
    },
  });
}

const classes = ({ losses }: History): readonly string[] => losses.map((loss) => loss.class);

test("[PRO-23, E07] unavoidable: the only answer is lost, and the provider has no overlap", async () => {
  const history = await stage("strict", ["answerLost"], async ({ simulation, kept, sleep }) => {
    simulation.faults.isOn = true;
    simulation.ask(kept);
    await sleep(SECOND);
    simulation.faults.isOn = false;
    await sleep(15 * MINUTE);
  });
  assert.deepEqual(classes(history), ["unavoidable"]);
  assert.deepEqual(history.failures, []);
});

test("[PRO-07, E07] nothing is lost where the provider keeps the old token open until the new one is used", async () => {
  const history = await stage("handshake", ["answerLost"], async ({ simulation, kept, sleep }) => {
    simulation.faults.isOn = true;
    simulation.ask(kept);
    await sleep(SECOND);
    simulation.faults.isOn = false;
    await sleep(15 * MINUTE);
  });
  assert.deepEqual(classes(history), []);
  assert.deepEqual(history.failures, []);
});

test("[PRO-23] timing: nobody asked before the token ended", async () => {
  const history = await stage("openam-12", [], async ({ sleep }) => await sleep(11 * MINUTE));
  assert.deepEqual(classes(history), ["timing"]);
  assert.deepEqual(history.failures, []);
});

test("[PRO-10, PRO-23] held: the answer waits at a process that stands still for longer than it is waited for", async () => {
  const history = await stage("strict", [], async ({ simulation, kept, hosts, sleep }) => {
    simulation.ask(kept, false, hosts[0]);
    while (kept.requests.length === 0) await sleep(1);
    simulation.chaos.pause(hosts[0]!, 40 * MINUTE);
    for (let minute = 0; minute < 30; minute += 1) {
      simulation.ask(kept, false, hosts[1]);
      await sleep(MINUTE);
    }
  });
  assert.deepEqual(classes(history), ["held"]);
  assert.deepEqual(history.failures, []);
});

test("[PRO-23] operator: the user withdrew the consent", async () => {
  const history = await stage("strict", [], async ({ simulation, kept, sleep }) => {
    await simulation.provider.operate(kept, "userRevoked");
    simulation.ask(kept);
    await sleep(MINUTE);
  });
  assert.deepEqual(classes(history), ["operator"]);
  assert.deepEqual(history.failures, []);
});

test("[PRO-23] timing: no process lived while the window for asking again was open", async () => {
  const policy = policyOf({ overlap: { atLeast: "600 s" }, access: { lifetime: "600 s" } });
  const settings = {
    ...providerSettings({ provider: "strict", tokenEndpoint: "https://provider.example/token" }),
    policies: [formatPolicy(policy)],
  };
  const history = await stage(
    "strict",
    [],
    async ({ kept, hosts, sleep }) => {
      while (kept.requests.length === 0) await sleep(1);
      for (const host of hosts) {
        host.onDeath = () => {};
        host.die();
      }
      await sleep(11 * MINUTE);
    },
    { policy, settings, isStarted: true, mode: "proactive" },
  );
  assert.deepEqual(classes(history), ["timing"]);
  assert.deepEqual(history.failures, []);
});

test("[PRO-23] unavoidable: a gateway gives up on a granted request whose process stands still", async () => {
  const history = await stage(
    "strict",
    ["errorAfter"],
    async ({ simulation, kept, hosts, sleep }) => {
      simulation.faults.isOn = true;
      simulation.ask(kept, false, hosts[0]);
      while (!kept.arrivals.some(({ granted }) => granted)) await sleep(1);
      simulation.faults.isOn = false;
      simulation.chaos.pause(hosts[0]!, SECOND);
      await sleep(2 * SECOND);
      for (let minute = 0; minute < 30; minute += 1) {
        simulation.ask(kept, false, hosts[1]);
        await sleep(MINUTE);
      }
    },
  );
  assert.deepEqual(classes(history), ["unavoidable"]);
  assert.deepEqual(history.failures, []);
});

test("[PRO-23] avoidable: somebody presents a token again whose successor is at hand", async () => {
  const history = await stage("strict", [], async ({ simulation, kept, hosts, sleep }) => {
    const { database, platters } = simulation.machine;
    const rows = new Map(database.rows);
    for (let round = 0; round < 2; round += 1) {
      simulation.ask(kept, round > 0, hosts[0]);
      await sleep(MINUTE);
    }
    assert.ok(kept.requests.length >= 2);
    // Everything that was durable with us goes back to what it was: a copy of the store, without its journal.
    for (const [name, row] of rows) database.rows.set(name, row);
    platters.files.clear();
    for (let round = 0; round < 3; round += 1) {
      simulation.ask(kept, true, hosts[1]);
      await sleep(MINUTE);
    }
  });
  assert.deepEqual(classes(history), ["avoidable"]);
  assert.deepEqual(
    history.failures.map(({ kind }) => kind),
    ["avoidable"],
  );
});

test("[PRO-01] a request without an attempt recorded before it, or beside another, is counted", async () => {
  const history = await stage("strict", [], async ({ simulation, kept, hosts, sleep }) => {
    const [token] = [...simulation.ledger.tokens.keys()];
    simulation.ask(kept, false, hosts[0]);
    while (kept.requests.length === 0) await sleep(1);
    simulation.ledger.send(hosts[1]!, "none", token!);
    await sleep(MINUTE);
  });
  const found = history.failures.filter(({ kind }) => kind === "doubleSpend");
  assert.deepEqual(
    found.map(({ text }) => /no attempt recorded|alive, is under way/.exec(text)?.[0]),
    ["no attempt recorded", "alive, is under way"],
  );
});

test("[PRO-19] a provider in trouble that is asked again and again is a storm, and with a back-off there is none", async () => {
  const { holding } = drawProfile("by hand");
  const storms = async (first: number, most: number) => {
    const backoff = { holding: { ...holding, backoff: { first, most } } };
    const script = async ({ simulation, kept, sleep }: Stage) => {
      simulation.faults.isOn = true;
      simulation.ask(kept);
      await sleep(20 * MINUTE);
      simulation.faults.isOn = false;
    };
    const { failures } = await stage("google-25", ["outage"], script, backoff);
    return failures.map(({ kind }) => kind);
  };
  assert.ok((await storms(1, 1)).includes("storm"));
  assert.deepEqual(await storms(SECOND, 5 * MINUTE), []);
});

/** A spent token brings another successor for a minute, which displaces the one before it. */
const RENEWING = policyOf({
  ...{ overlap: { atLeast: "60 s" }, retry: { answer: "new" }, access: { lifetime: "600 s" } },
});

const toldOf = (...policies: readonly Policy[]): Partial<Profile> => ({
  policy: policies[0] as Policy,
  settings: {
    ...providerSettings({ provider: "strict", tokenEndpoint: "https://provider.example/token" }),
    policies: policies.map((policy) => formatPolicy(policy)),
  },
});

test("[PRO-23] unavoidable: the network delivers a request twice, and the second displaces what the first brought", async () => {
  const script = async ({ simulation, kept, sleep }: Stage) => {
    simulation.faults.isOn = true;
    simulation.ask(kept);
    await sleep(SECOND);
    simulation.faults.isOn = false;
    await sleep(11 * MINUTE);
    simulation.ask(kept);
    await sleep(MINUTE);
  };
  const history = await stage("strict", ["requestDuplicated"], script, toldOf(RENEWING));
  assert.deepEqual(classes(history), ["unavoidable"]);
  assert.deepEqual(history.failures, []);
});

test("[PRO-07, PRO-23] nothing is lost where an access token's use counts, and an earlier request is late", async () => {
  const observed = policyOf({ overlap: { untilUsed: true }, firstUse: "refreshOrAccess" });
  const script = async ({ simulation, kept, hosts, sleep }: Stage) => {
    simulation.faults.isOn = true;
    simulation.ask(kept, false, hosts[0]);
    await sleep(SECOND);
    simulation.faults.isOn = false;
    for (let minute = 0; minute < 3; minute += 1) {
      await sleep(MINUTE);
      simulation.ask(kept);
    }
  };
  const history = await stage("strict", ["requestDelayed"], script, toldOf(observed));
  assert.deepEqual(classes(history), [], "the keychain waits until that is dead");
});
