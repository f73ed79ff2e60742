import { Failure } from '@gatehouse/core/access/failure';
import type { Secrets } from '@gatehouse/core/ports/secrets';

/** https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html */
const NAME = /^[A-Za-z0-9/_+=.@-]{1,512}$/;
const MAX_BYTES = 65_536;

/** Secrets in memory. Tags are those of the creation, as in Secrets Manager. */
export function memorySecrets(initial: Readonly<Record<string, string>> = {}): Secrets & {
  /** The names that exist, sorted. */
  names(): string[];
  tags(name: string): Readonly<Record<string, string>> | undefined;
  /** Deletes a secret as a person does, with some days in which it may be restored. */
  markForDeletion(name: string): void;
  readonly calls: { read: number; write: number; remove: number };
} {
  const secrets = new Map<string, { value: string; tags: Readonly<Record<string, string>> }>(
    Object.entries(initial).map(([name, value]) => [name, { value, tags: {} }]),
  );
  const marked = new Set<string>();
  const calls = { read: 0, write: 0, remove: 0 };
  return {
    calls,
    names: () => [...secrets.keys()].sort(),
    tags: (name) => secrets.get(name)?.tags,
    markForDeletion: (name) => void marked.add(name),
    async read(name) {
      calls.read += 1;
      return marked.has(name) ? undefined : secrets.get(name)?.value;
    },
    async write(name, value, tags) {
      calls.write += 1;
      if (!NAME.test(name)) throw new Failure('invalid', `"${name}" cannot be the name of a secret`);
      if (Buffer.byteLength(value) > MAX_BYTES) throw new Failure('invalid', `the secret "${name}" is over 64 KiB`);
      if (marked.has(name)) throw new Failure('conflict', `the secret "${name}" is scheduled for deletion`);
      secrets.set(name, { value, tags: secrets.get(name)?.tags ?? { ...tags } });
    },
    async remove(name) {
      calls.remove += 1;
      secrets.delete(name);
      marked.delete(name);
    },
  };
}
