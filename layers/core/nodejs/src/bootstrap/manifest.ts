import { dump } from 'js-yaml';
import { awsAuthArn } from '../access/arn.ts';
import { canonicalJson } from '../access/json.ts';
import type { AccessLevel, AccessPolicy, AccessRule, Cluster } from '../access/policy.ts';
import { foreseenGrants } from '../policy/onboarding.ts';
import { selects } from '../policy/selection.ts';
import { canonicalRule } from '../resources/role/model.ts';
import { lintLevel } from './lint.ts';

/** Who Gatehouse is in a cluster. Not under `gatehouse:`, where its members live. */
export const CONTROLLER_USERNAME = 'gatehouse-controller';

/** The ClusterRole, ClusterRoleBinding, and Role and RoleBinding in kube-system that the bootstrap makes. */
export const BOOTSTRAP_NAME = 'gatehouse';

/** What an administrator applies to a cluster once, and again whenever levels grew. */
export interface Bootstrap {
  /** Several documents, with the steps beside `kubectl apply` as comments. */
  readonly yaml: string;
  /** What these rights amount to, one sentence each. */
  readonly warnings: readonly string[];
}

const RBAC = 'rbac.authorization.k8s.io';
const RBAC_RESOURCES = ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'];

/**
 * Gatehouse's own rights on a cluster. Kubernetes lets nobody grant more than they have, so these are: the union of the rules
 * of all levels granted there, `bind` on the ClusterRoles that levels name, writing roles and bindings, its one ConfigMap, and
 * asking access reviews. Never `escalate`, never a wildcard that no level has.
 *
 * @param own `roleArn`: the IAM role that Gatehouse's functions reach this cluster with.
 * @throws Failure `invalid` where `roleArn` is no ARN.
 */
export function bootstrapManifest(
  policy: AccessPolicy,
  cluster: Cluster,
  own: { readonly roleArn: string },
): Bootstrap {
  const { levels, rules } = bootstrapRules(policy, cluster);
  const documents = [
    object('ClusterRole', undefined, { rules }),
    object('ClusterRoleBinding', undefined, bound('ClusterRole')),
    object('Role', 'kube-system', { rules: AWS_AUTH_RULES }),
    object('RoleBinding', 'kube-system', bound('Role')),
  ];
  const text = documents.map((document) => dump(document, { noRefs: true, lineWidth: 120 }));
  const warnings = warningsOf(levels);
  return { yaml: `${[instructions(cluster, own.roleArn, warnings), ...text].join('---\n')}`, warnings };
}

/** What Gatehouse must hold on a whole cluster, and the levels for which. */
export function bootstrapRules(
  policy: AccessPolicy,
  cluster: Cluster,
): { readonly levels: readonly AccessLevel[]; readonly rules: readonly AccessRule[] } {
  // What is onboarded tomorrow must not wait for an administrator once more.
  const grants = [...policy.grants.filter((grant) => selects(grant, cluster)), ...foreseenGrants(policy, cluster)];
  const levels = [...new Map(grants.map(({ level }) => [level.name, level])).values()];
  const makes = grants.some(({ absentNamespaces }) => absentNamespaces !== 'refuse');
  const removes = grants.some(({ absentNamespaces }) => absentNamespaces === 'create-and-delete');
  return { levels, rules: [...ownRules(makes, removes), ...bindRules(levels), ...levelRules(levels)] };
}

/** A name cannot be demanded of a create: the object has none yet (kubernetes.io, RBAC, "Referring to resources"). */
export const AWS_AUTH_RULES: readonly AccessRule[] = [
  { apiGroups: [''], resources: ['configmaps'], resourceNames: ['aws-auth'], verbs: ['get', 'update'] },
  { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
];

function ownRules(makesNamespaces: boolean, removesNamespaces: boolean): readonly AccessRule[] {
  const verbs = ['get', ...(makesNamespaces ? ['create', 'update'] : []), ...(removesNamespaces ? ['delete'] : [])];
  return [
    { apiGroups: [RBAC], resources: RBAC_RESOURCES, verbs: ['get', 'list', 'create', 'update', 'delete'] },
    { apiGroups: [''], resources: ['namespaces'], verbs },
    { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
    { apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'], verbs: ['create'] },
  ];
}

function bindRules(levels: readonly AccessLevel[]): readonly AccessRule[] {
  const names = levels.flatMap((level) => ('clusterRole' in level ? [level.clusterRole] : []));
  if (names.length === 0) return [];
  const resourceNames = [...new Set(names)].sort();
  return [{ apiGroups: [RBAC], resources: ['clusterroles'], resourceNames, verbs: ['bind'] }];
}

function levelRules(levels: readonly AccessLevel[]): readonly AccessRule[] {
  const rules = levels
    .flatMap((level) => [...('rules' in level ? level.rules : []), ...(level.clusterWide ?? [])])
    .map(canonicalRule);
  const unique = new Map(rules.map((rule) => [canonicalJson(rule), rule]));
  return [...unique].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, rule]) => rule);
}

function object(kind: string, namespace: string | undefined, members: object): object {
  return {
    apiVersion: `${RBAC}/v1`,
    kind,
    // Without the label of what Gatehouse manages: these are the administrator's, and Gatehouse leaves them alone.
    metadata: {
      name: BOOTSTRAP_NAME,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { 'app.kubernetes.io/name': 'gatehouse', 'app.kubernetes.io/component': 'bootstrap' },
    },
    ...members,
  };
}

function bound(kind: 'Role' | 'ClusterRole'): object {
  return {
    roleRef: { apiGroup: RBAC, kind, name: BOOTSTRAP_NAME },
    subjects: [{ apiGroup: RBAC, kind: 'User', name: CONTROLLER_USERNAME }],
  };
}

function warningsOf(levels: readonly AccessLevel[]): readonly string[] {
  const ofLevels = levels.flatMap((level) =>
    lintLevel(level).map(
      ({ message }) => `level ${level.name}: ${message}. Gatehouse holds what it grants, on the whole cluster.`,
    ),
  );
  return [
    'Gatehouse may write the ConfigMap aws-auth: whoever may do that could make himself anything, system:masters included.',
    'Gatehouse may pass on, to anybody, every right in this ClusterRole: guard its IAM role like an administrator.',
    ...(levels.length === 0 ? ['No grant of the policy is for this cluster yet.'] : []),
    ...ofLevels,
  ];
}

function instructions(cluster: Cluster, roleArn: string, warnings: readonly string[]): string {
  const mapped = awsAuthArn(roleArn);
  const lines = [
    `Gatehouse on the cluster ${cluster.name} (${cluster.arn}).`,
    '',
    '1. Apply this file as an administrator of the cluster; again whenever Gatehouse reports "escalation":',
    `     gatehouse bootstrap ${cluster.name} | kubectl apply -f -`,
    '2. Let Gatehouse in, once, by one of the two:',
    '   a. with aws-auth (a role stands there without its path):',
    `     eksctl create iamidentitymapping --cluster ${cluster.name} --region ${cluster.region} \\`,
    `       --arn ${mapped} --username ${CONTROLLER_USERNAME} --no-duplicate-arns`,
    '   b. with an access entry (authentication mode API_AND_CONFIG_MAP):',
    `     aws eks create-access-entry --cluster-name ${cluster.name} --region ${cluster.region} \\`,
    `       --principal-arn ${roleArn} --username ${CONTROLLER_USERNAME}`,
    '',
    'What these rights amount to:',
    ...warnings.map((warning) => `- ${warning}`),
  ];
  return lines
    .map((line) => `# ${line}`.trimEnd())
    .join('\n')
    .concat('\n');
}
