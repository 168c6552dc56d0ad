/** Records the workload's writes with strace, against a stand-in provider. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../scripts/source-files.ts";
import type { ConnectOptions } from "../../src/cli/library.ts";
import { REFUSED, readStrace, TRACED, type Trace } from "./power-trace.ts";
import type { WorkloadOptions } from "./power-workload.ts";
import { startStand } from "./stand.ts";

export interface RecordOptions {
  readonly connections: number;
  readonly openings: number;
  readonly rounds: number;
}

/** Runs the workload and returns all it did below the directory that holds its data directory. */
export async function recordWorkload(options: RecordOptions): Promise<Trace> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "keten-power-")));
  const stand = await startStand("handshake");
  try {
    const connections: ConnectOptions[] = [];
    for (let i = 0; i < options.connections; i += 1) {
      connections.push(stand.connectionOf(await stand.grant(), `c${i}`));
    }
    const root = join(directory, "root");
    const workload: WorkloadOptions = {
      ...{ dataDir: join(root, "data"), marks: join(directory, "marks"), connections },
      ...{ openings: options.openings, rounds: options.rounds },
    };
    const output = join(directory, "trace");
    const calls = ["-e", `trace=${[...TRACED, ...REFUSED].join(",")}`, "-e", "signal=none"];
    const file = join(ROOT, "sim/crash/power-workload.ts");
    const child = spawn(
      "strace",
      [
        ...["-f", "-qq", "-y", "-xx", "-s", "16777216", "-o", output, ...calls],
        ...[process.execPath, file, JSON.stringify(workload)],
      ],
      { stdio: ["ignore", "inherit", "pipe"] },
    );
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const [, signal] = await once(child, "close");
    if (signal !== "SIGKILL") throw new Error(`the workload did not come to its end: ${said}`);
    return readStrace(output, root, workload.marks);
  } finally {
    await stand.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
