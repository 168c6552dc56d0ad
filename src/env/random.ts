/** Randomness, asked for through one seam so that a simulation can replay it. */
export interface Random {
  /** Unpredictable bytes: secrets, nonces, ids. */
  bytes(length: number): Uint8Array;
  /** A number in [0, 1) for jitter; never for secrets. */
  fraction(): number;
}
