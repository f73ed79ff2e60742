import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { MIA, OPERATORS, PROD, roleArnOf } from '../../cast.ts';
import { askCluster, type Question } from '../../cluster-session.ts';
import { until } from '../../until.ts';
import { mia, send } from '../../webhooks.ts';
import type { Scene } from './memory.ts';

const PODS: Question = { text: 'list pods in pay', cluster: PROD.name, path: '/api/v1/namespaces/pay/pods' };
/** What the design promises, in milliseconds. */
const WITHIN_MS = 1_000;
/** How often she tries, in milliseconds: the measured time is at most this much too long. */
const OFTEN_MS = 25;

/** A member is removed; her session lives on at AWS, and the cluster denies her next request. */
export async function leaveAct({ stage, show, memory }: Scene): Promise<void> {
  const session = memory.miaSession!;
  const ask = async () => (await askCluster(stage.sandbox, session, PODS)).verdict;
  show.expect(`${MIA.name}'s session may list pods in pay`, await ask(), 'allowed');
  const removal = mia('leaves');
  show.startClock();
  const status = await send(stage.sandbox, removal);
  const denied = await until(
    `${MIA.name}'s session is denied`,
    stage.patience,
    async () => ((await ask()) === 'allowed' ? undefined : show.elapsed),
    () => 'still allowed',
    OFTEN_MS,
  );
  show.step('denied', PROD.name, `${MIA.name}, with the session and a token of before`);
  await until('the revocation is verified', stage.patience, async () => {
    const entries = await stage.chain(`cluster/${PROD.arn}`);
    return entries.some(
      ({ kind, causes }) => kind === 'verified' && causes.some(({ event }) => event === removal.event),
    )
      ? true
      : undefined;
  });
  show.expect('the webhook was acknowledged', status, 204);
  show.expect(
    `denied ${Math.round(denied)} ms after the webhook was sent, within ${WITHIN_MS.toLocaleString('en-US')} ms`,
    denied < WITHIN_MS ? 'in time' : `${Math.round(denied)} ms`,
    'in time',
  );
  const sts = stage.sts(session);
  const { Arn = '' } = await sts.send(new GetCallerIdentityCommand({})).finally(() => sts.destroy());
  show.expect(
    'AWS still knows her session: it is the cluster that says no',
    Arn.replace(/^.*:/, ''),
    `assumed-role/gatehouse-${OPERATORS.name}/${MIA.name}`,
  );
  const keys = stage.keysOf(MIA.name);
  const refusal = await until(
    'the role no longer takes her',
    stage.patience,
    () =>
      stage.assume(keys, roleArnOf(OPERATORS.name), MIA.name).then(
        () => undefined,
        (error: Error) => error.name,
      ),
    () => 'she can still assume it',
  );
  show.expect('a new session is refused as well', refusal, 'AccessDenied');
}
