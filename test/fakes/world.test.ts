import type { PolicyDocument } from '@gatehouse/core/ports/iam';
import { newIamState } from '../../sandbox/src/aws/iam/state.ts';
import { described } from '../builders/pipeline.ts';
import { ACCOUNT, aCluster } from '../builders/policy.ts';
import { worldContract } from '../contracts/world.ts';
import { memoryEks } from './eks.ts';
import { asUser, memoryKubernetes } from './kubernetes.ts';
import { memorySecrets } from './secrets.ts';
import { memoryWorld } from './world.ts';

const MEMBER = '222233334444';
const OWN_ROLE = { name: 'gatehouse-cluster-access', path: '/gatehouse-system/' };

worldContract('memory', async () => {
  const iamState = newIamState([ACCOUNT, MEMBER], { seed: 'world', now: () => 0 });
  const cluster = aCluster();
  const sessionArn = `arn:aws:sts::${ACCOUNT}:assumed-role/${OWN_ROLE.name}/gatehouse`;
  const world = memoryWorld({
    iamState,
    own: { account: ACCOUNT, sessionArn },
    secrets: memorySecrets(),
    eks: memoryEks([described(cluster.arn)]),
    clusters: new Map([[cluster.arn, memoryKubernetes({ user: asUser('gatehouse-controller') })]]),
  });
  const own = world.iam.get(ACCOUNT)!;
  const member = world.iam.get(MEMBER)!;
  await own.createUser({ name: 'alice', path: '/', tags: {} });
  await member.createUser({ name: 'bob', path: '/', tags: {} });
  const trust = (principal: PolicyDocument, condition?: PolicyDocument): PolicyDocument => ({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: principal,
        Action: 'sts:AssumeRole',
        ...(condition ? { Condition: condition } : {}),
      },
    ],
  });
  await own.createRole({
    ...OWN_ROLE,
    tags: {},
    maxSessionSeconds: 3600,
    trust: trust({ Service: 'lambda.amazonaws.com' }),
  });
  await own.putRolePolicy(OWN_ROLE.name, 'enter', {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: `arn:aws:iam::${MEMBER}:role/gatehouse` }],
  });
  await member.createRole({
    name: 'gatehouse',
    path: '/',
    tags: {},
    maxSessionSeconds: 3600,
    trust: trust({ AWS: `arn:aws:iam::${ACCOUNT}:root` }, { StringEquals: { 'sts:ExternalId': 'external-1' } }),
  });
  return {
    world,
    own: { id: ACCOUNT },
    member: { id: MEMBER, roleArn: `arn:aws:iam::${MEMBER}:role/gatehouse`, externalId: 'external-1' },
    cluster,
    username: 'gatehouse-controller',
    users: { own: 'alice', member: 'bob' },
  };
});
