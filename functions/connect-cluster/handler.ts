import { isFailure } from '@gatehouse/core/access/failure';
import { connectionOperationSchema } from '@gatehouse/core/operations/operation';
import { type OperationSettings, runOperation } from '@gatehouse/core/operations/run';
import type { Log } from '@gatehouse/core/ports/log';
import type { TurnPorts } from '@gatehouse/core/work/turn-ports';
import * as z from 'zod';

/** What the function needs. */
export interface Dependencies {
  readonly ports: TurnPorts;
  readonly settings: OperationSettings;
  readonly log: Log;
}

/** The outcome, or why there is none and what to do about it. */
export type Answer =
  | { readonly ok: true; readonly outcome: unknown }
  | {
      readonly ok: false;
      readonly error: { readonly code: string; readonly message: string; readonly remedy?: string };
    };

/**
 * Registers and deregisters clusters elsewhere, and nothing else: whoever may invoke this and not `run-operation` changes no
 * policy. Bad requests are answered, faults are thrown.
 */
export function createHandler({ ports, settings, log }: Dependencies): (event: unknown) => Promise<Answer> {
  return async (event) => {
    const operation = connectionOperationSchema.safeParse(event);
    if (!operation.success) {
      return { ok: false, error: { code: 'invalid', message: z.prettifyError(operation.error) } };
    }
    try {
      const outcome = await runOperation(ports, settings, operation.data);
      log.info('operation', { operation: operation.data.operation });
      return { ok: true, outcome };
    } catch (error) {
      if (!isFailure(error)) throw error;
      const { code, message, remedy } = error;
      return { ok: false, error: { code, message, ...(remedy === undefined ? {} : { remedy }) } };
    }
  };
}
