import { Logger } from '@aws-lambda-powertools/logger';
import { systemClock } from '@gatehouse/core/aws/clock';
import { s3Documents } from '@gatehouse/core/aws/documents';
import { pipelinePorts, plannerSchema } from '@gatehouse/core/aws/pipeline';
import { systemRandom } from '@gatehouse/core/aws/random';
import { secretsManager } from '@gatehouse/core/aws/secrets';
import { awsWorld } from '@gatehouse/core/aws/world';
import type { Dependencies } from './handler.ts';

/** What the function reads from its environment. */
export const environmentSchema = plannerSchema;

/** Builds what the handler needs. @throws ZodError that names what is missing. */
export function fromEnvironment(env: NodeJS.ProcessEnv): Dependencies {
  const settings = environmentSchema.parse(env);
  const world = awsWorld({
    region: settings.AWS_REGION,
    clock: systemClock,
    secrets: secretsManager(),
    sessionName: 'gatehouse-plan-access',
  });
  return {
    ports: {
      ...pipelinePorts(settings),
      clock: systemClock,
      random: systemRandom,
      world,
      documents: s3Documents({ forcePathStyle: settings.AWS_ENDPOINT_URL !== undefined }),
    },
    uploads: { bucket: settings.POLICY_BUCKET, trusted: settings.TRUST_UPLOADED_POLICY },
    log: new Logger({ serviceName: 'plan-access' }),
  };
}
