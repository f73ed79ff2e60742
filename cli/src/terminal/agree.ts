import { Failure } from '@gatehouse/core/access/failure';
import type { Terminal } from './terminal.ts';

/** What a person is asked to agree to. */
export interface Question {
  /** What follows a "yes". */
  readonly question: string;
  /** What did not happen without it, as it completes "so ...": `nothing was deployed`. */
  readonly otherwise: string;
  /** The line that agrees without being asked. */
  readonly unasked: string;
}

/**
 * Goes on only where a person types "yes", or `--yes` was said.
 * @throws Failure `forbidden` otherwise; where nobody is there to ask, too.
 */
export async function agree(
  { ask }: Pick<Terminal, 'ask'>,
  yes: boolean | undefined,
  { question, otherwise, unasked }: Question,
): Promise<void> {
  if (yes) return;
  const remedy = `to agree without being asked: ${unasked}`;
  if (!ask) throw new Failure('forbidden', `nobody is there to agree, so ${otherwise}`, { remedy });
  const answer = await ask(`${question} Only "yes" does it: `);
  if (answer.trim() !== 'yes') throw new Failure('forbidden', otherwise, { remedy });
}
