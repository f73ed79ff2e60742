import { readMark } from '@gatehouse/core/work/marks';
import { expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const policy = `
apiVersion: gatehouse/v1
accounts: { "${ACCOUNT}": {} }
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
levels:
  admin: { clusterRole: cluster-admin }
grants:
  - { name: first, to: { group: 00g1, source: okta }, on: { clusters: prod-eu }, level: admin, through: role }
  - { name: second, to: { group: 00g2, source: okta }, on: { clusters: prod-eu }, level: admin, through: role }
`;

it('the last administrator by one grant goes while another grant has one, and the very last stays', async () => {
  const world = await aPipeline({ policy, users: ['alice', 'bob'] });
  await world.settle();
  await world.join('00g1', 'alice');
  await world.join('00g2', 'bob');
  await world.settle();
  const cluster = world.clusters.get(`arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod-eu`)!;
  const bound = (grant: string) =>
    cluster
      .peek({ kind: 'ClusterRoleBinding', name: `gatehouse:${grant}:clusterrole-cluster-admin:0` })
      ?.subjects?.map(({ name }) => name);
  const findings = () =>
    world.table
      .items()
      .filter(({ sk }) => sk.startsWith('mark#'))
      .map((item) => readMark(item).finding?.code);

  await world.leave('00g1', 'alice', world.clock.now() + 1);
  await world.settle();
  expect([bound('first'), bound('second'), findings()]).toEqual([undefined, ['gatehouse:second:bob'], []]);

  await world.leave('00g2', 'bob', world.clock.now() + 1);
  await world.settle();
  expect([bound('second'), findings()]).toEqual([['gatehouse:second:bob'], ['lockout']]);
});
