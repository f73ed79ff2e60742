import type { KubernetesObject, ObjectRef } from '../../ports/kubernetes.ts';
import type { Claim } from '../resource.ts';

/** The two lists of the `aws-auth` ConfigMap whose entries map one principal each. */
export const AWS_AUTH_LISTS = ['mapRoles', 'mapUsers'] as const;
/** A key of the ConfigMap's `data`. The authenticator spells it exactly so. */
export type AwsAuthList = (typeof AWS_AUTH_LISTS)[number];

/** The one object of this kind on a cluster. */
export const AWS_AUTH_OBJECT = 'kube-system/aws-auth';
/** Where it stands in the API. */
export const AWS_AUTH_REF: ObjectRef = { kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' };

/**
 * One entry of `aws-auth`, for example
 *
 *     - rolearn: arn:aws:iam::111122223333:role/gatehouse-payments
 *       username: "gatehouse:payments:{{SessionNameRaw}}"
 *
 * An entry of Gatehouse's never names a group: rights hang on the username, in RBAC.
 */
export interface AwsAuthClaim extends Claim {
  readonly kind: 'aws-auth';
  readonly object: typeof AWS_AUTH_OBJECT;
  readonly list: AwsAuthList;
  /** As `awsAuthArn` writes it: a role without its path, a user with it. */
  readonly arn: string;
  /** Begins with `gatehouse:`; may hold `{{SessionNameRaw}}`. */
  readonly username: string;
}

/** The ConfigMap as it was read, whole, so that everything foreign in it travels back unchanged. */
export type AwsAuthObserved =
  | { readonly present: false }
  | { readonly present: true; readonly configMap: KubernetesObject };

/**
 * An ARN (or an entry's key) as the authenticator compares it: Go's `strings.EqualFold`, which beyond lower case also takes
 * the long s for an s. (The Kelvin sign becomes k by lower-casing.)
 */
export function folded(text: string): string {
  return text.toLowerCase().replaceAll('\u017f', 's');
}
