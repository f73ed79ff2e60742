import { consumeTurns, type TurnDependencies } from '@gatehouse/core/work/consume-turns';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';

/** What the function needs. */
export type Dependencies = TurnDependencies;

/** Takes the turns that the wake-ups ask for, on IAM roles and users. */
export function createHandler(dependencies: Dependencies): (event: SQSEvent) => Promise<SQSBatchResponse> {
  return (event) => consumeTurns(dependencies, event, 'iam');
}
