import type { QueueDepth } from '../../ports/queue-depths.ts';
import type { Beating } from '../../work/heartbeat.ts';
import type { Check } from './check.ts';

/** How long each may rest, milliseconds: some of its periods, and its own time. */
const LONGEST: Readonly<Record<Beating, number>> = { tick: 5 * 60_000, sweep: 130 * 60_000 };
const EVERY: Readonly<Record<Beating, string>> = { tick: 'minute', sweep: 'hour' };

/** Whether what runs by the clock does. `since`: how long there is a policy, milliseconds UTC of its first version. */
export function judgeBeat(name: Beating, last: number | undefined, since: number | undefined, now: number): Check {
  const ran = last ?? since;
  const rested = ran === undefined ? 0 : now - ran;
  const seen = last === undefined ? 'it has not run yet' : `it ran ${Math.round((now - last) / 1000)} s ago`;
  if (rested > LONGEST[name]) {
    const fix = `aws scheduler list-schedules; is the schedule of ${name} enabled? Then its log: is there an error?`;
    return { check: name, verdict: 'fail', saw: `${seen}; it runs every ${EVERY[name]}`, fix };
  }
  if (last === undefined) {
    return {
      check: name,
      verdict: 'not-checked',
      saw: `${seen}; it runs every ${EVERY[name]}`,
      fix: 'look again then',
    };
  }
  return { check: name, verdict: 'ok', saw: seen };
}

/** More than this waits only where nobody takes it out. */
const BACKLOG = 1_000;

/** Whether a queue is taken from, and whether anything was given up. */
export function judgeQueue({ name, url, isDead, waiting }: QueueDepth): Check {
  const about = { check: 'queue', of: name };
  if (isDead && waiting > 0) {
    const fix = `aws sqs receive-message --queue-url ${url}; what it was about is marked still, so once it is mended: aws sqs purge-queue --queue-url ${url}`;
    return { ...about, verdict: 'fail', saw: `${waiting} messages were given up`, fix };
  }
  if (!isDead && waiting > BACKLOG) {
    const fix = 'look at the log and the concurrency of the function behind it';
    return { ...about, verdict: 'warn', saw: `${waiting} messages wait`, fix };
  }
  return { ...about, verdict: 'ok', saw: waiting === 0 ? 'it is empty' : `${waiting} messages wait` };
}

/** When a source was heard last. A source may have nothing to say for weeks. */
export function judgeSource(source: string, heard: number | undefined, now: number): Check {
  const about = { check: 'source', of: source };
  if (heard === undefined) {
    const fix = 'send something from it: does its hook point here, and is it active?';
    return { ...about, verdict: 'not-checked', saw: 'nothing of its granted groups was heard yet', fix };
  }
  return { ...about, verdict: 'ok', saw: `heard ${Math.round((now - heard) / 1000)} s ago` };
}
