import { Failure } from '@gatehouse/core/access/failure';
import type { Terminal } from './terminal.ts';

/** What a person is asked to agree to. */
export interface Question {
  /** What follows a "yes". */
  readonly question: string;
  /** What only a "yes" does, as it completes `Only "yes" ...`: `deploys it`. Without it: `does it`. */
  readonly does?: string;
  /** What is so without it: `nothing was deployed`. */
  readonly otherwise: string;
  /** What is said where nobody is there to be asked, if it is more than that, and so it is as `otherwise` says. */
  readonly alone?: string;
  /** How to agree without being asked. */
  readonly remedy: string;
  /** Breaks the question off. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Goes on only where a person types "yes", or `--yes` was said.
 * @throws Failure `forbidden` otherwise; where nobody is there to ask, too.
 */
export async function agree(
  { ask }: Pick<Terminal, 'ask'>,
  yes: boolean | undefined,
  {
    question,
    does = 'does it',
    otherwise,
    alone = `nobody is there to agree, so ${otherwise}`,
    remedy,
    signal,
  }: Question,
): Promise<void> {
  if (yes) return;
  if (!ask) throw new Failure('forbidden', alone, { remedy });
  const answer = await ask(`${question} Only "yes" ${does}: `, signal);
  if (answer.trim() !== 'yes') throw new Failure('forbidden', otherwise, { remedy });
}
