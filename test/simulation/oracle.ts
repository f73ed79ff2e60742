import { load } from 'js-yaml';

/**
 * What must be true at the end, worked out from the policy's text and the list of events alone. It imports nothing of the
 * project and shares no rule with it: two independent readings of the same promise.
 */

/** What an event said. `at` is the source's time. */
export type Said =
  | {
      readonly type: 'membership';
      readonly group: string;
      readonly user: string;
      readonly present: boolean;
      readonly at: number;
    }
  | { readonly type: 'group'; readonly group: string; readonly present: boolean; readonly at: number }
  | {
      readonly type: 'user';
      readonly user: string;
      readonly active?: boolean;
      readonly login?: string;
      readonly at: number;
    };

/** Everything of Gatehouse's making, as texts: one line each, sorted. */
export interface Truth {
  /** `<cluster> <binding> <username>`; the binding as `<namespace>/<grant>`, `*` for the whole cluster. */
  readonly bindings: readonly string[];
  /** `<cluster> <namespace>/<grant>`: the Role or ClusterRole of a grant. */
  readonly roles: readonly string[];
  /** `<cluster> <arn> <username>`: lines of aws-auth. */
  readonly doors: readonly string[];
  /** `<role name> <member arn>`, and `<role name>` alone: that the role exists. */
  readonly iamRoles: readonly string[];
  /** Names of IAM users of Gatehouse's making. */
  readonly iamUsers: readonly string[];
}

/** The role that Identity Center has for a permission set. */
export const permissionSetRole = (permissionSet: string): string => `AWSReservedSSO_${permissionSet}_0123456789abcdef`;

interface PolicyText {
  readonly clusters: Record<string, { account: string; region: string }>;
  readonly identities: readonly { source: string; template: string }[];
  readonly grants: readonly {
    name: string;
    to: { group?: string; machine?: string; principal?: string };
    on: { clusters: string; namespaces?: readonly string[] };
    through: 'role' | 'user' | 'sso';
    permissionSet?: string;
  }[];
}

/** Who is what: `members` may answer for one moment, or for all moments at once. */
interface People {
  members(group: string): Iterable<string>;
  logins(user: string): Iterable<string>;
}

/** The one true end state. */
export function truth(policy: string, said: readonly Said[]): Truth {
  return derive([policy], people(said));
}

/** Everything that some policy and some membership version allowed at some time. Nothing else may ever be written. */
export function everAllowed(policies: readonly string[], said: readonly Said[]): Truth {
  return derive(policies, {
    members: (group) =>
      said.flatMap((one) => (one.type === 'membership' && one.group === group && one.present ? one.user : [])),
    logins: (user) => said.flatMap((one) => (one.type === 'user' && one.user === user ? (one.login ?? []) : [])),
  });
}

/** What is there and should not be, and what should be there and is not, in words. */
export function differences(actual: Truth, expected: Truth): string[] {
  return (Object.keys(expected) as (keyof Truth)[]).flatMap((kind) => [
    ...actual[kind].filter((line) => !expected[kind].includes(line)).map((line) => `${kind}: too much: ${line}`),
    ...expected[kind].filter((line) => !actual[kind].includes(line)).map((line) => `${kind}: missing: ${line}`),
  ]);
}

function people(said: readonly Said[]): People {
  const users = new Set(said.flatMap((one) => ('user' in one ? one.user : [])));
  const memberships = new Map<string, Extract<Said, { type: 'membership' }>>();
  const groupsDied = new Map<string, number>();
  const activity = new Map<string, { active: boolean; at: number }>();
  const logins = new Map<string, { login: string; at: number }>();
  for (const one of said) {
    if (one.type === 'membership') {
      const key = `${one.group}\n${one.user}`;
      const known = memberships.get(key);
      if (!known || one.at > known.at || (one.at === known.at && !one.present)) memberships.set(key, one);
    } else if (one.type === 'group') {
      if (!one.present) groupsDied.set(one.group, Math.max(one.at, groupsDied.get(one.group) ?? 0));
    } else {
      const { active, login, at } = one;
      const knownActive = activity.get(one.user);
      if (active !== undefined && (!knownActive || at > knownActive.at || (at === knownActive.at && !active))) {
        activity.set(one.user, { active, at });
      }
      const knownLogin = logins.get(one.user);
      if (
        login !== undefined &&
        (!knownLogin || at > knownLogin.at || (at === knownLogin.at && login > knownLogin.login))
      ) {
        logins.set(one.user, { login, at });
      }
    }
  }
  return {
    members: (group) =>
      [...users].filter((user) => {
        const membership = memberships.get(`${group}\n${user}`);
        const died = groupsDied.get(group);
        return (
          membership?.present === true &&
          (died === undefined || membership.at > died) &&
          activity.get(user)?.active !== false
        );
      }),
    logins: (user) => {
      const known = logins.get(user);
      return known ? [known.login] : [];
    },
  };
}

function derive(policies: readonly string[], { members, logins }: People): Truth {
  const [bindings, roles, doors, iamRoles, iamUsers] = Array.from({ length: 5 }, () => new Set<string>());
  for (const text of policies) {
    const policy = load(text) as PolicyText;
    for (const grant of policy.grants) {
      const chosen = Object.entries(policy.clusters).filter(
        ([name]) => grant.on.clusters === '*' || grant.on.clusters === name,
      );
      const { name, through } = grant;
      for (const [cluster, { account }] of chosen) {
        const role = `gatehouse-${name}`;
        const scopes = (grant.on.namespaces ?? ['*']).map((scope) => `${scope}/${name}`);
        for (const scope of scopes) roles!.add(`${cluster} ${scope}`);
        if (grant.to.principal !== undefined) {
          // A role of somebody else's: whoever assumes it has one name.
          const known = `gatehouse:iam-role:${account}:${grant.to.principal.slice(grant.to.principal.lastIndexOf('/') + 1)}`;
          doors!.add(`${cluster} ${grant.to.principal} ${known}`);
          for (const scope of scopes) bindings!.add(`${cluster} ${scope} ${known}`);
          continue;
        }
        if (through === 'sso') {
          const set = `gatehouse:permission-set:${grant.permissionSet}`;
          doors!.add(
            `${cluster} arn:aws:iam::${account}:role/${permissionSetRole(grant.permissionSet!)} ${set}:{{SessionNameRaw}}`,
          );
          for (const user of members(grant.to.group!)) {
            for (const login of logins(user)) {
              for (const scope of scopes) bindings!.add(`${cluster} ${scope} ${set}:${login}`);
            }
          }
          continue;
        }
        if (through === 'role') {
          iamRoles!.add(role);
          doors!.add(`${cluster} arn:aws:iam::${account}:role/${role} gatehouse:${name}:{{SessionNameRaw}}`);
        }
        const arns =
          'machine' in grant.to
            ? [`arn:aws:iam::${account}:user/gatehouse/gatehouse-${grant.to.machine}`]
            : [...members(grant.to.group!)].flatMap((user) =>
                [...logins(user)].map((login) => policy.identities[0]!.template.replace('{login}', login)),
              );
        for (const arn of arns) {
          const last = arn.slice(arn.lastIndexOf('/') + 1);
          const username = through === 'role' ? `gatehouse:${name}:${last}` : `gatehouse:iam-user:${account}:${last}`;
          for (const scope of scopes) bindings!.add(`${cluster} ${scope} ${username}`);
          if (through === 'role') iamRoles!.add(`${role} ${arn}`);
          else doors!.add(`${cluster} ${arn} ${username}`);
          if (arn.includes(':user/gatehouse/')) iamUsers!.add(last);
        }
      }
    }
  }
  const sorted = (set: Set<string> | undefined) => [...set!].sort();
  return {
    bindings: sorted(bindings),
    roles: sorted(roles),
    doors: sorted(doors),
    iamRoles: sorted(iamRoles),
    iamUsers: sorted(iamUsers),
  };
}
