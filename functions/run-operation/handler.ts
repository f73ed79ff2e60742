import { answerOperations, type OperationDependencies } from '@gatehouse/core/operations/answer';
import { operationSchema } from '@gatehouse/core/operations/operation';

/** Runs what a person of the operations team asks for. */
export const createHandler = (dependencies: OperationDependencies) => answerOperations(operationSchema, dependencies);
