/** The routes a server has, read off the server itself: a list by hand would not notice a new one. */

import assert from "node:assert/strict";
import { dialectNamed } from "../../src/cli/home-relay.ts";
import { Secret } from "../../src/env/secret.ts";
import { buildApi } from "../../src/http/api.ts";
import { API_KEY, type Stand } from "./stand.ts";

/** Every route, as `GET /v1/connections/{name}`. */
export async function routesOf({ home, log }: Pick<Stand, "home" | "log">) {
  const { keychain, relay, clock } = home;
  const api = await buildApi({
    ...{ keychain, relay, dialectNamed, clock, log, version: "0" },
    apiKey: new Secret(API_KEY),
    settingsOf: () => assert.fail("nothing is asked"),
    notReady: async () => undefined,
  });
  await api.ready();
  const routes = registeredRoutes(api.printRoutes({ commonPrefix: false }));
  await api.close();
  return routes;
}

/** The routes of the router's own tree: a line says what it adds to the line that it hangs on. */
function registeredRoutes(tree: string): readonly string[] {
  const above: { depth: number; path: string }[] = [];
  return tree.split("\n").flatMap((line) => {
    const match = /^(.*?── )(\S+)(?: \((.+)\))?$/.exec(line);
    if (!match) return [];
    const [, { length: depth } = "", part = "", methods] = match;
    while ((above.at(-1)?.depth ?? -1) >= depth) above.pop();
    const path = `${above.at(-1)?.path ?? ""}${part}`;
    above.push({ depth, path });
    const name = path.replace(/:(\w+)/g, "{$1}");
    return methods?.split(", ").map((method) => `${method} ${name}`) ?? [];
  });
}
