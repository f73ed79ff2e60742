import type { Failure } from '@gatehouse/core/access/failure';
import type { Documents } from '@gatehouse/core/ports/documents';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Deviations, expectDeviations } from './deviations.ts';

/** Documents under test. */
export interface DocumentsSubject {
  readonly documents: Documents;
  /** Stores an object and answers its version; undefined where the store keeps no versions. */
  upload(bucket: string, key: string, text: string): Promise<string | undefined>;
  /** A bucket that exists. */
  readonly bucket: string;
  close?(): Promise<void>;
}

const failsWith = (code: Failure['code']) => expect.objectContaining({ name: 'Failure', code });

/** What every {@link Documents} promises. `make` is called once; each test has keys of its own. */
export function documentsContract(
  name: string,
  make: () => Promise<DocumentsSubject>,
  deviations: Deviations = {},
): void {
  describe(`Documents: ${name}`, () => {
    expectDeviations(deviations);
    let subject: DocumentsSubject;
    beforeAll(async () => {
      subject = await make();
    });
    afterAll(() => subject?.close?.());

    it.each([
      ['text', 'apiVersion: gatehouse/v1\r\n# Schlüssel \u{1F6AA}\n'],
      ['nothing', ''],
      ['a byte order mark', '\ufeffapiVersion: gatehouse/v1\n'],
    ])('%s is read as it was stored', async (key, text) => {
      await subject.upload(subject.bucket, `policies/${key}.yaml`, text);
      expect(await subject.documents.read(subject.bucket, `policies/${key}.yaml`)).toBe(text);
    });

    it('the newest version is read, unless another one is named', async () => {
      const first = await subject.upload(subject.bucket, 'versions.yaml', 'first');
      await subject.upload(subject.bucket, 'versions.yaml', 'second');
      expect(await subject.documents.read(subject.bucket, 'versions.yaml')).toBe('second');
      if (first !== undefined) {
        expect(await subject.documents.read(subject.bucket, 'versions.yaml', first)).toBe('first');
      }
    });

    it('what is not there is not found', async () => {
      await expect(subject.documents.read(subject.bucket, 'none.yaml')).rejects.toEqual(failsWith('not-found'));
      await expect(subject.documents.read('no-such-bucket-here', 'none.yaml')).rejects.toEqual(failsWith('not-found'));
    });

    it('1 MiB is read, one byte more is too large', async () => {
      await subject.upload(subject.bucket, 'full.yaml', 'x'.repeat(1024 * 1024));
      expect(await subject.documents.read(subject.bucket, 'full.yaml')).toHaveLength(1024 * 1024);
      await subject.upload(subject.bucket, 'over.yaml', 'x'.repeat(1024 * 1024 + 1));
      await expect(subject.documents.read(subject.bucket, 'over.yaml')).rejects.toEqual(failsWith('too-large'));
    });
  });
}
