import { digest } from './digest.ts';
import { Failure } from './failure.ts';

/** IAM path under which everything that Gatehouse makes in IAM lives. */
export const IAM_PATH = '/gatehouse/';
/** Every username that Gatehouse gives out in a cluster begins with this, and nobody else's may. */
export const USERNAME_PREFIX = 'gatehouse:';
/** Label on every Kubernetes object that Gatehouse makes. */
export const MANAGED_BY = { key: 'app.kubernetes.io/managed-by', value: 'gatehouse' } as const;
/** Annotation that names the grant an object was made for. */
export const GRANT_ANNOTATION = 'gatehouse.dev/grant';

/** Label of a cluster that joined as an environment: its name. Nobody else sets it, neither the policy nor a tag. */
export const ENVIRONMENT_LABEL = 'gatehouse.dev/environment';

/**
 * Prefixes that EKS and Kubernetes keep for themselves; no name from outside may begin with one
 * (https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html).
 */
export const RESERVED_PREFIXES = ['system:', 'eks:', 'aws:', 'amazon:', 'iam:'] as const;

/** A grant's, level's or machine's name: becomes part of IAM and Kubernetes names, so it is a DNS label. */
export const NAME_PATTERN = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** A role session name as STS takes it (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html). */
export const SESSION_NAME_PATTERN = /^[\w+=,.@-]{2,64}$/;

/** An environment's name: a DNS label without `--`, which parts it from what follows in the names derived from it. */
export const ENVIRONMENT_PATTERN = /^(?!.*--)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Grant names that would make two principals one username. */
export const RESERVED_GRANT_NAMES: ReadonlySet<string> = new Set(['iam-user', 'iam-role', 'permission-set']);

/** `name`, cut to `limit` characters; where it was cut, it ends in 10 hex digits of the hash of the whole. */
export function shortened(name: string, limit: number): string {
  return name.length <= limit ? name : `${name.slice(0, limit - 11)}-${digest(name).slice(0, 10)}`;
}

/** The grants that follow from an environment, or from an application on it. */
export interface DerivedNames {
  /** Of its role, made or adopted. The machine that assumes a made one bears the same name. */
  readonly role: string;
  /** Of its people, where they cannot share an adopted role. */
  readonly people: string;
}

/** What follows from an environment. No two environments or applications have a name in common. */
export function environmentNames(environment: string): DerivedNames {
  return derivedNames(`env-${environment}`);
}

/** What follows from an application: a namespace on an environment. */
export function applicationNames(environment: string, namespace: string): DerivedNames {
  return derivedNames(`app-${environment}--${namespace}`);
}

function derivedNames(name: string): DerivedNames {
  return { role: shortened(name, 63), people: shortened(`people-${name}`, 63) };
}

/** The name of the IAM role that Gatehouse makes for a grant: at most 64 characters. */
export function iamRoleName(grant: string): string {
  return shortened(`gatehouse-${grant}`, 64);
}

/** The name of a machine's IAM user: as the policy gives it, or derived. */
export function machineUserName({ name, user }: { readonly name: string; readonly user?: string | undefined }): string {
  return user ?? shortened(`gatehouse-${name}`, 64);
}

/** The aws-auth username of a shared role: rendered by the authenticator with the caller's session name, unchanged. */
export function sharedRoleUsername(grant: string): string {
  return `${USERNAME_PREFIX}${grant}:{{SessionNameRaw}}`;
}

/**
 * The username under which one member of a shared role is known to RBAC: what {@link sharedRoleUsername} renders to for
 * their session.
 * @throws Failure `invalid` where `session` is no session name STS would accept.
 */
export function memberUsername(grant: string, session: string): string {
  if (!SESSION_NAME_PATTERN.test(session)) {
    throw new Failure('invalid', `"${session}" cannot be a role session name (2 to 64 of letters, digits, _+=,.@-)`, {
      remedy: 'map this user to an IAM user with such a name under identities in the access policy',
    });
  }
  return `${USERNAME_PREFIX}${grant}:${session}`;
}

/** The fixed username of an IAM user. The account is part of it, because user names repeat across accounts. */
export function iamUserUsername(account: string, userName: string): string {
  return `${USERNAME_PREFIX}iam-user:${account}:${userName}`;
}

/** The fixed username of an IAM role that was adopted: whoever assumes it has what it has. */
export function iamRoleUsername(account: string, roleName: string): string {
  return `${USERNAME_PREFIX}iam-role:${account}:${roleName}`;
}

/** The fixed username of a machine that has the role of a grant for itself. */
export function machineUsername(grant: string, machine: string): string {
  return `${USERNAME_PREFIX}${grant}:${machine}`;
}

/** The aws-auth username of a permission set's role, and with a session's name that of one of its people. */
export function permissionSetUsername(permissionSet: string, session = '{{SessionNameRaw}}'): string {
  return `${USERNAME_PREFIX}permission-set:${permissionSet}:${session}`;
}

/**
 * The name of the role of a permission set, whose suffix changes whenever Identity Center provisions it anew
 * (https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html).
 */
export function isRoleOfPermissionSet(roleName: string, permissionSet: string): boolean {
  const head = `AWSReservedSSO_${permissionSet}_`;
  return roleName.startsWith(head) && /^[0-9a-f]{16}$/.test(roleName.slice(head.length));
}

/** The permission set whose role bears this name; undefined where it is no such role. */
export function permissionSetOf(roleName: string): string | undefined {
  return /^AWSReservedSSO_([\w+=,.@-]{1,32})_[0-9a-f]{16}$/.exec(roleName)?.[1];
}

/** Path of the roles of connectors' agents. */
export const AGENT_ROLE_PATH = `${IAM_PATH}connector/`;

/** The name of the role of the agent of a cluster elsewhere. */
export function agentRoleName(region: string, cluster: string): string {
  return shortened(`gatehouse-connector-${region}-${cluster}`, 64);
}

/** The secret, in Gatehouse's own account, that keeps the activation of a cluster elsewhere. */
export function activationSecretName(account: string, region: string, cluster: string): string {
  return `gatehouse/connectors/${account}/${region}/${cluster}`;
}

/** Names of secrets with kubeconfigs begin so: Gatehouse may read these, and no others. */
export const KUBECONFIG_SECRET_PREFIX = 'gatehouse/kubeconfigs/';
