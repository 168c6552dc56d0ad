/** `npm start`: it runs, it tells its story, and nothing of it is left. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { eventually, processesWith, startProgram } from "./processes.ts";

test("[E07] npm start kills Keten twice in twenty seconds, loses nothing, and leaves nothing behind", async (t) => {
  const temp = temporaryDirectory(t);
  const mark = randomUUID();
  const path = [dirname(process.execPath), process.env.PATH].join(":");
  const env = { TMPDIR: temp, PATH: path, START_MARK: mark };
  const started = startProgram(t, ["npm", "start", "--silent", "--", "--seconds", "20"], env);
  const { code, stdout, stderr } = await started.finished;
  assert.deepEqual([code, stderr], [0, ""], stdout);
  assert.match(stdout, /^sandbox {4}stand-in for Exact Online, 60 times faster than life$/m);
  assert.match(stdout, /^keychain {3}holds "acme"; four workers draw access tokens$/m);
  assert.match(stdout, /^\d\d:\d\d {2}generation 1 {3}/m);
  assert.match(stdout, /^\d\d:\d\d {2}SIGKILL while nothing was on its way$/m);
  assert.match(stdout, /^\d\d:\d\d {2}SIGKILL while the provider's answer was on its way$/m);
  assert.match(
    stdout,
    /^\d\d:\d\d {2}back; "acme" is uncertain\. .* lets us ask again at \d\d:\d\d$/m,
  );
  assert.match(stdout, /^kills {6}2, of which 1 with the provider's answer on its way$/m);
  assert.match(stdout, /^end {8}nothing lost$/m);
  const handedOut = /^workers {4}([\d,]+) tokens handed out/m.exec(stdout)?.[1] ?? "";
  assert.ok(Number(handedOut.replaceAll(",", "")) > 100, handedOut);
  if (existsSync("/proc/self/environ")) assert.deepEqual(processesWith(mark), []);
  const left = readdirSync(temp).filter((name) => name.startsWith("keten-"));
  assert.deepEqual(left, [], "no file is left");
});

test("[house] npm start ends in order on SIGTERM, and when it is killed its parts end by themselves", async (t) => {
  const temp = temporaryDirectory(t);
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    const mark = randomUUID();
    const own = join(temp, signal);
    mkdirSync(own);
    const env = { TMPDIR: own, START_MARK: mark };
    const started = startProgram(t, [process.execPath, "scripts/start.ts"], env);
    await eventually("the workers", () => /four workers/.exec(started.stdout())?.[0]);
    const parts = existsSync("/proc/self/environ") ? processesWith(mark).length : 7;
    assert.equal(parts, 7, "itself, the stand-in, Keten, four workers");
    started.child.kill(signal);
    const { code, stdout } = await started.finished;
    if (signal === "SIGTERM") {
      assert.equal(code, 0);
      assert.match(stdout, /^end {8}nothing lost$/m);
      assert.deepEqual(readdirSync(own), []);
    }
    await eventually("every part to end", () =>
      !existsSync("/proc/self/environ") || processesWith(mark).length === 0 ? true : undefined,
    );
  }
});
