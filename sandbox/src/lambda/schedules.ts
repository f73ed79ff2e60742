import { randomUUID } from 'node:crypto';
import type { ScheduleWiring } from '../template/wiring.ts';

/** EventBridge Scheduler: invokes functions at their rates, the first time after one period. */
export class Schedules {
  readonly #timers: NodeJS.Timeout[];

  constructor(schedules: readonly ScheduleWiring[], invoke: (functionName: string, payload: string) => void) {
    this.#timers = schedules.map((schedule) =>
      setInterval(() => invoke(schedule.function, filled(schedule)), schedule.everySeconds * 1000),
    );
  }

  /** Invokes nothing more. */
  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }
}

/**
 * The input with the scheduler's context attributes filled in.
 * @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
 */
function filled({ input, name }: ScheduleWiring): string {
  const values: Readonly<Record<string, string>> = {
    'scheduled-time': new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    'schedule-arn': name,
    'execution-id': randomUUID(),
    'attempt-number': '1',
  };
  return input.replace(/<aws\.scheduler\.([a-z-]+)>/g, (whole, attribute: string) => values[attribute] ?? whole);
}
