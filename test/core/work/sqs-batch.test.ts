import { readIntakeMessage, readWakeMessage } from '@gatehouse/core/work/messages';
import { consumeBatch } from '@gatehouse/core/work/sqs-batch';
import type { SQSRecord } from 'aws-lambda';
import { describe, expect, it } from 'vitest';

const record = (messageId: string, body: string, group?: string) =>
  ({ messageId, body, attributes: group === undefined ? {} : { MessageGroupId: group } }) as unknown as SQSRecord;

async function consumed(...records: SQSRecord[]) {
  const handled: unknown[] = [];
  const failures: string[] = [];
  const { batchItemFailures } = await consumeBatch(
    { Records: records },
    async (body) => {
      handled.push(body);
      if (body === 'bad') throw new Error('no');
    },
    (_error, { messageId }) => void failures.push(messageId),
  );
  return { handled, failures, again: batchItemFailures.map(({ itemIdentifier }) => itemIdentifier) };
}

describe('a batch', () => {
  it('gives back only what failed', async () => {
    const { again, handled } = await consumed(record('1', '"a"'), record('2', '"bad"'), record('3', '"c"'));
    expect(again).toEqual(['2']);
    expect(handled).toEqual(['a', 'bad', 'c']);
  });

  it('does not begin what stands behind a failure in its group, and goes on with the others', async () => {
    const { again, handled } = await consumed(
      record('1', '"bad"', 'x'),
      record('2', '"b"', 'x'),
      record('3', '"c"', 'y'),
    );
    expect(again).toEqual(['1', '2']);
    expect(handled).toEqual(['bad', 'c']);
  });

  it('gives back what is no JSON, and says so', async () => {
    const { again, failures, handled } = await consumed(record('1', '{'), record('2', '"b"'));
    expect([again, failures, handled]).toEqual([['1'], ['1'], ['b']]);
  });
});

describe('a message', () => {
  const target = 'cluster/arn:aws:eks:eu-west-1:111122223333:cluster/prod';

  it.each([
    [{ version: 1, target }],
    [{ version: 1, target, sweep: {} }],
    [{ version: 1, target, sweep: { parked: 'mark#1#user/okta/a' } }],
    [{ version: 1, target, sweep: { after: '' } }],
  ])('that wakes is read as it was written: %j', (message) => {
    expect(readWakeMessage(message)).toEqual(message);
  });

  it.each([
    ['of another version', { version: 2, target }],
    ['without a target', { version: 1 }],
    ['for what is no target', { version: 1, target: 'prod' }],
    ['with more than it should have', { version: 1, target, subject: 'user/okta/a' }],
  ])('that wakes is refused %s', (_what, message) => {
    expect(() => readWakeMessage(message)).toThrow();
  });

  it('to the planner names facts by key, and nothing else', () => {
    const message = { version: 1, facts: [{ pk: 'group#okta#1', sk: 'group' }] };
    expect(readIntakeMessage(message)).toEqual(message);
    for (const wrong of [{ version: 1 }, { version: 1, facts: [{ pk: 'a' }] }, { ...message, facts: 'x' }, null]) {
      expect(() => readIntakeMessage(wrong)).toThrow();
    }
  });
});
