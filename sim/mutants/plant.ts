/**
 * Plants a mutant into every process and thread that is started with this file as its first module. The environment
 * says which (`KETEN_MUTANT`, as JSON) and where to note that it was planted (`KETEN_MUTANT_NOTE`).
 *
 * 1. Only the text of one file changes, when it is loaded, before its types are taken off.
 * 2. What a process starts must have the mutant too. An environment that is handed down does that by itself; one that is
 *    made for the child, as a courier's is, gets the two variables and the option put back; with `KETEN_MUTANT_ALONE` a
 *    courier does not, for tests of what stands in its environment.
 * 3. A mutant that does not fit its file is noted as such, and nothing is run with it.
 */

import childProcess, { type SpawnOptions } from "node:child_process";
import { appendFileSync } from "node:fs";
import { registerHooks, syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Mutant, mutated, ROOT } from "./mutant.ts";

const { KETEN_MUTANT, KETEN_MUTANT_NOTE, KETEN_MUTANT_ALONE, NODE_OPTIONS } = process.env;
const inherited = { KETEN_MUTANT, KETEN_MUTANT_NOTE, KETEN_MUTANT_ALONE, NODE_OPTIONS };

if (KETEN_MUTANT !== undefined && KETEN_MUTANT_NOTE !== undefined) {
  plant(JSON.parse(KETEN_MUTANT) as Mutant, KETEN_MUTANT_NOTE);
  handDown();
}

function plant(mutant: Mutant, note: string): void {
  const target = pathToFileURL(join(ROOT, mutant.file)).href;
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (url !== target || !loaded.source) return loaded;
      try {
        const source = mutated(Buffer.from(loaded.source as Uint8Array).toString(), mutant);
        appendFileSync(note, "planted\n");
        return { ...loaded, source };
      } catch (error) {
        appendFileSync(note, "misfit\n");
        throw error;
      }
    },
  });
}

function handDown(): void {
  const { spawn } = childProcess;
  const spawnWith = (command: string, args: readonly string[], options: SpawnOptions = {}) =>
    spawn(
      command,
      args,
      options.env && !(options.detached && KETEN_MUTANT_ALONE)
        ? { ...options, env: { ...options.env, ...inherited } }
        : options,
    );
  childProcess.spawn = spawnWith as typeof spawn;
  syncBuiltinESMExports();
}
