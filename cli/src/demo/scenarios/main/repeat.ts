import { until } from '../../until.ts';
import { type Delivery, newMessageId, send } from '../../webhooks.ts';
import type { Scene } from './memory.ts';

/** The same events once more: as they were, and under new ids. Nothing is written. */
export async function repeatAct({ stage, show, memory }: Scene): Promise<void> {
  const { counter } = stage;
  await stage.rest();
  const writesBefore = counter.writes.length;
  const entriesBefore = (await stage.entries()).length;
  const deliveries = memory.deliveries ?? [];
  const renamed = deliveries.map(underNewId);
  let planned = 0;
  const stop = stage.listen(({ message }) => {
    planned += message === 'planned' ? 1 : 0;
  });
  show.startClock();
  try {
    const same = await Promise.all(deliveries.map((delivery) => send(stage.sandbox, delivery)));
    show.expect(
      'with the same ids: acknowledged',
      same,
      deliveries.map(() => 204),
    );
    const anew = await Promise.all(renamed.map((delivery) => send(stage.sandbox, delivery)));
    show.expect(
      'with new ids: acknowledged',
      anew,
      deliveries.map(() => 204),
    );
    await until('the planner looks at what came under new ids', stage.patience, () => (planned > 0 ? true : undefined));
    await stage.rest();
  } finally {
    stop();
  }
  const writes = counter.writes.slice(writesBefore).map(({ where, what }) => `${where}: ${what}`);
  show.expect('0 writes to IAM, Secrets Manager, EKS and both clusters, counted where they would arrive', writes, []);
  show.expect('0 new entries in the ledger', (await stage.entries()).length - entriesBefore, 0);
}

/** The same fact, told once more: what a provider sends that lost its memory. */
function underNewId(delivery: Delivery): Delivery {
  if (delivery.source === 'standard') return { ...delivery, event: newMessageId() };
  const hook = JSON.parse(delivery.body) as { eventId: string; data: { events: { uuid: string }[] } };
  const event = `${delivery.event}-again`;
  hook.eventId = `${hook.eventId}-again`;
  hook.data.events[0]!.uuid = event;
  return { ...delivery, event, body: JSON.stringify(hook) };
}
