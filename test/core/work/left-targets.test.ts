import type { ObjectRef } from '@gatehouse/core/ports/kubernetes';
import { readMark } from '@gatehouse/core/work/marks';
import { sweep, targetsOfPolicy } from '@gatehouse/core/work/sweep';
import { expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT, policyOf } from '../../builders/policy.ts';

const AWS_AUTH: ObjectRef = { kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' };
const arnOf = (name: string) => `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/${name}`;
const policy = (...clusters: readonly string[]) => `
apiVersion: gatehouse/v1
accounts: { "${ACCOUNT}": {} }
clusters:
${clusters.map((name) => `  ${name}: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }`).join('\n')}
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
levels:
  reader: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get] } ] }
grants:
  - { name: readers, to: { group: 00g1, source: okta }, on: { clusters: "*" }, level: reader, through: user }
`;

it('what cannot be removed from a cluster that left the policy is tried again by every sweep, until it is gone', async () => {
  const world = await aPipeline({ policy: policy('one', 'two'), users: ['alice'] });
  await world.settle();
  await world.join('00g1', 'alice');
  await world.settle();
  const two = world.clusters.get(arnOf('two'))!;
  const there = two.peek(AWS_AUTH)!;
  expect(there.data?.mapUsers).toContain('user/alice');

  two.seed({ ...there, data: { mapUsers: `${there.data!.mapUsers}\t{{` } });
  await world.upload(policy('one'));
  await world.settle(600_000);
  const marks = () =>
    world.table
      .items()
      .filter(({ sk }) => sk.startsWith('mark#'))
      .map((item) => readMark(item));
  expect(marks().map(({ target, finding }) => [target, finding?.code])).toEqual([
    [`cluster/${arnOf('two')}`, 'does-not-parse'],
  ]);
  expect(await targetsOfPolicy(world.table, policyOf(policy('one')))).toContain(`cluster/${arnOf('two')}`);

  two.seed({ ...two.peek(AWS_AUTH)!, data: there.data! });
  world.clock.advance(3_600_000);
  await sweep(world.ports, world.clock.now());
  await world.settle(600_000);
  expect(two.peek(AWS_AUTH)?.data?.mapUsers ?? '').not.toContain('user/alice');
  expect(marks()).toEqual([]);
  expect(await targetsOfPolicy(world.table, policyOf(policy('one')))).toEqual([`cluster/${arnOf('one')}`]);
});
