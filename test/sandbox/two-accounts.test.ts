import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateClusterCommand, EKSClient } from '@aws-sdk/client-eks';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { CreateRoleCommand, DeleteRoleCommand, DeleteRolePolicyCommand, IAMClient } from '@aws-sdk/client-iam';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { eventRules } from '@gatehouse/core/aws/event-rules';
import { systemRandom } from '@gatehouse/core/aws/random';
import { dynamoTable } from '@gatehouse/core/aws/table';
import { recordFact } from '@gatehouse/core/directory/record';
import type { DoctorOutcome } from '@gatehouse/core/operations/doctor/doctor';
import type { WhoCan } from '@gatehouse/core/operations/who-can';
import { readPolicy } from '@gatehouse/core/policy/read';
import { AuthenticationV1Api, CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { bridgedSources, judgeRule } from '../../cli/src/doctor/event-rules.ts';
import { putPolicy } from '../../sandbox/src/aws/iam/operations.ts';
import { bootstrapCluster } from '../../sandbox/src/bootstrap-cluster.ts';
import { type Issuer, startIssuer } from '../../sandbox/src/internet/issuer.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/sandbox.ts';
import { Job } from './needless.ts';
import {
  answerTo,
  assume,
  clusterAs,
  keysOf,
  oktaEvent,
  operate,
  tableItems,
  tellOkta,
  tellStandard,
} from './outside.ts';

const HOME = '111122223333';
const AWAY = '222233334444';
const POLICY_FILE = join(import.meta.dirname, '../fixtures/policies/two-accounts.yaml');
const user = (name: string) => `arn:aws:iam::${HOME}:user/${name}`;
const ADA = { id: '00uADA', login: 'ada@example.com' };
/** Seconds, on a machine that has nothing else to do. */
const SOON = { timeout: 60_000, interval: 100 };
vi.setConfig({ testTimeout: 120_000 });

let sandbox: Sandbox;
let issuer: Issuer;
const logged: string[] = [];
const job = new Job();
beforeAll(async () => {
  issuer = await startIssuer({ host: 'id.acme.com', accounts: {}, clients: ['kubernetes'] });
  sandbox = await startSandbox({
    port: 0,
    internet: { 'id.acme.com': issuer.played },
    policyFile: POLICY_FILE,
    users: [user('ada'), user('people/ben'), user('cleo'), user('dora')],
    log: (line) => logged.push(line),
  });
  job.watch(sandbox);
  // In another account, one's own account must allow it, too.
  const mayAssume = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }],
  };
  for (const name of ['ada', 'dora'])
    putPolicy(sandbox.endpoint.iam, HOME, 'user', name, 'assume', JSON.stringify(mayAssume));
}, 60_000);
afterAll(async () => {
  await sandbox?.stop();
  await issuer?.stop();
});

const role = (account: string, grant: string) => `arn:aws:iam::${account}:role/gatehouse/gatehouse-${grant}`;
/** Somebody's session of a role; undefined where STS refuses it. */
const session = (arn: string, of: string, name: string) =>
  assume(sandbox, keysOf(sandbox, arn), of, name).catch(() => undefined);
const reads = async (
  cluster: string,
  credentials: Parameters<typeof clusterAs>[2] | undefined,
  namespace = 'default',
) =>
  credentials === undefined
    ? 'no session'
    : answerTo(clusterAs(sandbox, cluster, credentials).list('ConfigMap', { namespace }));
const administrator = () => ({
  endpoint: sandbox.endpoint.url,
  region: 'eu-west-1',
  credentials: sandbox.administrator,
});

describe('a cluster of another account', () => {
  const away = () => session(user('ada'), role(AWAY, 'readers'), 'ada');

  it('answers the handshake of Okta', async () => {
    const ask = (authorization: string) =>
      fetch(`${sandbox.webhookUrl}/okta`, {
        headers: { authorization, 'x-okta-verification-challenge': 'a challenge' },
      });
    const answer = await ask(sandbox.webhookSecret('okta'));
    expect([answer.status, await answer.json()]).toEqual([200, { verification: 'a challenge' }]);
    expect((await ask('something else')).status).toBe(401);
  });

  it('lets a member in by the member’s own token, and out while the session lives', async () => {
    expect(await tellOkta(sandbox, [oktaEvent('group.user_membership.add', ADA, '00gREADERS')])).toBe(204);
    await expect.poll(async () => reads('away', await away()), SOON).toBe('allowed');
    const living = (await away())!;
    expect(await clusterAs(sandbox, 'away', living).whoAmI()).toMatchObject({ username: 'gatehouse:readers:ada' });
    expect(await reads('away', living, 'kube-system')).toBe('forbidden');
    expect(await tellOkta(sandbox, [oktaEvent('group.user_membership.remove', ADA, '00gREADERS')])).toBe(204);
    await expect.poll(() => reads('away', living), SOON).toBe('forbidden');
    await expect.poll(async () => (await away()) === undefined, SOON).toBe(true);
  });

  it('does not let a deactivated user in, whatever groups still name them', async () => {
    expect(await tellOkta(sandbox, [oktaEvent('group.user_membership.add', ADA, '00gREADERS')])).toBe(204);
    await expect.poll(async () => reads('away', await away()), SOON).toBe('allowed');
    const living = (await away())!;
    expect(await tellOkta(sandbox, [oktaEvent('user.lifecycle.deactivate', ADA)])).toBe(204);
    await expect.poll(() => reads('away', living), SOON).toBe('forbidden');
    expect(await tellOkta(sandbox, [oktaEvent('user.lifecycle.activate', ADA)])).toBe(204);
    await expect.poll(async () => reads('away', await away()), SOON).toBe('allowed');
  });

  it('gives nobody the name of somebody else', async () => {
    // Ada is a member; Dora is not, and neither may call herself another name.
    await expect.poll(() => session(user('ada'), role(HOME, 'readers'), 'ada'), SOON).toBeDefined();
    expect(await session(user('ada'), role(HOME, 'readers'), 'dora')).toBeUndefined();
    expect(await session(user('dora'), role(HOME, 'readers'), 'ada')).toBeUndefined();
    expect(await session(user('dora'), role(HOME, 'readers'), 'dora')).toBeUndefined();
    // An administrator of the account does not come in by it, either.
    const admin = assume(sandbox, sandbox.administrator, role(HOME, 'readers'), 'ada');
    await expect(admin).rejects.toMatchObject({ name: 'AccessDenied' });
  });
});

describe('through: user', () => {
  it('lets a person in with the IAM user they have, and out again', async () => {
    const ben = keysOf(sandbox, user('people/ben'));
    const member = { group: { id: 'own-keys' }, user: { id: 'ben' } };
    expect(await reads('home', ben)).toBe('unauthorized');
    expect(await tellStandard(sandbox, 'group.member-added', member)).toBe(204);
    await expect.poll(() => reads('home', ben), SOON).toBe('allowed');
    expect(await clusterAs(sandbox, 'home', ben).whoAmI()).toMatchObject({
      username: `gatehouse:iam-user:${HOME}:ben`,
    });
    expect(await reads('home', ben, 'kube-system')).toBe('forbidden');
    expect(await tellStandard(sandbox, 'group.member-removed', member)).toBe(204);
    await expect.poll(() => reads('home', ben), SOON).not.toBe('allowed');
  });

  it.each([
    ['home', HOME],
    ['away', AWAY],
  ])(
    'gives the machine a key of its own for %s, which may do what the grant says and no more',
    async (cluster, account) => {
      const secrets = new SecretsManagerClient(administrator());
      const SecretId = `gatehouse/keys/${account}/gatehouse-ci`;
      const keys = await expect
        .poll(() => secrets.send(new GetSecretValueCommand({ SecretId })).catch(() => undefined), SOON)
        .toBeDefined()
        .then(() => secrets.send(new GetSecretValueCommand({ SecretId })));
      secrets.destroy();
      const credentials = JSON.parse(keys.SecretString!) as { accessKeyId: string; secretAccessKey: string };
      const machine = clusterAs(sandbox, cluster, credentials);
      await expect.poll(() => answerTo(machine.whoAmI()), SOON).toBe('allowed');
      expect(await machine.whoAmI()).toMatchObject({ username: `gatehouse:iam-user:${account}:gatehouse-ci` });
      const may = async (verb: string, resource: string, group: string, namespace: string) => {
        const api = clusterAs(sandbox, cluster, sandbox.administratorOf(account));
        const user = `gatehouse:iam-user:${account}:gatehouse-ci`;
        return (await api.review({ user, groups: ['system:authenticated'], verb, resource, group, namespace })).allowed;
      };
      await expect.poll(() => may('create', 'deployments', 'apps', 'default'), SOON).toBe(true);
      expect(await may('create', 'deployments', 'apps', 'kube-system')).toBe(false);
      expect(await answerTo(machine.list('ConfigMap', { namespace: 'default' }))).toBe('forbidden');
      // In AWS, the boundary and the policy leave it nothing but the cluster's description.
      const iam = new IAMClient({ ...administrator(), credentials });
      await expect(iam.send(new DeleteRoleCommand({ RoleName: 'gatehouse-readers' }))).rejects.toMatchObject({
        name: 'AccessDenied',
      });
      iam.destroy();
    },
  );
});

describe('a printed kubeconfig', () => {
  it('is taken by the official client, and says that it is the administrator', async () => {
    const config = new KubeConfig();
    config.loadFromFile(sandbox.clusters.away!.kubeconfig);
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const { status } = await config.makeApiClient(AuthenticationV1Api).createSelfSubjectReview({ body: review });
    expect(status?.userInfo).toMatchObject({ groups: expect.arrayContaining(['system:masters']) });
    const { items } = await config.makeApiClient(CoreV1Api).listNamespace();
    expect(items.map(({ metadata }) => metadata?.name)).toContain('kube-system');
  });
});

describe('what EventBridge tells', () => {
  const cloudTrail = (service: string, eventName: string, said: object) => ({
    source: `aws.${service}`,
    detailType: 'AWS API Call via CloudTrail',
    account: HOME,
    region: 'eu-west-1',
    detail: {
      eventSource: `${service}.amazonaws.com`,
      eventName,
      eventTime: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
      eventID: randomUUID(),
      ...said,
    },
  });
  const cognito = (eventName: string, account = HOME) => {
    const said = {
      requestParameters: { userPoolId: 'eu-west-1_Ab1Cd2Ef3', groupName: 'platform' },
      additionalEventData: { sub: '62e5a4c4-7051-70d1-8f04-0a1b2c3d4e5f' },
    };
    sandbox.endpoint.events.put('default', { ...cloudTrail('cognito-idp', eventName, said), account });
  };
  const cleo = () => session(user('cleo'), role(HOME, 'pool'), 'cleo');

  it('is not believed where the account is foreign, and is where it is not', async () => {
    cognito('AdminAddUserToGroup', '999999999999');
    await expect.poll(() => logged.some((line) => line.includes('foreign-account')), SOON).toBe(true);
    expect(await cleo()).toBeUndefined();
    cognito('AdminAddUserToGroup');
    await expect.poll(async () => reads('home', await cleo()), SOON).toBe('allowed');
    const living = await cleo();
    cognito('AdminDisableUser');
    await expect.poll(() => reads('home', living), SOON).toBe('forbidden');
  });

  it('cannot be said by anybody but AWS', async () => {
    const events = new EventBridgeClient(administrator());
    const entry = { Source: 'aws.cognito-idp', DetailType: 'AWS API Call via CloudTrail', Detail: '{}' };
    const { FailedEntryCount } = await events.send(new PutEventsCommand({ Entries: [entry] }));
    events.destroy();
    expect(FailedEntryCount).toBe(1);
  });

  it('a new cluster with the tag joins by itself', async () => {
    const eks = new EKSClient(administrator());
    await eks.send(
      new CreateClusterCommand({
        name: 'fresh',
        roleArn: `arn:aws:iam::${HOME}:role/eks`,
        resourcesVpcConfig: {},
        tags: { gatehouse: 'managed' },
      }),
    );
    eks.destroy();
    const record = () => sandbox.endpoint.clusters.get(HOME, 'eu-west-1', 'fresh')!;
    await expect.poll(() => record().status, SOON).toBe('ACTIVE');
    const reading = readPolicy(readFileSync(POLICY_FILE, 'utf8'));
    if (!reading.ok) throw new Error('the fixture is no policy');
    const { arn } = record();
    await bootstrapCluster({
      policy: reading.policy,
      cluster: { name: 'fresh', arn, account: HOME, region: 'eu-west-1', labels: {}, mode: 'enforce' },
      record: record(),
      administrator: sandbox.administrator,
      role: `arn:aws:iam::${HOME}:role/gatehouse-system/gatehouse-cluster-access`,
    });
    const ada = () => session(user('ada'), role(HOME, 'readers'), 'ada');
    await expect.poll(async () => reads('fresh', await ada()), SOON).toBe('allowed');
  });

  it('a role that somebody deletes is made again', async () => {
    const iam = new IAMClient(administrator());
    const RoleName = 'gatehouse-readers';
    await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: 'gatehouse-clusters' }));
    await iam.send(new DeleteRoleCommand({ RoleName }));
    iam.destroy();
    const roles = sandbox.endpoint.iam.accounts.get(HOME)!.roles;
    await expect.poll(() => roles.has(RoleName), SOON).toBe(true);
    await expect.poll(() => session(user('ada'), role(HOME, 'readers'), 'ada'), SOON).toBeDefined();
  });

  it('a cluster of another account is asked for there, and is not taken in where it does not exist', async () => {
    sandbox.endpoint.events.put('default', {
      ...cloudTrail('eks', 'CreateCluster', { requestParameters: { name: 'phantom' } }),
      account: AWAY,
      region: 'eu-central-1',
    });
    const asked = () => logged.some((line) => line.includes('gatehouse-plan-access') && line.includes('"planned":1'));
    await expect.poll(asked, SOON).toBe(true);
    type Status = { clusters: { name: string }[] };
    const { clusters } = await operate<Status>(sandbox, { operation: 'status' });
    expect(clusters.map(({ name }) => name).sort()).toEqual(['away', 'fresh', 'home']);
  });

  it('an uploaded policy that is invalid leaves the old one in force, and says so', async () => {
    const s3 = new S3Client({ ...administrator(), forcePathStyle: true });
    const Bucket = sandbox.stack.wiring.buckets[0]!.name;
    const put = (Body: string) => s3.send(new PutObjectCommand({ Bucket, Key: 'access-policy.yaml', Body }));
    type Status = { policy: { version: number }; refused?: { errors: { line: number; message: string }[] } };
    const before = await operate<Status>(sandbox, { operation: 'status' });
    await put('apiVersion: gatehouse/v1\ngrants: [ { name: x } ]\n');
    await expect
      .poll(async () => (await operate<Status>(sandbox, { operation: 'status' })).refused, SOON)
      .toBeDefined();
    const after = await operate<Status>(sandbox, { operation: 'status' });
    expect(after.policy).toEqual(before.policy);
    expect(after.refused?.errors[0]?.line).toBe(2);
    await put(readFileSync(POLICY_FILE, 'utf8'));
    await expect
      .poll(async () => (await operate<Status>(sandbox, { operation: 'status' })).refused, SOON)
      .toBeUndefined();
    s3.destroy();
  });
});

describe('time', () => {
  /** Fires the schedules of the template that come this often. */
  const fire = (everySeconds: number) => {
    for (const schedule of sandbox.stack.wiring.schedules) {
      if (schedule.everySeconds !== everySeconds) continue;
      const input = schedule.input.replace('<aws.scheduler.scheduled-time>', new Date().toISOString());
      sandbox.stack.functions.invokeLater(schedule.function, input);
    }
  };

  it('puts right within the hour what somebody changed by hand', async () => {
    const admin = clusterAs(sandbox, 'home', sandbox.administrator);
    const role = { kind: 'Role', namespace: 'default', name: 'gatehouse:readers' } as const;
    const there = (await admin.read(role))!;
    await admin.replace({ ...there, rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] });
    fire(3600);
    await expect.poll(async () => (await admin.read(role))?.rules, SOON).toEqual(there.rules);
  });

  it('finds within the minute a fact whose message was lost', async () => {
    const { tables } = sandbox.stack.wiring;
    const { name: tableName } = tables.find(({ logicalId }) => logicalId === 'StateTable')!;
    const client = new DynamoDBClient(administrator());
    const table = dynamoTable({ tableName, client });
    const at = Date.now();
    const ports = { table, clock: { now: () => at - 60_000 }, random: systemRandom };
    const fact = {
      type: 'membership',
      source: 'standard',
      group: 'own-keys',
      user: 'ben',
      state: 'present',
      at,
    } as const;
    await recordFact(ports, fact, { source: 'standard', event: 'lost', type: 'group.member-added', receivedAt: at });
    client.destroy();
    fire(60);
    await expect.poll(() => reads('home', keysOf(sandbox, user('people/ben'))), SOON).toBe('allowed');
  });
});

/** What EKS has for the cluster of the own account. */
const provider = () => {
  const { clusters } = sandbox.endpoint;
  return clusters.settings(clusters.get(HOME, 'eu-west-1', 'home')!).provider;
};

describe('an identity provider', () => {
  it('is associated with the cluster of the own account', async () => {
    await expect.poll(() => provider()?.status, SOON).toBe('ACTIVE');
  });
});

describe('through: sso', () => {
  const roleNamed = (suffix: string) => `AWSReservedSSO_Viewer_${suffix}`;
  const lines = async () => {
    const credentials = sandbox.administratorOf(HOME);
    const ref = { kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' } as const;
    return (await clusterAs(sandbox, 'home', credentials).read(ref))?.data?.mapRoles ?? '';
  };

  it('finds the role of the permission set once Identity Center has made it, and follows it when it is made anew', async () => {
    const iam = new IAMClient(administrator());
    const provision = (suffix: string) =>
      iam.send(
        new CreateRoleCommand({
          RoleName: roleNamed(suffix),
          Path: '/aws-reserved/sso.amazonaws.com/eu-west-1/',
          AssumeRolePolicyDocument:
            '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}',
        }),
      );
    const [first, second] = ['0123456789abcdef', 'fedcba9876543210'] as const;
    await provision(first);
    await expect.poll(lines, SOON).toContain(roleNamed(first));
    await iam.send(new DeleteRoleCommand({ RoleName: roleNamed(first) }));
    await provision(second);
    await expect.poll(lines, SOON).toContain(roleNamed(second));
    await expect.poll(lines, SOON).not.toContain(roleNamed(first));
    iam.destroy();
  });
});

describe('a dry run', () => {
  it.each([
    `iam/${HOME}/role/gatehouse-readers`,
    `iam/${AWAY}/user/gatehouse-ci`,
    `iam/${HOME}/user/gatehouse-ci`,
    `iam/${HOME}/policy/EKS_CICD_User_Policy`,
    `iam/${HOME}/permission-set/Viewer`,
    `cluster/arn:aws:eks:eu-west-1:${HOME}:cluster/home`,
  ] as const)('of %s finds all as it should be', async (target) => {
    const plan = () => operate<{ changes: unknown[]; findings: unknown[] }>(sandbox, { operation: 'plan', target });
    await expect.poll(async () => (await plan()).changes, SOON).toEqual([]);
    expect((await plan()).findings).toEqual([]);
  });
});

describe('what a person may ask of both accounts', () => {
  it('doctor: queues, accounts and clusters are well, seen with the function’s own permissions', async () => {
    const { checks } = await operate<DoctorOutcome>(sandbox, { operation: 'doctor' });
    expect(checks.filter(({ check }) => check === 'queue')).toHaveLength(7);
    expect(checks.filter(({ check }) => check === 'account').map(({ of }) => of)).toEqual([HOME, AWAY]);
    expect(checks.filter(({ check, verdict }) => /queue|account/.test(check) && verdict !== 'ok')).toEqual([]);
    for (const cluster of ['home', 'away']) {
      const one = await operate<Pick<DoctorOutcome, 'checks'>>(sandbox, { operation: 'doctor', cluster });
      expect(one.checks.filter(({ verdict }) => verdict !== 'ok').map(({ check }) => check)).toEqual(['session-names']);
    }
  });

  it('doctor: the rules of the template, as EventBridge lists them', async () => {
    const bridged = bridgedSources(['cognito']);
    const rules = await eventRules(Object.keys(bridged), administrator());
    expect(rules.map(({ enabled, targets }) => ({ enabled, targets }))).toEqual(
      Array(4).fill({ enabled: true, targets: 1 }),
    );
    for (const [source, what] of Object.entries(bridged)) {
      expect(judgeRule(source, what, rules).verdict).toBe('ok');
    }
    expect(await eventRules(['aws.ec2'], administrator())).toEqual([]);
  });

  it('who-can: the member behind the shared role of the other account', async () => {
    const question = { verb: 'list', group: '', resource: 'configmaps', namespace: 'default' };
    const { holders } = await operate<WhoCan>(sandbox, { operation: 'who-can', cluster: 'away', question });
    const given = holders.filter(({ grant }) => grant === 'readers');
    expect(given).not.toEqual([]);
    for (const { arn, session: name, person, by } of given) {
      expect({ arn, name, person, by }).toEqual({
        arn: `arn:aws:iam::${AWAY}:role/gatehouse-readers`,
        name: expect.any(String),
        person: expect.stringMatching(/^user\//),
        by: 'gatehouse',
      });
    }
  });
});

describe('a policy that gives less', () => {
  it('takes the machine’s user, key and secret away', async () => {
    const s3 = new S3Client({ ...administrator(), forcePathStyle: true });
    const Bucket = sandbox.stack.wiring.buckets[0]!.name;
    const text = readFileSync(POLICY_FILE, 'utf8');
    const Body = text.slice(0, text.indexOf('  - name: ci')).replace(/^identityProviders:[\s\S]*?(?=^grants:)/m, '');
    await s3.send(new PutObjectCommand({ Bucket, Key: 'access-policy.yaml', Body }));
    s3.destroy();
    const { iam, secrets } = sandbox.endpoint;
    for (const account of [HOME, AWAY]) {
      await expect.poll(() => iam.accounts.get(account)!.users.has('gatehouse-ci'), SOON).toBe(false);
      expect(secrets.valueOf(HOME, 'eu-west-1', `gatehouse/keys/${account}/gatehouse-ci`)).toBeUndefined();
    }
  });

  it('takes the identity provider away', async () => {
    await expect.poll(provider, SOON).toBeUndefined();
  });
});

describe('the template', () => {
  it('has no wire without which all this would have worked', async () => {
    const root = join(import.meta.dirname, '../..');
    expect((await job.needless(sandbox, root)).sort()).toEqual([
      // All have a default. Without them, own calls count as news (see below), IAM refuses whatever is made without the
      // boundary, secrets are encrypted by the key that AWS keeps for them, and the sandbox's own upload stays proposed.
      'OWN_ROLES',
      'PERMISSIONS_BOUNDARY',
      'POWERTOOLS_LOG_LEVEL',
      'SECRETS_KEY',
      'TRUST_UPLOADED_POLICY',
      // Tells an object that is gone from one that may not be read.
      'gatehouse-PlanAccessRole: Allow s3:ListBucket',
      // Clusters elsewhere, of which there are none here: test/cli/connected-clusters.test.ts needs each of these.
      'gatehouse-ReconcileIamRole: Allow eks:DeregisterCluster',
      'gatehouse-ReconcileIamRole: Allow eks:DescribeCluster,eks:TagResource',
      'gatehouse-ReconcileIamRole: Allow eks:RegisterCluster',
      'gatehouse-ReconcileIamRole: Allow iam:CreateServiceLinkedRole',
      'gatehouse-ReconcileIamRole: Allow iam:PassRole',
      'gatehouse-ReconcileIamRole: Allow secretsmanager:GetSecretValue,secretsmanager:CreateSecret,secretsmanager:PutSecretValue,secretsmanager:TagResource,secretsmanager:DeleteSecret',
      'gatehouse-ReconcileIamRole: Allow ssm:CreateActivation,ssm:DeleteActivation',
      // Gatehouse never means to touch its own roles: this stands behind all that keeps it from doing so.
      'gatehouse-ReconcileIamRole: Deny iam:*',
      'gatehouse-cluster-access: Allow secretsmanager:GetSecretValue',
    ]);
    expect(logged.filter((line) => line.includes('"own-call"')).length).toBeGreaterThan(0);
  });
});

describe('secrets', () => {
  it('stand in no log line and in no item of any table', async () => {
    const { iam } = sandbox.endpoint;
    const keys = [...iam.accounts.values()].flatMap(({ users }) =>
      [...users.values()].flatMap((each) => [...each.keys.values()].map(({ secret }) => secret)),
    );
    const secrets = [...keys, sandbox.webhookSecret('okta'), sandbox.webhookSecret('standard')];
    const texts = [...logged, ...(await tableItems(sandbox))];
    expect(secrets.length).toBeGreaterThan(5);
    expect(texts.length).toBeGreaterThan(100);
    expect(texts.filter((text) => secrets.some((secret) => text.includes(secret)))).toEqual([]);
    // Nor does a token: it is as good as its session for a quarter of an hour.
    expect(texts.filter((text) => /k8s-aws-v1\.|X-Amz-Signature/.test(text))).toEqual([]);
  });
});
