import type { KubernetesObject } from '../../ports/kubernetes.ts';
import type { Claim } from '../resource.ts';

/**
 * A grant's need of a namespace. `object` is its name. What happens where it is absent:
 * `refuse`: a finding; `create`: it is made, and stays; `create-and-delete`: it is made, and goes with the last grant.
 */
export interface NamespaceClaim extends Claim {
  readonly kind: 'namespace';
  readonly onAbsent: 'refuse' | 'create' | 'create-and-delete';
}

/**
 * Annotation on a namespace that Gatehouse made: the subjects that need it, as a sorted JSON array. A turn knows only its
 * own subjects; this tells it whether others still live there.
 */
export const CLAIMED_BY_ANNOTATION = 'gatehouse.dev/claimed-by';

/** The subjects that need a namespace, as its note says; undefined where the note is lost, so that nothing is deleted for it. */
export function claimedBy(object: KubernetesObject): readonly string[] | undefined {
  const text = object.metadata.annotations?.[CLAIMED_BY_ANNOTATION];
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string')
      ? value
      : undefined;
  } catch {
    return undefined;
  }
}

/** True while Kubernetes deletes what is in the namespace; it refuses new objects until then. */
export function isTerminating(object: KubernetesObject): boolean {
  const phase = (object.status as { phase?: unknown } | null | undefined)?.phase;
  return object.metadata.deletionTimestamp !== undefined || phase === 'Terminating';
}
