import { GRANT_ANNOTATION } from '@gatehouse/core/access/names';
import { readAwsAuth } from '@gatehouse/core/effective-access/aws-auth';
import { allObjects } from '@gatehouse/core/ports/all-objects';
import type { Kubernetes, KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { AWS_AUTH_REF } from '@gatehouse/core/resources/aws-auth/model';
import { isManaged } from '@gatehouse/core/resources/managed-object';

/** Somebody who is bound by Gatehouse. */
export interface Bound {
  readonly who: string;
  readonly grant: string;
  readonly role: string;
  /** The namespace; undefined: the whole cluster. */
  readonly namespace: string | undefined;
}

/** A line of aws-auth: who is let in, and as whom. */
export interface Door {
  readonly arn: string;
  readonly username: string;
  readonly groups: readonly string[];
}

/** Who has access to a cluster, as the cluster says itself. */
export interface ClusterAccess {
  readonly bound: readonly Bound[];
  readonly doors: readonly Door[];
  /** What of aws-auth cannot be read, and is ignored by the cluster. */
  readonly problems: readonly string[];
}

/** Reads it: aws-auth, and the bindings that are Gatehouse's. @throws Failure where the API server does not answer. */
export async function accessOn(kubernetes: Kubernetes): Promise<ClusterAccess> {
  const [awsAuth, ...bindings] = await Promise.all([
    kubernetes.read(AWS_AUTH_REF),
    allObjects(kubernetes, 'ClusterRoleBinding'),
    allObjects(kubernetes, 'RoleBinding'),
  ]);
  const { roles, users, problems } = readAwsAuth(awsAuth?.data);
  return {
    bound: bindings.flat().filter(isManaged).flatMap(boundBy),
    doors: [...roles, ...users].map(({ arn, username, groups }) => ({ arn, username, groups })),
    problems: problems.map(({ key, message }) => `${key}: ${message}`),
  };
}

function boundBy({ metadata, roleRef, subjects = [] }: KubernetesObject): readonly Bound[] {
  const grant = metadata.annotations?.[GRANT_ANNOTATION] ?? '';
  const role = roleRef === undefined ? '' : `${roleRef.kind} ${roleRef.name}`;
  return subjects.map(({ kind, name }) => ({
    who: kind === 'User' ? name : `${kind} ${name}`,
    grant,
    role,
    namespace: metadata.namespace,
  }));
}
