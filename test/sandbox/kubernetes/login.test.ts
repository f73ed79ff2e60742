import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { clusterToken } from '@gatehouse/core/aws/cluster-token';
import { kubernetesOver } from '@gatehouse/core/kubernetes/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AwsEndpoint } from '../../../sandbox/src/aws/endpoint.ts';
import { createAuthenticator } from '../../../sandbox/src/kubernetes/authenticator.ts';
import { makeCertificates } from '../../../sandbox/src/kubernetes/certificates.ts';
import { type KubernetesServer, startKubernetesServer } from '../../../sandbox/src/kubernetes/server.ts';
import { stsAt } from '../../../sandbox/src/kubernetes/sts-caller.ts';
import { publicSts } from '../../../sandbox/src/kubernetes/token.ts';
import { HOME, roleThatTrusts, startEndpoint, userWho } from '../aws/own-endpoint.ts';
import { newState } from './cluster.ts';

/** Signatures and certificates are compared with the real time. */
const clock = { now: () => Date.now() };
const state = newState();
let aws: AwsEndpoint;
let server: KubernetesServer;
let certificateAuthority: string;

type Credentials = Parameters<typeof clusterToken>[0]['credentials'];
const mapRoles = '- rolearn: arn:aws:iam::111122223333:role/ops\n  username: gatehouse:ops:{{SessionNameRaw}}\n';

const awsAuth = (data: Record<string, string>) =>
  state.seed({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'aws-auth', namespace: 'kube-system' }, data });
const cluster = (credentials: Credentials, name = 'prod', endpoint = publicSts(HOME.region)) => {
  const token = () => clusterToken({ cluster: name, region: HOME.region, endpoint, credentials, now: clock.now() });
  return kubernetesOver({ server: server.url, certificateAuthority, token });
};
let ann: Credentials;
let session: Credentials;

beforeAll(async () => {
  aws = await startEndpoint();
  const certificates = await makeCertificates('login', clock);
  certificateAuthority = Buffer.from(certificates.ca).toString('base64');
  const { authenticate } = createAuthenticator({
    clusterName: 'prod',
    stsEndpoint: aws.url,
    clock,
    random: { fraction: () => 0 },
    fetchIdentity: stsAt(aws.url),
    awsAuth: () => state.peek('configmaps', 'kube-system', 'aws-auth')?.data as Record<string, string> | undefined,
  });
  server = await startKubernetesServer({ state, authenticate, host: '127.0.0.1', port: 0, tls: certificates });
  const config = userWho(aws, 'ann', []);
  ann = config.credentials;
  const RoleArn = roleThatTrusts(aws, HOME.account, 'ops', `arn:aws:iam::${HOME.account}:user/ann`);
  const answer = await new STSClient(config).send(
    new AssumeRoleCommand({ RoleArn, RoleSessionName: 'ann@example.com' }),
  );
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = answer.Credentials ?? {};
  session = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
});
afterAll(async () => {
  await server.close();
  await aws.stop();
});

describe('a login, from AssumeRole to the API server', () => {
  it('makes of a session the user that aws-auth says, for as long as it says so', async () => {
    awsAuth({ mapRoles });
    expect(await cluster(session).whoAmI()).toEqual({
      username: 'gatehouse:ops:ann@example.com',
      groups: ['system:authenticated'],
    });
    const ofTheTool = cluster(session, 'prod', aws.url);
    expect((await ofTheTool.whoAmI()).username).toBe('gatehouse:ops:ann@example.com');
    awsAuth({});
    await expect(cluster(session).whoAmI()).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('leaves a living session without rights once its subject is gone', async () => {
    awsAuth({ mapRoles });
    const binding = (...names: string[]) => ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'ops', namespace: 'default' },
      roleRef: { kind: 'ClusterRole', name: 'view' },
      subjects: names.map((name) => ({ kind: 'User', name })),
    });
    state.seed(binding('gatehouse:ops:ann@example.com'));
    expect((await cluster(session).list('ConfigMap', { namespace: 'default' })).items).toEqual([]);
    state.seed(binding());
    await expect(cluster(session).list('ConfigMap', { namespace: 'default' })).rejects.toMatchObject({
      code: 'forbidden',
    });
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a token for another cluster', () => cluster(session, 'staging').whoAmI()],
    ['a forged signature', () => cluster({ ...session, secretAccessKey: 'guess' }).whoAmI()],
    ['a session token of nobody', () => cluster({ ...session, sessionToken: 'guess' }).whoAmI()],
    ['a user who is not mapped', () => cluster(ann).whoAmI()],
  ])('refuses %s', async (_title, call) => {
    awsAuth({ mapRoles });
    await expect(call()).rejects.toMatchObject({ code: 'unauthorized' });
  });
});
