/**
 * The mutants in short: the catalogue fits the sources as they are, and a few are planted and noticed. All of them:
 * `npm run mutants`.
 */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { MUTANTS } from "../../sim/mutants/catalogue.ts";
import { Hunter, run } from "../../sim/mutants/hunt.ts";
import { type Killer, type Mutant, staleness } from "../../sim/mutants/mutant.ts";

const named = (name: string): Mutant => {
  const found = MUTANTS.find((mutant) => mutant.name === name);
  assert.ok(found, `no mutant is called "${name}"`);
  return found;
};

test("[house] every mutant fits one place of the source as it is, and has a name of its own", () => {
  assert.deepEqual(
    MUTANTS.flatMap((mutant) => staleness(mutant) ?? []),
    [],
  );
  assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
  assert.ok(MUTANTS.length >= 40, `${MUTANTS.length} mutants`);
  assert.ok(MUTANTS.every(({ killers }) => killers.length > 0));
});

test("[PRO-03, E07] mistakes are noticed: by the tests of the journal, and by the explorer", async () => {
  const hunter = new Hunter();
  for (const name of ["fsync skipped", "invalid_grant trusted at once", "no lease margin"]) {
    const { by, tried } = await hunter.hunt(named(name));
    assert.ok(by, `"${name}" lives; tried ${tried.join("; ")}`);
  }
});

const SEAL: Killer = { tests: "test/keychain/seal.test.ts" };

test("[house] a mutant that is not planted, or does not fit, counts as nothing", async () => {
  const elsewhere = { ...named("fsync skipped"), killers: [SEAL] };
  assert.equal((await run(SEAL, elsewhere)).ended, "notPlanted");
  assert.equal((await new Hunter().hunt(elsewhere)).by, null);
  const misfit = { ...named("seal without its place"), from: "no such place" };
  assert.equal((await run(SEAL, misfit)).ended, "misfit");
  await assert.rejects(new Hunter().hunt(misfit), /does not fit/);
});

test("[house] a killer that fails without a mutant is no killer", async () => {
  const absent: Killer = { tests: "test/keychain/no-such.test.ts" };
  const { by, tried } = await new Hunter().hunt({ ...named("fsync skipped"), killers: [absent] });
  assert.equal(by, null);
  assert.match(tried.join(), /fails WITHOUT any mutant/);
});
