/** A process that posts to each URL it is given and says what came of it, a line each. */

import { httpPost } from "../../src/env/http-post.ts";
import { Secret } from "../../src/env/secret.ts";
import { systemClock } from "../../src/env/system.ts";

const post = httpPost({ clock: systemClock() });
for (const url of process.argv.slice(2)) {
  const body = new Secret("a=b");
  const request = { url, headers: {}, body, connectMs: 10_000, beforeFirstByte: () => {} };
  const outcome = await post(request).outcome;
  console.log(outcome.kind === "answered" ? outcome.kind : `${outcome.kind} ${outcome.error}`);
}
