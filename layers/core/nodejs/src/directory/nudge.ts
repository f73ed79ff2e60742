import type { Message, Queues } from '../ports/queues.ts';
import type { Key } from '../ports/table.ts';
import type { IntakeMessage } from './fact.ts';

/** Keeps a message far below what SQS takes: a key has at most some 1,100 bytes. */
const FACTS_A_MESSAGE = 50;

/**
 * Tells the planner which facts to look at, each once, in `delaySeconds` (0 unless told, at most 900). Losing it costs a minute:
 * the tick finds what is dirty.
 */
export async function nudgePlanner(
  ports: { readonly queues: Queues },
  facts: readonly Key[],
  delaySeconds = 0,
): Promise<void> {
  const distinct = [...new Map(facts.map(({ pk, sk }) => [JSON.stringify([pk, sk]), { pk, sk }])).values()];
  const messages: Message[] = [];
  const delay = delaySeconds === 0 ? {} : { delaySeconds };
  for (let start = 0; start < distinct.length; start += FACTS_A_MESSAGE) {
    const some = distinct.slice(start, start + FACTS_A_MESSAGE);
    messages.push({ body: JSON.stringify({ version: 1, facts: some } satisfies IntakeMessage), ...delay });
  }
  if (messages.length > 0) await ports.queues.send('intake', messages);
}
