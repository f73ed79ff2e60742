import type { KubernetesObject } from '../../ports/kubernetes.ts';
import type { Secrets } from '../../ports/secrets.ts';
import type { ClusterPorts } from '../../ports/world.ts';
import type { Claim } from '../resource.ts';

/**
 * One object of the connector in its cluster. `object` as `object-ref.ts` writes it.
 *
 *     { kind: 'connector-object', object: 'ServiceAccount/eks-connector/eks-connector', manifest: {...} }
 */
export interface ConnectorObjectClaim extends Claim {
  readonly kind: 'connector-object';
  /** The object without Gatehouse's label, and without what `activation` brings. */
  readonly manifest: KubernetesObject;
  /** Where its data comes from: a secret in Secrets Manager, and until when that activation holds (milliseconds UTC). */
  readonly activation?: { readonly secret: string; readonly expiry: number };
}

/** What the kind works on: a cluster elsewhere, and the secrets of Gatehouse's own account. */
export interface ConnectorClusterPorts extends ClusterPorts {
  readonly secrets: Secrets;
}

/** Says of which activation the data of a secret is, without saying what it is: `<expiry> <secret's name>`. */
export const ACTIVATION_ANNOTATION = 'gatehouse.dev/activation';
