import type { ClusterSelector } from '../access/policy.ts';
import type { GrantDocument } from './schema.ts';

/** A scope as it is written, as a selector: a single name is a list of one; labels alone are for clusters of any name. */
export function selectorOf(on: Pick<GrantDocument['on'], 'clusters' | 'labels'>): ClusterSelector {
  const names = on.clusters === undefined ? ['*'] : typeof on.clusters === 'string' ? [on.clusters] : on.clusters;
  return { names: [...new Set(names)], labels: on.labels ?? {} };
}
