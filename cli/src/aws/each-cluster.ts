import { Failure } from '@gatehouse/core/access/failure';
import { eachAtOnce } from '@gatehouse/core/ports/at-once';
import type { Say } from '../terminal/progress.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** Clusters that are asked at once. */
const AT_ONCE = 8;

/** What came of a cluster: an answer, or why there is none. */
export type OfCluster<T> = { readonly answer: T } | { readonly failure: Failure };

/** Asks each cluster, at most {@link AT_ONCE} at once, and answers in their order. One that fails keeps no other from its answer. */
export async function eachCluster<T>(
  { progress }: Pick<Terminal, 'progress'>,
  clusters: readonly string[],
  ask: (cluster: string) => Promise<T>,
  quiet: boolean,
): Promise<readonly (OfCluster<T> & { readonly cluster: string })[]> {
  let done = 0;
  const asking = (say: Say) =>
    eachAtOnce(
      clusters,
      async (cluster) => {
        const found = { cluster, ...(await attempt(() => ask(cluster))) };
        say(`asking clusters: ${++done} of ${clusters.length}`);
        return found;
      },
      AT_ONCE,
    );
  return progress.during('asking clusters', asking, { quiet });
}

async function attempt<T>(work: () => Promise<T>): Promise<OfCluster<T>> {
  try {
    return { answer: await work() };
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    return { failure };
  }
}
