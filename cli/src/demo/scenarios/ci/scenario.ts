import { AssumeRoleWithWebIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { CLIENT_DEFAULTS } from '@gatehouse/core/aws/client-defaults';
import type { AwsCredentials } from '@gatehouse/core/aws/cluster-token';
import type { RotatedKey } from '@gatehouse/core/operations/rotate-key';
import { createOidcProvider } from '@gatehouse/sandbox/aws/iam/operations';
import { managedDocument } from '@gatehouse/sandbox/aws/iam/state';
import { playedIssuer } from '@gatehouse/sandbox/aws/played-issuer';
import { type Ask, answers, showAnswers } from '../../asking.ts';
import { ACCOUNT, PROD, REGION, roleArnOf, STAGING } from '../../cast.ts';
import { CHANGE_HEAD, changeRows } from '../../changes.ts';
import { askCluster, type Question } from '../../cluster-session.ts';
import { CLUSTER_OBJECTS } from '../../clusters.ts';
import { examplePolicy, type Scenario, type Scene } from '../../scenario.ts';
import type { Stage } from '../../stage.ts';
import { type Traces, takeBack, tracesOf } from '../../taken-back.ts';
import { until } from '../../until.ts';

const USER = 'eks-cicd-user';
const SECRET = `gatehouse/keys/${ACCOUNT}/${USER}`;
const POLICY_ARN = `arn:aws:iam::${ACCOUNT}:policy/gatehouse/EKS_CICD_User_Policy`;
const DEPLOYMENTS = '/apis/apps/v1/namespaces/pay/deployments';
const GITHUB = { url: 'https://token.actions.githubusercontent.com', audience: 'sts.amazonaws.com' } as const;
const MAIN_BRANCH = 'repo:acme/payments:ref:refs/heads/main';

const ask = (text: string, path: string, more: Partial<Question> = {}): Question => ({
  text,
  cluster: PROD.name,
  path,
  ...more,
});
const web = (version: number) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'pay' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: `registry.example.com/web:${version}` }] },
    },
  },
});

/** What a pipeline gets to hear. */
const PIPELINE: readonly Ask[] = [
  [ask('create a deployment in pay', DEPLOYMENTS, { method: 'POST', body: web(1) }), 'allowed'],
  [ask('update it', `${DEPLOYMENTS}/web`, { method: 'PUT', body: web(2) }), 'allowed'],
  [ask('delete it', `${DEPLOYMENTS}/web`, { method: 'DELETE' }), 'allowed'],
  [ask('read a secret in pay', '/api/v1/namespaces/pay/secrets/card-processor'), 'denied'],
  [ask('list pods in pay', '/api/v1/namespaces/pay/pods'), 'denied'],
  [ask('list deployments in shop', '/apis/apps/v1/namespaces/shop/deployments'), 'denied'],
  [ask('read aws-auth', '/api/v1/namespaces/kube-system/configmaps/aws-auth'), 'denied'],
  [
    ask('give itself more in pay', '/apis/rbac.authorization.k8s.io/v1/namespaces/pay/rolebindings', {
      method: 'POST',
      body: {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'mine', namespace: 'pay' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'admin' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: USER }],
      },
    }),
    'denied',
  ],
  [{ text: 'list deployments in pay', cluster: STAGING.name, path: DEPLOYMENTS }, 'stranger'],
];

const MAY_IT = ask('list deployments in pay', DEPLOYMENTS);

/** A CI user confined to one namespace: with a key, without one, and gone. */
export function ciScenario(): Scenario {
  let before: Traces;
  return {
    about: 'a pipeline deploys one application and can do nothing else, with a key that is rotated, and without any',
    policyFile: examplePolicy('ci'),
    clusterObjects: CLUSTER_OBJECTS,
    acts: [
      {
        title: 'A pipeline gets a user of its own',
        play: async (scene) => {
          before = await tracesOf(scene.stage);
          await userAct(scene);
        },
      },
      { title: 'What it may do, and what not', play: rightsAct },
      { title: 'Its key is rotated', play: rotationAct },
      { title: 'A workflow comes with a token of GitHub’s, and without any key', play: tokenAct },
      { title: 'All of it is taken back', play: (scene) => takeBack(scene, before) },
    ],
  };
}

async function userAct({ stage, show }: Scene): Promise<void> {
  await until('both pipelines are verified on prod-eu', stage.patience, async () => {
    const entries = await stage.chain(`cluster/${PROD.arn}`);
    const verified = new Set(entries.filter(({ kind }) => kind === 'verified').flatMap(({ subjects }) => subjects));
    return verified.has('machine/payments-ci') && verified.has('machine/payments-actions') ? true : undefined;
  });
  await stage.rest();
  show.table(
    CHANGE_HEAD,
    changeRows(await stage.entries(), show.output.style, () => 'policy'),
  );
  const { users } = stage.sandbox.endpoint.iam.accounts.get(ACCOUNT)!;
  show.expect('its user has the managed policy, and no other', [...(users.get(USER)?.attached ?? [])], [POLICY_ARN]);
  show.expect(
    'the policy lets it look up just its cluster',
    managedDocument(stage.sandbox.endpoint.iam, POLICY_ARN)?.Statement,
    [{ Action: 'eks:DescribeCluster', Effect: 'Allow', Resource: PROD.arn }],
  );
  const { secretAccessKey } = keyOf(stage);
  const isIn = (text: string) => secretAccessKey !== '' && text.includes(secretAccessKey);
  show.expect(
    'its key lies in Secrets Manager, in no log and not in the ledger',
    [secretAccessKey !== '', stage.logged.some(isIn), isIn(JSON.stringify(await stage.entries()))],
    [true, false, false],
  );
}

async function rightsAct({ stage, show }: Scene): Promise<void> {
  showAnswers(show, await answers(stage, USER, keyOf(stage), PIPELINE));
  show.note('it cannot read secrets; but whoever may create workloads can mount them: gatehouse validate says so');
}

async function rotationAct({ stage, show }: Scene): Promise<void> {
  const old = keyOf(stage);
  show.note('gatehouse rotate-key payments-ci --overlap 1h');
  show.startClock();
  show.expect('a rotation begins', (await rotate(stage, 3600)).state, 'begun');
  const fresh = await until('the secret holds another key', stage.patience, () => {
    const key = keyOf(stage);
    return key.accessKeyId !== '' && key.accessKeyId !== old.accessKeyId ? key : undefined;
  });
  const heard = async () => [await mayIt(stage, old), await mayIt(stage, fresh)];
  show.expect('the old key works beside the new one', await heard(), ['allowed', 'allowed']);
  show.expect('asked for again, it is the same rotation', (await rotate(stage, 3600)).state, 'under-way');
  show.note('gatehouse rotate-key payments-ci --overlap 0');
  show.expect('it can be made shorter', (await rotate(stage, 0)).state, 'shortened');
  await until('the old key is gone', stage.patience, async () =>
    (await mayIt(stage, old)) === 'stranger' ? true : undefined,
  );
  show.expect('the new key works alone', await heard(), ['stranger', 'allowed']);
}

async function tokenAct({ stage, show }: Scene): Promise<void> {
  const { iam, sessions } = stage.sandbox.endpoint;
  const github = await playedIssuer(GITHUB.url);
  createOidcProvider(iam, ACCOUNT, { url: github.url, clientIds: [GITHUB.audience] });
  sessions.playIssuer(github.url, github.keys);
  const token = (sub: string) => github.token({ sub, aud: GITHUB.audience }, Date.now());
  const session = await assumedWith(stage, await token(MAIN_BRANCH));
  show.expect('on the main branch, it deploys', await mayIt(stage, session), 'allowed');
  const refused = async (sub: string) =>
    assumedWith(stage, await token(sub)).then(
      () => 'let in',
      (error: Error) => error.name,
    );
  show.expect(
    'a topic branch, and another repository, are refused by AWS',
    [await refused('repo:acme/payments:ref:refs/heads/topic'), await refused('repo:evil/payments:ref:refs/heads/main')],
    ['AccessDenied', 'AccessDenied'],
  );
}

/** What a workflow does that has nothing but its token. */
async function assumedWith({ sandbox }: Stage, WebIdentityToken: string): Promise<AwsCredentials> {
  const sts = new STSClient({ ...CLIENT_DEFAULTS, endpoint: sandbox.awsEndpointUrl, region: REGION });
  try {
    const RoleArn = roleArnOf('payments-actions');
    const command = new AssumeRoleWithWebIdentityCommand({ RoleArn, RoleSessionName: 'run-42', WebIdentityToken });
    const { Credentials } = await sts.send(command);
    return {
      accessKeyId: Credentials?.AccessKeyId ?? '',
      secretAccessKey: Credentials?.SecretAccessKey ?? '',
      sessionToken: Credentials?.SessionToken ?? '',
    };
  } finally {
    sts.destroy();
  }
}

async function rotate(stage: Stage, overlapSeconds: number): Promise<RotatedKey> {
  const asked = { operation: 'rotate-key', machine: 'payments-ci', overlapSeconds };
  const { outcome } = (await stage.operate(asked)) as unknown as { outcome: { users: RotatedKey[] } };
  return outcome.users[0]!;
}

async function mayIt({ sandbox }: Stage, credentials: AwsCredentials): Promise<string> {
  return (await askCluster(sandbox, credentials, MAY_IT)).verdict;
}

/** The pipeline's key, as it reads it from Secrets Manager. */
function keyOf(stage: Stage): AwsCredentials {
  const { accessKeyId = '', secretAccessKey = '' } = JSON.parse(
    stage.secret(SECRET) ?? '{}',
  ) as Partial<AwsCredentials>;
  return { accessKeyId, secretAccessKey };
}
