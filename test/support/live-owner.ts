/** A process that registers an owner in the directory it is given, says its id and waits to be killed. */

import { registerOwner } from "../../src/env/liveness.ts";
import { systemRandom } from "../../src/env/system.ts";

const directory = process.argv[2] ?? "";
const { ownerId } = registerOwner({ directory, random: systemRandom });
process.stdout.write(`${ownerId}\n`);
process.stdin.resume();
