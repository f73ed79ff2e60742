import { Failure } from '@gatehouse/core/access/failure';
import { clusterTarget, verificationTarget } from '@gatehouse/core/access/target';
import { placedClaim } from '@gatehouse/core/plan/bindings';
import { turnKey } from '@gatehouse/core/work/keys';
import { beginTurn } from '@gatehouse/core/work/lease';
import { putMark, readMark } from '@gatehouse/core/work/marks';
import { backOff } from '@gatehouse/core/work/settle';
import { sweep } from '@gatehouse/core/work/sweep';
import { planTarget, takeTurns } from '@gatehouse/core/work/take-turns';
import { TURN_LIMITS } from '@gatehouse/core/work/turn-ports';
import {
  forgetAfterVerification,
  keepForVerification,
  recallForVerification,
} from '@gatehouse/core/work/verification-memory';
import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';
import { memoryTable } from '../../fakes/table.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod`;
const TARGET = clusterTarget(ARN);
const CAUSE = { source: 'okta', event: 'e', type: 'test', receivedAt: 1 };
const policy = (grants = true) => `
apiVersion: gatehouse/v1
clusters:
  prod: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
levels:
  operator: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get] } ] }
grants:
  - { name: watchers, to: { group: 00g9, source: okta }, on: { clusters: "*" }, level: operator, through: user }
${grants ? '  - { name: operators, to: { group: 00g1, source: okta }, on: { clusters: "*" }, level: operator, through: role }' : ''}
`;

/** A settled world, with hands on the marks of its cluster. */
async function aWorld(over: Partial<Parameters<typeof aPipeline>[0]> = {}) {
  const world = await aPipeline({ policy: policy(), users: ['alice', 'bob', 'carol'], ...over });
  await world.settle(600_000);
  const marks = () =>
    world.table
      .items()
      .filter(({ sk }) => sk.startsWith('mark#'))
      .map(readMark);
  const kubernetes = world.clusters.get(ARN)!;
  const bound = () =>
    ['gatehouse:operators:role:0', 'gatehouse:watchers:role:0'].flatMap(
      (name) => kubernetes.peek({ kind: 'ClusterRoleBinding', name })?.subjects?.map((subject) => subject.name) ?? [],
    );
  const turns = () => takeTurns(world.ports, TURN_LIMITS, { version: 1, target: TARGET });
  const turn = async () => (await turns()).at(-1);
  const mark = (user: string, urgency: 'grant' | 'revocation' = 'grant') =>
    putMark(world.ports, { target: TARGET, subject: `user/okta/${user}`, urgency, cause: CAUSE });
  const lost = (queue: 'intake' | 'iam' | 'clusters' | 'later') => {
    for (const { handle } of world.queues.receive(queue)) world.queues.delete(handle);
  };
  return { ...world, marks, kubernetes, bound, turns, turn, mark, lost };
}

describe('a turn', () => {
  it('on a target that another holds does nothing, and comes again when the lease is over', async () => {
    const world = await aWorld();
    await beginTurn(world.ports, TARGET, TURN_LIMITS.lease);
    await world.mark('alice');
    expect(await world.turn()).toEqual({ kind: 'busy' });
    expect(world.queues.nextVisibleAt()).toBe(world.clock.now() + TURN_LIMITS.lease);
    await world.settle();
    expect(world.marks()).toEqual([]);
  });

  it('that finds the ledger or a queue missing does not take the cluster for gone, and forgets nothing', async () => {
    const world = await aWorld();
    await world.join('00g9', 'alice');
    await world.settle(600_000);
    expect(world.bound()).toEqual([`gatehouse:iam-user:${ACCOUNT}:alice`]);
    const { put } = world.ledger;
    Object.assign(world.ledger, {
      put: () => Promise.reject(new Failure('not-found', 'there is no table of that name')),
    });
    await world.leave('00g9', 'alice');
    await world.settle();
    Object.assign(world.ledger, { put });
    world.clock.advance(3_600_000);
    await sweep(world.ports, world.clock.now());
    await world.settle(600_000);
    expect(world.bound()).toEqual([]);
    expect(world.marks()).toEqual([]);
  });

  it('on a target that another holds does not give a sweep up', async () => {
    const world = await aWorld();
    await beginTurn(world.ports, TARGET, TURN_LIMITS.lease);
    await takeTurns(world.ports, TURN_LIMITS, { version: 1, target: TARGET, sweep: { after: 'machine/ci' } });
    world.clock.advance(TURN_LIMITS.lease);
    const [message] = world.queues.receive('later');
    expect(JSON.parse(message!.body)).toMatchObject({ target: TARGET, sweep: { after: 'machine/ci' } });
  });

  it('tells of each revocation, once, how long its event was on the way until all was written', async () => {
    const world = await aWorld();
    await world.join('00g1', 'alice');
    await world.settle(600_000);
    const before = world.metrics.recorded.flatMap(([, values]) => values).length;
    await world.leave('00g1', 'alice');
    await world.settle(600_000);
    const told = world.metrics.recorded.flatMap(([metric, values]) => (metric === 'RevocationLatency' ? values : []));
    // The cluster's, and the role's; that IAM is looked at once more a minute later delays neither.
    expect(told.slice(before)).toHaveLength(2);
    for (const value of told) expect(value).toBeLessThan(60_000);
    await world.mark('bob', 'revocation');
    world.clock.advance(5_000);
    expect(await world.turn()).toMatchObject({ revocations: [world.clock.now() - CAUSE.receivedAt] });
  });

  it('takes revocations first and alone, and then grants', async () => {
    const world = await aWorld();
    await world.mark('alice');
    await world.mark('bob', 'revocation');
    await world.mark('carol', 'revocation');
    const turns = await world.turns();
    expect(turns).toMatchObject([{ marks: 2 }, { marks: 1 }]);
    expect(new Set(turns.map((turn) => 'run' in turn && turn.run)).size).toBe(2);
    expect(world.marks()).toEqual([]);
  });

  it('lets grants gather after a busy one, and wakes the target when they have; revocations do not wait', async () => {
    const world = await aWorld();
    for (let index = 0; index < 100; index++) await world.mark(`p${index}`);
    await world.turn();
    await world.mark('late');
    expect(await world.turns()).toEqual([]);
    await world.mark('urgent', 'revocation');
    expect(await world.turns()).toMatchObject([{ marks: 1 }]);
    expect(world.marks().map(({ subject }) => subject)).toEqual(['user/okta/late']);
    world.lost('clusters');
    await world.settle();
    expect(world.marks()).toEqual([]);
  });

  describe('that grants', () => {
    /** Alice and Carol are bound. Bob joins, and while the cluster is asked about him for the first time, something happens. */
    async function meanwhile(
      happens: (world: Awaited<ReturnType<typeof aWorld>>) => Promise<void>,
      { takes = 0, group = '00g9' } = {},
    ) {
      let once: (() => Promise<void>) | undefined;
      let isSlow = false;
      const world = await aWorld({
        before: async (_cluster, method) => {
          const now = once;
          once = undefined;
          await now?.();
          if (isSlow && method === 'replace') world.clock.advance(takes);
        },
      });
      await world.join(group, 'alice');
      await world.join(group, 'carol');
      await world.settle(600_000);
      await world.join(group, 'bob');
      await world.deliver('intake');
      if (group === '00g1') await world.deliver('iam');
      isSlow = true;
      once = () => happens(world);
      return world;
    }
    const leaves = (user: string) => async (world: Awaited<ReturnType<typeof aWorld>>) => {
      await world.leave('00g9', user);
      await world.deliver('intake');
    };
    const names = (...users: string[]) => users.map((user) => `gatehouse:iam-user:${ACCOUNT}:${user}`);

    it('gives way to who leaves meanwhile, and goes on with what stands then', async () => {
      const world = await meanwhile(leaves('alice'));
      const turns = await world.turns();
      expect(turns).toMatchObject([
        { marks: 1, changes: 2, settled: ['cleared'] },
        { marks: 1, changes: 2, settled: ['cleared'] },
      ]);
      expect('revocations' in turns[0]! && turns[0].revocations).toHaveLength(1);
      expect(world.bound().sort()).toEqual(names('bob', 'carol'));
      await world.settle(600_000);
      expect(world.marks()).toEqual([]);
      expect(world.failures).toEqual([]);
    });

    it('gives nothing to who leaves meanwhile', async () => {
      const world = await meanwhile(leaves('bob'));
      expect(await world.turns()).toMatchObject([
        { changes: 0, settled: ['cleared'] },
        { changes: 0, settled: ['cleared'] },
      ]);
      expect(world.bound().sort()).toEqual(names('alice', 'carol'));
      expect(world.marks()).toEqual([]);
    });

    it('follows the policy that comes meanwhile: what is taken away in between does not come back by it', async () => {
      const world = await meanwhile(
        async (now) => {
          await now.upload(policy(false));
          while (await now.deliver('intake'));
        },
        { group: '00g1' },
      );
      const role = () => world.kubernetes.peek({ kind: 'ClusterRole', name: 'gatehouse:operators' });
      expect(role()).toBeDefined();
      expect(await world.turns()).not.toEqual([]);
      expect(role()).toBeUndefined();
      expect(
        world.table.items().filter(({ pk, sk }) => pk === `target#${TARGET}` && sk === 'record#grant/operators'),
      ).toEqual([]);
      await world.settle(900_000);
      expect(role()).toBeUndefined();
      expect(world.bound()).toEqual([]);
      expect(world.marks()).toEqual([]);
    });

    it('comes first for one worker alone, however that one ends', async () => {
      const world = await aWorld();
      await world.join('00g9', 'carol');
      await world.settle(600_000);
      await world.join('00g9', 'bob');
      await world.leave('00g9', 'carol');
      await world.deliver('intake');
      await world.table.put({
        ...(await world.table.get(turnKey(TARGET)))!,
        rest: { busy: 0, at: 0, until: 0, owed: true },
      });
      const ledger = { ...world.ledger, put: () => Promise.reject(new Error('the worker dies')) };
      const dying = takeTurns({ ...world.ports, ledger }, TURN_LIMITS, { version: 1, target: TARGET });
      await expect(dying).rejects.toThrowError('the worker dies');
      expect(world.bound()).toEqual(names('carol'));
      expect(await world.turns()).toMatchObject([{ revocations: [expect.any(Number)] }, { revocations: [] }]);
      expect(world.bound()).toEqual(names('bob'));
    });

    it('gives way no more once its time is half over', async () => {
      const world = await meanwhile(async (late) => {
        late.clock.advance(TURN_LIMITS.begins);
        await leaves('alice')(late);
      });
      expect(await world.turns()).toMatchObject([{ marks: 1 }]);
      expect(world.bound().sort()).toEqual(names('alice', 'bob', 'carol'));
      await world.settle();
      expect(world.bound().sort()).toEqual(names('bob', 'carol'));
    });

    it('comes first the next time, where revocations took its time', async () => {
      const world = await meanwhile(leaves('alice'), { takes: TURN_LIMITS.work / 2 });
      expect(await world.turns()).toMatchObject([{ settled: ['cleared'] }, { settled: ['postponed'] }]);
      expect(world.bound().sort()).toEqual(names('carol'));
      await world.leave('00g9', 'carol');
      await world.deliver('intake');
      const turns = await world.turns();
      expect(turns).toMatchObject([{ revocations: [] }]);
      expect(world.bound().sort()).toEqual(names('bob', 'carol'));
      await world.settle(600_000);
      expect(world.bound().sort()).toEqual(names('bob'));
      expect(world.marks()).toEqual([]);
    });
  });

  it('keeps a mark whose facts changed while it worked, and passes nothing of it off as done', async () => {
    let change: (() => Promise<void>) | undefined;
    const world = await aWorld({
      before: async () => {
        const once = change;
        change = undefined;
        await once?.();
      },
    });
    await world.say({ type: 'user', source: 'okta', user: 'alice', login: 'alice', at: 1 });
    await world.say({ type: 'membership', source: 'okta', group: '00g9', user: 'alice', state: 'present', at: 2 });
    // Recorded while the turn is at the cluster; its message is lost.
    change = async () => {
      await world.say({ type: 'membership', source: 'okta', group: '00g9', user: 'alice', state: 'absent', at: 3 });
      world.lost('intake');
    };
    await world.deliver('intake');
    expect(await world.turn()).toMatchObject({ settled: ['refreshed'] });
    expect(world.bound()).toEqual([`gatehouse:iam-user:${ACCOUNT}:alice`]);
    await world.settle();
    expect(world.bound()).toEqual([]);
  });

  it('whose time is over leaves the rest to the next one', async () => {
    let slow = 0;
    const world = await aWorld({
      before: async (_cluster, method) => {
        if (slow > 0 && (method === 'replace' || method === 'create')) world.clock.advance(slow);
      },
    });
    await world.join('00g9', 'alice');
    await world.join('00g1', 'alice');
    slow = 7_000;
    await world.settle(600_000);
    slow = 0;
    await world.settle(600_000);
    expect(world.bound().sort()).toEqual([`gatehouse:iam-user:${ACCOUNT}:alice`, 'gatehouse:operators:alice']);
    expect(world.marks()).toEqual([]);
    expect(world.failures).toEqual([]);
  });

  it('marks what its subject brings along for the first time, so that a planner that looked too early misses nothing', async () => {
    const world = await aPipeline({ policy: policy(false), users: ['alice'] });
    await world.settle(600_000);
    await world.join('00g1', 'alice');
    await world.settle();
    // A turn follows the new policy; before it records the grant's Role and door, the policy that drops it is planned.
    const { table } = world;
    let dropped = false;
    const racing = {
      ...table,
      put: async (...parameters: Parameters<typeof table.put>) => {
        const [item] = parameters;
        if (item.pk === 'where#grant/operators' && item.sk === TARGET && !dropped) {
          dropped = true;
          await world.upload(policy(false));
          while (await world.deliver('intake'));
        }
        return table.put(...parameters);
      },
    };
    await world.upload(policy());
    for (const { handle } of world.queues.receive('intake')) world.queues.delete(handle);
    await putMark(world.ports, { target: TARGET, subject: 'user/okta/alice', urgency: 'grant', cause: CAUSE });
    await takeTurns({ ...world.ports, table: racing }, TURN_LIMITS, { version: 1, target: TARGET });
    expect(dropped).toBe(true);
    await world.settle(900_000);
    const kubernetes = world.clusters.get(ARN)!;
    expect(kubernetes.peek({ kind: 'ClusterRole', name: 'gatehouse:operators' })).toBeUndefined();
    expect(table.items().filter(({ sk }) => sk === 'record#grant/operators')).toEqual([]);
  });

  it('that dies after its last write leaves a removal to be verified', async () => {
    const world = await aWorld();
    await world.join('00g9', 'alice');
    await world.settle(600_000);
    await world.leave('00g9', 'alice', world.clock.now() + 1);
    await world.deliver('intake');
    const { table } = world;
    // It stops for ever where it would put the record away.
    const stopped = {
      ...table,
      delete: (...parameters: Parameters<typeof table.delete>) =>
        parameters[0].sk.startsWith('record#') ? new Promise<never>(() => undefined) : table.delete(...parameters),
    };
    void takeTurns({ ...world.ports, table: stopped }, TURN_LIMITS, { version: 1, target: TARGET });
    await new Promise((resolve) => setImmediate(resolve));
    expect(world.marks().filter(({ target }) => target === verificationTarget(ARN)).length).toBe(1);
    world.clock.advance(60_000);
    await world.tick();
    await world.settle(600_000);
    const verified = world.ledger.items().filter(({ kind }) => kind === 'verified');
    expect(JSON.stringify(verified.at(-1)?.evidence)).toContain('"expected":false');
    expect(world.marks()).toEqual([]);
  });

  it('as a dry run writes nothing on the cluster and holds no lease', async () => {
    const world = await aWorld();
    await world.join('00g9', 'alice');
    world.forgetCalls();
    const plan = await planTarget(world.ports, TURN_LIMITS, TARGET, ['user/okta/alice']);
    expect(plan.changes.map(({ change }) => change.kind)).toContain('role-binding');
    expect(world.writes()).toEqual([]);
    expect(await beginTurn(world.ports, TARGET, 1)).toHaveProperty('epoch');
  });

  it('that meets a failure waits for it longer each time, and tries for ever', async () => {
    let broken = false;
    const world = await aWorld({
      before: () => {
        if (broken) throw new Failure('unreachable', 'no answer');
      },
    });
    broken = true;
    await world.join('00g9', 'alice');
    await world.settle(3_600_000);
    const [mark] = world.marks();
    expect(mark?.attempts).toBeGreaterThan(10);
    expect(mark!.notBefore - world.clock.now()).toBeLessThanOrEqual(300_000);
    broken = false;
    await world.settle(600_000);
    expect(world.bound()).toEqual([`gatehouse:iam-user:${ACCOUNT}:alice`]);
  });
});

describe('backing off', () => {
  it.each([
    [0, 0, 500],
    [0, 1, 1_000],
    [3, 0, 4_000],
    [8, 1, 256_000],
    [9, 0, 150_000],
    [5_000, 1, 300_000],
  ])('after %i failures, at chance %d: %i ms', (attempts, fraction, expected) => {
    expect(backOff(attempts, fraction)).toBe(expected);
  });
});

describe('what verification remembers', () => {
  const target = verificationTarget(ARN);
  const claim = (shard: number) =>
    placedClaim(
      {
        subject: 'user/okta/a',
        grant: 'readers',
        binding: 'ClusterRoleBinding/gatehouse:readers:role',
        isNamed: false,
        roleRef: { kind: 'ClusterRole', name: 'x' },
        username: 'gatehouse:readers:a',
      },
      shard,
    );

  it('is forgotten only if nothing came to it since, and holds nothing twice', async () => {
    const table = memoryTable();
    await keepForVerification(table, target, 'user/okta/a', [claim(0)]);
    const proven = await recallForVerification(table, target, 'user/okta/a');
    await keepForVerification(table, target, 'user/okta/a', [claim(0), claim(1)]);
    await forgetAfterVerification(table, target, 'user/okta/a', proven);
    const left = await recallForVerification(table, target, 'user/okta/a');
    expect(left.claims).toEqual([claim(0).claim, claim(1).claim]);
    await forgetAfterVerification(table, target, 'user/okta/a', left);
    expect((await recallForVerification(table, target, 'user/okta/a')).claims).toEqual([]);
  });
});
