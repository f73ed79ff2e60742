import { sameJson } from '../access/json.ts';
import { NAME_PATTERN, SESSION_NAME_PATTERN, USERNAME_PREFIX } from '../access/names.ts';
import type { AccessPolicy, Grant } from '../access/policy.ts';
import { machineSubject } from '../access/subject.ts';
import { type AwsAuthMapping, type AwsAuthMappings, isOfNodes, readAwsAuth } from '../effective-access/aws-auth.ts';
import { principalsChanged } from '../effective-access/changed-access.ts';
import type { KubernetesObject } from '../ports/kubernetes.ts';
import { AWS_AUTH_OBJECT, type AwsAuthClaim, type AwsAuthObserved, folded } from '../resources/aws-auth/model.ts';
import {
  IDENTITY_PROVIDER_OBJECT,
  type IdentityProviderState,
  isOwnProvider,
} from '../resources/identity-provider/model.ts';
import type { ImpersonationClaim } from '../resources/impersonation/model.ts';
import { isManaged, type ObjectState } from '../resources/managed-object.ts';
import { claimedBy, type NamespaceClaim } from '../resources/namespace/model.ts';
import type { Change, Finding, OwnedClaim } from '../resources/resource.ts';
import { isWithin, type RoleClaim } from '../resources/role/model.ts';
import { boundIn, boundName, type RoleBindingClaim } from '../resources/role-binding/model.ts';
import { bindingsOf, isShardOf, rolesOf } from './bindings.ts';
import type { Draft, Guard } from './plan.ts';
import { protectedArns, protectedForm } from './principals.ts';
import { byObject, claimsOn, objectId, unwantedClaims } from './turn-claims.ts';

/** Kubernetes refuses a ConfigMap beyond 1 MiB; Gatehouse stops well before. Bytes. */
export const MAX_AWS_AUTH_BYTES = 900 * 1024;

/** The safety rules over every plan for a cluster, in the order in which they are asked. */
export function clusterGuards(policy: AccessPolicy): readonly Guard[] {
  return [
    ownership,
    reservedNames(policy),
    onePrincipalEach,
    strangersGroups,
    onAwsAuth(protectedPrincipals(policy), strangersEntries, entries),
    blastRadius,
    rights(policy),
    namespaces,
    lockout(policy),
    size,
  ];
}

/** The same for a cluster elsewhere: nobody is locked out of it by Gatehouse, since its administrators come by other ways. */
export function connectedClusterGuards(policy: AccessPolicy): readonly Guard[] {
  return [ownership, reservedNames(policy), blastRadius, rights(policy), namespaces, impersonatedPrincipals(policy)];
}

/** A change of aws-auth, as the authenticator reads both sides of it. */
interface AwsAuthChange {
  readonly change: Change;
  readonly before: AwsAuthMappings;
  readonly after: AwsAuthMappings;
  /** For whom what they become differs, as {@link principalsChanged} has it. */
  readonly moved: readonly string[];
}

/** A safety rule over a change of aws-auth; see {@link Guard}. */
export type AwsAuthRule = (change: AwsAuthChange, draft: Draft) => readonly Finding[];

/** Asks rules over aws-auth. It may hold thousands of entries, and is read once for all of them. */
export function onAwsAuth(...rules: readonly AwsAuthRule[]): Guard {
  return (draft) =>
    draft.changes.flatMap(({ change }) => {
      if (change.kind !== 'aws-auth') return [];
      const [before, after] = [mappingsOf(change.before), mappingsOf(change.after)];
      const moved = principalsChanged(before, after);
      return rules.flatMap((rule) => rule({ change, before, after, moved }, draft));
    });
}

const FAULT = 'report this as a fault of Gatehouse';
const LABELLED: ReadonlySet<string> = new Set([
  'role',
  'role-binding',
  'namespace',
  'connector-object',
  'impersonation',
]);

/**
 * Only what carries Gatehouse's label is changed or deleted, and what is made carries it. The kinds see to it; this sees to
 * the kinds.
 */
export const ownership: Guard = ({ changes }) =>
  changes.flatMap(({ change }) => {
    if (!LABELLED.has(change.kind)) return [];
    const [before, after] = sides(change);
    if (before && !isManaged(before)) {
      return [
        blocking('ownership', change.object, `${change.object} is not Gatehouse's`, 'rename or delete it by hand'),
      ];
    }
    return before || !after || isManaged(after)
      ? []
      : [blocking('ownership', change.object, `${change.object} would be made without Gatehouse's label`, FAULT)];
  });

/** The connector may impersonate IAM users and roles, each by its name, none that the policy protects, and never everybody. */
export function impersonatedPrincipals(policy: AccessPolicy): Guard {
  return ({ changes, claims }) =>
    changes.flatMap(({ change }) => {
      const [before, after] = sides(change);
      if (change.kind !== 'impersonation' || !after) return [];
      const names = (object: KubernetesObject | undefined) =>
        (object?.rules ?? []).flatMap(({ resourceNames = [] }) => resourceNames);
      const [was, is] = [new Set(names(before)), names(after)];
      const wanted = new Set(claims.wanted.map(({ claim }) => (claim as Partial<ImpersonationClaim>).arn));
      const isOpen = (after.rules ?? []).some(({ resourceNames = [] }) => resourceNames.length === 0);
      const guarded = protectedArns(policy);
      const wrong = is.filter((arn) => !was.has(arn) && (!wanted.has(arn) || isAmong(guarded, arn)));
      if (!isOpen && after.aggregationRule === undefined && wrong.length === 0) return [];
      const message = `the plan would let the connector impersonate ${isOpen ? 'anybody' : wrong.join(', ')}, whom no grant names`;
      return [blocking('beyond-level', change.object, message, FAULT)];
    });
}

/**
 * Every username is Gatehouse's own, with no template but the one for session names; or the policy names it for a machine; or,
 * through the connector, it is an IAM ARN. Groups are those of the cluster's OIDC provider.
 */
export function reservedNames(policy: AccessPolicy): Guard {
  const isGiven = (subject: string, username: string) =>
    policy.machines.some((machine) => machineSubject(machine.name) === subject && machine.username === username);
  const grantOf = (owned: OwnedClaim) => policy.grants.find(({ name }) => name === owned.grant);
  const isSound = (owned: OwnedClaim): boolean => {
    const { username, group } = namesIn(owned);
    if (group !== undefined) return isClaimed(policy, grantOf(owned), group);
    if (username === undefined || isGiven(owned.subject, username)) return true;
    if (grantOf(owned)?.through === 'connector') return username.startsWith('arn:');
    return isOwnUsername(username, owned.claim.kind === 'aws-auth');
  };
  return ({ claims }) =>
    claims.wanted.flatMap((owned) => {
      if (isSound(owned)) return [];
      const { username, group } = namesIn(owned);
      const message = `"${username ?? group}" is no name that Gatehouse may give out`;
      const remedy = 'rename it in the access policy';
      return [{ ...blocking('reserved-name', owned.claim.object, message, remedy), subject: owned.subject }];
    });
}

/** The user or group that a claim gives out, if it does. */
const namesIn = ({ claim }: OwnedClaim) => claim as { readonly username?: string; readonly group?: string };

const TEMPLATE = '{{SessionNameRaw}}';
/** What follows the first part of a username, by what that is; any other first part is a grant's name. */
const USERNAME_RESTS: Readonly<Record<string, RegExp>> = {
  'iam-user': /^\d{12}:[\w+=,.@-]{1,64}$/,
  'iam-role': /^\d{12}:[\w+=,.@-]{1,64}$/,
  'permission-set': /^[\w+=,.@-]{1,32}:[\w+=,.@-]{2,64}$/,
};

function isOwnUsername(username: string, isDoor: boolean): boolean {
  const [, first = '', last = ''] = /^gatehouse:([a-z0-9-]+):(.+)$/s.exec(username) ?? [];
  // The template stands for a whole session's name, in a door alone, and never in that of one principal.
  const isTemplate = isDoor && !first.startsWith('iam-') && `:${last}`.endsWith(`:${TEMPLATE}`);
  const rest = isTemplate ? `${last.slice(0, -TEMPLATE.length)}session` : last;
  if (Object.hasOwn(USERNAME_RESTS, first)) return USERNAME_RESTS[first]!.test(rest);
  return first !== '' && (SESSION_NAME_PATTERN.test(rest) || NAME_PATTERN.test(rest));
}

function isClaimed(policy: AccessPolicy, grant: Grant | undefined, group: string): boolean {
  return (grant?.to ?? []).some((grantee) => {
    if (!('claim' in grantee)) return false;
    const provider = policy.identityProviders.find(({ name }) => name === grantee.provider);
    return provider !== undefined && group === `${provider.groupsPrefix}${grantee.claim}`;
  });
}

/**
 * Groups of an OIDC provider are bound only while the cluster's place for one is not somebody else's: the same prefix would
 * give them to whoever that one believes.
 */
export const strangersGroups: Guard = ({ claims, observed }) => {
  const state = observed.get(objectId({ kind: 'identity-provider', object: IDENTITY_PROVIDER_OBJECT }));
  const { provider } = (state ?? { provider: null }) as Pick<IdentityProviderState, 'provider'>;
  if (provider === null || isOwnProvider(provider)) return [];
  return claims.wanted.flatMap((owned) => {
    const { group } = namesIn(owned);
    if (group === undefined) return [];
    const message = `"${group}" is not bound: the cluster believes ${provider.issuer}, which is not Gatehouse's`;
    const remedy = 'see what "gatehouse associate-idp <cluster> --dry-run" says of the identity provider';
    return [{ ...blocking('identity-provider-taken', owned.claim.object, message, remedy), subject: owned.subject }];
  });
};

/**
 * Principals that the policy protects, and nodes, are admitted after the plan exactly as before it. Who claims one is held
 * back, and nobody else; where nobody does, the whole object is.
 */
export function protectedPrincipals(policy: AccessPolicy): AwsAuthRule {
  return ({ before, moved }, { claims }) => {
    const nodes = nodesIn(before);
    const guarded = protectedArns(policy);
    return moved
      .filter((arn) => nodes.has(folded(arn)) || isAmong(guarded, arn))
      .flatMap((arn) => {
        const message = `the plan would change ${arn}, which is protected`;
        const found = blocking('protected-principal', AWS_AUTH_OBJECT, message, 'take it out of the grant');
        const claimants = [...claims.wanted, ...unwantedClaims(claims)].filter(
          ({ claim }) => claim.kind === 'aws-auth' && folded((claim as AwsAuthClaim).arn) === folded(arn),
        );
        return claimants.length === 0 ? [found] : claimants.map(({ subject }) => ({ ...found, subject }));
      });
  };
}

/**
 * No two people share an IAM principal on a cluster: each would get what the other may do. Who has it keeps it; where nobody
 * has, the first gets it.
 */
export const onePrincipalEach: Guard = ({ claims }) => {
  const doors = ({ claim }: OwnedClaim) => claim.kind === 'aws-auth';
  const arnOf = ({ claim }: OwnedClaim) => folded((claim as AwsAuthClaim).arn);
  const owners = new Map<string, string>();
  for (const owned of [...claims.recorded.filter(doors), ...claims.wanted.filter(doors)]) {
    const arn = arnOf(owned);
    if (!owners.has(arn)) owners.set(arn, owned.subject);
  }
  return claims.wanted.filter(doors).flatMap((owned) => {
    const owner = owners.get(arnOf(owned));
    if (owner === owned.subject) return [];
    const message = `the policy maps ${owned.subject} and ${owner} to the same IAM principal, ${(owned.claim as AwsAuthClaim).arn}`;
    const remedy = 'give one of them another IAM user under identities in the access policy';
    return [{ ...blocking('shared-principal', owned.claim.object, message, remedy), subject: owned.subject }];
  });
};

/** A write changes what nobody but its own targets becomes. */
export const strangersEntries: AwsAuthRule = ({ moved }, { claims }) => {
  const arns = new Set<string>();
  for (const { claim } of [...claims.wanted, ...claims.recorded]) {
    if (claim.kind === 'aws-auth') arns.add(folded((claim as AwsAuthClaim).arn));
  }
  return moved
    .filter((arn) => !arns.has(folded(arn)))
    .map((arn) => blocking('blast-radius', AWS_AUTH_OBJECT, `the plan would change what ${arn} becomes`, FAULT));
};

/** A write binds or unbinds nobody but its own subjects. */
export const blastRadius: Guard = ({ changes, claims }) => {
  const bindings = changes.filter(({ change }) => change.kind === 'role-binding');
  if (bindings.length === 0) return [];
  const [toBind, toUnbind] = [byObject(claims.wanted), byObject(unwantedClaims(claims))];
  return bindings.flatMap(({ change }) => {
    const [before, after] = [boundTo(change.before), boundTo(change.after)];
    const wanted = namesOf(claimsOn(toBind, change));
    const unwanted = namesOf(claimsOn(toUnbind, change));
    const moved = [
      ...[...after].filter((name) => !before.has(name) && !wanted.has(name)),
      ...[...before].filter((name) => !after.has(name) && (!unwanted.has(name) || wanted.has(name))),
    ];
    return moved.map((name) =>
      blocking('blast-radius', change.object, `the plan would change whether ${change.object} binds ${name}`, FAULT),
    );
  });
};

/** Whom claims on a binding bind, in the words of {@link boundTo}. */
function namesOf(claims: readonly OwnedClaim[]): ReadonlySet<string> {
  return new Set(claims.map(({ claim }) => boundName(claim as RoleBindingClaim)));
}

/**
 * Of aws-auth nothing moves but entries of Gatehouse's own: what comes in is a claim of the turn, without a group; what goes
 * had a username of Gatehouse's, or one it recorded as given, and a principal of the turn. Everything else of the ConfigMap stays.
 */
export const entries: AwsAuthRule = ({ change, before, after }, { claims }) => {
  const wanted = new Set<string>();
  const concerned = new Set<string>();
  const recorded = new Set<string>();
  for (const { claim } of [...claims.wanted, ...claims.recorded]) {
    if (claim.kind === 'aws-auth') concerned.add(folded((claim as AwsAuthClaim).arn));
  }
  for (const { claim } of claims.recorded) {
    if (claim.kind === 'aws-auth') recorded.add((claim as AwsAuthClaim).username);
  }
  for (const { claim } of claims.wanted) {
    const { list, arn, username } = claim as AwsAuthClaim;
    if (claim.kind === 'aws-auth') wanted.add(JSON.stringify([list, folded(arn), username, []]));
  }
  const fault = (message: string) => blocking('foreign-entry-changed', AWS_AUTH_OBJECT, message, FAULT);
  const [whole, result] = sides(change);
  if (!result) return [fault('the plan would delete aws-auth, and lock everybody out')];
  const [was, is] = [entryKeys(before), entryKeys(after)];
  const come = without(is, was).filter((entry) => !wanted.has(entry));
  const gone = without(was, is).filter((entry) => {
    const [, arn, username] = JSON.parse(entry) as [string, string, string];
    return !concerned.has(arn) || !(username.startsWith(USERNAME_PREFIX) || recorded.has(username));
  });
  return [
    ...come.map((entry) => fault(`the plan would add the entry ${entry}, which nothing asks for`)),
    ...gone.map((entry) => fault(`the plan would remove the entry ${entry}, which is not Gatehouse's`)),
    ...(whole && !sameJson(withoutLists(whole), withoutLists(result))
      ? [fault('the plan would change more of aws-auth than its two lists')]
      : []),
  ];
};

/** The entries of both lists as `[list, arn, username, groups]`, as often as they stand there. */
function entryKeys({ roles, users }: AwsAuthMappings): string[] {
  const keys = (list: string, mappings: typeof roles) =>
    mappings.map(({ arn, username, groups }) => JSON.stringify([list, folded(arn), username, groups]));
  return [...keys('mapRoles', roles), ...keys('mapUsers', users)];
}

/** What `some` holds oftener than `others`. */
function without(some: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const one of others) left.set(one, (left.get(one) ?? 0) + 1);
  return some.filter((one) => {
    const times = left.get(one) ?? 0;
    if (times > 0) left.set(one, times - 1);
    return times === 0;
  });
}

function withoutLists({ data, ...rest }: KubernetesObject): unknown {
  return { ...rest, data: Object.entries(data ?? {}).filter(([key]) => key !== 'mapRoles' && key !== 'mapUsers') };
}

/**
 * Nobody may do more than the level of a grant of the policy says: rules lie within the level's for that very object, and
 * whoever is bound is bound to the Role of the grant's own binding.
 */
export function rights(policy: AccessPolicy): Guard {
  return ({ changes, claims }) => {
    const giving = changes.filter(({ change }) => change.kind === 'role' || change.kind === 'role-binding');
    const wanted = byObject(giving.length === 0 ? [] : claims.wanted);
    return giving.flatMap(({ change }) => {
      const [before, after] = sides(change);
      if (!after) return [];
      const here = claimsOn(wanted, change) as readonly OwnedClaim<RoleClaim | RoleBindingClaim>[];
      const named = new Set(here.map(({ claim }) => claim.grant));
      const grants = policy.grants.filter(({ name }) => named.has(name));
      const fault = (message: string) => [blocking('beyond-level', change.object, message, FAULT)];
      if (change.kind === 'role') {
        const allowed = grants.flatMap(rolesOf).flatMap(({ object, rules }) => (object === change.object ? rules : []));
        const beyond = (after.rules ?? []).filter((rule) => !allowed.some((other) => isWithin(rule, other)));
        return beyond.length === 0 && after.aggregationRule === undefined
          ? []
          : fault(`the plan would give ${change.object} more than the level of its grant`);
      }
      const added = boundTo(change.after).difference(boundTo(change.before)).size > 0;
      const meant = grants
        .flatMap(bindingsOf)
        .some(
          (binding) =>
            isShardOf(binding, change.object) &&
            after.roleRef?.name === binding.roleRef.name &&
            after.roleRef.kind === binding.roleRef.kind,
        );
      const moved = before !== undefined && !sameJson(before.roleRef, after.roleRef);
      return moved || (added && !meant)
        ? fault(`the plan would bind by ${change.object} to ${after.roleRef?.name}, which no level of its grant names`)
        : [];
    });
  };
}

/** A namespace is deleted only where it was made to go with its grants, and only those of the turn still need it. */
export const namespaces: Guard = ({ changes, claims }) =>
  changes.flatMap(({ change }) => {
    if (change.kind !== 'namespace' || change.action !== 'delete') return [];
    const [before] = sides(change);
    const going = unwantedClaims(claims).filter(
      ({ claim }) =>
        claim.kind === 'namespace' &&
        claim.object === change.object &&
        (claim as NamespaceClaim).onAbsent === 'create-and-delete',
    );
    const subjects = new Set<string>(going.map(({ subject }) => subject));
    const noted = before && claimedBy(before);
    const sound = !change.object.startsWith('kube-') && change.object !== 'default' && noted !== undefined;
    return sound && noted.every((subject) => subjects.has(subject))
      ? []
      : [
          blocking(
            'namespace-needed',
            change.object,
            `the plan would delete the namespace "${change.object}", which others need or nobody made to be deleted`,
            FAULT,
          ),
        ];
  });

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
    const removing = changes.filter(({ change }) => change.kind === 'role-binding' && isAdminBinding(change));
    const lost = removing.some(({ change }) => boundTo(change.after).size < boundTo(change.before).size);
    if (!lost || (awsAuth && mastersOf(mappingsOf(awsAuth)) > 0)) return [];
    const after = new Map(observed);
    for (const { change } of removing) after.set(objectId(change), change.after);
    const left = [...after].some(
      ([id, state]) => id.startsWith('role-binding ') && administers(state) && boundTo(state).size > 0,
    );
    if (left) return [];
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

/** An object before and after a change, each undefined where it is absent. */
function sides(change: Change): [KubernetesObject | undefined, KubernetesObject | undefined] {
  const objectOf = (state: unknown) => {
    const side = state as { present: boolean; object?: KubernetesObject; configMap?: KubernetesObject };
    return side.present ? (side.object ?? side.configMap) : undefined;
  };
  return [objectOf(change.before), objectOf(change.after)];
}

function blocking(code: string, object: string, message: string, remedy: string): Finding {
  return { code, severity: 'blocks', object, message, remedy };
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
    subjects.map((subject) => boundIn(subject) ?? `${subject.kind} ${subject.namespace ?? ''}/${subject.name}`),
  );
}

const isAdminBinding = (change: Change): boolean => administers(change.before) || administers(change.after);

function administers(side: unknown): boolean {
  const state = side as ObjectState;
  return state.present && state.object.kind === 'ClusterRoleBinding' && state.object.roleRef?.name === 'cluster-admin';
}

/** Whether an ARN, maybe of nobody, is one of {@link protectedArns}. */
function isAmong(guarded: ReadonlySet<string>, arn: string): boolean {
  if (guarded.size === 0) return false;
  try {
    return guarded.has(protectedForm(arn));
  } catch {
    // Not the ARN of a principal: a malformed mapping that matches nobody.
    return false;
  }
}

/** The ARNs, folded, that aws-auth admits as nodes. */
function nodesIn(mappings: AwsAuthMappings): ReadonlySet<string> {
  return new Set(
    entriesOf(mappings)
      .filter(isOfNodes)
      .map(({ arn }) => folded(arn)),
  );
}

function mastersOf(mappings: AwsAuthMappings): number {
  return entriesOf(mappings).filter((entry) => entry.groups.includes('system:masters')).length;
}

function entriesOf(mappings: AwsAuthMappings): AwsAuthMapping[] {
  return [...mappings.roles, ...mappings.users];
}
