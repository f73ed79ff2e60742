import type { PolicyDocument } from '@gatehouse/core/ports/iam';
import type { Kubernetes, KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { load } from 'js-yaml';
import type { MemoryIam } from '../fakes/iam.ts';
import type { Truth } from './oracle.ts';

/** What an administrator's aws-auth holds before Gatehouse comes: not a byte of it may ever change. */
export const FOREIGN = `# nodes, do not touch
- rolearn: arn:aws:iam::111122223333:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups: [ system:bootstrappers, system:nodes ]
- rolearn: arn:aws:iam::111122223333:role/break-glass
  username: break-glass
  groups: [system:masters]   # last resort
`;

const MANAGED = { key: 'app.kubernetes.io/managed-by', value: 'gatehouse' };

/** The state of clusters and IAM in the oracle's words. */
export async function observed(clusters: ReadonlyMap<string, Kubernetes>, iam: MemoryIam): Promise<Truth> {
  const bindings: string[] = [];
  const roles: string[] = [];
  const doors: string[] = [];
  for (const [name, kubernetes] of clusters) {
    for (const kind of ['RoleBinding', 'ClusterRoleBinding', 'Role', 'ClusterRole'] as const) {
      for (const object of (await kubernetes.list(kind, {})).items) {
        if (object.metadata.labels?.[MANAGED.key] !== MANAGED.value) continue;
        if (kind.endsWith('Binding')) bindings.push(...bindingLines(name, object));
        else roles.push(`${name} ${scopeOf(object)}`);
      }
    }
    const awsAuth = await kubernetes.read({ kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' });
    doors.push(...(awsAuth ? doorLines(name, awsAuth) : []));
  }
  const iamRoles: string[] = [];
  const account = [...iam.state.accounts.values()][0]!;
  for (const role of account.roles.values()) {
    if (!role.path.startsWith('/gatehouse/')) continue;
    iamRoles.push(role.name, ...trusted((await iam.getRole(role.name))!.trust).map((arn) => `${role.name} ${arn}`));
  }
  const iamUsers = [...account.users.values()]
    .filter(({ path }) => path.startsWith('/gatehouse/'))
    .map(({ name }) => name);
  return {
    bindings: bindings.sort(),
    roles: roles.sort(),
    doors: doors.sort(),
    iamRoles: iamRoles.sort(),
    iamUsers: iamUsers.sort(),
  };
}

/** The members of a binding, one line each. */
export function bindingLines(cluster: string, object: KubernetesObject): string[] {
  return (object.subjects ?? []).map((subject) => `${cluster} ${scopeOf(object)} ${subject.name}`);
}

/** The lines of aws-auth that are not an administrator's, one line each. */
export function doorLines(cluster: string, awsAuth: KubernetesObject): string[] {
  const entries = (text: string | undefined) => (text?.trim() ? (load(text) ?? []) : []) as Record<string, unknown>[];
  return [...entries(awsAuth.data?.mapRoles), ...entries(awsAuth.data?.mapUsers)]
    .map(({ rolearn, userarn, username }) => `${cluster} ${String(rolearn ?? userarn)} ${String(username)}`)
    .filter((line) => line.includes(' gatehouse:'));
}

/** Whom a trust document lets in. */
export function trusted(document: PolicyDocument): string[] {
  const statements = [document.Statement].flat() as { Effect: string; Principal: { AWS: string | string[] } }[];
  return statements.flatMap(({ Effect, Principal }) => (Effect === 'Allow' ? [Principal.AWS].flat() : []));
}

/** Of `gatehouse:<grant>` or `gatehouse:<grant>:<reference>:<shard>`: where it holds, and which grant. */
function scopeOf({ metadata: { name, namespace } }: KubernetesObject): string {
  return `${namespace ?? '*'}/${name.split(':')[1]}`;
}
