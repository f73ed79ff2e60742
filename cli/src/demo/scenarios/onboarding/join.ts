import type { AwsCredentials } from '@gatehouse/core/aws/cluster-token';
import { ACCOUNT, PROD, REGION, roleArnOf } from '../../cast.ts';
import { askCluster, type Question, type Verdict } from '../../cluster-session.ts';
import type { Scene } from '../../scenario.ts';
import { until } from '../../until.ts';
import type { Memory } from './memory.ts';
import {
  APPLICATION_GRANT,
  ENVIRONMENT,
  ENVIRONMENT_GRANT,
  MIA,
  member,
  message,
  NAMESPACE,
  NOOR,
  sendAll,
} from './platform.ts';

type Ask = readonly [question: Question, expected: Verdict];

const ask = (text: string, path: string, expected: Verdict): Ask => [{ text, cluster: PROD.name, path }, expected];
const BINDINGS = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';

const ADMINISTRATORS: readonly Ask[] = [
  ask('list secrets in every namespace', '/api/v1/secrets', 'allowed'),
  ask('list cluster role bindings', BINDINGS, 'allowed'),
];
const TEAMS: readonly Ask[] = [
  ask(`list pods in ${NAMESPACE}`, `/api/v1/namespaces/${NAMESPACE}/pods`, 'allowed'),
  ask(`list deployments in ${NAMESPACE}`, `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`, 'allowed'),
  ask('list namespaces, to find it', '/api/v1/namespaces', 'allowed'),
  ask('list pods in pay', '/api/v1/namespaces/pay/pods', 'denied'),
  ask('list secrets in pay', '/api/v1/namespaces/pay/secrets', 'denied'),
  ask('list cluster role bindings', BINDINGS, 'denied'),
];

/** A cluster becomes an environment: whoever provisions it administers it. */
export async function environmentAct(scene: Scene, memory: Memory): Promise<void> {
  const { stage, show } = scene;
  await until('the policy is in force', stage.patience, async () => {
    const { outcome } = (await stage.operate({ operation: 'status' })) as { outcome?: { policy: object | null } };
    return outcome?.policy ? true : undefined;
  });
  memory.awsAuthBefore = await stage.awsAuth(PROD.name);
  memory.objectsBefore = await ownObjects(scene);
  const cluster = { account: ACCOUNT, region: REGION, name: PROD.name };
  show.startClock();
  const statuses = await sendAll(
    scene,
    member(NOOR, 'platform'),
    message('environment.created', { environment: { name: ENVIRONMENT, cluster } }),
  );
  show.expect('the platform is answered', statuses, [204, 204]);
  const session = await comeIn(scene, NOOR, ENVIRONMENT_GRANT);
  await stage.rest();
  await showAnswers(scene, NOOR, session, ADMINISTRATORS);
}

/** A namespace on it becomes an application: its team has that namespace, which was not there before. */
export async function applicationAct(scene: Scene, memory: Memory): Promise<void> {
  const { stage, show } = scene;
  show.startClock();
  const statuses = await sendAll(
    scene,
    member(MIA, 'orders-team'),
    message('application.onboarded', {
      application: { environment: ENVIRONMENT, namespace: NAMESPACE, group: 'orders-team' },
    }),
  );
  show.expect('the platform is answered', statuses, [204, 204]);
  memory.miaSession = await comeIn(scene, MIA, APPLICATION_GRANT);
  await stage.rest();
  await showAnswers(scene, MIA, memory.miaSession, TEAMS);
}

/** What on the cluster bears Gatehouse's label. */
export async function ownObjects({ stage }: Scene): Promise<readonly string[]> {
  const administrator = stage.administratorOf(PROD.name);
  const kinds = ['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'] as const;
  const lists = await Promise.all(kinds.map((kind) => administrator.list(kind, {})));
  return lists
    .flatMap(({ items }) => items)
    .filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/managed-by'] === 'gatehouse')
    .map(({ kind, metadata: { namespace = '', name } }) => `${kind} ${namespace}/${name}`)
    .sort();
}

/** A session of a grant's role under one's own name, once one may assume it and the cluster knows one. */
async function comeIn({ stage }: Scene, name: string, grant: string): Promise<AwsCredentials> {
  let last = '';
  return until(
    `${name} comes in by the role of ${grant}`,
    stage.patience,
    async () => {
      try {
        const session = await stage.assume(stage.keysOf(name), roleArnOf(grant), name);
        const whoAmI = { text: 'list namespaces', cluster: PROD.name, path: '/api/v1/namespaces' };
        const { verdict } = await askCluster(stage.sandbox, session, whoAmI);
        last = verdict;
        return verdict === 'allowed' ? session : undefined;
      } catch (error) {
        last = (error as Error).message;
        return undefined;
      }
    },
    () => last,
  );
}

async function showAnswers(
  { stage, show }: Scene,
  who: string,
  session: AwsCredentials,
  asks: readonly Ask[],
): Promise<void> {
  const { style } = show.output;
  const rows = [];
  for (const [question, expected] of asks) {
    const { verdict } = await askCluster(stage.sandbox, session, question);
    rows.push({ text: question.text, verdict, expected });
  }
  show.table(
    ['WHO', 'ASKS TO', 'ANSWER', ''],
    rows.map(({ text, verdict, expected }) => [
      { text: who, paint: style.name },
      text,
      { text: verdict === 'allowed' ? 'yes' : 'no', paint: verdict === 'allowed' ? style.good : style.warn },
      verdict === expected ? { text: '✓', paint: style.good } : { text: '✗', paint: style.bad },
    ]),
  );
  const wrong = rows.filter(({ verdict, expected }) => verdict !== expected).map(({ text }) => text);
  show.expect(`${who} may do what the level says, and nothing else`, wrong, []);
}
