import * as z from 'zod';
import { parseTarget, type Target } from '../access/target.ts';
import type { IntakeMessage } from '../directory/fact.ts';
import type { WakeMessage } from './wake.ts';

const intakeSchema = z.strictObject({
  version: z.literal(1),
  facts: z.array(z.strictObject({ pk: z.string().min(1), sk: z.string().min(1) })),
});

const wakeSchema = z.strictObject({
  version: z.literal(1),
  target: z.string().transform((text): Target => {
    parseTarget(text);
    return text as Target;
  }),
  sweep: z.strictObject({ parked: z.string().optional(), after: z.string().optional() }).optional(),
});

/** Reads a message of the intake queue. @throws ZodError where it is none: a fault of Gatehouse, for the dead-letter queue. */
export function readIntakeMessage(body: unknown): IntakeMessage {
  return intakeSchema.parse(body);
}

/** Reads a wake-up. @throws ZodError, or Failure `invalid` for what is no target. */
export function readWakeMessage(body: unknown): WakeMessage {
  const { sweep, ...message } = wakeSchema.parse(body);
  if (!sweep) return message;
  const { parked, after } = sweep;
  return {
    ...message,
    sweep: { ...(parked === undefined ? {} : { parked }), ...(after === undefined ? {} : { after }) },
  };
}
