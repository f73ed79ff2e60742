import type { ClusterPorts } from '../../ports/world.ts';
import { applyToObject, type ObjectState, observeObject } from '../managed-object.ts';
import type { Kind } from '../resource.ts';
import { diffImpersonation } from './diff.ts';
import { IMPERSONATION_ROLE, type ImpersonationClaim } from './model.ts';

const REF = { kind: 'ClusterRole', name: IMPERSONATION_ROLE } as const;

/** Whom the EKS connector may impersonate in a cluster: README.md. */
export const impersonationKind: Kind<ImpersonationClaim, ObjectState, ClusterPorts> = {
  name: 'impersonation',
  iamActions: [],
  keepsSnapshot: false,
  observe: ({ kubernetes }) => observeObject(kubernetes, REF),
  diff: diffImpersonation,
  apply: ({ kubernetes }, change) => applyToObject(kubernetes, REF, change),
};
