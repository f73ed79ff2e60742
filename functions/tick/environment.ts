import { Logger } from '@aws-lambda-powertools/logger';
import { systemClock } from '@gatehouse/core/aws/clock';
import { cloudWatchMetrics } from '@gatehouse/core/aws/metrics';
import { pipelinePorts, pipelineSchema } from '@gatehouse/core/aws/pipeline';
import type { Dependencies } from './handler.ts';

/** What the function reads from its environment. */
export const environmentSchema = pipelineSchema;

/** Builds what the handler needs. @throws ZodError that names what is missing. */
export function fromEnvironment(env: NodeJS.ProcessEnv): Dependencies {
  return {
    ports: { ...pipelinePorts(environmentSchema.parse(env)), clock: systemClock },
    log: new Logger({ serviceName: 'tick' }),
    metrics: cloudWatchMetrics('tick'),
  };
}
