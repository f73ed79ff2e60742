import { Logger } from '@aws-lambda-powertools/logger';
import { cloudWatchMetrics } from '@gatehouse/core/aws/metrics';
import { turnPorts, turnsSchema } from '@gatehouse/core/aws/turns';
import { TURN_LIMITS } from '@gatehouse/core/work/turn-ports';
import type { Dependencies } from './handler.ts';

/** What the function reads from its environment. */
export const environmentSchema = turnsSchema;

/** Builds what the handler needs. @throws ZodError that names what is missing. */
export function fromEnvironment(env: NodeJS.ProcessEnv): Dependencies {
  return {
    ports: turnPorts(environmentSchema.parse(env)),
    limits: TURN_LIMITS,
    log: new Logger({ serviceName: 'reconcile-iam' }),
    metrics: cloudWatchMetrics('reconcile-iam'),
  };
}
