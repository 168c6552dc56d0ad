/** What the judge says of one loss. */

import type { Sent } from "./ledger.ts";

export const LOSS_CLASSES = ["avoidable", "unavoidable", "timing", "held", "operator"] as const;
export type LossClass = (typeof LOSS_CLASSES)[number];

export interface Loss {
  readonly name: string;
  readonly class: LossClass;
  readonly why: string;
}

/** What Keten keeps clear of the edges of a provider's windows, and what it may take to act; scaled. */
export const WINDOW_MARGIN_MS = 5000;
export const REACTION_MS = 1000;
/** What failed is tried again so soon, and another process looks as often; not scaled. */
export const AGAIN_MS = 1000;

export type Finding = Omit<Loss, "name">;
export const finding = (name: LossClass, why: string): Finding => ({ class: name, why });

export const told = ({ id, presented }: Sent): string => `request ${id} for serial ${presented}`;
