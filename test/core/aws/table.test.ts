import { isFailure } from '@gatehouse/core/access/failure';
import type { Condition, Item, Table } from '@gatehouse/core/ports/table';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANY_CREDENTIALS, advanceDate, startDynalite } from '../../contracts/loopback.ts';
import { tableOver } from '../../contracts/over-aws.ts';
import { type TableSubject, tableContract } from '../../contracts/table.ts';
import { memoryTable } from '../../fakes/table.ts';

/** The adapter over a DynamoDB in process. */
async function overDynalite(): Promise<TableSubject> {
  const server = await startDynalite();
  const client = { ...ANY_CREDENTIALS, endpoint: server.endpoint };
  const subject = await tableOver({ account: '000000000000', client, advance: advanceDate });
  return {
    ...subject,
    close: async () => {
      await subject.close?.();
      await server.close();
    },
  };
}

tableContract('in memory', async () => ({ table: memoryTable() }));
tableContract('over DynamoDB', overDynalite);

/** One call, on one of few keys, so that calls meet. */
type Call =
  | { readonly put: Item; readonly condition: Condition | undefined }
  | { readonly delete: string; readonly condition: Condition | undefined }
  | { readonly query: NonNullable<Parameters<Table['query']>[1]> }
  | { readonly due: number };

const sk = fc.constantFrom('a#1', 'a#2', 'b#1');
const value = fc.constantFrom<(string | number | boolean | undefined)[]>(0, 1, 2, 'x', true, undefined);
const simple: fc.Arbitrary<Condition> = fc.oneof(
  fc.constant({ absent: true } as const),
  fc.record({ equals: fc.record({ one: value, two: value }, { requiredKeys: [] }) }),
  fc.record({ less: fc.record({ one: fc.nat(3) }, { requiredKeys: [] }) }),
);
const condition = fc.option(fc.oneof(simple, fc.record({ anyOf: fc.array(simple, { maxLength: 3 }) })), {
  nil: undefined,
});
const call: fc.Arbitrary<Call> = fc.oneof(
  fc.record({
    put: fc.record({
      pk: fc.constant('p'),
      sk,
      one: value,
      two: value,
      dueShard: fc.constantFrom('s', undefined),
      dueAt: fc.constantFrom(1, 2, undefined),
    }) as fc.Arbitrary<Item>,
    condition,
  }),
  fc.record({ delete: sk, condition }),
  fc.record({
    query: fc.record(
      {
        prefix: fc.constantFrom('', 'a#', 'b#'),
        after: fc.constantFrom('a', 'a#1', 'a#3', 'c'),
        limit: fc.integer({ min: 1, max: 4 }),
        reverse: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
  }),
  fc.record({ due: fc.nat(3) }),
);

/** What a call answers, or how it fails. */
async function answer(table: Table, pk: string, one: Call): Promise<unknown> {
  try {
    if ('put' in one) return await table.put({ ...one.put, pk, ...inShard(one.put, pk) }, one.condition);
    if ('delete' in one) return await table.delete({ pk, sk: one.delete }, one.condition);
    if ('query' in one) return await table.query(pk, one.query);
    // The order of what is due at the same time is nobody's promise.
    return (await table.due(pk, one.due, 10)).map((key) => key.sk).sort();
  } catch (error) {
    return isFailure(error) ? error.code : error;
  }
}

const inShard = (item: Item, pk: string) => (item.dueShard === undefined ? {} : { dueShard: pk });

describe('both tables', () => {
  let subject: TableSubject;
  beforeAll(async () => {
    subject = await overDynalite();
  });
  afterAll(() => subject.close?.());

  it('answer the same, whatever is asked of them', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 25 }), async (calls) => {
        run += 1;
        const pk = `run-${run}`;
        const memory = memoryTable();
        for (const one of calls) expect(await answer(subject.table, pk, one)).toEqual(await answer(memory, pk, one));
        expect((await subject.table.query(pk)).items).toEqual(memory.items());
      }),
      { numRuns: 40 },
    );
  });
});
