import { Logger } from '@aws-lambda-powertools/logger';
import { systemClock } from '@gatehouse/core/aws/clock';
import { pipelinePorts, pipelineSchema } from '@gatehouse/core/aws/pipeline';
import type { Dependencies } from './handler.ts';

/** Builds what the handler needs. @throws ZodError that names what is missing. */
export function fromEnvironment(env: NodeJS.ProcessEnv): Dependencies {
  return {
    ports: { ...pipelinePorts(pipelineSchema.parse(env)), clock: systemClock },
    log: new Logger({ serviceName: 'tick' }),
  };
}
