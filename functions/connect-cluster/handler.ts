import { answerOperations, type OperationDependencies } from '@gatehouse/core/operations/answer';
import { connectionOperationSchema } from '@gatehouse/core/operations/operation';

/**
 * Registers and deregisters clusters elsewhere, and nothing else: whoever may invoke this and not `run-operation` changes no
 * policy.
 */
export const createHandler = (dependencies: OperationDependencies) =>
  answerOperations(connectionOperationSchema, dependencies);
