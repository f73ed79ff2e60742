import type { AwsCredentials } from '@gatehouse/core/aws/cluster-token';
import { type Ask, answers, assumed, showAnswers } from '../../asking.ts';
import { ADMINS, CI, JO, MIA, OPERATORS, PROD, roleArnOf, STAGING } from '../../cast.ts';
import { askCluster, type Question } from '../../cluster-session.ts';
import { NODE_ROLE } from '../../clusters.ts';
import type { Scene } from './memory.ts';

const prod = (text: string, path: string, more: Partial<Question> = {}): Question => ({
  text,
  cluster: PROD.name,
  path,
  ...more,
});
const staging = (text: string, path: string): Question => ({ text, cluster: STAGING.name, path });

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const binding = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'mine' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'gatehouse:payments-operators:mia' }],
};

const MIAS: readonly Ask[] = [
  [prod('list pods in pay', '/api/v1/namespaces/pay/pods'), 'allowed'],
  [prod('list configmaps in pay', '/api/v1/namespaces/pay/configmaps'), 'allowed'],
  [prod('list secrets in pay', '/api/v1/namespaces/pay/secrets'), 'denied'],
  [prod('list pods in shop', '/api/v1/namespaces/shop/pods'), 'denied'],
  [prod('delete a pod in pay', '/api/v1/namespaces/pay/pods/ledger-6d4cf56db6-x7k2p', { method: 'DELETE' }), 'denied'],
  [prod('read aws-auth', '/api/v1/namespaces/kube-system/configmaps/aws-auth'), 'denied'],
  [prod('make herself an administrator', `${RBAC}/clusterrolebindings`, { method: 'POST', body: binding }), 'denied'],
  [staging('list pods in pay', '/api/v1/namespaces/pay/pods'), 'stranger'],
];
const JOS: readonly Ask[] = [
  [prod('list secrets in every namespace', '/api/v1/secrets'), 'allowed'],
  [staging('list cluster role bindings', `${RBAC}/clusterrolebindings`), 'allowed'],
];
const MACHINES: readonly Ask[] = [
  [prod('list deployments in pay', '/apis/apps/v1/namespaces/pay/deployments'), 'allowed'],
  [prod('list pods in pay', '/api/v1/namespaces/pay/pods'), 'denied'],
];

/** Everybody asks with a token of their own; the answers are those of the policy. */
export async function accessAct(scene: Scene): Promise<void> {
  const { stage, show, memory } = scene;
  const keys = stage.keysOf(MIA.name);
  const session = await assumed(stage, keys, roleArnOf(OPERATORS.name), MIA.name);
  memory.miaSession = session;
  const admin = await assumed(stage, stage.keysOf(JO.name), roleArnOf(ADMINS.name), JO.name);
  show.note(
    `${MIA.name} assumes ${roleArnOf(OPERATORS.name).replace(/^.*:role/, 'role')}; STS lets her be nobody but "${MIA.name}"`,
  );
  const asJo = await stage.assume(keys, roleArnOf(OPERATORS.name), JO.name).then(
    () => 'a session',
    (error: Error) => error.name,
  );
  const rows = [
    ...(await answers(stage, MIA.name, session, MIAS)),
    ...(await answers(stage, JO.name, admin, JOS)),
    ...(await answers(stage, CI.name, machineKey(scene), MACHINES)),
  ];
  showAnswers(show, rows);
  show.expect(`STS refuses ${MIA.name} a session in ${JO.name}'s name`, asJo, 'AccessDenied');
  show.expect(
    'a node is still a node',
    await nodeName(scene),
    `system:node:${NODE_ROLE.instance}.eu-west-1.compute.internal`,
  );
}

/** The machine's key, as its pipeline reads it from Secrets Manager. */
function machineKey({ stage }: Scene): AwsCredentials {
  const { accessKeyId = '', secretAccessKey = '' } = JSON.parse(
    stage.secret(CI.secret) ?? '{}',
  ) as Partial<AwsCredentials>;
  return { accessKeyId, secretAccessKey };
}

async function nodeName({ stage }: Scene): Promise<string> {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const { status, body } = await askCluster(
    stage.sandbox,
    stage.nodeSession(),
    prod('who am I', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { method: 'POST', body: review }),
  );
  const { status: said } = JSON.parse(body) as { status?: { userInfo?: { username?: string } } };
  return said?.userInfo?.username ?? `nobody (${status})`;
}
