/**
 * What the courier costs, by hand: `node bench/courier.ts [--rounds 400]`.
 *
 * One stand-in, two keychains on data directories of their own: one sends by itself, one through its courier. They refresh
 * by turns, so that whatever else the machine does meets both. Then a courier is started again and again.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { endAll, start } from "../scripts/children.ts";
import { ROOT } from "../scripts/source-files.ts";
import { type CourierMode, type Home, openHome } from "../src/cli/compose.ts";
import { silentLog } from "../src/env/log.ts";
import { Secret } from "../src/env/secret.ts";
import { systemClock } from "../src/env/system.ts";
import { CourierLink } from "../src/keychain/courier-link.ts";
import { providerSettings } from "../src/vendors/known-providers.ts";

const WARM_UP = 50;
const STARTS = 15;

const { values } = parseArgs({ options: { rounds: { type: "string", default: "400" } } });
const rounds = Number(values.rounds);
const directory = mkdtempSync(join(tmpdir(), "keten-bench-"));

async function keychainOn(name: string, courier: CourierMode, preset: string): Promise<Home> {
  const sandbox = start("bin/keten.js", ["sandbox", preset, "--port", "0", "--json"]);
  const standIn = JSON.parse(await sandbox.ready) as Record<string, string>;
  const { tokenEndpoint = "", clientId = "", clientSecret = "", refreshToken = "" } = standIn;
  const home = await openHome({
    ...{ dataDir: join(directory, name), mode: "lazy", courier, log: silentLog },
  });
  await home.keychain.connect({
    ...{ name: "acme", provider: providerSettings({ provider: preset, tokenEndpoint }), clientId },
    ...{ clientSecret: new Secret(clientSecret), refreshToken: new Secret(refreshToken) },
  });
  return home;
}

async function refreshMs({ keychain }: Home, newerThan: number): Promise<number> {
  const from = performance.now();
  await keychain.token("acme", "bench", newerThan);
  return performance.now() - from;
}

const at = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? Number.NaN;

const told = (values: readonly number[]): string =>
  [0.5, 0.9, 0.99].map((share) => at(values, share).toFixed(2)).join(" / ");

/** What a process has of the machine's memory, as the kernel counts it. */
function memoryOf(pid: number | undefined): string {
  const path = `/proc/${pid}/smaps_rollup`;
  if (!existsSync(path)) return "not to be had here";
  const text = readFileSync(path, "utf8");
  const mib = (name: string): string =>
    (Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]) / 1024).toFixed(0);
  return `${mib("Rss")} MiB resident, ${mib("Pss")} MiB of it its share, ${mib("Private_Dirty")} MiB its own`;
}

async function startsMs(program: string): Promise<{ took: number[]; memory: string }> {
  const took: number[] = [];
  let memory = "";
  for (let count = 1; count <= STARTS; count += 1) {
    const from = performance.now();
    const link = new CourierLink({
      begin: {
        ...{ owner: `bench-c${count}`, owners: join(directory, "owners"), journal: directory },
        ...{ deploymentId: "bench", key: Buffer.alloc(32).toString("base64") },
        ...{ scale: 1, origin: undefined },
      },
      ...{ clock: systemClock(), log: silentLog, onGone: () => {}, program },
    });
    await link.ready;
    took.push(performance.now() - from);
    memory = memoryOf(link.pid);
    await link.drain();
    await link.close();
  }
  return { took, memory };
}

try {
  const homes = [
    await keychainOn("without", "off", "strict"),
    await keychainOn("with", "eager", "strict"),
  ];
  const took = homes.map((): number[] => []);
  for (let round = 0; round < WARM_UP + rounds; round += 1) {
    for (const [index, home] of homes.entries()) {
      const ms = await refreshMs(home, round);
      if (round >= WARM_UP) took[index]?.push(ms);
    }
  }
  const [without = [], through = []] = took;
  const added = through.map((ms, index) => ms - (without[index] ?? 0));
  console.log(`a refresh, ms: median / 90 % / 99 %, ${rounds} rounds by turns`);
  console.log(`  in this process      ${told(without)}`);
  console.log(`  through the courier  ${told(through)}`);
  console.log(`  added, pair by pair  ${told(added)}`);
  for (const home of homes) await home.close();
  for (const program of ["src/keychain/courier-process.ts", "dist/keychain/courier-process.js"]) {
    if (!existsSync(join(ROOT, program))) continue;
    const { took: starts, memory } = await startsMs(join(ROOT, program));
    console.log(`a start of ${program}, ms: ${told(starts)}`);
    console.log(`  ${memory}`);
  }
} finally {
  await endAll();
  rmSync(directory, { recursive: true, force: true });
}
