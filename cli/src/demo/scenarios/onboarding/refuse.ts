import { ACCOUNT, PROD, REGION } from '../../cast.ts';
import type { Scene } from '../../scenario.ts';
import { message, sendAll } from './platform.ts';

interface Answer {
  readonly outcome?: { readonly onboarding?: { readonly findings: readonly { code: string; environment: string }[] } };
}

/** What the policy does not allow is answered, or told; nothing else is held up. */
export async function refusalAct(scene: Scene): Promise<void> {
  const { stage, show } = scene;
  const cluster = { account: ACCOUNT, region: REGION, name: PROD.name };
  const wild = { name: 'wild', cluster, role: `arn:aws:iam::${ACCOUNT}:role/*` };
  const foreign = { name: 'foreign', cluster: { ...cluster, account: '999988887777' } };
  const statuses = await sendAll(
    scene,
    message('environment.created', { environment: wild }),
    message('environment.created', { environment: foreign }),
  );
  show.expect('a wildcard for a role is refused; what is well said is recorded', statuses, [400, 204]);
  const { outcome } = (await stage.operate({ operation: 'status' })) as Answer;
  show.expect(
    'the status tells what the policy does not allow',
    outcome?.onboarding?.findings.map(({ code, environment }) => `${code}: ${environment}`),
    ['onboarding-refused: foreign'],
  );
  const dryRun = { operation: 'onboard-environment', environment: foreign, dryRun: true };
  const answer = (await stage.operate(dryRun)) as { outcome?: { state?: string } };
  show.expect('the command is told so at once', answer.outcome?.state, 'refused');
  show.expect(
    'it is taken back',
    await sendAll(scene, message('environment.removed', { environment: { name: 'foreign' } })),
    [204],
  );
}
