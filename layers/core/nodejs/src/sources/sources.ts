import { aws } from './aws/receive.ts';
import { cognito } from './cognito/receive.ts';
import { okta } from './okta/receive.ts';
import type { EventSource, WebhookSource } from './source.ts';
import { standard } from './standard/receive.ts';

/** Every source that posts to `/webhooks/{name}`, by name. */
export const webhookSources: ReadonlyMap<string, WebhookSource> = new Map(
  [okta, standard].map((source) => [source.name, source]),
);

/** Every source that arrives through EventBridge, by the `source` of its envelopes. */
export const eventSources: ReadonlyMap<string, EventSource> = new Map(
  [cognito, aws].flatMap((source) => source.buses.map((bus) => [bus, source])),
);
