import type { ClusterModeOutcome } from '@gatehouse/core/operations/cluster-mode';
import { placeOf } from '@gatehouse/core/operations/cluster-mode';
import { policyInForce } from '@gatehouse/core/policy/in-force';
import { withMode } from '@gatehouse/core/policy/set-mode';
import { keepDiscovered } from '@gatehouse/core/work/clusters';
import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const POLICY = `apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1 } # ours
discover: [ { account: "${ACCOUNT}", region: eu-west-1, tag: { gatehouse: managed }, mode: observe } ]
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
grants:
  - { name: shared, to: { group: g1, source: okta }, on: { clusters: "prod-*", namespaces: [pay], absentNamespaces: create }, level: pod-lister, through: role }
`;

async function aWorld() {
  const world = await aPipeline({ policy: POLICY, users: ['alice'] });
  await world.settle();
  await world.join('g1', 'alice');
  await world.settle(600_000);
  const run = world.operate;
  const mode = (to?: 'observe' | 'enforce' | 'paused') =>
    run<ClusterModeOutcome>({ operation: 'cluster-mode', cluster: 'prod-eu', ...(to ? { mode: to } : {}) });
  return { ...world, run, mode };
}

describe('the mode of a cluster', () => {
  it('is told with where it stands and what another would mean, and nothing is written', async () => {
    const { mode, writes, table } = await aWorld();
    const before = { table: structuredClone(table.items()), writes: structuredClone(writes()) };
    const now = await mode('enforce');
    expect(now).toMatchObject({
      mode: 'observe',
      place: { in: 'clusters', field: 'clusters.prod-eu.mode' },
      version: 1,
      grants: ['shared'],
      newest: { version: 1, state: 'active', text: POLICY },
    });
    expect(now.would!.asked.create).toBeGreaterThan(0);
    expect((await mode('paused')).would).toMatchObject({ asked: { create: 0 }, enforced: now.would!.asked });
    expect((await mode()).would).toBeUndefined();
    expect({ table: table.items(), writes: writes() }).toEqual(before);
  });

  it('is enforced once its document is, and its plan was what then happens', async () => {
    const { mode, run, settle, clusters } = await aWorld();
    const { newest, would } = await mode('enforce');
    const document = withMode(newest.text, 'prod-eu', 'enforce');
    const uploaded = await run<{ version: number; state: string }>({
      operation: 'upload-policy',
      document,
      by: 'me',
      after: newest.version,
    });
    expect(uploaded).toMatchObject({ version: 2, state: 'proposed' });
    await run({ operation: 'activate-policy', version: 2, by: 'me' });
    await settle(600_000);
    expect(await mode('enforce')).toMatchObject({ mode: 'enforce', would: { asked: { create: 0, update: 0 } } });
    const made = [...clusters.values()][0]!.writes().filter(({ method }) => method === 'create');
    expect(made).toHaveLength(would!.asked.create);
  });

  it('is a conflict where somebody uploaded another document meanwhile, and nothing is kept', async () => {
    const { mode, run } = await aWorld();
    const { newest } = await mode();
    await run({ operation: 'upload-policy', document: `${POLICY}# theirs\n`, by: 'them' });
    const document = withMode(newest.text, 'prod-eu', 'enforce');
    const upload = run({ operation: 'upload-policy', document, by: 'me', after: newest.version });
    await expect(upload).rejects.toMatchObject({ code: 'conflict', remedy: 'begin again with the newest version' });
    expect((await mode()).newest).toMatchObject({ version: 2, text: `${POLICY}# theirs\n` });
  });

  it('is the rule`s where the cluster was discovered, and its own where the policy names it', async () => {
    const { table } = await aWorld();
    const name = 'found';
    const arn = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/${name}`;
    const labels = { gatehouse: 'managed' };
    const found = { name, account: ACCOUNT, region: 'eu-west-1', arn, labels, mode: 'observe' } as const;
    await keepDiscovered(table, found);
    const inForce = (await policyInForce(table))!;
    expect(placeOf(inForce, found)).toEqual({ in: 'discover', field: 'discover[0].mode' });
    const environment = { ...found, labels: { 'gatehouse.dev/environment': 'dev' } };
    expect(placeOf(inForce, environment)).toEqual({ in: 'onboarding', field: 'onboarding.environments.mode' });
    const registered = { ...found, name: 'edge' };
    const registrations = {
      registrations: [{ ...registered, provider: 'OTHER' }],
    } as unknown as typeof inForce.registrations;
    expect(placeOf({ ...inForce, registrations }, registered)).toEqual({ in: 'registration' });
  });
});
