import { ADMINS, JO, MIA, OPERATORS, PROD, STAGING } from '../../cast.ts';
import { CHANGE_HEAD, changeRows } from '../../changes.ts';
import { until } from '../../until.ts';
import { joJoins, mia, send } from '../../webhooks.ts';
import type { Scene } from './memory.ts';

/** Two memberships arrive; the pipeline carries them to IAM and the clusters, and proves them. */
export async function joinAct({ stage, show, memory }: Scene): Promise<void> {
  const deliveries = [joJoins(), mia('joins')];
  memory.deliveries = deliveries;
  show.note(`Okta, an event hook: ${JO.name} joins ${ADMINS.name}`);
  show.note(`the company's directory, a signed Standard Webhook: ${MIA.name} joins ${OPERATORS.name}`);
  show.startClock();
  const statuses = await Promise.all(deliveries.map((delivery) => send(stage.sandbox, delivery)));
  if (statuses.some((status) => status !== 204)) {
    show.expect('both webhooks are acknowledged', statuses, [204, 204]);
    return;
  }
  const proofs = [
    { subject: JO.subject, cluster: PROD },
    { subject: JO.subject, cluster: STAGING },
    { subject: MIA.subject, cluster: PROD },
  ];
  const missing = new Set(proofs);
  await until(
    'every membership is verified on its clusters',
    stage.patience,
    async () => {
      for (const proof of missing) {
        const entries = await stage.chain(`cluster/${proof.cluster.arn}`);
        if (entries.some(({ kind, subjects }) => kind === 'verified' && subjects?.includes(proof.subject)))
          missing.delete(proof);
      }
      return missing.size === 0 ? true : undefined;
    },
    () => [...missing].map(({ subject, cluster }) => `${subject} is not verified on ${cluster.name}`).join('; '),
  );
  await stage.rest();
  show.expect('both webhooks were acknowledged', statuses, [204, 204]);
  const names = new Map(deliveries.map(({ event, source }) => [event, source]));
  show.table(
    CHANGE_HEAD,
    changeRows(await stage.entries(), show.output.style, (event) => names.get(event)),
  );
  const verified = (await stage.entries()).filter(({ kind }) => kind === 'verified');
  const agreed = verified.map(({ evidence }) => (evidence as { ok?: boolean } | undefined)?.ok);
  show.expect(
    'the clusters, asked by access reviews, agree with the policy',
    agreed.every((ok) => ok === true),
    true,
  );
}
