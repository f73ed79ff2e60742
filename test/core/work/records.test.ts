import type { Subject } from '@gatehouse/core/access/subject';
import { clusterTarget } from '@gatehouse/core/access/target';
import type { Item } from '@gatehouse/core/ports/table';
import type { AwsAuthClaim } from '@gatehouse/core/resources/aws-auth/model';
import type { OwnedClaim } from '@gatehouse/core/resources/resource';
import { readRecord, readRecords, targetsNaming, targetsOf, writeRecords } from '@gatehouse/core/work/records';
import { describe, expect, it } from 'vitest';
import { memoryTable } from '../../fakes/table.ts';

const TARGET = clusterTarget('arn:aws:eks:eu-west-1:111122223333:cluster/prod');
const door = (user: string): OwnedClaim<AwsAuthClaim> => ({
  subject: `user/okta/${user}` as Subject,
  grant: 'readers',
  claim: {
    kind: 'aws-auth',
    object: 'kube-system/aws-auth',
    list: 'mapUsers',
    arn: `arn:aws:iam::111122223333:user/${user}`,
    username: `gatehouse:iam-user:111122223333:${user}`,
  },
});

describe('records', () => {
  it('tell what was made, where, and which clusters name a principal', async () => {
    const table = memoryTable();
    expect(await writeRecords(table, TARGET, [], [door('alice'), door('bob')])).toEqual([]);
    expect(await readRecord(table, TARGET, 'user/okta/alice')).toEqual([door('alice')]);
    expect(await targetsOf(table, 'user/okta/alice')).toEqual([TARGET]);
    expect(await targetsNaming(table, door('bob').claim.arn.toUpperCase())).toEqual([TARGET]);
    expect(await writeRecords(table, TARGET, [door('alice'), door('bob')], [door('bob')])).toEqual([
      door('alice').claim.arn,
    ]);
    expect(await targetsOf(table, 'user/okta/alice')).toEqual([]);
    expect(await targetsNaming(table, door('alice').claim.arn)).toEqual([]);
    expect((await readRecords(table, TARGET, undefined, 10)).records.size).toBe(1);
  });

  it('are not written again where nothing changed', async () => {
    const table = memoryTable();
    await writeRecords(table, TARGET, [], [door('alice')]);
    const before = { ...table.calls };
    await writeRecords(table, TARGET, [door('alice')], [door('alice')]);
    expect(table.calls).toEqual(before);
  });

  it('come in pages', async () => {
    const table = memoryTable();
    await writeRecords(table, TARGET, [], ['a', 'b', 'c'].map(door));
    const first = await readRecords(table, TARGET, undefined, 2);
    expect([...first.records.keys()]).toEqual(['user/okta/a', 'user/okta/b']);
    expect([...(await readRecords(table, TARGET, first.next, 2)).records.keys()]).toEqual(['user/okta/c']);
  });

  it('are found from their subject and their principal after a crash at any write', async () => {
    for (const [before, after] of [
      [[], [door('alice')]],
      [[door('alice')], []],
      [[door('alice')], [door('bob')]],
    ] as const) {
      for (let crashAt = 0; crashAt < 8; crashAt++) {
        const table = memoryTable();
        await writeRecords(table, TARGET, [], before);
        let writes = 0;
        const crash = <T>(write: () => Promise<T>): Promise<T> => {
          writes += 1;
          if (writes > crashAt) throw new Error('crash');
          return write();
        };
        const crashing = {
          ...table,
          put: (item: Item) => crash(() => table.put(item)),
          delete: (key: Item) => crash(() => table.delete(key)),
        };
        await writeRecords(crashing, TARGET, before, after).catch(() => undefined);
        const { records } = await readRecords(table, TARGET, undefined, 10);
        for (const [subject, claims] of records) {
          expect(await targetsOf(table, subject)).toEqual([TARGET]);
          for (const { claim } of claims) {
            expect(await targetsNaming(table, (claim as AwsAuthClaim).arn)).toEqual([TARGET]);
          }
        }
      }
    }
  });
});
