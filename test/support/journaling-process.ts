/** A process that journals answers one after the other, says each attempt's id once it is durable, until killed. */

import { writeSync } from "node:fs";
import { systemDisk } from "../../src/env/disk.ts";
import { systemClock, systemRandom } from "../../src/env/system.ts";
import { DataKey } from "../../src/keychain/data-key.ts";
import { openJournal } from "../../src/keychain/journal.ts";
import { createSealer } from "../../src/keychain/seal.ts";

const keys = [new DataKey(Buffer.alloc(32, 1))] as const;
const journal = openJournal({
  directory: process.argv[2] ?? "",
  owner: "killed",
  sealer: createSealer({ keys, deploymentId: "d1", random: systemRandom }),
  clock: systemClock(),
  disk: systemDisk,
});
for (let i = 0; i < 100_000; i += 1) {
  const attemptId = `a${i}`;
  const body = Buffer.from(`{"refresh_token":"${attemptId}"}`);
  const answer = { status: 200, headers: {}, body, complete: true };
  journal.reserve().append({ chainId: "c1", attemptId }, answer);
  writeSync(1, `${attemptId}\n`);
}
