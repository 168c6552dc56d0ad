/**
 * What differs between OpenAM's versions besides their defaults. Sources: TokenResource, OAuthTokenField,
 * OAuth2UserApplications of tags forgerock/12.0.0, 13.0.0 and 13.5.0-RC11 and of the newest head.
 */

export interface Version {
  /** Whether a query may name fields. Then an administrator must name the user, and nobody else may. */
  readonly constraints: boolean;
  /** Whether stored tokens carry the id under which the audit log follows them. */
  readonly auditTrail: boolean;
  /** Whether stored tokens name their grant. */
  readonly grantIds: boolean;
  /** Whether owners see ids of their own tokens; OPENAM-7867 ended that. */
  readonly ownersSeeIds: boolean;
  /** What a deletion is answered with. */
  readonly deleted: "success" | "token";
  readonly revokeTokens: boolean;
  /** Whether users have a list of the applications that they let in. */
  readonly applications: boolean;
  /** Whether the option of rotation exists. */
  readonly option: boolean;
}

const VERSION_12: Version = {
  constraints: false,
  auditTrail: false,
  grantIds: false,
  ownersSeeIds: true,
  deleted: "success",
  revokeTokens: false,
  applications: false,
  option: true,
};
const VERSION_11: Version = { ...VERSION_12, option: false };
const VERSION_13: Version = {
  ...VERSION_12,
  constraints: true,
  auditTrail: true,
  applications: true,
};
const VERSION_13_5: Version = {
  ...VERSION_13,
  grantIds: true,
  ownersSeeIds: false,
  deleted: "token",
  revokeTokens: true,
};

const VERSIONS: readonly (readonly [string, Version])[] = [
  ["openam-13.5", VERSION_13_5],
  ["openam-13", VERSION_13],
  ["openam-12", VERSION_12],
  ["openam-11", VERSION_11],
];

/** The version that a preset plays. */
export function versionOf(preset: string): Version {
  const found = VERSIONS.find(([name]) => preset.startsWith(name));
  if (!found) throw new TypeError(`"${preset}" is no preset of this vendor`);
  return found[1];
}
