/**
 * A process that increments one counter, and says each value on a line of its own once it is durable.
 *
 * Arguments: the file, how many callers increment at once, how often in all. Begins at the first byte of its input.
 */

import { writeSync } from "node:fs";
import { systemClock } from "../../src/env/system.ts";
import { openSqliteStore } from "../../src/store/sqlite/engine.ts";
import { keyOf } from "../../src/store/store.ts";

const [path = "", callers = "1", times = "1"] = process.argv.slice(2);
const store = await openSqliteStore({ path, clock: systemClock() });
writeSync(1, "ready\n");
await new Promise((resolve) => process.stdin.once("data", resolve));
process.stdin.destroy();

let left = Number(times);
async function increment(): Promise<void> {
  while (left > 0) {
    left -= 1;
    const value = await store.update([keyOf("deployment", "counter")], ([row]) => {
      const next = Number(row?.value ?? 0) + 1;
      return {
        result: next,
        writes: [{ value: String(next) }],
        events: [{ type: "chain.rotated", about: "counter", data: { value: next } }],
      };
    });
    writeSync(1, `${value}\n`);
  }
}
await Promise.all(Array.from({ length: Number(callers) }, increment));
await store.close();
