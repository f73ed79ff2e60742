import { Logger } from '@aws-lambda-powertools/logger';
import { sqsQueueDepths } from '@gatehouse/core/aws/queue-depths';
import { runOperationSchema, turnPorts } from '@gatehouse/core/aws/turns';
import type { OperationDependencies } from '@gatehouse/core/operations/answer';
import { TURN_LIMITS } from '@gatehouse/core/work/turn-ports';

/** What the function reads from its environment. */
export const environmentSchema = runOperationSchema;

/** Builds what the handler needs. @throws ZodError that names what is missing. */
export function fromEnvironment(env: NodeJS.ProcessEnv): OperationDependencies {
  const settings = environmentSchema.parse(env);
  return {
    ports: turnPorts(settings),
    settings: {
      limits: TURN_LIMITS,
      clusterAccessRole: settings.CLUSTER_ACCESS_ROLE,
      queueDepths: sqsQueueDepths({
        intake: { url: settings.INTAKE_QUEUE_URL, isDead: false },
        iam: { url: settings.IAM_QUEUE_URL, isDead: false },
        clusters: { url: settings.CLUSTERS_QUEUE_URL, isDead: false },
        later: { url: settings.LATER_QUEUE_URL, isDead: false },
        dead: { url: settings.DEAD_QUEUE_URL, isDead: true },
        'dead turns': { url: settings.DEAD_TURNS_QUEUE_URL, isDead: true },
        'dead events': { url: settings.DEAD_EVENTS_QUEUE_URL, isDead: true },
      }),
    },
    log: new Logger({ serviceName: 'run-operation' }),
  };
}
