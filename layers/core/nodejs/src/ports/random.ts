/** Unpredictable values. */
export interface Random {
  /** A new unique token (UUID). */
  token(): string;
  /** A number in [0, 1), for jitter. */
  fraction(): number;
}
