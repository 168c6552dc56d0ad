/**
 * Why a connection cannot go on, as one recorded cause with its evidence and the next step.
 *
 * 1. A loss is named when it is established, from what the record shows at that moment; never later, never twice.
 * 2. The causes below `blocked` are not losses: the chain is whole and goes on once somebody acts.
 */

import type { Knowledge } from "./doubt.ts";
import type { Policy } from "./policy.ts";
import { type Instant, stepAt } from "./time.ts";

export type LossCause =
  /** A refresh was sent, its answer never reached us, and the provider has since refused the token. */
  | "lostAnswer"
  /** Refused although every request of ours was answered: used elsewhere, consented again, or revoked. */
  | "usedElsewhere"
  /** Unused for longer than the provider keeps a token. */
  | "idleEnd"
  /** The grant's absolute end has come; no refresh could have moved it. */
  | "absoluteEnd"
  /** Two successors were at hand and the provider accepts none of them. */
  | "forkRefused"
  /** The very first presentation of an imported token was refused: it was dead when it came. */
  | "importRefused";

export type BlockCause =
  /** The provider refuses our client id or secret, or the client's right to refresh. */
  | "clientRefused"
  /** The provider finds fault with the request itself. */
  | "requestRefused"
  /** No token endpoint answers at the address: moved, or the wrong country or tenant. */
  | "endpointWrong"
  /** Asked too early or too often. */
  | "tooEarly";

export interface Explained {
  readonly en: string;
  readonly nl: string;
}

/** What an operator is told: cause and next step. */
export const CAUSES: Readonly<Record<LossCause | BlockCause, Explained>> = {
  lostAnswer: {
    en: "The provider processed a refresh whose answer never arrived, and does not accept the old token again. Connect the account again.",
    nl: "De provider heeft een verversing verwerkt waarvan het antwoord nooit aankwam, en accepteert het oude token niet meer. Koppel het account opnieuw.",
  },
  usedElsewhere: {
    en: "The provider refuses the token although every request from here was answered: it was used by another program, replaced by a new consent, or revoked. Find the other holder, then connect the account again.",
    nl: "De provider weigert het token hoewel elk verzoek van hier is beantwoord: het is door een ander programma gebruikt, door een nieuwe toestemming vervangen, of ingetrokken. Zoek de andere houder en koppel het account daarna opnieuw.",
  },
  idleEnd: {
    en: "The token was not used for longer than the provider keeps it. Connect the account again, and let the keychain refresh it in time.",
    nl: "Het token is langer niet gebruikt dan de provider het bewaart. Koppel het account opnieuw en laat de sleutelbos het op tijd verversen.",
  },
  absoluteEnd: {
    en: "The authorization has reached its fixed end, which no refresh moves. Connect the account again.",
    nl: "De autorisatie heeft haar vaste einde bereikt; geen verversing verschuift dat. Koppel het account opnieuw.",
  },
  forkRefused: {
    en: "Two answers brought two different tokens and the provider accepts neither. Connect the account again.",
    nl: "Twee antwoorden brachten twee verschillende tokens en de provider accepteert geen van beide. Koppel het account opnieuw.",
  },
  importRefused: {
    en: "The imported refresh token was refused at its first use: it was already used, expired, or belongs to another client. Import the newest token, or connect the account again.",
    nl: "Het geïmporteerde refresh-token is bij het eerste gebruik geweigerd: het was al gebruikt, verlopen, of van een andere client. Importeer het nieuwste token of koppel het account opnieuw.",
  },
  clientRefused: {
    en: "The provider refuses the client id or secret. The token is unspent: correct the credentials and the connection goes on.",
    nl: "De provider weigert client-id of -secret. Het token is ongebruikt: verbeter de gegevens en de verbinding gaat verder.",
  },
  requestRefused: {
    en: "The provider finds fault with the request. The token is unspent: check the provider's settings.",
    nl: "De provider keurt het verzoek af. Het token is ongebruikt: controleer de instellingen van de provider.",
  },
  endpointWrong: {
    en: "No token endpoint answers at the configured address. The token is unspent: check address, country and tenant.",
    nl: "Op het ingestelde adres antwoordt geen token-endpoint. Het token is ongebruikt: controleer adres, land en tenant.",
  },
  tooEarly: {
    en: "The provider allows no refresh yet. The keychain asks again when it does.",
    nl: "De provider staat nog geen verversing toe. De sleutelbos vraagt het opnieuw zodra dat mag.",
  },
};

export interface LossEvidence {
  readonly neverRefreshed: boolean;
  /** Whether a request of ours was ever left without an answer since the last success. */
  readonly doubted: boolean;
  readonly forked: boolean;
  readonly grantAt: Instant;
  readonly lastUsedAt: Instant;
}

/** Names the cause of a loss; the first that the evidence supports, the surest first. */
export function nameLoss(knowledge: Knowledge, seen: LossEvidence, now: Instant): LossCause {
  const ended = (policy: Policy, limit: keyof Policy["expiry"], since: Instant) =>
    now >= since + stepAt(policy.expiry[limit], since);
  const fixed = (policy: Policy) =>
    ended(policy, "authorization", seen.grantAt) ||
    (policy.rotate === "never" && ended(policy, "lifetime", seen.grantAt));
  const unused = (policy: Policy) =>
    ended(policy, "idle", seen.lastUsedAt) || ended(policy, "lifetime", seen.lastUsedAt);
  if (knowledge.some(fixed)) return "absoluteEnd";
  if (knowledge.some(unused)) return "idleEnd";
  if (seen.forked) return "forkRefused";
  if (seen.doubted) return "lostAnswer";
  return seen.neverRefreshed ? "importRefused" : "usedElsewhere";
}
