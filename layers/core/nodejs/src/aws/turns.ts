import * as z from 'zod';
import { publicWeb } from '../web/public-web.ts';
import type { TurnPorts } from '../work/turn-ports.ts';
import { systemClock } from './clock.ts';
import { eventBridgeNotices } from './notices.ts';
import { pipelinePorts, pipelineSchema } from './pipeline.ts';
import { systemRandom } from './random.ts';
import { secretsManager } from './secrets.ts';
import { dynamoTable } from './table.ts';
import { awsWorld } from './world.ts';

/** What the functions that take turns read from their environment. */
export const turnsSchema = pipelineSchema.extend({
  LEDGER_TABLE: z.string().min(1),
  NOTICES_BUS: z.string().min(1),
  /** Names the sessions in other accounts, for their CloudTrail. */
  AWS_LAMBDA_FUNCTION_NAME: z.string().min(2),
  /** ARN of the permissions boundary of what is made in the own account. */
  PERMISSIONS_BOUNDARY: z.string().startsWith('arn:').optional(),
  /** ARN of the KMS key that encrypts the secrets that are made. Empty: the one that AWS keeps for them. */
  SECRETS_KEY: z.union([z.literal(''), z.string().startsWith('arn:')]).optional(),
});

/** What the functions that run operations read from their environment. */
export const operationsSchema = turnsSchema.extend({
  /** ARN of the IAM role by which the clusters of Gatehouse's own account are reached. */
  CLUSTER_ACCESS_ROLE: z.string().startsWith('arn:'),
});

/** What `run-operation` reads beside: the queues in which what failed for good lies. */
export const runOperationSchema = operationsSchema.extend({
  DEAD_QUEUE_URL: z.url(),
  DEAD_TURNS_QUEUE_URL: z.url(),
  DEAD_EVENTS_QUEUE_URL: z.url(),
});

/** Builds everything that a turn needs of the world. */
export function turnPorts(settings: z.infer<typeof turnsSchema>): TurnPorts {
  return {
    ...pipelinePorts(settings),
    ledger: dynamoTable({ tableName: settings.LEDGER_TABLE }),
    clock: systemClock,
    random: systemRandom,
    ...(settings.PERMISSIONS_BOUNDARY === undefined ? {} : { permissionsBoundary: settings.PERMISSIONS_BOUNDARY }),
    notices: eventBridgeNotices({ busName: settings.NOTICES_BUS }),
    web: publicWeb(),
    world: awsWorld({
      region: settings.AWS_REGION,
      clock: systemClock,
      secrets: secretsManager(undefined, settings.SECRETS_KEY || undefined),
      sessionName: settings.AWS_LAMBDA_FUNCTION_NAME.slice(0, 64),
    }),
  };
}
