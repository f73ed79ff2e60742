import type { AccessAnswer, AccessReport } from '@gatehouse/core/operations/access-report';
import type { Asked } from '@gatehouse/core/operations/denial';
import { writeAccess } from '../../../verbs/can-i.ts';
import { writeReport } from '../../../verbs/verify.ts';
import { type Ask, answers, assumed, showAnswers } from '../../asking.ts';
import { MIA, PROD, roleArnOf } from '../../cast.ts';
import { askCluster, type Question } from '../../cluster-session.ts';
import { CLUSTER_OBJECTS } from '../../clusters.ts';
import { examplePolicy, type Scenario, type Scene } from '../../scenario.ts';
import type { Stage } from '../../stage.ts';
import { type Traces, takeBack, tracesOf } from '../../taken-back.ts';
import { until } from '../../until.ts';
import { membership, send } from '../../webhooks.ts';

const NOOR = { name: 'noor', id: 'noor', login: 'noor@example.com' } as const;
const POD = '/api/v1/namespaces/pay/pods/ledger-6d4cf56db6-x7k2p';
const RBAC = 'rbac.authorization.k8s.io';

const ask = (text: string, path: string, more: Partial<Question> = {}): Question => ({
  text,
  cluster: PROD.name,
  path,
  ...more,
});
const list = (resource: string, namespace = 'pay') =>
  ask(`list ${resource} in ${namespace}`, `/api/v1/namespaces/${namespace}/${resource}`);
const settings = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'pay', name: 'settings' } };

/** What a newcomer gets to hear. */
const NEWCOMER: readonly Ask[] = [
  [list('pods'), 'allowed'],
  [ask('get a pod in pay', POD), 'denied'],
  [list('events'), 'denied'],
  [list('configmaps'), 'denied'],
  [list('secrets'), 'denied'],
  [list('pods', 'shop'), 'denied'],
  [ask('delete a pod in pay', POD, { method: 'DELETE' }), 'denied'],
];

/** What a developer gets to hear. */
const DEVELOPER: readonly Ask[] = [
  [list('pods'), 'allowed'],
  [ask('get a pod in pay', POD), 'allowed'],
  [list('events'), 'allowed'],
  [ask('list deployments in pay', '/apis/apps/v1/namespaces/pay/deployments'), 'allowed'],
  [ask('make a config map in pay', '/api/v1/namespaces/pay/configmaps', { method: 'POST', body: settings }), 'allowed'],
  [ask('delete it', '/api/v1/namespaces/pay/configmaps/settings', { method: 'DELETE' }), 'allowed'],
  [list('secrets'), 'allowed'],
  [list('secrets', 'kube-system'), 'denied'],
  [list('pods', 'shop'), 'denied'],
  [ask('list the roles in pay', `/apis/${RBAC}/v1/namespaces/pay/roles`), 'denied'],
  [
    ask('make herself an administrator', `/apis/${RBAC}/v1/clusterrolebindings`, {
      method: 'POST',
      body: {
        apiVersion: `${RBAC}/v1`,
        kind: 'ClusterRoleBinding',
        metadata: { name: 'mine' },
        roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'cluster-admin' },
        subjects: [{ apiGroup: RBAC, kind: 'User', name: 'gatehouse:developers:mia' }],
      },
    }),
    'denied',
  ],
];

/** What one gets to hear who looks on. */
const ONLOOKER: readonly Ask[] = [
  [list('pods'), 'allowed'],
  [list('events'), 'allowed'],
  [list('configmaps'), 'allowed'],
  [list('secrets'), 'denied'],
  [ask('delete a pod in pay', POD, { method: 'DELETE' }), 'denied'],
];

/** A limited person: first a list of pods, then a developer's work; and what can be found out about it. */
export function limitedScenario(): Scenario {
  let before: Traces;
  return {
    about: 'a limited person, from a list of pods to the work of a developer, and the proof of it',
    policyFile: examplePolicy('limited'),
    clusterObjects: CLUSTER_OBJECTS,
    acts: [
      {
        title: 'Mia begins with a list of pods; Noor looks on',
        play: async (scene) => {
          before = await tracesOf(scene.stage);
          await beginAct(scene);
        },
      },
      { title: 'Mia becomes a developer', play: developerAct },
      { title: 'What can she do? And why was she denied?', play: findOutAct },
      { title: 'Somebody gives her more by hand', play: byHandAct },
      { title: 'All of it is taken back', play: (scene) => takeBack(scene, before) },
    ],
  };
}

async function beginAct({ stage, show }: Scene): Promise<void> {
  show.startClock();
  const statuses = await Promise.all([
    send(stage.sandbox, membership('joins', MIA, 'newcomers')),
    send(stage.sandbox, membership('joins', NOOR, 'onlookers')),
  ]);
  show.expect('both webhooks were acknowledged', statuses, [204, 204]);
  const mia = await sessionOf(stage, MIA.name, 'newcomers');
  const noor = await sessionOf(stage, NOOR.name, 'onlookers');
  await stage.rest();
  showAnswers(show, [
    ...(await answers(stage, MIA.name, mia, NEWCOMER)),
    ...(await answers(stage, NOOR.name, noor, ONLOOKER)),
  ]);
}

async function developerAct({ stage, show }: Scene): Promise<void> {
  const before = await stage.assume(stage.keysOf(MIA.name), roleArnOf('newcomers'), MIA.name);
  show.startClock();
  await send(stage.sandbox, membership('joins', MIA, 'developers'));
  await send(stage.sandbox, membership('leaves', MIA, 'newcomers'));
  const mia = await sessionOf(stage, MIA.name, 'developers');
  await until('her earlier session is denied', stage.patience, async () => {
    const { verdict } = await askCluster(stage.sandbox, before, list('pods'));
    return verdict === 'allowed' ? undefined : true;
  });
  await stage.rest();
  showAnswers(show, await answers(stage, MIA.name, mia, DEVELOPER));
  const shells = await Promise.all(
    [
      ['mia', 'create', 'exec'],
      ['mia', 'get', 'log'],
      ['noor', 'create', 'exec'],
      ['noor', 'get', 'log'],
    ].map(async ([who = '', verb = '', subresource = '']) => {
      const asked = { verb, group: '', resource: 'pods', subresource, namespace: 'pay' };
      return `${who} ${verb} pods/${subresource}: ${(await canI(stage, who, asked)).allowed ? 'yes' : 'no'}`;
    }),
  );
  show.expect('shells are for the developer, logs for both', shells, [
    'mia create pods/exec: yes',
    'mia get pods/log: yes',
    'noor create pods/exec: no',
    'noor get pods/log: yes',
  ]);
}

async function findOutAct({ stage, show }: Scene): Promise<void> {
  show.note('gatehouse verify mia --cluster prod-eu');
  const report = await verified(stage, 'mia');
  show.output.write('\n');
  writeReport(show.output, report);
  show.output.write('\n');
  show.expect('she can do what the policy says, and nothing else', report.ok, true);
  show.expect('everything on everything: no', report.administrator, { allowed: false, expected: false });
  show.note('gatehouse can-i list secrets --cluster prod-eu -n shop --as mia');
  const asked = { verb: 'list', group: '', resource: 'secrets', namespace: 'shop' };
  const answer = await canI(stage, 'mia', asked);
  show.output.write('\n');
  writeAccess(show.output, asked, answer);
  show.output.write('\n');
  show.expect(
    'the answer says why not',
    [answer.allowed, answer.because[0] ?? ''],
    [false, 'the grant developers gives it in pay alone'],
  );
}

async function byHandAct({ stage, show }: Scene): Promise<void> {
  const admin = stage.administratorOf(PROD.name);
  await admin.create({
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'just-for-today' },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ apiGroup: RBAC, kind: 'User', name: 'gatehouse:developers:mia' }],
  });
  show.note('somebody binds gatehouse:developers:mia to cluster-admin, as "just-for-today"');
  const report = await verified(stage, 'mia');
  show.expect('gatehouse verify says so, and exits with 3', [report.ok, report.administrator.allowed], [false, true]);
  const foreign = report.rights.filter(({ grant }) => grant === undefined).map(({ binding }) => binding);
  show.expect('and by whose binding', foreign, ['ClusterRoleBinding just-for-today']);
  await admin.remove({ kind: 'ClusterRoleBinding', name: 'just-for-today' });
  show.expect('without it, all is as the policy says again', (await verified(stage, 'mia')).ok, true);
}

async function sessionOf(stage: Stage, name: string, grant: string) {
  const session = await assumed(stage, stage.keysOf(name), roleArnOf(grant), name);
  await until(`${name} is let in and bound`, stage.patience, async () => {
    const { verdict } = await askCluster(stage.sandbox, session, list('pods'));
    return verdict === 'allowed' ? true : undefined;
  });
  return session;
}

async function canI(stage: Stage, principal: string, question: Asked): Promise<AccessAnswer> {
  return outcome(await stage.operate({ operation: 'can-i', cluster: PROD.name, principal, question: { ...question } }));
}

async function verified(stage: Stage, principal: string): Promise<AccessReport> {
  return outcome(await stage.operate({ operation: 'verify-access', cluster: PROD.name, principal }));
}

function outcome<T>(answer: unknown): T {
  const { ok, outcome: found, error } = answer as { ok: boolean; outcome: T; error?: { message: string } };
  if (!ok) throw new Error(error?.message);
  return found;
}
