import { PROD } from '../../cast.ts';
import { askWithToken } from '../../cluster-session.ts';
import { until } from '../../until.ts';
import { KUBERNETES, type Scene } from './people.ts';
import { associated, findings, madeFor, putInForce } from './steps.ts';

const GRANT = 'payments-viewers';
const PODS = { text: 'list pods in pay', cluster: PROD.name, path: '/api/v1/namespaces/pay/pods' } as const;

/** The stanza and its grant are taken out: bindings go at once, EKS disassociates, and nothing is left. */
export async function goAct({ stage, show, issuer, memory }: Scene): Promise<void> {
  const token = await issuer.signIn('mia', KUBERNETES);
  const verdict = async () => (await askWithToken(stage.sandbox, token, PODS)).verdict;
  show.expect('mia may list pods in pay', await verdict(), 'allowed');
  show.expect(`Role and binding of the grant ${GRANT} are there`, await madeFor(stage, GRANT), [
    `Role gatehouse:${GRANT}`,
    `RoleBinding gatehouse:${GRANT}:role:0`,
  ]);
  const without = stage
    .policyText()
    .replace(/^identityProviders:[\s\S]*?(?=^levels:)/m, '')
    .replace(/^grants:[\s\S]*/m, 'grants: []\n');
  show.startClock();
  await putInForce(stage, without);
  await until('mia is denied', stage.patience, async () => ((await verdict()) === 'allowed' ? undefined : true));
  show.step('denied', PROD.name, 'mia, with a token that is still good');
  await until('the provider is gone', stage.patience, () => (associated(stage) === undefined ? true : undefined));
  show.step('gone', PROD.name, issuer.issuer);
  await until('the API server believes the issuer no more', stage.patience, async () =>
    (await verdict()) === 'stranger' ? true : undefined,
  );
  await stage.rest();
  show.expect('nothing of the grant is left', await madeFor(stage, GRANT), []);
  show.expect('nothing is to be mended', await findings(stage), []);
  show.expect('aws-auth is what it was before', await stage.awsAuth(PROD.name), memory.awsAuthBefore);
}
