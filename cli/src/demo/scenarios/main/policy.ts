import { CI, CLUSTERS, PROD } from '../../cast.ts';
import { CHANGE_HEAD, changeRows } from '../../changes.ts';
import type { Stage } from '../../stage.ts';
import { until } from '../../until.ts';
import { uninvoked, withoutDeadLetters } from '../../wires.ts';
import type { Scene } from './memory.ts';

/** The policy comes into force: principals are made, doors are put into aws-auth, and a machine gets in. */
export async function policyAct({ stage, show, memory }: Scene): Promise<void> {
  const before = await stage.awsAuth(PROD.name);
  const { wiring } = stage.sandbox.stack;
  // People invoke these, by name.
  show.expect('everything in template.yaml is wired: each function is invoked by something', uninvoked(wiring), [
    'RunOperation',
    'ConnectCluster',
  ]);
  show.expect('what fails for good would be kept in a dead-letter queue', withoutDeadLetters(wiring), []);
  if (show.failed > 0) return;
  show.expect(
    'Gatehouse begins with an aws-auth that others wrote',
    JSON.stringify(before).includes('gatehouse:'),
    false,
  );
  memory.awsAuthBefore = before;
  show.note(
    'platform-admins (Okta) on every cluster, payments-operators and the machine payments-ci on prod-eu, in pay',
  );
  const doors = { 'prod-eu': 3, staging: 1 };
  let seen: Readonly<Record<string, number>> = {};
  await until(
    'every grant has its door in aws-auth',
    stage.patience,
    async () => {
      const counts = CLUSTERS.map(async ({ name }) => [name, await doorsOf(stage.awsAuth(name))] as const);
      seen = Object.fromEntries(await Promise.all(counts));
      return JSON.stringify(seen) === JSON.stringify(doors) ? true : undefined;
    },
    () => `doors in aws-auth: ${JSON.stringify(seen)}`,
  );
  await until('payments-ci is verified on prod-eu', stage.patience, async () => {
    const entries = await stage.chain(`cluster/${PROD.arn}`);
    return entries.some(({ kind, subjects }) => kind === 'verified' && subjects?.includes(CI.subject))
      ? true
      : undefined;
  });
  await stage.rest();
  show.table(
    CHANGE_HEAD,
    changeRows(await stage.entries(), show.output.style, () => 'policy'),
  );
  show.expect('every grant has its door in aws-auth', seen, doors);
  show.expect("payments-ci's key lies in Secrets Manager, in no log and not in the ledger", await keyIn(stage), {
    secretsManager: true,
    logs: false,
    ledger: false,
  });
}

async function doorsOf(awsAuth: Promise<Readonly<Record<string, string>>>): Promise<number> {
  const { mapRoles = '', mapUsers = '' } = await awsAuth;
  return `${mapRoles}${mapUsers}`.match(/username: .*gatehouse:/g)?.length ?? 0;
}

/** Where the machine's secret key can be read. */
async function keyIn(stage: Stage): Promise<object> {
  const { secretAccessKey = '' } = JSON.parse(stage.secret(CI.secret) ?? '{}') as { secretAccessKey?: string };
  const isIn = (text: string) => secretAccessKey !== '' && text.includes(secretAccessKey);
  return {
    secretsManager: secretAccessKey !== '',
    logs: stage.logged.some(isIn),
    ledger: isIn(JSON.stringify(await stage.entries())),
  };
}
