import { Logger } from '@aws-lambda-powertools/logger';
import { systemClock } from '@gatehouse/core/aws/clock';
import { s3Documents } from '@gatehouse/core/aws/documents';
import { cloudWatchMetrics } from '@gatehouse/core/aws/metrics';
import { sqsQueues } from '@gatehouse/core/aws/queues';
import { systemRandom } from '@gatehouse/core/aws/random';
import { stateTable } from '@gatehouse/core/aws/state-table';
import { eventSources } from '@gatehouse/core/sources/sources';
import * as z from 'zod';
import type { Dependencies } from './handler.ts';

/** Texts parted by commas. */
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);

/** What the function reads from its environment. */
export const environmentSchema = z.object({
  GATEHOUSE_TABLE: z.string().min(1),
  INTAKE_QUEUE_URL: z.url(),
  /** The accounts whose events are believed, Gatehouse's own included. */
  EVENT_ACCOUNTS: list.pipe(z.array(z.string().regex(/^\d{12}$/)).min(1)),
  /** ARNs of the roles under which Gatehouse writes: their events are echoes. */
  OWN_ROLES: list.default([]),
  POLICY_BUCKET: z.string().min(1),
  /** Whether an uploaded policy that widens access is active at once. Anything but "true" is no. */
  TRUST_UPLOADED_POLICY: z
    .string()
    .default('false')
    .transform((text) => text === 'true'),
  /** Set where something else plays AWS: it has no host name for each bucket. */
  AWS_ENDPOINT_URL: z.string().optional(),
});

/** Builds what the handler needs. @throws ZodError that names what is missing. */
export function fromEnvironment(env: NodeJS.ProcessEnv): Dependencies {
  const settings = environmentSchema.parse(env);
  return {
    ports: {
      table: stateTable(settings.GATEHOUSE_TABLE),
      queues: sqsQueues({ intake: settings.INTAKE_QUEUE_URL }),
      documents: s3Documents({ forcePathStyle: settings.AWS_ENDPOINT_URL !== undefined }),
      clock: systemClock,
      random: systemRandom,
    },
    sources: eventSources,
    trust: { accounts: new Set(settings.EVENT_ACCOUNTS), ownRoles: new Set(settings.OWN_ROLES) },
    uploads: { bucket: settings.POLICY_BUCKET, trusted: settings.TRUST_UPLOADED_POLICY },
    log: new Logger({ serviceName: 'receive-event' }),
    metrics: cloudWatchMetrics('receive-event'),
  };
}
