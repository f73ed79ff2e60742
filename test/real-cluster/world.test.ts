import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { IAMClient } from '@aws-sdk/client-iam';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { systemClock } from '@gatehouse/core/aws/clock';
import { iamOver } from '@gatehouse/core/aws/iam';
import { secretsManager } from '@gatehouse/core/aws/secrets';
import { awsWorld } from '@gatehouse/core/aws/world';
import type { PolicyDocument } from '@gatehouse/core/ports/iam';
import { afterAll, beforeAll, vi } from 'vitest';
import type { FetchIdentity } from '../../sandbox/src/kubernetes/authenticator.ts';
import { aCluster } from '../builders/policy.ts';
import type { Aws } from '../contracts/over-aws.ts';
import { worldContract } from '../contracts/world.ts';
import { type RealCluster, startRealCluster } from './cluster.ts';
import { ACCOUNT, CHECKING, createCluster, type Emulator, REGION, startEmulator } from './emulator.ts';

const MEMBER = '222233334444';
const CLUSTER = aCluster({ account: ACCOUNT, region: REGION });
const USERNAME = 'gatehouse-controller';

let emulator: Emulator;
let cluster: RealCluster;
let eks: Awaited<ReturnType<typeof eksWithACluster>>;
beforeAll(async () => {
  emulator = await startEmulator(CHECKING);
  cluster = await startRealCluster({ name: CLUSTER.name, region: REGION, identity: identityFrom(emulator) });
  eks = await eksWithACluster(emulator, cluster);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await eks?.stop();
  await cluster?.stop();
  await emulator?.stop();
});

/** The emulator's STS as an authenticator asks it; the emulator answers as XML, whatever is asked for. */
function identityFrom({ url }: Emulator): FetchIdentity {
  return async (presigned, headers) => {
    const { host, pathname, search } = new URL(presigned);
    // The host is part of what was signed, and fetch() would set its own.
    const answer = await new Promise<string>((resolve, reject) => {
      const request = httpRequest(new URL(`${pathname}${search}`, url), { headers: { ...headers, host } });
      request.once('response', (response) => text(response).then(resolve, reject));
      request.once('error', reject);
      request.end();
    });
    const [Account, Arn, UserId] = ['Account', 'Arn', 'UserId'].map(
      (element) => new RegExp(`<${element}>([^<]*)</${element}>`).exec(answer)?.[1],
    );
    if (!Account || !Arn || !UserId) return { refusal: answer };
    return { Account, Arn, UserId };
  };
}

/** EKS of the emulator, as if the API server behind its clusters were this one. */
async function eksWithACluster({ url }: Emulator, { url: endpoint, certificateAuthority }: RealCluster) {
  const server = createServer(async (request, response) => {
    const { method = 'GET', headers } = request;
    const forwarded = httpRequest(new URL(request.url ?? '/', url), { method, headers });
    request.pipe(forwarded);
    forwarded.once('response', async (answer) => {
      const body = JSON.parse(await text(answer)) as { cluster?: object };
      if (body.cluster) Object.assign(body.cluster, { endpoint, certificateAuthority: { data: certificateAuthority } });
      const { 'content-length': _length, ...rest } = answer.headers;
      response.writeHead(answer.statusCode ?? 500, rest).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

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
  const Action = ['sts:AssumeRole', 'iam:GetUser', 'eks:DescribeCluster'];
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
  await createCluster(own, CLUSTER.name);
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
