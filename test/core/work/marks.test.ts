import { Failure } from '@gatehouse/core/access/failure';
import { clusterTarget } from '@gatehouse/core/access/target';
import {
  clearMark,
  confirmMark,
  type Mark,
  parkedMarks,
  parkMark,
  postponeMark,
  putMark,
  readMark,
  takeMarks,
} from '@gatehouse/core/work/marks';
import { describe, expect, it } from 'vitest';
import { fixedClock } from '../../fakes/clock.ts';
import { countingRandom } from '../../fakes/random.ts';
import { memoryTable } from '../../fakes/table.ts';

const TARGET = clusterTarget('arn:aws:eks:eu-west-1:111122223333:cluster/prod');
const CAUSE = { source: 'okta', event: 'e1', type: 'test', receivedAt: 1 };
const SLOW = new Failure('unreachable', 'no answer', { remedy: 'wait' });
const FINDING = { code: 'no-such-user', severity: 'blocks', object: 'x', message: 'm', remedy: 'r' } as const;

function aTable() {
  const clock = fixedClock();
  const ports = { table: memoryTable(), clock, random: countingRandom() };
  const put = (subject: string, urgency: Mark['urgency'] = 'grant', notBefore?: number) =>
    putMark(ports, {
      target: TARGET,
      subject: subject as Mark['subject'],
      urgency,
      cause: CAUSE,
      ...(notBefore === undefined ? {} : { notBefore }),
    });
  const take = (urgency: Mark['urgency'] = 'grant', limit = 100) => takeMarks(ports, TARGET, urgency, limit);
  const all = () => ports.table.items().map(readMark);
  return { ...ports, ports, clock, put, take, all };
}

describe('a mark', () => {
  it('is one for any number of events on a subject, and keeps since when it waits', async () => {
    const world = aTable();
    await world.put('user/okta/alice');
    const [first] = world.all();
    world.clock.advance(5_000);
    await world.put('user/okta/alice');
    expect(world.all().length).toBe(1);
    expect(world.all()[0]?.since).toBe(first?.since);
    expect(world.all()[0]?.token).not.toBe(first?.token);
  });

  it('is of each urgency one, so that a grant never lowers a revocation', async () => {
    const world = aTable();
    await world.put('user/okta/alice', 'revocation');
    await world.put('user/okta/alice', 'grant');
    expect((await world.take('revocation')).length).toBe(1);
    expect((await world.take('grant')).length).toBe(1);
  });

  it('forgets its failures and its finding when something new comes', async () => {
    const world = aTable();
    await world.put('user/okta/alice');
    const [mark] = await world.take();
    await postponeMark(world.ports, mark!, world.clock.now() + 60_000, SLOW);
    expect(await world.take()).toEqual([]);
    expect(world.all()[0]).toMatchObject({ attempts: 1, failure: { code: 'unreachable', message: 'no answer' } });
    await world.put('user/okta/alice');
    expect((await world.take())[0]).toMatchObject({ attempts: 0 });
    expect((await world.take())[0]?.failure).toBeUndefined();
    await parkMark(world.ports, (await world.take())[0]!, FINDING);
    expect(await world.take()).toEqual([]);
    await world.put('user/okta/alice');
    expect((await world.take())[0]?.finding).toBeUndefined();
  });

  it.each([
    ['cleared', (world: ReturnType<typeof aTable>, mark: Mark) => clearMark(world.ports, mark)],
    ['postponed', (world: ReturnType<typeof aTable>, mark: Mark) => postponeMark(world.ports, mark, 9e15, SLOW)],
    ['left for a second look', (world: ReturnType<typeof aTable>, mark: Mark) => confirmMark(world.ports, mark, 9e15)],
    ['parked', (world: ReturnType<typeof aTable>, mark: Mark) => parkMark(world.ports, mark, FINDING)],
  ])('is not %s by who did not see its last token', async (_what, settle) => {
    const world = aTable();
    await world.put('user/okta/alice');
    const [stale] = await world.take();
    await world.put('user/okta/alice');
    const [fresh] = await world.take();
    expect(await settle(world, stale!)).toBe(false);
    expect(await world.take()).toEqual([fresh]);
    expect(await settle(world, fresh!)).toBe(true);
    expect(await world.take()).toEqual([]);
  });

  it('survives that it is put while it is cleared', async () => {
    const world = aTable();
    await world.put('user/okta/alice');
    const [mark] = await world.take();
    const { table } = world;
    // Between the read and the write of the refresh, a worker clears it.
    const racing = {
      ...table,
      get: async (key: { pk: string; sk: string }) => {
        const item = await table.get(key);
        await clearMark({ table }, mark!);
        return item;
      },
    };
    await putMark(
      { ...world.ports, table: racing },
      { target: TARGET, subject: mark!.subject, urgency: 'grant', cause: CAUSE },
    );
    expect((await world.take()).length).toBe(1);
  });

  it('leaves the due index while it is parked, and only then', async () => {
    const world = aTable();
    await world.put('user/okta/alice');
    const due = async () =>
      (await Promise.all([0, 1, 2, 3].map((shard) => world.table.due(`mark-${shard}`, 9e15, 10)))).flat();
    expect((await due()).length).toBe(1);
    await parkMark(world.ports, (await world.take())[0]!, FINDING);
    expect(await due()).toEqual([]);
  });
});

describe('taking marks', () => {
  it('gives no more than asked for, and nothing that is not ripe, over any number of pages', async () => {
    const world = aTable();
    for (let index = 0; index < 250; index++) {
      await world.put(`user/okta/${String(index).padStart(3, '0')}`, 'grant', index < 200 ? 9e15 : undefined);
    }
    expect((await world.take('grant', 30)).length).toBe(30);
    expect((await world.take('grant', 500)).map(({ subject }) => subject)[0]).toBe('user/okta/200');
    expect((await world.take('grant', 500)).length).toBe(50);
  });

  it('pages through the parked ones', async () => {
    const world = aTable();
    for (let index = 0; index < 25; index++)
      await world.put(`user/okta/${index + 10}`, index % 2 ? 'grant' : 'revocation');
    for (const urgency of ['revocation', 'grant'] as const) {
      for (const mark of await world.take(urgency))
        if (mark.subject.endsWith('5')) await parkMark(world.ports, mark, FINDING);
    }
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await parkedMarks(world.table, TARGET, after, 4);
      seen.push(...page.marks.map(({ subject }) => subject));
      after = page.next;
    } while (after !== undefined);
    expect(seen.sort()).toEqual(['user/okta/15', 'user/okta/25']);
  });
});
