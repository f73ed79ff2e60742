/** Objects in S3: uploaded policies. */
export interface Documents {
  /** The text of an object, of exactly this version where one is given. @throws Failure `not-found`, `too-large` (over 1 MiB). */
  read(bucket: string, key: string, version?: string): Promise<string>;
}
