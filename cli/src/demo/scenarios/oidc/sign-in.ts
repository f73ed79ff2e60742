import { answerCells, expectAnswers } from '../../asking.ts';
import { PROD } from '../../cast.ts';
import { askWithToken, type Question, type Verdict } from '../../cluster-session.ts';
import { until } from '../../until.ts';
import { type Account, KUBERNETES, type Scene, WIKI } from './people.ts';

const ask = (text: string, path: string): Question => ({ text, cluster: PROD.name, path });
const PODS = ask('list pods in pay', '/api/v1/namespaces/pay/pods');

/** Who asks, with a token for which application, what, and what the answer must be. */
const QUESTIONS: readonly (readonly [Account, string, Question, Verdict])[] = [
  ['mia', KUBERNETES, PODS, 'allowed'],
  ['mia', KUBERNETES, ask('list deployments in pay', '/apis/apps/v1/namespaces/pay/deployments'), 'allowed'],
  ['mia', KUBERNETES, ask('read a secret in pay', '/api/v1/namespaces/pay/secrets/card-processor'), 'denied'],
  ['mia', KUBERNETES, ask('list pods in shop', '/api/v1/namespaces/shop/pods'), 'denied'],
  ['joe', KUBERNETES, PODS, 'denied'],
  ['eve', KUBERNETES, PODS, 'denied'],
  ['mia', WIKI, PODS, 'stranger'],
];

/** Everybody signs in for a token of their own and asks; the answers are those of the policy. */
export async function signInAct({ stage, show, issuer }: Scene): Promise<void> {
  show.note('mia is in payments, joe in gardening; eve has a group that calls itself system:masters');
  const rows = [];
  for (const [who, client, question, expected] of QUESTIONS) {
    const token = await issuer.signIn(who, client);
    const { verdict, status } = await askWithToken(stage.sandbox, token, question);
    rows.push({ who, client, text: question.text, verdict, status, expected });
  }
  const { output } = show;
  show.table(
    ['WHO', 'TOKEN FOR', 'ASKS TO', 'ANSWER', 'HTTP', ''],
    rows.map((row) => [{ text: row.who, paint: output.style.name }, row.client, row.text, ...answerCells(output, row)]),
  );
  expectAnswers(show, rows);
  const token = await issuer.signIn('late', KUBERNETES);
  const verdict = async () => (await askWithToken(stage.sandbox, token, PODS)).verdict;
  const first = await verdict();
  const last = await until('a token of one second is refused', stage.patience, async () => {
    const seen = await verdict();
    return seen === 'stranger' ? seen : undefined;
  });
  show.expect(
    'a token that is good for a second opens the door, and then no more',
    [first, last],
    ['allowed', 'stranger'],
  );
}
