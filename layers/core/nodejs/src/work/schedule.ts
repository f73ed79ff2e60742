import * as z from 'zod';

const scheduleSchema = z.object({ scheduledAt: z.iso.datetime({ offset: true }) });

/**
 * The time that a schedule stands for, milliseconds UTC: the template has EventBridge Scheduler fill it in as
 * `{"scheduledAt": "<aws.scheduler.scheduled-time>"}`. An attempt that comes late stands for its own minute all the same.
 * Whoever invokes the function by hand need not give it: then it is `now`.
 */
export function readSchedule(event: unknown, now: number): number {
  const schedule = scheduleSchema.safeParse(event);
  return schedule.success ? Date.parse(schedule.data.scheduledAt) : now;
}
