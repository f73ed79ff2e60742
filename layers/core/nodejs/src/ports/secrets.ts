/** AWS Secrets Manager, or something that keeps its rules. Values never appear in logs, plans or errors. */
export interface Secrets {
  /** The current value, or undefined where there is no such secret, or it is being deleted. */
  read(name: string): Promise<string | undefined>;
  /** Creates the secret, or gives it a new value. @throws Failure `conflict` while one of this name is being deleted. */
  write(name: string, value: string, tags: Readonly<Record<string, string>>): Promise<void>;
  /** Removes it at once, without recovery window; not found is success. */
  remove(name: string): Promise<void>;
}
