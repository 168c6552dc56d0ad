/** The keychain's record of one connection. */
export interface ConnectionRecord {
  readonly name: string;
}
