#!/usr/bin/env node
// Plain JavaScript that an old Node.js can still read, so that it can say what is wrong with itself.
// Everything runs in this process: a signal sent to `keten` arrives where it is handled.

import { existsSync } from "node:fs";

const NODE_MIN = [24, 7];
const [major, minor] = process.versions.node.split(".").map(Number);

if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])) {
  process.stderr.write(
    `keten needs Node.js ${NODE_MIN.join(".")} or newer; this is ${process.version} (${process.execPath}). ` +
      "In a checkout, `npx keten` uses the version that npm installed.\n",
  );
  process.exit(1);
}

// A checkout runs its source, a package what was built from it.
const source = new URL("../src/cli/main.ts", import.meta.url);
const built = new URL("../dist/cli/main.js", import.meta.url);
await import((existsSync(source) ? source : built).href);
