import { canonicalJson } from '@gatehouse/core/access/json';
import { IAM_PATH } from '@gatehouse/core/access/names';
import { ACCOUNT, PROD } from '../../cast.ts';
import { askCluster } from '../../cluster-session.ts';
import type { Scene } from '../../scenario.ts';
import { until } from '../../until.ts';
import { ownObjects } from './join.ts';
import type { Memory } from './memory.ts';
import { ENVIRONMENT, MIA, message, NAMESPACE, sendAll } from './platform.ts';

/** Milliseconds between two of her tries. */
const OFTEN_MS = 25;

/** Application and environment go: sessions are denied, and nothing of them is left. */
export async function leaveAct(scene: Scene, memory: Memory): Promise<void> {
  const { stage, show } = scene;
  const session = memory.miaSession!;
  const pods = { text: 'list pods', cluster: PROD.name, path: `/api/v1/namespaces/${NAMESPACE}/pods` };
  const ask = async () => (await askCluster(stage.sandbox, session, pods)).verdict;
  show.startClock();
  const application = { environment: ENVIRONMENT, namespace: NAMESPACE };
  const statuses = await sendAll(scene, message('application.removed', { application }));
  const denied = await until(
    `${MIA}'s session is denied`,
    stage.patience,
    async () => ((await ask()) === 'allowed' ? undefined : show.elapsed),
    () => 'still allowed',
    OFTEN_MS,
  );
  show.step('denied', PROD.name, `${MIA}, with the session and a token of before`);
  show.expect('the application is removed', statuses, [204]);
  show.expect('her session is denied while it lives', denied > 0, true);

  show.note('gatehouse offboard environment prod');
  const removal = { operation: 'offboard-environment', environment: { name: ENVIRONMENT } };
  const answer = (await stage.operate(removal)) as { outcome?: { state?: string } };
  show.expect('the environment is removed by the command', answer.outcome?.state, 'recorded');
  let left: readonly string[] = [];
  await until(
    'nothing of it is left',
    stage.patience,
    async () => {
      left = await leftOf(scene, memory);
      return left.length === 0 ? true : undefined;
    },
    () => left.join(', '),
  );
  show.expect('no role, no binding, no namespace of it is left, and aws-auth has the bytes of before', left, []);
}

async function leftOf(scene: Scene, memory: Memory): Promise<readonly string[]> {
  const { stage } = scene;
  const roles = [...stage.sandbox.endpoint.iam.accounts.get(ACCOUNT)!.roles.values()];
  const namespace = await stage.administratorOf(PROD.name).read({ kind: 'Namespace', name: NAMESPACE });
  const objects = await ownObjects(scene);
  const isSame = canonicalJson(await stage.awsAuth(PROD.name)) === canonicalJson(memory.awsAuthBefore);
  return [
    ...roles.filter(({ path }) => path === IAM_PATH).map(({ name }) => `role ${name}`),
    ...objects.filter((object) => !memory.objectsBefore!.includes(object)),
    ...(namespace ? [`namespace ${NAMESPACE}`] : []),
    ...(isSame ? [] : ['lines in aws-auth']),
  ];
}
