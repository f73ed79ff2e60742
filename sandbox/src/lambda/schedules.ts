import type { ScheduleWiring } from '../template/wiring.ts';

/** EventBridge Scheduler: invokes functions at their rates, the first time after one period. */
export class Schedules {
  readonly #timers: NodeJS.Timeout[];

  constructor(schedules: readonly ScheduleWiring[], invoke: (functionName: string, payload: string) => void) {
    this.#timers = schedules.map((schedule) =>
      setInterval(() => invoke(schedule.function, schedule.input), schedule.everySeconds * 1000),
    );
  }

  /** Invokes nothing more. */
  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }
}
