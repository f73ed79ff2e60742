import { CreateRoleCommand, DeleteRoleCommand, IAMClient } from '@aws-sdk/client-iam';
import { CLIENT_DEFAULTS } from '@gatehouse/core/aws/client-defaults';
import type { AwsCredentials } from '@gatehouse/core/aws/cluster-token';
import { type Ask, answers, assumed, showAnswers } from '../../asking.ts';
import { ACCOUNT, CLUSTERS, MIA, PROD, REGION, roleArnOf } from '../../cast.ts';
import { askCluster, type Question } from '../../cluster-session.ts';
import { CLUSTER_OBJECTS } from '../../clusters.ts';
import { examplePolicy, type Scenario, type Scene } from '../../scenario.ts';
import type { Stage } from '../../stage.ts';
import { type Traces, takeBack, tracesOf } from '../../taken-back.ts';
import { until } from '../../until.ts';
import { membership, send } from '../../webhooks.ts';

const NOOR = { name: 'noor', id: 'noor', login: 'noor' } as const;
const PAY_ROLE = { name: 'pay-operations', path: '/operations/' } as const;
/** Identity Center's own, and what the name of a permission set's role ends in: another suffix whenever it is made anew. */
const SSO_PATH = '/aws-reserved/sso.amazonaws.com/eu-west-1/';
const [FIRST, SECOND] = ['0123456789abcdef', 'fedcba9876543210'].map((end) => `AWSReservedSSO_ClusterViewer_${end}`);
const RBAC = '/apis/rbac.authorization.k8s.io/v1';

const ask = (cluster: string, text: string, path: string): Question => ({ cluster, text, path });
const list = (cluster: string, resource: string, namespace: string): Question =>
  ask(cluster, `list ${resource} in ${namespace}`, `/api/v1/namespaces/${namespace}/${resource}`);

const ENVIRONMENT: readonly Ask[] = CLUSTERS.flatMap(({ name }): Ask[] => [
  [ask(name, 'list secrets in every namespace', '/api/v1/secrets'), 'allowed'],
  [ask(name, 'list cluster role bindings', `${RBAC}/clusterrolebindings`), 'allowed'],
  [ask(name, 'list namespaces', '/api/v1/namespaces'), 'allowed'],
]);
const application = (cluster: string, own: string, other: string): readonly Ask[] => [
  [list(cluster, 'secrets', own), 'allowed'],
  [ask(cluster, `list the roles in ${own}`, `${RBAC}/namespaces/${own}/roles`), 'allowed'],
  [ask(cluster, 'list namespaces, to find it', '/api/v1/namespaces'), 'allowed'],
  [list(cluster, 'pods', other), 'denied'],
  [list(cluster, 'secrets', 'kube-system'), 'denied'],
  [ask(cluster, 'list cluster role bindings', `${RBAC}/clusterrolebindings`), 'denied'],
];
const VIEWER: readonly Ask[] = [
  [list(PROD.name, 'pods', 'pay'), 'allowed'],
  [list(PROD.name, 'pods', 'shop'), 'allowed'],
  [ask(PROD.name, 'list namespaces, for the console', '/api/v1/namespaces'), 'allowed'],
  [list(PROD.name, 'secrets', 'pay'), 'denied'],
  [list(PROD.name, 'pods', 'kube-system'), 'denied'],
];

/** Access at two levels: environments and applications, by roles that are made, adopted, or Identity Center's. */
export function twoLevelsScenario(): Scenario {
  let before: Traces;
  return {
    about: 'environments and applications: administrators of a cluster, and of a namespace in it',
    policyFile: examplePolicy('two-levels'),
    clusterObjects: CLUSTER_OBJECTS,
    acts: [
      {
        title: 'An environment: people and a pipeline by one role',
        play: async (scene) => {
          before = await tracesOf(scene.stage);
          await environmentAct(scene);
        },
      },
      { title: 'An application: a role for its namespace', play: applicationAct },
      { title: 'Another application: a role that exists stays as it is', play: adoptedAct },
      { title: "A permission set: its role's changing name is followed", play: permissionSetAct },
      { title: 'All of it is taken back', play: (scene) => takeBack(scene, before) },
    ],
  };
}

async function environmentAct({ stage, show }: Scene): Promise<void> {
  show.note('two roles of the policy do not exist yet: they are findings, and come in acts 3 and 4');
  show.startClock();
  await send(stage.sandbox, membership('joins', MIA, 'platform-admins'));
  const mia = await assumed(stage, stage.keysOf(MIA.name), roleArnOf('environments'), MIA.name);
  const provisioner = await assumed(stage, stage.sandbox.administrator, roleArnOf('environments'), 'provisioner');
  const [[everything]] = ENVIRONMENT as [Ask];
  for (const session of [mia, provisioner]) await letIn(stage, session, everything);
  for (const session of [mia, provisioner]) await letIn(stage, session, ENVIRONMENT.at(-1)![0]);
  await stage.rest();
  showAnswers(show, [
    ...(await answers(stage, MIA.name, mia, ENVIRONMENT)),
    ...(await answers(stage, 'provisioner', provisioner, ENVIRONMENT)),
  ]);
  const asMia = await stage.assume(stage.sandbox.administrator, roleArnOf('environments'), MIA.name).then(
    () => 'a session',
    (error: Error) => error.name,
  );
  show.expect("the pipeline cannot come under a person's name", asMia, 'AccessDenied');
}

async function applicationAct({ stage, show }: Scene): Promise<void> {
  show.startClock();
  await send(stage.sandbox, membership('joins', NOOR, 'shop-operators'));
  const noor = await assumed(stage, stage.keysOf(NOOR.name), roleArnOf('shop-operations'), NOOR.name);
  await letIn(stage, noor, list(PROD.name, 'secrets', 'shop'));
  await stage.rest();
  showAnswers(show, await answers(stage, NOOR.name, noor, application(PROD.name, 'shop', 'pay')));
}

async function adoptedAct({ stage, show }: Scene): Promise<void> {
  show.expect(
    'the role does not exist yet: that is told, and keeps nothing else',
    await findings(stage, 'principal/'),
    ['no-such-principal'],
  );
  show.startClock();
  await asOwner(stage, (iam) =>
    iam.send(
      new CreateRoleCommand({
        RoleName: PAY_ROLE.name,
        Path: PAY_ROLE.path,
        AssumeRolePolicyDocument: document({ AWS: `arn:aws:iam::${ACCOUNT}:root` }),
      }),
    ),
  );
  show.note('its owner makes it; IAM reports that, and Gatehouse looks it up');
  const arn = `arn:aws:iam::${ACCOUNT}:role${PAY_ROLE.path}${PAY_ROLE.name}`;
  const trust = stage.sandbox.endpoint.iam.accounts.get(ACCOUNT)!.roles.get(PAY_ROLE.name)?.trust;
  const session = await assumed(stage, stage.sandbox.administrator, arn, 'whoever');
  await letIn(stage, session, list(PROD.name, 'secrets', 'pay'));
  await stage.rest();
  showAnswers(show, await answers(stage, PAY_ROLE.name, session, application(PROD.name, 'pay', 'shop')));
  show.expect('the finding is gone', await findings(stage, 'principal/'), []);
  const role = stage.sandbox.endpoint.iam.accounts.get(ACCOUNT)!.roles.get(PAY_ROLE.name)!;
  show.expect('its trust and policies are as its owner made them', [role.trust, [...role.inline.keys()]], [trust, []]);
}

async function permissionSetAct({ stage, show }: Scene): Promise<void> {
  show.startClock();
  await send(stage.sandbox, membership('joins', NOOR, 'everybody'));
  await provision(stage, FIRST!);
  show.note(`Identity Center provisions ${FIRST}`);
  const noor = viewerSession(stage, FIRST!);
  await letIn(stage, noor, list(PROD.name, 'pods', 'pay'));
  await stage.rest();
  showAnswers(show, await answers(stage, NOOR.name, noor, VIEWER));
  show.startClock();
  await asOwner(stage, (iam) => iam.send(new DeleteRoleCommand({ RoleName: FIRST! })));
  await provision(stage, SECOND!);
  show.note(`the permission set is provisioned anew: ${SECOND}`);
  const again = viewerSession(stage, SECOND!);
  await letIn(stage, again, list(PROD.name, 'pods', 'pay'));
  let lines: readonly boolean[][] = [];
  await until(
    'every cluster has followed',
    stage.patience,
    async () => {
      lines = await Promise.all(
        CLUSTERS.map(async ({ name }) => {
          const { mapRoles = '' } = await stage.awsAuth(name);
          return [mapRoles.includes(FIRST!), mapRoles.includes(SECOND!)];
        }),
      );
      return lines.every(([old, now]) => !old && now) ? true : undefined;
    },
    () => JSON.stringify(lines),
  );
  await stage.rest();
  showAnswers(show, await answers(stage, NOOR.name, again, VIEWER));
  show.expect('aws-auth of both clusters names the new role, and no longer the old one', lines, [
    [false, true],
    [false, true],
  ]);
}

/** What Identity Center gives somebody whom it signs in. */
function viewerSession(stage: Stage, roleName: string): AwsCredentials {
  const { iam, sessions } = stage.sandbox.endpoint;
  const role = iam.accounts.get(ACCOUNT)!.roles.get(roleName.toLowerCase())!;
  return sessions.issue(ACCOUNT, role, NOOR.login, 3600);
}

function provision(stage: Stage, RoleName: string): Promise<unknown> {
  const trust = document({ Federated: `arn:aws:iam::${ACCOUNT}:saml-provider/AWSSSO` }, 'sts:AssumeRoleWithSAML');
  return asOwner(stage, (iam) =>
    iam.send(new CreateRoleCommand({ RoleName, Path: SSO_PATH, AssumeRolePolicyDocument: trust })),
  );
}

/** Does something in IAM as whoever owns the account: IAM reports it. */
async function asOwner<T>({ sandbox }: Stage, act: (iam: IAMClient) => Promise<T>): Promise<T> {
  const { awsEndpointUrl: endpoint, administrator: credentials } = sandbox;
  const iam = new IAMClient({ ...CLIENT_DEFAULTS, endpoint, region: REGION, credentials });
  return act(iam).finally(() => iam.destroy());
}

function document(principal: object, action = 'sts:AssumeRole'): string {
  const statement = { Effect: 'Allow', Principal: principal, Action: action };
  return JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
}

async function letIn(stage: Stage, session: AwsCredentials, question: Question): Promise<void> {
  await until(`"${question.text}" is allowed on ${question.cluster}`, stage.patience, async () => {
    const { verdict } = await askCluster(stage.sandbox, session, question);
    return verdict === 'allowed' ? true : undefined;
  });
}

/** Codes of what must be mended, about subjects that begin so. */
async function findings(stage: Stage, subject: string): Promise<readonly string[]> {
  const answer = (await stage.operate({ operation: 'status' })) as unknown as {
    outcome: { findings: readonly { code: string; subject?: string }[] };
  };
  return answer.outcome.findings.filter((one) => one.subject?.startsWith(subject)).map(({ code }) => code);
}
