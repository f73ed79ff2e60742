import { setTimeout as pause } from 'node:timers/promises';
import { Failure } from '@gatehouse/core/access/failure';
import type { ConnectionOutcome } from '@gatehouse/core/operations/connections';
import type { RunOperation } from '../aws/run-operation.ts';
import type { Say } from '../terminal/progress.ts';

/** Which cluster elsewhere, as operations name it. */
export interface Place {
  readonly name: string;
  readonly region: string;
  readonly account?: string;
}

const OFTEN_MS = 1_000;

/**
 * Looks at a registration until `done` says so, and says what is waited for.
 * @throws Failure `deadline` after `seconds`, with what is in the way.
 */
export async function follow(
  say: Say,
  run: RunOperation,
  place: Place,
  { seconds, done }: { readonly seconds: number; readonly done: (outcome: ConnectionOutcome) => boolean },
): Promise<ConnectionOutcome> {
  const end = Date.now() + seconds * 1_000;
  for (;;) {
    const outcome = await run<ConnectionOutcome>({ operation: 'connection', ...place });
    const text = progressOf(outcome);
    say(text);
    if (done(outcome)) return outcome;
    if (Date.now() >= end) {
      const [trouble] = outcome.trouble;
      throw new Failure('deadline', `${place.name} is not done after ${seconds} s: ${trouble?.message ?? text}`, {
        remedy: trouble?.remedy ?? 'ask again with --status, or wait longer with --timeout',
      });
    }
    await pause(OFTEN_MS);
  }
}

function progressOf({ name, status, waiting, trouble, by }: ConnectionOutcome): string {
  const state = status ?? (by === 'none' ? 'gone' : 'not registered yet');
  const why = trouble.map(({ about, code }) => `${about}: ${code}`).join(', ');
  return `${name}: ${state}${waiting > 0 ? ', working' : ''}${why === '' ? '' : ` (${why})`}`;
}
