/** A failed token's report, checked: to wait for a generation beyond the newest would refresh for ever. */

import { KetenError } from "../env/error.ts";
import type { HandOut } from "../keychain/hand-outs.ts";
import type { Keychain } from "../keychain/keychain.ts";

/** As `Keychain.failed`. @throws KetenError also `request_invalid` for a generation that was never handed out */
export async function reportFailed(
  keychain: Keychain,
  name: string,
  generation: number,
  consumer: string,
): Promise<HandOut> {
  const { generation: newest } = await keychain.show(name);
  if (Number.isInteger(generation) && generation >= 0 && generation <= newest) {
    return await keychain.failed(name, generation, consumer);
  }
  throw new KetenError(
    "request_invalid",
    `generation ${generation} was never handed out; expected a whole number, at most ${newest}`,
    { evidence: { where: "body.generation" } },
  );
}
