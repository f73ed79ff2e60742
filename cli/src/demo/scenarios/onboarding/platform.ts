import type { Scene } from '../../scenario.ts';
import { type Delivery, newMessageId, send } from '../../webhooks.ts';

/** What is onboarded in this story, and who comes in by it. */
export const ENVIRONMENT = 'prod';
export const NAMESPACE = 'orders';
export const ENVIRONMENT_GRANT = `env-${ENVIRONMENT}`;
export const APPLICATION_GRANT = `app-${ENVIRONMENT}--${NAMESPACE}`;
/** Of the platform's own team. */
export const NOOR = 'noor';
/** Of the team behind the application. */
export const MIA = 'mia';

/** An event of the developer platform or the company's directory, of now. */
export function message(type: string, data: object): Delivery {
  const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data });
  return { source: 'standard', type, event: newMessageId(), body };
}

/** A member of a group. */
export const member = (user: string, group: string): Delivery =>
  message('group.member-added', { group: { id: group }, user: { id: user, login: `${user}@example.com` } });

/** Sends deliveries one after the other; answers the statuses. */
export async function sendAll({ stage, show }: Scene, ...deliveries: readonly Delivery[]): Promise<number[]> {
  const statuses: number[] = [];
  for (const delivery of deliveries) {
    show.note(`${delivery.type}  ${JSON.stringify((JSON.parse(delivery.body) as { data: object }).data)}`);
    statuses.push(await send(stage.sandbox, delivery));
  }
  return statuses;
}
