import { PROD } from '../../cast.ts';
import { CHANGE_HEAD, changeRows } from '../../changes.ts';
import { until } from '../../until.ts';
import type { Scene } from './people.ts';
import { associated } from './steps.ts';

/** The issuer is looked at, EKS associates it, and the groups of the grant are bound and proven. */
export async function associateAct({ stage, show, issuer, memory }: Scene): Promise<void> {
  memory.awsAuthBefore = await stage.awsAuth(PROD.name);
  show.note(`${issuer.issuer} is the company's identity provider; its group "payments" may look at the payments`);
  await until(
    'EKS has associated the provider',
    stage.patience,
    () => (associated(stage)?.status === 'ACTIVE' ? true : undefined),
    () => associated(stage)?.status ?? 'nothing',
  );
  await until('the bound group is verified', stage.patience, async () => {
    const entries = await stage.chain(`cluster/${PROD.arn}`);
    const isProven = ({ kind, subjects }: (typeof entries)[number]) =>
      kind === 'verified' && subjects?.includes('grant/payments-viewers');
    return entries.some(isProven) ? true : undefined;
  });
  await stage.rest();
  show.table(
    CHANGE_HEAD,
    changeRows(await stage.entries(), show.output.style, () => 'policy'),
  );
  const { clusters } = stage.sandbox.endpoint;
  const { name = '', issuer: url = '', tags = {} } = associated(stage) ?? {};
  show.expect(
    'EKS has the provider of the policy, and it is Gatehouse’s',
    { name, url, tags },
    { name: 'gatehouse-acme', url: issuer.issuer, tags: { 'gatehouse:managed': 'true' } },
  );
  const cluster = clusters.list().find((one) => one.name === PROD.name)!;
  show.expect('the audit and authenticator logs are on, as the policy asks', clusters.settings(cluster).logs, [
    'audit',
    'authenticator',
  ]);
  show.expect('aws-auth is what it was: nobody comes in by IAM', await stage.awsAuth(PROD.name), memory.awsAuthBefore);
}
