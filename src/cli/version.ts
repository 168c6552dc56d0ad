/** The version of this package, as its manifest has it: two folders up, in a checkout and as published. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

const manifest = join(import.meta.dirname, "..", "..", "package.json");

export const version: string = (
  JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string }
).version;
