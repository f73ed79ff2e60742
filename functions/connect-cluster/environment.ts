import { Logger } from '@aws-lambda-powertools/logger';
import { operationsSchema, turnPorts } from '@gatehouse/core/aws/turns';
import type { OperationDependencies } from '@gatehouse/core/operations/answer';
import { TURN_LIMITS } from '@gatehouse/core/work/turn-ports';

/** What the function reads from its environment. */
export const environmentSchema = operationsSchema;

/** Builds what the handler needs. @throws ZodError that names what is missing. */
export function fromEnvironment(env: NodeJS.ProcessEnv): OperationDependencies {
  const settings = environmentSchema.parse(env);
  return {
    ports: turnPorts(settings),
    settings: { limits: TURN_LIMITS, clusterAccessRole: settings.CLUSTER_ACCESS_ROLE },
    log: new Logger({ serviceName: 'connect-cluster' }),
  };
}
