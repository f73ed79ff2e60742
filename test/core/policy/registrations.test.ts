import {
  changedRegistrations,
  consoleGrantName,
  MOST_REGISTRATIONS,
  markRegistrationsPlanned,
  putRegistration,
  type Registration,
  readRegistrations,
  removeRegistration,
  withRegistrations,
} from '@gatehouse/core/policy/registrations';
import { selects } from '@gatehouse/core/policy/selection';
import { describe, expect, it } from 'vitest';
import { ACCOUNT, aCluster, aGrant, aPolicy } from '../../builders/policy.ts';
import { fixedClock } from '../../fakes/clock.ts';
import { countingRandom } from '../../fakes/random.ts';
import { memoryTable } from '../../fakes/table.ts';

const ANA = `arn:aws:iam::${ACCOUNT}:user/ana`;
const CAUSE = { source: 'operator', event: 'e', type: 'register-cluster', receivedAt: 0 };
const registration = (over: Partial<Registration> = {}): Registration => ({
  name: 'edge',
  account: ACCOUNT,
  region: 'eu-west-1',
  provider: 'GKE',
  mode: 'enforce',
  consoleUsers: [ANA],
  namespaces: [],
  ...over,
});
const ports = () => ({ table: memoryTable(), clock: fixedClock(), random: countingRandom(0) });

describe('a policy with what was registered beside it', () => {
  it('has the cluster, and a grant of its console users on this cluster alone', () => {
    const policy = withRegistrations(aPolicy(), [registration({ namespaces: ['pay'] })]);
    const edge = policy.clusters.find(({ name }) => name === 'edge')!;
    expect(edge.connected).toEqual({ provider: 'GKE' });
    const grant = policy.grants.find(({ name }) => name === 'console-of-edge')!;
    expect(grant).toMatchObject({ to: [{ principal: ANA }], namespaces: ['pay'], through: 'connector' });
    expect(policy.clusters.filter((cluster) => selects(grant, cluster))).toEqual([edge]);
  });

  it('is the policy where nothing was registered', () => {
    const policy = aPolicy();
    expect(withRegistrations(policy, [])).toBe(policy);
  });

  it('has an account for it, entered with own credentials', () => {
    const policy = withRegistrations(aPolicy(), [registration({ account: '999999999999' })]);
    expect(policy.accounts).toEqual([{ id: ACCOUNT }, { id: '999999999999' }]);
  });

  it.each([
    ['a cluster of the policy, by its ARN', aPolicy({ clusters: [aCluster({ name: 'edge' })] })],
    [
      'a cluster of the policy, by its name',
      aPolicy({ clusters: [aCluster({ name: 'edge', region: 'us-east-1', arn: 'arn:other' })] }),
    ],
  ])('takes nothing of %s', (_title, policy) => {
    expect(withRegistrations(policy, [registration()])).toMatchObject({
      clusters: policy.clusters,
      grants: policy.grants,
    });
  });

  it('takes no grant of the name of one of the policy', () => {
    const own = aGrant({ name: 'console-of-edge' });
    expect(withRegistrations(aPolicy({ grants: [own] }), [registration()]).grants).toEqual([own]);
  });

  it.each(['edge', 'Edge', 'edge_1', 'edge-1', 'E', 'x'.repeat(100), `${'x'.repeat(40)}Y`])(
    'names the grant of %s as grants are named',
    (name) => {
      expect(consoleGrantName(name)).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
    },
  );

  it('names the grants of two clusters differently', () => {
    const names = ['edge', 'Edge', 'EDGE', 'edge_', 'edge-1', 'edge_1', 'x'.repeat(41), 'x'.repeat(42)];
    expect(new Set(names.map(consoleGrantName)).size).toBe(names.length);
  });
});

describe('registrations', () => {
  it('are kept, changed and taken away, and the planner is told each time', async () => {
    const world = ports();
    await putRegistration(world, registration(), CAUSE);
    await putRegistration(world, registration({ consoleUsers: [] }), CAUSE);
    expect((await readRegistrations(world.table)).registrations).toEqual([registration({ consoleUsers: [] })]);
    expect(await removeRegistration(world, registration(), CAUSE)).toBe(true);
    expect(await removeRegistration(world, registration(), CAUSE)).toBe(false);
    const item = await world.table.get({ pk: 'registrations', sk: 'all' });
    expect(item).toMatchObject({ registrations: [], dirty: expect.any(String), dueShard: expect.any(String) });
  });

  it('said once more change nothing', async () => {
    const world = ports();
    await putRegistration(world, registration(), CAUSE);
    const { rev } = await readRegistrations(world.table);
    await putRegistration(world, registration(), CAUSE);
    expect((await readRegistrations(world.table)).rev).toBe(rev);
  });

  it('of two writers at once are both kept', async () => {
    const world = ports();
    await Promise.all(
      Array.from({ length: 8 }, (_, index) => putRegistration(world, registration({ name: `edge-${index}` }), CAUSE)),
    );
    expect((await readRegistrations(world.table)).registrations).toHaveLength(8);
  });

  it(`are at most ${MOST_REGISTRATIONS}`, async () => {
    const world = ports();
    const many = Array.from({ length: MOST_REGISTRATIONS }, (_, index) =>
      registration({ name: `edge-${index}`, consoleUsers: [] }),
    );
    await world.table.put({ pk: 'registrations', sk: 'all', registrations: many as never, rev: 'r' });
    await expect(putRegistration(world, registration({ name: 'one-more' }), CAUSE)).rejects.toMatchObject({
      code: 'too-large',
      remedy: expect.stringContaining('access policy'),
    });
  });

  it('differ from each that stood there since they were planned last, and from nothing afterwards', async () => {
    const world = ports();
    await putRegistration(world, registration(), CAUSE);
    await putRegistration(world, registration({ consoleUsers: [] }), CAUSE);
    await removeRegistration(world, registration(), CAUSE);
    const kept = await readRegistrations(world.table);
    const [change, ...others] = changedRegistrations(aPolicy(), kept);
    expect(others).toEqual([]);
    expect(change!.before.map(({ grants }) => grants.map(({ name }) => name))).toEqual([
      ['readers', 'console-of-edge'],
      ['readers'],
    ]);
    expect(change!.now).toEqual(aPolicy());
    expect(await markRegistrationsPlanned(world.table, kept)).toBe(true);
    expect(changedRegistrations(aPolicy(), await readRegistrations(world.table))).toEqual([]);
    expect(await world.table.get({ pk: 'registrations', sk: 'all' })).not.toHaveProperty('dirty');
  });

  it('that changed while they were planned are planned once more', async () => {
    const world = ports();
    await putRegistration(world, registration(), CAUSE);
    const planned = await readRegistrations(world.table);
    await removeRegistration(world, registration(), CAUSE);
    expect(await markRegistrationsPlanned(world.table, planned)).toBe(false);
    expect(await world.table.get({ pk: 'registrations', sk: 'all' })).toHaveProperty('dirty');
  });
});
