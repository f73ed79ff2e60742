import { Failure } from '@gatehouse/core/access/failure';
import { clusterTarget } from '@gatehouse/core/access/target';
import { clusterKey } from '@gatehouse/core/directory/items';
import { nudgePlanner } from '@gatehouse/core/directory/nudge';
import type { Item, Key } from '@gatehouse/core/ports/table';
import { putExpansion } from '@gatehouse/core/work/intake';
import { expansionKey } from '@gatehouse/core/work/keys';
import { readMark } from '@gatehouse/core/work/marks';
import { planFacts } from '@gatehouse/core/work/plan-facts';
import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod`;
const TARGET = clusterTarget(ARN);
const CAUSE = { source: 'okta', event: 'e', type: 'test', receivedAt: 1 };
const FOREVER = 9e15;
const grant = (name: string, group: string, through = 'user') =>
  `  - { name: ${name}, to: { group: ${group}, source: okta }, on: { clusters: "*" }, level: operator, through: ${through} }`;
const policy = (...grants: string[]) => `
apiVersion: gatehouse/v1
clusters:
  prod: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
levels:
  operator: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get] } ] }
grants:
${grants.join('\n')}
`;
const WATCHERS = grant('watchers', '00g9');

/** A settled world whose planner is called by hand. */
async function aWorld(text = policy(WATCHERS)) {
  const world = await aPipeline({ policy: text, users: ['alice', 'bob'] });
  await world.settle(600_000);
  const { table } = world;
  const dirty = () =>
    table
      .items()
      .filter((item) => typeof item.dirty === 'string')
      .map(({ pk, sk }) => ({ pk, sk }));
  const marked = () =>
    table
      .items()
      .filter(({ sk }) => sk.startsWith('mark#'))
      .map((item) => readMark(item).subject);
  const plan = (keys: readonly Key[] = dirty(), until = FOREVER) => planFacts(world.ports, keys, until);
  const forgetMarks = async () => {
    for (const item of table.items()) if (item.sk.startsWith('mark#')) await table.delete(item);
  };
  const silent = async (...parameters: Parameters<typeof world.join>) => {
    await world.join(...parameters);
    for (const { handle } of world.queues.receive('intake')) world.queues.delete(handle);
  };
  return { ...world, dirty, marked, plan, forgetMarks, silent };
}

describe('the planner', () => {
  it('marks what a dirty fact concerns, and takes it off the list', async () => {
    const world = await aWorld();
    await world.silent('00g9', 'alice');
    expect(await world.plan()).toMatchObject({ planned: 2, unfinished: [] });
    expect(world.marked()).toEqual(['user/okta/alice']);
    expect(world.dirty()).toEqual([]);
    expect(await world.plan([{ pk: 'group#okta#00g9', sk: 'member#alice' }])).toMatchObject({ planned: 0, marks: 0 });
  });

  it('is told of any number of facts in messages that SQS takes', async () => {
    const world = await aWorld();
    const sent: number[] = [];
    const send = async (_queue: string, messages: readonly { body: string }[]) => {
      sent.push(...messages.map(({ body }) => Buffer.byteLength(body)));
    };
    const keys = Array.from({ length: 3000 }, (_, index) => expansionKey(`${'g'.repeat(55)}${index}`, TARGET));
    await nudgePlanner({ ...world.ports, queues: { send } }, keys);
    await nudgePlanner({ ...world.ports, queues: { send } }, []);
    expect(sent).toHaveLength(60);
    expect(Math.max(...sent)).toBeLessThan(256 * 1024);
  });

  it('leaves a fact dirty that changed while it was planned', async () => {
    const world = await aWorld();
    await world.silent('00g9', 'alice');
    const put = world.table.put;
    const keys = world.dirty();
    let again = false;
    const racing = {
      ...world.table,
      put: async (...parameters: Parameters<typeof put>) => {
        if (!again && parameters[0].sk.startsWith('mark#')) {
          again = true;
          await world.leave('00g9', 'alice', world.clock.now() + 1);
        }
        return put(...parameters);
      },
    };
    await planFacts({ ...world.ports, table: racing }, keys, FOREVER);
    expect(world.dirty()).toEqual([{ pk: 'group#okta#00g9', sk: 'member#alice' }]);
  });

  it('leaves facts dirty where another policy came into force meanwhile', async () => {
    const world = await aWorld();
    await world.silent('00g9', 'alice');
    const keys = world.dirty();
    const put = world.table.put;
    let again = false;
    const racing = {
      ...world.table,
      put: async (...parameters: Parameters<typeof put>) => {
        if (!again && parameters[0].sk.startsWith('mark#')) {
          again = true;
          await world.upload(policy(grant('others', '00g9')));
        }
        return put(...parameters);
      },
    };
    const report = await planFacts({ ...world.ports, table: racing }, keys, FOREVER);
    expect(report.planned).toBe(0);
    expect(report.unfinished).toEqual(keys);
    await world.settle(600_000);
    expect(world.dirty()).toEqual([]);
    const names = world.clusters
      .get(ARN)!
      .peek({ kind: 'ClusterRoleBinding', name: 'gatehouse:others:role:0' })?.subjects;
    expect(names?.map(({ name }) => name)).toEqual([`gatehouse:iam-user:${ACCOUNT}:alice`]);
  });

  it('begins no fact after its time, and hands them on', async () => {
    const world = await aWorld();
    await world.silent('00g9', 'alice');
    const keys = world.dirty();
    expect(await world.plan(keys, world.clock.now())).toMatchObject({
      planned: 0,
      marks: 0,
      unfinished: keys,
      failed: [],
    });
    await world.settle();
    expect(world.dirty()).toEqual([]);
  });

  it('plans what stands beside a fact that fails, and lets that one come again', async () => {
    const found = ARN.replace('prod', 'found');
    const world = await aWorld(
      `${policy(WATCHERS)}discover: [ { account: "${ACCOUNT}", region: eu-west-1, tag: { gatehouse: managed } } ]\n`,
    );
    await world.join('00g9', 'alice');
    await world.settle();
    const { describeCluster } = world.eks;
    world.eks.describeCluster = () => Promise.reject(new Failure('forbidden', 'EKS does not answer Gatehouse'));
    await world.say({ type: 'cluster', arn: found, state: 'present', at: world.clock.now() });
    await world.leave('00g9', 'alice');
    expect(world.dirty().map(({ pk }) => pk.split('#')[0])).toEqual(['cluster', 'group']);
    await world.settle();
    expect(world.failures.length).toBeGreaterThan(0);
    expect(new Set(world.failures.map((error) => (error as Failure).message))).toEqual(
      new Set(['EKS does not answer Gatehouse']),
    );
    expect(world.dirty()).toEqual([clusterKey(found)]);
    const binding = { kind: 'ClusterRoleBinding', name: 'gatehouse:watchers:role:0' } as const;
    expect(world.clusters.get(ARN)!.peek(binding)?.subjects ?? []).toEqual([]);
    world.eks.describeCluster = describeCluster;
    await world.plan();
    expect(world.dirty()).toEqual([]);
  });

  it('goes through the people of a grant in pages, from where it was when its time was over', async () => {
    const world = await aWorld();
    for (let index = 0; index < 450; index++) await world.silent('00g9', `p${String(index).padStart(3, '0')}`);
    await world.plan();
    await world.forgetMarks();
    const key = await putExpansion(world.ports, {
      grant: 'watchers',
      scope: TARGET,
      grantees: [{ group: '00g9', source: 'okta' }, { machine: 'ci' }],
      urgency: 'grant',
      cause: CAUSE,
    });
    const seen: number[] = [];
    // Time is over at each look at the clock but the first of each run.
    for (let runs = 0; runs < 10 && world.dirty().length > 0; runs++) {
      let looks = 0;
      const clock = { now: () => (looks++ === 0 ? 0 : world.clock.now()) };
      const { unfinished } = await planFacts({ ...world.ports, clock }, [key], 1);
      seen.push(world.marked().length);
      expect(unfinished).toEqual(world.dirty());
    }
    expect(seen).toEqual([200, 400, 450, 451]);
  });

  it('gives a grant that no planner ever saw, though two policies had it', async () => {
    const world = await aPipeline({ policy: policy(WATCHERS), users: ['alice'] });
    await world.upload(policy(WATCHERS, grant('more', '00g8')));
    await world.settle(600_000);
    const kubernetes = world.clusters.get(ARN)!;
    expect(kubernetes.peek({ kind: 'ClusterRole', name: 'gatehouse:watchers' })).toBeDefined();
  });

  it('wakes a target only after its mark is written, and cleans a fact only after that', async () => {
    const world = await aWorld();
    await world.silent('00g9', 'alice');
    const order: string[] = [];
    const { table, queues } = world;
    const ports = {
      ...world.ports,
      table: {
        ...table,
        put: async (...parameters: Parameters<typeof table.put>) => {
          const [item] = parameters as unknown as [Item];
          order.push(item.sk.startsWith('mark#') ? 'mark' : 'clean');
          return table.put(...parameters);
        },
      },
      queues: {
        send: async (...parameters: Parameters<typeof queues.send>) => {
          order.push('wake');
          return queues.send(...parameters);
        },
      },
    };
    await planFacts(ports, world.dirty(), FOREVER);
    expect(order.filter((step, index) => step !== order[index - 1])).toEqual(['mark', 'wake', 'clean']);
  });
});

describe('an expansion', () => {
  const one = {
    grant: 'watchers',
    scope: 'everywhere',
    urgency: 'revocation',
    grantees: [{ group: 'a', source: 'okta' }],
    cause: CAUSE,
  } as const;

  it('that is asked for while another one waits asks for both', async () => {
    const world = await aWorld();
    await putExpansion(world.ports, one);
    await putExpansion(world.ports, { ...one, urgency: 'grant', grantees: [{ group: 'b', source: 'okta' }] });
    expect(await world.table.get(expansionKey('watchers', 'everywhere'))).toMatchObject({
      urgency: 'revocation',
      grantees: [
        { group: 'a', source: 'okta' },
        { group: 'b', source: 'okta' },
      ],
    });
  });

  it('loses nothing when two ask at the same moment', async () => {
    const world = await aWorld();
    const asked = ['a', 'b', 'c', 'd'].map((group) =>
      putExpansion(world.ports, { ...one, grantees: [{ group, source: 'okta' }] }),
    );
    await Promise.all(asked);
    expect((await world.table.get(expansionKey('watchers', 'everywhere')))?.grantees).toHaveLength(4);
  });

  it('that is planned is forgotten by the next one', async () => {
    const world = await aWorld();
    await putExpansion(world.ports, one);
    await world.plan();
    await putExpansion(world.ports, { ...one, urgency: 'grant', grantees: [{ group: 'b', source: 'okta' }] });
    expect(await world.table.get(expansionKey('watchers', 'everywhere'))).toMatchObject({
      urgency: 'grant',
      grantees: [{ group: 'b', source: 'okta' }],
    });
  });
});

describe('the tick', () => {
  it('reports and hands on what waits, and does not speak of what just came', async () => {
    const world = await aWorld();
    await world.silent('00g9', 'alice');
    expect(await world.tick()).toMatchObject({ facts: 0, targets: 0 });
    world.clock.advance(30_000);
    expect(await world.tick()).toMatchObject({ facts: 2, targets: 0, oldest: 30_000 });
    await world.deliver('intake');
    for (const { handle } of world.queues.receive('clusters')) world.queues.delete(handle);
    world.clock.advance(60_000);
    expect(await world.tick()).toMatchObject({ facts: 0, targets: 1, oldest: 60_000 });
    await world.settle();
    expect(world.marked()).toEqual([]);
    expect(await world.tick()).toEqual({ facts: 0, targets: 0, oldest: 0 });
  });

  it('hands on what just came once it should have been done: a crash costs one minute, not the next one, too', async () => {
    const world = await aWorld();
    await world.silent('00g9', 'alice');
    world.clock.advance(5_000);
    await world.tick();
    expect(world.queues.receive('intake')).toEqual([]);
    world.clock.advance(20_000);
    await world.deliver('intake');
    expect(world.marked()).not.toEqual([]);
    for (const { handle } of world.queues.receive('clusters')) world.queues.delete(handle);
    await world.tick();
    world.clock.advance(20_000);
    await world.settle();
    expect(world.marked()).toEqual([]);
  });

  it('reports the oldest of all that waits, in whatever shard', async () => {
    const world = await aWorld();
    for (const user of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
      await world.silent('00g9', user);
      world.clock.advance(30_000);
    }
    expect(await world.tick()).toMatchObject({ facts: 16, oldest: 240_000 });
    const reversed = await aWorld();
    for (const user of ['h', 'g', 'f', 'e', 'd', 'c', 'b', 'a']) {
      await reversed.silent('00g9', user);
      reversed.clock.advance(30_000);
    }
    expect(await reversed.tick()).toMatchObject({ facts: 16, oldest: 240_000 });
  });
});
