import { Logger } from '@aws-lambda-powertools/logger';
import { systemClock } from '@gatehouse/core/aws/clock';
import { cloudWatchMetrics } from '@gatehouse/core/aws/metrics';
import { sqsQueues } from '@gatehouse/core/aws/queues';
import { systemRandom } from '@gatehouse/core/aws/random';
import { webhookReceiverSchema } from '@gatehouse/core/aws/receivers';
import { secretsManager } from '@gatehouse/core/aws/secrets';
import { stateTable } from '@gatehouse/core/aws/state-table';
import { SigningSecrets } from '@gatehouse/core/sources/signing-secrets';
import { webhookSources } from '@gatehouse/core/sources/sources';
import type { Dependencies } from './handler.ts';

/** What the function reads from its environment. */
export const environmentSchema = webhookReceiverSchema;

/** Builds what the handler needs. @throws ZodError that names what is missing. */
export function fromEnvironment(env: NodeJS.ProcessEnv): Dependencies {
  const { GATEHOUSE_TABLE, INTAKE_QUEUE_URL, WEBHOOK_SECRETS } = environmentSchema.parse(env);
  const clock = systemClock;
  return {
    ports: {
      table: stateTable(GATEHOUSE_TABLE),
      queues: sqsQueues({ intake: INTAKE_QUEUE_URL }),
      clock,
      random: systemRandom,
    },
    secrets: new SigningSecrets({ secrets: secretsManager(), clock }, WEBHOOK_SECRETS),
    sources: webhookSources,
    log: new Logger({ serviceName: 'receive-webhook' }),
    metrics: cloudWatchMetrics('receive-webhook'),
  };
}
