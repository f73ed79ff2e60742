import { SESSION_NAME_PATTERN, USERNAME_PREFIX } from '../access/names.ts';
import type { AccessPolicy } from '../access/policy.ts';
import { type AwsAuthMappings, readAwsAuth } from '../effective-access/aws-auth.ts';
import { principalsChanged } from '../effective-access/changed-access.ts';
import { AWS_AUTH_OBJECT, type AwsAuthClaim, type AwsAuthObserved, folded } from '../resources/aws-auth/model.ts';
import { isManaged, type ObjectState } from '../resources/managed-object.ts';
import type { Change, Claim, Finding } from '../resources/resource.ts';
import { usernameOf } from '../resources/role-binding/model.ts';
import { isProtected } from './desired.ts';
import type { Draft, Guard } from './plan.ts';
import { objectId } from './turn-claims.ts';

/** Kubernetes refuses a ConfigMap beyond 1 MiB; Gatehouse stops well before. Bytes. */
export const MAX_AWS_AUTH_BYTES = 900 * 1024;

/** The safety rules over every plan for a cluster, in the order in which they are asked. */
export function clusterGuards(policy: AccessPolicy): readonly Guard[] {
  return [ownership, reservedNames, protectedPrincipals(policy), blastRadius, lockout(policy), size];
}

/** Only what carries Gatehouse's label is changed or deleted. The kinds see to it; this sees to the kinds. */
export const ownership: Guard = ({ changes }) =>
  changes.flatMap(({ change }) => {
    if (change.kind !== 'role' && change.kind !== 'role-binding') return [];
    const before = change.before as ObjectState;
    return !before.present || isManaged(before.object)
      ? []
      : [blocking('ownership', change.object, `${change.object} is not Gatehouse's`, 'rename or delete it by hand')];
  });

/** Every username is Gatehouse's own, with no template but the one for session names, and never a reserved name. */
export const reservedNames: Guard = ({ claims }) =>
  claims.wanted.flatMap(({ subject, claim }) => {
    const username = usernameIn(claim);
    if (username === undefined) return [];
    const rest = username.startsWith(USERNAME_PREFIX) ? username.slice(USERNAME_PREFIX.length) : '';
    const [, last = ''] = /^[a-z0-9-]+:(.+)$/.exec(rest) ?? [];
    const fixed = /^(\d{12}:)?[\w+=,.@-]{1,64}$/.test(last) || SESSION_NAME_PATTERN.test(last);
    const sound = fixed || (claim.kind === 'aws-auth' && last === '{{SessionNameRaw}}');
    return sound
      ? []
      : [
          {
            ...blocking(
              'reserved-name',
              claim.object,
              `"${username}" is no username that Gatehouse may give out`,
              'rename it in the access policy',
            ),
            subject,
          },
        ];
  });

/** Principals that the policy protects, and nodes, are admitted after the plan exactly as before it. */
export function protectedPrincipals(policy: AccessPolicy): Guard {
  return ({ changes }) =>
    awsAuthChanges(changes).flatMap(({ before, after }) =>
      principalsChanged(before, after)
        .filter((arn) => isNode(before, arn) || isProtectedSafely(policy, arn))
        .map((arn) =>
          blocking(
            'protected-principal',
            AWS_AUTH_OBJECT,
            `the plan would change ${arn}, which is protected`,
            'take it out of the grant',
          ),
        ),
    );
}

/** A write changes what nobody but its own targets becomes, and binds or unbinds nobody but its own subjects. */
export const blastRadius: Guard = ({ changes, claims }) => {
  const all = [...claims.wanted, ...claims.recorded].map(({ claim }) => claim);
  const arns = new Set(all.map((claim) => folded((claim as Partial<AwsAuthClaim>).arn ?? '')));
  const usernames = new Set(all.map(usernameIn));
  const inAwsAuth = awsAuthChanges(changes).flatMap(({ before, after }) =>
    principalsChanged(before, after)
      .filter((arn) => !arns.has(folded(arn)))
      .map((arn) =>
        blocking(
          'blast-radius',
          AWS_AUTH_OBJECT,
          `the plan would change what ${arn} becomes`,
          'report this as a fault of Gatehouse',
        ),
      ),
  );
  const inBindings = changes.flatMap(({ change }) => {
    if (change.kind !== 'role-binding') return [];
    const [before, after] = [boundTo(change.before), boundTo(change.after)];
    const moved = [...before.symmetricDifference(after)].filter((name) => !usernames.has(name.slice('User '.length)));
    return moved.map((name) =>
      blocking(
        'blast-radius',
        change.object,
        `the plan would change whether ${change.object} binds ${name}`,
        'report this as a fault of Gatehouse',
      ),
    );
  });
  return [...inAwsAuth, ...inBindings];
};

/**
 * An administrator other than the one being changed remains. Administrators are whom aws-auth maps to `system:masters` and
 * whom Gatehouse's bindings to `cluster-admin` bind; a principal that the policy protects counts as one, too.
 */
export function lockout(policy: AccessPolicy): Guard {
  return ({ changes, observed }) => {
    if (policy.protected.principals.length > 0) return [];
    const awsAuth = observed.get(objectId({ kind: 'aws-auth', object: AWS_AUTH_OBJECT })) as
      | AwsAuthObserved
      | undefined;
    const masters = awsAuth?.present ? mastersOf(readAwsAuth(awsAuth.configMap.data)) : 0;
    const removing = changes.filter(({ change }) => change.kind === 'role-binding' && isAdminBinding(change));
    const lost = removing.some(({ change }) => boundTo(change.after).size < boundTo(change.before).size);
    if (!lost || masters > 0) return [];
    const left = removing.reduce((count, { change }) => count + boundTo(change.after).size, 0);
    if (left > 0) return [];
    return removing.map(({ change }) =>
      blocking(
        'lockout',
        change.object,
        `after this removal nobody that Gatehouse can see would administer the cluster`,
        'name a break-glass principal under protected.principals in the access policy, or map one to system:masters in aws-auth',
      ),
    );
  };
}

/** aws-auth stays small enough to be written. What makes it smaller always goes through. */
export const size: Guard = ({ changes }) =>
  changes.flatMap(({ change }) => {
    if (change.kind !== 'aws-auth') return [];
    const [before, after] = [bytesOf(change.before), bytesOf(change.after)];
    return after > MAX_AWS_AUTH_BYTES && after > before
      ? [
          blocking(
            'too-large',
            AWS_AUTH_OBJECT,
            `aws-auth would grow to ${Math.ceil(after / 1024)} KiB; Gatehouse stops at ${MAX_AWS_AUTH_BYTES / 1024} KiB, Kubernetes at 1,024`,
            'use through: role for large groups (one line for all members), or move the cluster to access entries',
          ),
        ]
      : [];
  });

function usernameIn(claim: Claim): string | undefined {
  return (claim as Partial<AwsAuthClaim>).username;
}

function blocking(code: string, object: string, message: string, remedy: string): Finding {
  return { code, severity: 'blocks', object, message, remedy };
}

function awsAuthChanges(changes: Draft['changes']): { before: AwsAuthMappings; after: AwsAuthMappings }[] {
  return changes
    .filter(({ change }) => change.kind === 'aws-auth')
    .map(({ change }) => ({ before: mappingsOf(change.before), after: mappingsOf(change.after) }));
}

function mappingsOf(state: unknown): AwsAuthMappings {
  const observed = state as AwsAuthObserved;
  return readAwsAuth(observed.present ? observed.configMap.data : undefined);
}

function bytesOf(state: unknown): number {
  const observed = state as AwsAuthObserved;
  if (!observed.present) return 0;
  return Object.entries(observed.configMap.data ?? {}).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
}

function boundTo(state: unknown): Set<string> {
  const observed = state as ObjectState;
  const subjects = observed.present ? (observed.object.subjects ?? []) : [];
  return new Set(
    subjects.map((subject) => {
      const username = usernameOf(subject);
      return username === undefined ? `${subject.kind} ${subject.namespace ?? ''}/${subject.name}` : `User ${username}`;
    }),
  );
}

function isAdminBinding(change: Change): boolean {
  const state = [change.before, change.after].map((side) => side as ObjectState).find((side) => side.present);
  return (
    state?.present === true &&
    state.object.kind === 'ClusterRoleBinding' &&
    state.object.roleRef?.name === 'cluster-admin'
  );
}

function isProtectedSafely(policy: AccessPolicy, arn: string): boolean {
  try {
    return isProtected(policy, arn);
  } catch {
    // Not the ARN of a principal: a malformed mapping that matches nobody.
    return false;
  }
}

const NODE_GROUPS = new Set(['system:nodes', 'system:bootstrappers', 'system:node-proxier']);

function isNode(mappings: AwsAuthMappings, arn: string): boolean {
  return entriesOf(mappings).some(
    (entry) =>
      folded(entry.arn) === folded(arn) &&
      (entry.username.includes('{{EC2PrivateDNSName}}') || entry.groups.some((group) => NODE_GROUPS.has(group))),
  );
}

function mastersOf(mappings: AwsAuthMappings): number {
  return entriesOf(mappings).filter((entry) => entry.groups.includes('system:masters')).length;
}

function entriesOf(mappings: AwsAuthMappings) {
  return [...mappings.roles, ...mappings.users];
}
