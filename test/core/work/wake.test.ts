import { clusterTarget, roleTarget, verificationTarget } from '@gatehouse/core/access/target';
import { beginTurn, endTurn } from '@gatehouse/core/work/lease';
import { passOn, wake, wakeLater, wakeToSweep } from '@gatehouse/core/work/wake';
import { describe, expect, it } from 'vitest';
import { fixedClock } from '../../fakes/clock.ts';
import { memoryQueues } from '../../fakes/queues.ts';
import { memoryTable } from '../../fakes/table.ts';

const ARN = `arn:aws:eks:eu-west-1:111122223333:cluster/${'long-'.repeat(19)}prod`;
const CLUSTER = clusterTarget(ARN);
const ROLE = roleTarget('111122223333', 'gatehouse-readers');

function aWorld() {
  const clock = fixedClock();
  const table = memoryTable();
  const queues = memoryQueues(clock);
  const ports = { clock, table, queues };
  const take = () => queues.receive('clusters', 1).map(({ handle }) => queues.delete(handle)).length;
  const turn = async () => {
    const lease = await beginTurn(ports, CLUSTER, 12_000);
    if ('busyUntil' in lease) return lease;
    await endTurn(table, lease);
    return lease;
  };
  return { ...ports, ports, take, turn };
}

describe('waking', () => {
  it('sends each target once, to its own queue, whatever the length of its name', async () => {
    const { ports, queues } = aWorld();
    await wake(ports, [CLUSTER, ROLE, CLUSTER, verificationTarget(ARN)]);
    expect([queues.depth('clusters'), queues.depth('iam'), queues.depth('later')]).toEqual([1, 1, 1]);
  });

  it('is one message while no turn began, and another one afterwards', async () => {
    const { ports, queues, turn } = aWorld();
    await wake(ports, [CLUSTER]);
    await wake(ports, [CLUSTER]);
    expect(queues.depth('clusters')).toBe(1);
    await turn();
    await wake(ports, [CLUSTER]);
    expect(queues.depth('clusters')).toBe(2);
  });

  it('with another salt is another message, although the counter stands', async () => {
    const { ports, queues, take } = aWorld();
    await wake(ports, [CLUSTER]);
    take();
    await wake(ports, [CLUSTER]);
    expect(queues.depth('clusters')).toBe(0);
    await wake(ports, [CLUSTER], 'minute 7');
    expect(queues.depth('clusters')).toBe(1);
  });

  it('that was told to wait is not swallowed, where a worker used the last one up and found the target held', async () => {
    const { ports, queues, take, clock } = aWorld();
    await beginTurn(ports, CLUSTER, 12_000);
    await wake(ports, [CLUSTER]);
    take();
    clock.advance(12_000);
    await passOn(ports, { version: 1, target: CLUSTER });
    await passOn(ports, { version: 1, target: CLUSTER });
    expect(queues.depth('clusters')).toBe(1);
  });

  it('later waits in whole seconds, never less than asked for and never beyond what SQS takes', async () => {
    const { ports, queues, clock } = aWorld();
    await wakeLater(ports, CLUSTER, clock.now() + 1_001);
    expect(queues.nextVisibleAt()).toBe(clock.now() + 2_000);
    clock.advance(2_000);
    for (const { handle } of queues.receive('later')) queues.delete(handle);
    await wakeLater(ports, CLUSTER, clock.now() + 3_600_000);
    expect(queues.nextVisibleAt()).toBe(clock.now() + 900_000);
    await wakeLater(ports, CLUSTER, clock.now() - 5);
    expect(queues.receive('later').length).toBe(1);
  });

  it('to sweep is a message of its own at each place', async () => {
    const { ports, queues } = aWorld();
    await wake(ports, [CLUSTER]);
    for (const place of [{}, { parked: 'mark#1#a' }, { after: '' }, { after: 'user/okta/a' }, {}]) {
      await wakeToSweep(ports, CLUSTER, place, 'hour 1');
    }
    expect(queues.depth('clusters')).toBe(5);
  });
});

describe('a lease', () => {
  it('keeps others away until it ends or its time is over, and each has its epoch', async () => {
    const { ports, clock, turn } = aWorld();
    const first = await beginTurn(ports, CLUSTER, 12_000);
    expect(await turn()).toEqual({ busyUntil: clock.now() + 12_000 });
    clock.advance(12_000);
    const second = await beginTurn(ports, CLUSTER, 12_000);
    expect([first, second].map((lease) => 'epoch' in lease && [lease.epoch, lease.counter])).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });

  it('that has passed to somebody else is theirs to end', async () => {
    const { ports, clock, table } = aWorld();
    const first = await beginTurn(ports, CLUSTER, 12_000);
    clock.advance(12_000);
    await beginTurn(ports, CLUSTER, 12_000);
    if ('epoch' in first) await endTurn(table, first);
    expect(await beginTurn(ports, CLUSTER, 12_000)).toHaveProperty('busyUntil');
  });

  it('goes to one of two who ask at the same moment', async () => {
    const { ports, turn } = aWorld();
    await turn();
    const both = await Promise.all([beginTurn(ports, CLUSTER, 12_000), beginTurn(ports, CLUSTER, 12_000)]);
    expect(both.filter((lease) => 'epoch' in lease).length).toBe(1);
  });
});
