/** The words of the pages, in Dutch. `{name}` is filled in. */

import type { Words } from "./words-en.ts";

export const NL: Words = {
  signIn: "Inloggen",
  signInFor: "om {client} toegang te geven",
  signInForAccount: "om te zien welke apps toegang hebben",
  username: "Gebruikersnaam",
  password: "Wachtwoord",
  wrongPassword: "Deze gebruikersnaam en dit wachtwoord horen niet bij elkaar.",
  throttled: "Te veel pogingen. Probeer het over {wait} opnieuw.",
  second: "één seconde",
  seconds: "{count} seconden",
  minute: "één minuut",
  minutes: "{count} minuten",

  secondFactor: "Nog één stap",
  secondFactorHint: "Typ de zes cijfers die je authenticator-app voor {username} laat zien.",
  code: "Code",
  wrongCode: "Deze code is fout, te oud of al gebruikt. Typ de volgende.",
  confirm: "Bevestigen",

  consent: "Toegang geven?",
  consentAsks: "{client} vraagt toegang tot je account.",
  account: "Ingelogd als {username}",
  scopeList: "De app kan dan",
  scopeAll: "je account namens jou gebruiken",
  scopeOffline: "toegang houden tot jij die intrekt",
  resourceList: "Wat mag de app gebruiken?",
  resourceMissing: "Kies er minstens één.",
  returnTo: "Hierna ga je terug naar {host}.",
  allow: "Toestaan",
  deny: "Niet toestaan",
  otherAccount: "Ander account gebruiken",
  remembered: "Doorgaan naar {client}?",
  rememberedHint: "Je hebt deze toegang al eerder gegeven.",
  goOn: "Doorgaan",
  cancel: "Annuleren",

  grants: "Apps met toegang",
  grantsNone: "Geen enkele app heeft toegang tot je account.",
  grantedAt: "Gegeven op {date}",
  usedAt: "laatst gebruikt op {date}",
  revoke: "Intrekken",
  revokeOf: "Toegang van {client} intrekken",
  signOut: "Overal uitloggen",
  signedOut: "Je bent uitgelogd",
  signedOutHint: "In deze browser en in alle andere.",

  refused: "Deze link werkt niet",
  refusedHint:
    "De app die je hierheen stuurde, vroeg iets waarop geen antwoord mogelijk is. Meld de makers:",
  expired: "Deze pagina is te oud",
  expiredHint:
    "De pagina stond te lang open, of deze browser bewaart geen cookies. Ga terug naar de app en begin opnieuw.",
  secondFactorMissing: "Dit account heeft een tweede stap nodig",
  secondFactorMissingHint: "Stel er eerst een authenticator-app voor in.",
  failed: "Dat lukte niet",
  failedHint: "De fout ligt bij ons. Ga terug en probeer het opnieuw.",
};
