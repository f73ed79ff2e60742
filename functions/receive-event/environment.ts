import { Logger } from '@aws-lambda-powertools/logger';
import { systemClock } from '@gatehouse/core/aws/clock';
import { cloudWatchMetrics } from '@gatehouse/core/aws/metrics';
import { sqsQueues } from '@gatehouse/core/aws/queues';
import { systemRandom } from '@gatehouse/core/aws/random';
import { eventReceiverSchema } from '@gatehouse/core/aws/receivers';
import { stateTable } from '@gatehouse/core/aws/state-table';
import { eventSources } from '@gatehouse/core/sources/sources';
import type { Dependencies } from './handler.ts';

/** What the function reads from its environment. */
export const environmentSchema = eventReceiverSchema;

/** Builds what the handler needs. @throws ZodError that names what is missing. */
export function fromEnvironment(env: NodeJS.ProcessEnv): Dependencies {
  const settings = environmentSchema.parse(env);
  return {
    ports: {
      table: stateTable(settings.GATEHOUSE_TABLE),
      queues: sqsQueues({ intake: settings.INTAKE_QUEUE_URL }),
      clock: systemClock,
      random: systemRandom,
    },
    sources: eventSources,
    trust: { accounts: new Set(settings.EVENT_ACCOUNTS), ownRoles: new Set(settings.OWN_ROLES) },
    policyBucket: settings.POLICY_BUCKET,
    log: new Logger({ serviceName: 'receive-event' }),
    metrics: cloudWatchMetrics('receive-event'),
  };
}
