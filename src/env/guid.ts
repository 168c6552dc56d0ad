/** GUIDs: sixteen bytes, written in groups. RFC 9562, section 4 */

import type { Random } from "./random.ts";

const GUID_BYTES = 16;

/** The first sixteen of some bytes as a GUID. */
export function guidOf(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString("hex", 0, GUID_BYTES);
  return [8, 12, 16, 20].reduceRight((id, at) => `${id.slice(0, at)}-${id.slice(at)}`, hex);
}

/** A drawn one, of version 4. RFC 9562, section 5.4 */
export function newGuid(random: Random): string {
  const bytes = Buffer.from(random.bytes(GUID_BYTES));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return guidOf(bytes);
}
