/** The words of the pages, in English. `{name}` is filled in. */

export const EN = {
  signIn: "Sign in",
  signInFor: "to give {client} access",
  signInForAccount: "to see which apps have access",
  username: "User name",
  password: "Password",
  wrongPassword: "This user name and password do not belong together.",
  throttled: "Too many attempts. Try again in {wait}.",
  second: "one second",
  seconds: "{count} seconds",
  minute: "one minute",
  minutes: "{count} minutes",

  secondFactor: "One more step",
  secondFactorHint: "Type the six digits that your authenticator app shows for {username}.",
  code: "Code",
  wrongCode: "This code is wrong, too old, or was used before. Type the next one.",
  confirm: "Confirm",

  consent: "Allow access?",
  consentAsks: "{client} asks for access to your account.",
  account: "Signed in as {username}",
  scopeList: "It will be able to",
  scopeAll: "use your account in your name",
  scopeOffline: "keep its access until you take it away",
  resourceList: "What may it use?",
  resourceMissing: "Choose at least one.",
  returnTo: "After this you go back to {host}.",
  allow: "Allow",
  deny: "Do not allow",
  otherAccount: "Use another account",
  remembered: "Continue to {client}?",
  rememberedHint: "You have given it this access before.",
  goOn: "Continue",
  cancel: "Cancel",

  grants: "Apps with access",
  grantsNone: "No app has access to your account.",
  grantedAt: "Given on {date}",
  usedAt: "last used on {date}",
  revoke: "Take away",
  revokeOf: "Take away the access of {client}",
  signOut: "Sign out everywhere",
  signedOut: "You are signed out",
  signedOutHint: "In this browser and in all others.",

  refused: "This link does not work",
  refusedHint:
    "The app that sent you here asked for something that cannot be answered. Tell its makers:",
  expired: "This page is too old",
  expiredHint:
    "It was open too long, or this browser does not keep cookies. Go back to the app and begin again.",
  secondFactorMissing: "This account needs a second step",
  secondFactorMissingHint: "Set up an authenticator app for it first.",
  failed: "That did not work",
  failedHint: "The fault is ours. Go back and try again.",
} as const;

/** A language has words for the same things. */
export type Words = Readonly<Record<keyof typeof EN, string>>;
