import * as z from 'zod';
import type { Queues } from '../ports/queues.ts';
import type { Table } from '../ports/table.ts';
import { gatheringTable } from './gathering-table.ts';
import { sqsQueues } from './queues.ts';
import { stateTable } from './state-table.ts';

/** What every function behind the receivers reads from its environment: the state, and the queues it sends to. */
export const pipelineSchema = z.object({
  GATEHOUSE_TABLE: z.string().min(1),
  INTAKE_QUEUE_URL: z.url(),
  IAM_QUEUE_URL: z.url(),
  CLUSTERS_QUEUE_URL: z.url(),
  LATER_QUEUE_URL: z.url(),
  AWS_REGION: z.string().min(1),
});

/** What the planner reads beside that, who also reads the policies that are uploaded. */
export const plannerSchema = pipelineSchema.extend({
  POLICY_BUCKET: z.string().min(1),
  /** Whether an uploaded policy that widens access is active at once. Anything but "true" is no. */
  TRUST_UPLOADED_POLICY: z
    .string()
    .default('false')
    .transform((text) => text === 'true'),
  /** Set where something else plays AWS: it has no host name for each bucket. */
  AWS_ENDPOINT_URL: z.string().optional(),
});

/** Builds the state table and the queues. */
export function pipelinePorts(settings: z.infer<typeof pipelineSchema>): { table: Table; queues: Queues } {
  return {
    table: stateTable(settings.GATEHOUSE_TABLE, gatheringTable),
    queues: sqsQueues({
      intake: settings.INTAKE_QUEUE_URL,
      iam: settings.IAM_QUEUE_URL,
      clusters: settings.CLUSTERS_QUEUE_URL,
      later: settings.LATER_QUEUE_URL,
    }),
  };
}
