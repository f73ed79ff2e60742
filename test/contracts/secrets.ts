import type { Failure } from '@gatehouse/core/access/failure';
import type { Secrets } from '@gatehouse/core/ports/secrets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Deviations, expectDeviations } from './deviations.ts';

/** Secrets under test. */
export interface SecretsSubject {
  readonly secrets: Secrets;
  /** The tags that a secret has. */
  tags(name: string): Promise<Readonly<Record<string, string>>>;
  /** Deletes a secret as a person does, with some days in which it may be restored. */
  markForDeletion(name: string): Promise<void>;
  close?(): Promise<void>;
}

const failsWith = (code: Failure['code']) => expect.objectContaining({ name: 'Failure', code });

/** What every {@link Secrets} promises. `make` is called once; each test has names of its own. */
export function secretsContract(name: string, make: () => Promise<SecretsSubject>, deviations: Deviations = {}): void {
  describe(`Secrets: ${name}`, () => {
    expectDeviations(deviations);
    let subject: SecretsSubject;
    let counter = 0;
    const fresh = () => {
      counter += 1;
      return `gatehouse/test/secret-${counter}`;
    };
    beforeAll(async () => {
      subject = await make();
    });
    afterAll(() => subject?.close?.());

    it('a secret that was never written is undefined', async () => {
      expect(await subject.secrets.read(fresh())).toBeUndefined();
    });

    it('what was written is read', async () => {
      const secret = fresh();
      await subject.secrets.write(secret, '{"key":"schlüssel"}', { 'gatehouse:managed': 'true' });
      expect(await subject.secrets.read(secret)).toBe('{"key":"schlüssel"}');
      expect(await subject.tags(secret)).toEqual({ 'gatehouse:managed': 'true' });
    });

    it('a second write replaces the value and leaves the tags', async () => {
      const secret = fresh();
      await subject.secrets.write(secret, 'first', { grant: 'a' });
      await subject.secrets.write(secret, 'second', { grant: 'b' });
      expect(await subject.secrets.read(secret)).toBe('second');
      expect(await subject.tags(secret)).toEqual({ grant: 'a' });
    });

    it('a removed secret is gone, may be removed again and made again', async () => {
      const secret = fresh();
      await subject.secrets.write(secret, 'first', {});
      await subject.secrets.remove(secret);
      expect(await subject.secrets.read(secret)).toBeUndefined();
      await subject.secrets.remove(secret);
      await subject.secrets.write(secret, 'second', {});
      expect(await subject.secrets.read(secret)).toBe('second');
    });

    it('a secret that somebody deletes has no value, is not written until it is gone, and can be removed', async () => {
      const secret = fresh();
      await subject.secrets.write(secret, 'first', {});
      await subject.markForDeletion(secret);
      expect(await subject.secrets.read(secret)).toBeUndefined();
      const written = subject.secrets.write(secret, 'second', {});
      await expect(written).rejects.toMatchObject({ name: 'Failure', code: 'conflict', retryable: true });
      await subject.secrets.remove(secret);
      await subject.secrets.write(secret, 'third', {});
      expect(await subject.secrets.read(secret)).toBe('third');
    });

    it('secrets do not touch each other', async () => {
      const [one, two] = [fresh(), fresh()];
      await subject.secrets.write(one, 'one', {});
      await subject.secrets.write(two, 'two', {});
      await subject.secrets.remove(one);
      expect(await subject.secrets.read(two)).toBe('two');
    });

    it('a value over 64 KiB is refused, and the error does not hold it', async () => {
      const value = 'top-secret'.repeat(7000);
      const refused = await subject.secrets.write(fresh(), value, {}).catch((error: unknown) => error);
      expect(refused).toEqual(failsWith('invalid'));
      expect(String((refused as Error).message)).not.toContain('top-secret');
    });

    it('a name that Secrets Manager does not take is refused', async () => {
      await expect(subject.secrets.write('has a blank', 'x', {})).rejects.toEqual(failsWith('invalid'));
    });
  });
}
