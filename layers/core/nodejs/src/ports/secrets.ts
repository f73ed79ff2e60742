/** AWS Secrets Manager, or something that keeps its rules. Values never appear in logs, plans or errors. */
export interface Secrets {
  /** The current value, or undefined where there is no such secret. */
  read(name: string): Promise<string | undefined>;
  /** Creates the secret, or gives it a new value. */
  write(name: string, value: string, tags: Readonly<Record<string, string>>): Promise<void>;
  /** Removes it at once, without recovery window; not found is success. */
  remove(name: string): Promise<void>;
}
