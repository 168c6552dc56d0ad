/**
 * The issuer's events: what a decision tells the log, written in its transaction. Chain, serial and cause; never a
 * token. A refusal without an effect is no event: nothing happened.
 */

import type { Answer } from "../kernel/chain.ts";
import type { ChainKey } from "../kernel/ids.ts";
import type { Refusal } from "../kernel/refusal.ts";
import type { EventType, KetenEvent } from "../store/events.ts";

const GRANTED: Readonly<Record<Answer["kind"], EventType>> = {
  granted: "chain.granted",
  rotated: "chain.rotated",
  retried: "chain.retried",
  repeated: "chain.repeated",
};

export function grantedEvent(
  about: ChainKey,
  { kind, access }: Answer,
  data: KetenEvent["data"] = {},
): KetenEvent {
  return {
    type: GRANTED[kind],
    about,
    data: { ...data, serial: access.serial, access: access.number },
  };
}

/** What a refusal did, if it did anything. */
export function refusedEvents(about: ChainKey, refusal: Refusal): readonly KetenEvent[] {
  switch (refusal.reason) {
    case "replayed": {
      const { serial, effect } = refusal;
      if (effect === "none") return [];
      return [{ type: "chain.revoked", about, data: { by: "replay", serial, effect } }];
    }
    case "codeReplayed": {
      const { effect } = refusal;
      if (effect === "none") return [];
      return [{ type: "chain.revoked", about, data: { by: "codeReplay", effect } }];
    }
    case "serialAhead": {
      const { serial, last } = refusal;
      return [{ type: "chain.ahead", about, data: { serial, last } }];
    }
    default:
      return [];
  }
}
