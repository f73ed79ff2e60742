import type * as z from 'zod';
import { isFailure } from '../access/failure.ts';
import { formatPath } from '../policy/document.ts';
import type { Log } from '../ports/log.ts';
import type { TurnPorts } from '../work/turn-ports.ts';
import type { Operation } from './operation.ts';
import { type OperationSettings, runOperation } from './run.ts';

/** What a function that runs operations needs. */
export interface OperationDependencies {
  readonly ports: TurnPorts;
  readonly settings: OperationSettings;
  readonly log: Log;
}

/** What the caller gets: the outcome, or why there is none and what to do about it. */
export type OperationAnswer =
  | { readonly ok: true; readonly outcome: unknown }
  | {
      readonly ok: false;
      readonly error: {
        readonly code: string;
        readonly message: string;
        readonly remedy?: string;
        /** All that is wrong with a document, by its places. */
        readonly details?: unknown;
      };
    };

/** Runs those operations that a schema lets through. Bad requests are answered, faults are thrown. */
export function answerOperations(
  schema: z.ZodType<Operation>,
  { ports, settings, log }: OperationDependencies,
): (event: unknown) => Promise<OperationAnswer> {
  return async (event) => {
    const operation = schema.safeParse(event);
    if (!operation.success) {
      return { ok: false, error: { code: 'invalid', message: issuesText(operation.error) } };
    }
    try {
      const outcome = await runOperation(ports, settings, operation.data);
      log.info('operation', { operation: operation.data.operation });
      return { ok: true, outcome };
    } catch (error) {
      if (!isFailure(error)) throw error;
      const { code, message, remedy, cause } = error;
      const details = (cause as { errors?: unknown } | undefined)?.errors;
      const known = { ...(remedy === undefined ? {} : { remedy }), ...(details === undefined ? {} : { details }) };
      return { ok: false, error: { code, message, ...known } };
    }
  };
}

/** What is wrong with a request, in a line: each thing with where it stands. */
function issuesText({ issues }: z.ZodError): string {
  return issues
    .map(({ path, message }) => (path.length === 0 ? message : `${formatPath(path)}: ${message}`))
    .join('; ');
}
