import { type LoginProvider, oidcUser } from './oidc-user.ts';

/** How kubectl gets a token: by this command, or by the AWS CLI. */
export type ExecPlugin = 'gatehouse' | 'aws';

/** Everything that a way into a cluster takes in a kubeconfig. */
export interface KubeconfigEntry {
  readonly context: string;
  /** The cluster's ARN names its entry, as `aws eks update-kubeconfig` has it. */
  readonly cluster: {
    readonly name: string;
    readonly server: string;
    /** PEM, base64. */
    readonly certificateAuthority: string;
  };
  readonly user: { readonly name: string; readonly exec: ExecCommand };
  /** Where kubectl looks unless told. Absent: what the context has already. */
  readonly namespace?: string;
}

/** A credential plugin as a kubeconfig names it. */
export interface ExecCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** The AWS profile that the plugin works with; undefined: whatever the shell says. */
  readonly profile?: string;
}

/** What {@link entryFor} makes an entry of. */
export interface WayToCluster {
  readonly name: string;
  readonly arn: string;
  readonly region: string;
  readonly server: string;
  readonly certificateAuthority: string;
  readonly plugin: ExecPlugin;
  readonly profile?: string;
  /** The role to be assumed first, and under which session name where it is not the caller's own. */
  readonly role?: { readonly arn: string; readonly sessionName?: string };
  /** The cluster's OIDC provider, where people sign in to it instead of AWS. */
  readonly provider?: LoginProvider;
  /** Tells several ways into one cluster apart. */
  readonly grant?: string;
  readonly alias?: string;
  readonly namespace?: string;
}

/**
 * The entry for a cluster: as `aws eks update-kubeconfig` writes it, but for the role. `aws eks get-token --role-arn` gives every
 * session the same name (EKSGetTokenAuth), by which a cluster could not tell people apart; so a role is assumed by `gatehouse
 * token`, or by a profile that sets `role_session_name`.
 */
export function entryFor(way: WayToCluster): KubeconfigEntry {
  const { name, arn, grant, alias, namespace, server, certificateAuthority } = way;
  return {
    context: alias ?? (grant === undefined ? arn : `${name}-${grant}`),
    cluster: { name: arn, server, certificateAuthority },
    user: {
      name: grant === undefined ? arn : `${arn}/${grant}`,
      exec: way.provider ? oidcUser(way.provider) : way.plugin === 'aws' ? byAws(way) : byToken(way),
    },
    ...(namespace === undefined ? {} : { namespace }),
  };
}

function byToken({ name, region, role, profile }: WayToCluster): ExecCommand {
  const assumed = role === undefined ? [] : ['--role-arn', role.arn];
  const session = role?.sessionName === undefined ? [] : ['--session-name', role.sessionName];
  return {
    command: 'gatehouse',
    args: ['token', name, '--region', region, ...assumed, ...session],
    ...(profile === undefined ? {} : { profile }),
  };
}

function byAws({ name, region, profile }: WayToCluster): ExecCommand {
  return {
    command: 'aws',
    args: ['--region', region, 'eks', 'get-token', '--cluster-name', name, '--output', 'json'],
    ...(profile === undefined ? {} : { profile }),
  };
}

/** The profile for `~/.aws/config` by which the AWS CLI assumes a role under a session name. */
export function profileText(
  profile: string,
  role: { readonly arn: string; readonly sessionName: string },
  region: string,
): string {
  return [
    `[profile ${profile}]`,
    `role_arn = ${role.arn}`,
    `role_session_name = ${role.sessionName}`,
    'source_profile = default',
    `region = ${region}`,
    '',
  ].join('\n');
}
