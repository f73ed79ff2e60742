import { Failure } from '@gatehouse/core/access/failure';
import { policyInForce } from '@gatehouse/core/policy/in-force';
import { readUploaded } from '@gatehouse/core/policy/read-uploaded';
import { noteUpload, UPLOADED_KEY } from '@gatehouse/core/policy/uploaded';
import { listVersions } from '@gatehouse/core/policy/versions';
import type { Documents } from '@gatehouse/core/ports/documents';
import { describe, expect, it } from 'vitest';
import { fixedClock } from '../../fakes/clock.ts';
import { memoryDocuments } from '../../fakes/documents.ts';
import { countingRandom } from '../../fakes/random.ts';
import { memoryTable } from '../../fakes/table.ts';

const BUCKET = 'gatehouse-policy';
const KEY = 'access-policy.yaml';
const CAUSE = { source: 'upload', event: 'event-1', type: 'Object Created', receivedAt: 7 };

function policy(group = '00g1'): string {
  return `apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "111122223333", region: eu-west-1, labels: { env: prod }, mode: enforce }
levels:
  viewer: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get, list] } ] }
grants:
  - { name: eng-view, to: { group: "${group}", source: okta }, on: { clusters: prod-eu }, level: viewer, through: role }
`;
}

/** A bucket, and a table in which uploads are noted. */
function world({ trusted = true } = {}) {
  const table = memoryTable();
  const clock = fixedClock();
  const random = countingRandom();
  const documents = memoryDocuments();
  const ports = { table, clock, random };
  const note = () => noteUpload(ports, { key: KEY, version: 'v1', requester: 'ann' }, CAUSE);
  return {
    table,
    clock,
    documents,
    note,
    upload: async (text: string) => {
      documents.upload(BUCKET, KEY, text);
      await note();
    },
    read: (over: Documents = documents) => readUploaded({ ...ports, documents: over }, { bucket: BUCKET, trusted }),
    refused: async () => (await table.get(UPLOADED_KEY))?.refused,
    isDirty: async () => (await table.get(UPLOADED_KEY))?.dirty !== undefined,
    groups: async () => (await policyInForce(table))?.policy.grants.flatMap(({ to }) => to),
  };
}

/** The bucket, as somebody reads it who is overtaken once: after the first look, and before anything is done with it. */
function overtaken(one: ReturnType<typeof world>, meanwhile: () => Promise<unknown>): Documents {
  let once: (() => Promise<unknown>) | undefined = meanwhile;
  return {
    async read(bucket, key) {
      const text = await one.documents.read(bucket, key);
      const now = once;
      once = undefined;
      await now?.();
      return text;
    },
  };
}

describe('an uploaded policy', () => {
  it('is in force at once where uploads are trusted, by whom and by which event', async () => {
    const one = world();
    await one.upload(policy());
    expect(await one.read()).toMatchObject([{ state: 'taken', outcome: { version: 1, state: 'active' } }]);
    expect(await policyInForce(one.table)).toMatchObject({ version: 1, dirty: expect.any(String), cause: CAUSE });
    expect(await listVersions(one.table)).toMatchObject([{ by: `ann by s3://${BUCKET}/${KEY}` }]);
    expect(await one.isDirty()).toBe(false);
    expect(await one.read()).toEqual([]);
  });

  it('waits for a person where they are not and it widens', async () => {
    const one = world({ trusted: false });
    await one.upload(policy());
    expect(await one.read()).toMatchObject([{ state: 'taken', outcome: { state: 'proposed' } }]);
    expect(await policyInForce(one.table)).toBeUndefined();
  });

  it('is refused whole where it does not validate, with its errors, and the old one stays in force', async () => {
    const one = world();
    await one.upload(policy());
    await one.read();
    const before = await policyInForce(one.table);
    await one.upload(policy().replace('viewer, through', 'editor, through').replace('eu-west-1', '7'));
    expect(await one.read()).toMatchObject([{ state: 'refused' }]);
    expect(await policyInForce(one.table)).toEqual(before);
    const error = { line: expect.any(Number), column: expect.any(Number), remedy: expect.any(String) };
    expect(await one.refused()).toMatchObject({ at: one.clock.now(), key: KEY, version: 'v1' });
    expect((await one.refused()) as object).toMatchObject({
      errors: expect.arrayContaining([expect.objectContaining(error)]),
    });
    await one.upload(policy('00g2'));
    expect(await one.refused()).toBeDefined();
    await one.read();
    expect(await one.refused()).toBeUndefined();
    expect((await policyInForce(one.table))?.version).toBe(2);
  });

  it('over 1 MiB is refused', async () => {
    const one = world();
    await one.upload(`# ${'x'.repeat(1024 * 1024)}`);
    await one.read();
    expect(await one.refused()).toMatchObject({ errors: [{ message: expect.stringContaining('1 MiB') }] });
  });

  it('that is announced late, after a newer one, does not come back', async () => {
    const one = world();
    one.documents.upload(BUCKET, KEY, policy('00g1'));
    await one.upload(policy('00g2'));
    await one.read();
    const newest = await policyInForce(one.table);
    await one.note();
    expect(await one.read()).toMatchObject([{ outcome: { state: 'unchanged' } }]);
    expect((await policyInForce(one.table))?.rev).toBe(newest?.rev);
    expect(await one.groups()).toMatchObject([{ group: '00g2' }]);
  });

  it('that is gone again changes nothing, and leaves the verdict on the one before', async () => {
    const one = world();
    await one.upload('no policy');
    await one.read();
    const before = await one.refused();
    await one.note();
    const gone: Documents = { read: () => Promise.reject(new Failure('not-found', 'gone')) };
    expect(await one.read(gone)).toEqual([{ state: 'gone' }]);
    expect(await one.refused()).toEqual(before);
    expect(await one.isDirty()).toBe(false);
  });

  it.each(['unreachable', 'throttled', 'forbidden'] as const)('stays to be read where S3 is %s', async (code) => {
    const one = world();
    await one.upload(policy());
    const down = new Failure(code, 'no answer');
    await expect(one.read({ read: () => Promise.reject(down) })).rejects.toBe(down);
    expect(await one.isDirty()).toBe(true);
    await one.read();
    expect((await policyInForce(one.table))?.version).toBe(1);
  });

  // Somebody reads the object, and before it does anything with it another is uploaded, noted and read to the end by another.
  it.each([
    ['good', policy('00g1')],
    ['no policy', 'no policy'],
  ])('that was read and overtaken does not come back: the old one is %s', async (_what, old) => {
    const one = world();
    await one.upload(old);
    const slow = overtaken(one, async () => {
      await one.upload(policy('00g2'));
      await one.read();
    });
    await one.read(slow);
    expect(await one.groups()).toMatchObject([{ group: '00g2' }]);
    expect(await one.refused()).toBeUndefined();
    expect(await one.isDirty()).toBe(false);
  });

  it('that is again what it was before does not give way to what it was in between', async () => {
    const one = world();
    await one.upload(policy('00g1'));
    await one.read();
    await one.upload(policy('00g2'));
    const slow = overtaken(one, async () => {
      await one.upload(policy('00g1'));
      await one.read();
    });
    await one.read(slow);
    expect(await one.groups()).toMatchObject([{ group: '00g1' }]);
  });

  it('that replaces another while that is being read is read, too', async () => {
    const one = world();
    await one.upload(policy('00g1'));
    expect(await one.read(overtaken(one, () => one.upload(policy('00g2'))))).toHaveLength(2);
    expect(await one.groups()).toMatchObject([{ group: '00g2' }]);
  });

  it('that never holds still stays to be read', async () => {
    const one = world();
    await one.upload(policy());
    let reads = 0;
    const restless: Documents = {
      async read() {
        await one.note();
        return policy(`00g${++reads}`);
      },
    };
    await expect(one.read(restless)).rejects.toThrowError(/replaced 5 times/);
    expect(await one.isDirty()).toBe(true);
  });
});
