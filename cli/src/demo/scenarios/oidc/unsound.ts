import { PROD } from '../../cast.ts';
import { askWithToken } from '../../cluster-session.ts';
import { until } from '../../until.ts';
import { HOST, KUBERNETES, type Scene } from './people.ts';
import { associated, findings, putInForce } from './steps.ts';

const PODS = { text: 'list pods in pay', cluster: PROD.name, path: '/api/v1/namespaces/pay/pods' } as const;

/** A configuration that could not work is never begun: EKS would have to take the one that works away first. */
export async function unsoundAct({ stage, show, issuer }: Scene): Promise<void> {
  const elsewhere = `https://new-${HOST}`;
  await putInForce(stage, stage.policyText().replace(`issuer: ${issuer.issuer}`, `issuer: ${elsewhere}`));
  let told = '';
  await until(
    'the new issuer is told to be unreachable',
    stage.patience,
    async () => {
      const finding = (await findings(stage)).find(({ code }) => code === 'issuer-unreachable');
      told = finding?.message ?? '';
      return finding ? true : undefined;
    },
    () => told,
  );
  show.note(`gatehouse status: ${told}`);
  await stage.rest();
  show.expect('EKS still has the provider that works', associated(stage)?.issuer, issuer.issuer);
  const token = await issuer.signIn('mia', KUBERNETES);
  show.expect('mia still comes in', (await askWithToken(stage.sandbox, token, PODS)).verdict, 'allowed');
  await putInForce(stage, stage.policyText());
  await until('nothing stands against it any more', stage.patience, async () =>
    (await findings(stage)).length === 0 ? true : undefined,
  );
  await stage.rest();
}
