import { IAMClient } from '@aws-sdk/client-iam';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { systemClock } from '@gatehouse/core/aws/clock';
import { iamOver } from '@gatehouse/core/aws/iam';
import { secretsManager } from '@gatehouse/core/aws/secrets';
import { awsWorld } from '@gatehouse/core/aws/world';
import type { PolicyDocument } from '@gatehouse/core/ports/iam';
import { afterAll, beforeAll, vi } from 'vitest';
import { aCluster } from '../builders/policy.ts';
import type { Aws } from '../contracts/over-aws.ts';
import { worldContract } from '../contracts/world.ts';
import { type RealCluster, startRealCluster } from './cluster.ts';
import { type EksService, startEksService } from './eks-service.ts';
import { emulatedSts } from './emulated-sts.ts';
import { ACCOUNT, CHECKING, type Emulator, REGION, startEmulator } from './emulator.ts';

const MEMBER = '222233334444';
const CLUSTER = aCluster({ account: ACCOUNT, region: REGION });
const USERNAME = 'gatehouse-controller';

let emulator: Emulator;
let cluster: RealCluster;
let eks: EksService;
beforeAll(async () => {
  emulator = await startEmulator({ env: CHECKING });
  cluster = await startRealCluster({ name: CLUSTER.name, region: REGION, identity: emulatedSts(emulator.url) });
  eks = await startEksService({ account: ACCOUNT, region: REGION });
  await eks.add(cluster);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await eks?.stop();
  await cluster?.stop();
  await emulator?.stop();
});

const allow = (more: PolicyDocument): PolicyDocument => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', ...more }],
});
const trust = (more: PolicyDocument) => allow({ Action: 'sts:AssumeRole', ...more });

/** The role that clusters admit, and a session of it. */
async function ownSession(aws: Aws) {
  const iam = iamOver(new IAMClient(aws.client));
  const user = await iam.createUser({ name: 'starter', path: '/', tags: {} });
  await iam.putUserPolicy(user.name, 'start', allow({ Action: 'sts:AssumeRole', Resource: '*' }));
  const { id, secret } = await iam.createAccessKey(user.name);
  const role = await iam.createRole({
    name: 'gatehouse-cluster-access',
    path: '/gatehouse-system/',
    trust: trust({ Principal: { AWS: user.arn } }),
    tags: {},
    maxSessionSeconds: 3600,
  });
  const Action = ['sts:AssumeRole', 'iam:GetUser'];
  await iam.putRolePolicy(role.name, 'work', allow({ Action, Resource: '*' }));
  const credentials = { accessKeyId: id, secretAccessKey: secret.reveal() };
  const sts = new STSClient({ ...aws.client, credentials });
  const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn: role.arn, RoleSessionName: 'gatehouse' }));
  return {
    accessKeyId: Credentials!.AccessKeyId!,
    secretAccessKey: Credentials!.SecretAccessKey!,
    sessionToken: Credentials!.SessionToken!,
  };
}

worldContract('the SDK clients over the emulator and a real cluster', async () => {
  const [own, member] = [emulator.aws(), emulator.aws(MEMBER)];
  const [ownIam, memberIam] = [own, member].map((aws) => iamOver(new IAMClient(aws.client)));
  await ownIam!.createUser({ name: 'alice', path: '/', tags: {} });
  await memberIam!.createUser({ name: 'bob', path: '/', tags: {} });
  const memberRole = await memberIam!.createRole({
    name: 'gatehouse-member',
    path: '/gatehouse-system/',
    trust: trust({
      Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` },
      Condition: { StringEquals: { 'sts:ExternalId': 'external-1' } },
    }),
    tags: {},
    maxSessionSeconds: 3600,
  });
  await memberIam!.putRolePolicy(memberRole.name, 'work', allow({ Action: 'iam:GetUser', Resource: '*' }));
  await cluster.operator.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'kube-system', name: 'aws-auth' },
    data: {
      mapRoles: `- rolearn: arn:aws:iam::${ACCOUNT}:role/gatehouse-cluster-access\n  username: ${USERNAME}\n  groups: []\n`,
    },
  });
  // The SDK's clients take their endpoints from the environment, as they do in a function.
  vi.stubEnv('AWS_ENDPOINT_URL', emulator.url);
  vi.stubEnv('AWS_ENDPOINT_URL_EKS', eks.url);
  const credentials = await ownSession(own);
  const world = awsWorld({
    region: REGION,
    clock: systemClock,
    secrets: secretsManager(),
    sessionName: 'contract',
    credentials: async () => credentials,
  });
  // The authenticator sees aws-auth a moment after it is there.
  const { kubernetes } = await world.cluster({ id: ACCOUNT }, CLUSTER);
  await vi.waitFor(() => kubernetes.whoAmI(), { timeout: 20_000, interval: 50 });
  return {
    world,
    own: { id: ACCOUNT },
    member: { id: MEMBER, roleArn: memberRole.arn, externalId: 'external-1' },
    cluster: CLUSTER,
    username: USERNAME,
    users: { own: 'alice', member: 'bob' },
  };
});
