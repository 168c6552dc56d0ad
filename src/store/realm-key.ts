/**
 * The key of something that has its name within a realm. Names of realms may be paths, and names of clients and subjects
 * may hold slashes: the realm's are escaped, so that "b/c" of realm "a" is not "c" of realm "a/b".
 */

export const inRealm = (realm: string, name: string): string =>
  `${realm.replaceAll("%", "%25").replaceAll("/", "%2F")}/${name}`;
