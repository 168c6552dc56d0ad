/**
 * A process that presents one refresh token many times at once to an issuer of its own over a shared store, and says
 * what each was answered. Begins when its parent tells it the token.
 */

import { systemClock, systemRandom } from "../../src/env/system.ts";
import { createIssuer } from "../../src/issuer/issuer.ts";
import { issuerKeys } from "../../src/issuer/keys.ts";
import { openSqliteStore } from "../../src/store/sqlite/engine.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";

interface Task {
  readonly path: string;
  readonly key: string;
  readonly preset: string;
  readonly token: string;
  readonly secret: string;
  readonly times: number;
}

process.once("message", async (task: Task) => {
  const clock = systemClock();
  const store = await openSqliteStore({ path: task.path, clock });
  const provider = PROVIDERS[task.preset];
  if (!provider) throw new TypeError(`there is no preset "${task.preset}"`);
  const keys = issuerKeys({ key: Buffer.from(task.key, "hex"), deployment: "test" });
  const { grantTypes, shapes } = provider;
  const realm = { name: "test", issuer: "http://127.0.0.1", grantTypes, shapes };
  const issuer = createIssuer({ store, clock, random: systemRandom, keys, realm });
  process.send?.("ready");
  process.once("message", async () => {
    const parameters = {
      grant_type: "refresh_token",
      refresh_token: task.token,
      client_id: "client",
      client_secret: task.secret,
    };
    const presentations = Array.from({ length: task.times }, () => issuer.token({ parameters }));
    const outcomes = await Promise.all(presentations);
    const answers = outcomes.map((outcome) =>
      outcome.granted ? outcome.response.refreshToken : outcome.refusal.reason,
    );
    await store.close();
    process.send?.(answers);
    process.disconnect?.();
  });
});
