/** All records of a kind, page after page: for whoever reads one after another and must not hold all at once. */

import type { Kind, Records } from "./records.ts";
import type { Store, Where } from "./store.ts";

export async function* everyRecord<K extends Kind>(
  store: Pick<Store, "list">,
  kind: K,
  where: Where = {},
): AsyncGenerator<{ readonly id: string; readonly record: Records[K] }> {
  let after: string | undefined;
  do {
    const page = await store.list(kind, where, after);
    yield* page.records;
    after = page.next;
  } while (after !== undefined);
}
