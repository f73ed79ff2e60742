import * as z from 'zod';

/*
 * What the receivers read from their environment. The schemas stand in the layer, so that no receiver brings a schema library of its
 * own: each would load two.
 */

const receiverSchema = z.object({ GATEHOUSE_TABLE: z.string().min(1), INTAKE_QUEUE_URL: z.url() });

/** What the receiver of webhooks reads. */
export const webhookReceiverSchema = receiverSchema.extend({
  /** Prefix of the secrets' names; the source's name follows: `gatehouse/webhooks/`. */
  WEBHOOK_SECRETS: z.string().min(1),
});

/** Texts parted by commas. */
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);

/** What the receiver of EventBridge's events reads. */
export const eventReceiverSchema = receiverSchema.extend({
  /** The accounts whose events are believed, Gatehouse's own included. */
  EVENT_ACCOUNTS: list.pipe(z.array(z.string().regex(/^\d{12}$/)).min(1)),
  /** ARNs of the roles under which Gatehouse writes: their events are echoes. */
  OWN_ROLES: list.default([]),
  /** Where policies are uploaded: of other buckets nothing is heard. */
  POLICY_BUCKET: z.string().min(1),
});
