import type { Subject } from '../../access/subject.ts';
import type { KubernetesObject } from '../../ports/kubernetes.ts';
import type { Claim } from '../resource.ts';

/** The ClusterRole that says whom the connector may impersonate. Its binding is one of the connector's objects. */
export const IMPERSONATION_ROLE = 'eks-connector-service';
/** The object of every claim of this kind. */
export const IMPERSONATION_OBJECT = `ClusterRole/${IMPERSONATION_ROLE}`;

/**
 * That the connector may impersonate one IAM principal: it sets the ARN of whoever looks from the console as
 * `Impersonate-User`, and nothing else.
 *
 *     { kind: 'impersonation', object: 'ClusterRole/eks-connector-service', arn: 'arn:aws:iam::111122223333:user/ana' }
 */
export interface ImpersonationClaim extends Claim {
  readonly kind: 'impersonation';
  readonly arn: string;
}

/** Who needs which ARN, so that it goes with the last of them: a turn knows only its own subjects. JSON. */
export const IMPERSONATION_ANNOTATION = 'gatehouse.dev/impersonated-for';

/** The ARNs of the role, each with the subjects that it is for; undefined where the note was lost. */
export function impersonatedFor(object: KubernetesObject): ReadonlyMap<string, readonly Subject[]> | undefined {
  const note = object.metadata.annotations?.[IMPERSONATION_ANNOTATION];
  try {
    const entries = JSON.parse(note ?? '') as readonly (readonly [string, readonly Subject[]])[];
    return new Map(entries.map(([arn, subjects]) => [arn, [...subjects]]));
  } catch {
    return undefined;
  }
}
