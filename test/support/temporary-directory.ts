/** A directory of its own for a test, removed when the test ends. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

export function temporaryDirectory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "keten-test-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
