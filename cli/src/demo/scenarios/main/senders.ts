import { readFileSync } from 'node:fs';
import { numberIn, textIn } from '../../../pipeline/log-line.ts';
import type { Stage } from '../../stage.ts';
import { until } from '../../until.ts';
import type { Scene } from './memory.ts';

/** Who else tells Gatehouse something, through EventBridge; samples of `events/`, and the source they are taken for. */
const SAMPLES = [
  { file: 'cognito/member-added.json', source: 'cognito', what: 'Cognito: a user is added to a group' },
  { file: 'aws/cluster-created.json', source: 'aws', what: 'EKS: a cluster is made' },
  { file: 'aws/role-created.json', source: 'aws', what: 'IAM: somebody makes a role' },
] as const;

/** Okta asks whether it has the right receiver; Cognito, EKS and IAM report through CloudTrail and EventBridge. */
export async function sendersAct({ stage, show }: Scene): Promise<void> {
  show.startClock();
  const challenge = `challenge-${Date.now()}`;
  show.expect('Okta is answered when it asks who is there', await shakeHands(stage, challenge), challenge);
  for (const { file, source, what } of SAMPLES) {
    const events = await takenIn(stage, file, source);
    show.expect(`${what}, taken in`, events, 1);
  }
  await stage.rest();
}

async function shakeHands({ sandbox }: Stage, challenge: string): Promise<unknown> {
  const response = await fetch(`${sandbox.webhookUrl}/okta`, {
    headers: { authorization: sandbox.webhookSecret('okta'), 'x-okta-verification-challenge': challenge },
  });
  if (!response.ok) return `status ${response.status}`;
  return ((await response.json()) as { verification?: unknown }).verification;
}

/** Puts a sample on the bus, as of now; answers how many events were taken in from it. */
async function takenIn(stage: Stage, file: string, source: string): Promise<number> {
  const sample = JSON.parse(readFileSync(new URL(`../../../../../events/${file}`, import.meta.url), 'utf8')) as {
    'detail-type': string;
    source: string;
    account: string;
    region: string;
    detail: Record<string, unknown>;
  };
  let events: number | undefined;
  const stop = stage.listen((line) => {
    if (line.message === 'an event was taken in' && textIn(line, 'source') === source)
      events = numberIn(line, 'events');
  });
  try {
    stage.sandbox.endpoint.events.put('default', {
      source: sample.source,
      detailType: sample['detail-type'],
      account: sample.account,
      region: sample.region,
      detail: { ...sample.detail, eventID: crypto.randomUUID(), eventTime: new Date().toISOString() },
    });
    return await until(`an event of ${sample.source} is taken in`, stage.patience, () => events);
  } finally {
    stop();
  }
}
