import type { AccessLevel, AccessRule } from '../access/policy.ts';

/** Something in a level that is worth more than it looks. */
export interface LintWarning {
  /** Stable, kebab-case. */
  readonly code: string;
  /** What the rule amounts to, in one sentence. */
  readonly message: string;
}

interface Trap {
  readonly code: string;
  readonly groups: readonly string[];
  /** With its subresource, as RBAC writes it. */
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly message: string;
}

const RBAC = 'rbac.authorization.k8s.io';
const CHANGING = ['create', 'update', 'patch'] as const;

/**
 * What amounts to more than it seems
 * (https://kubernetes.io/docs/concepts/security/rbac-good-practices/#privilege-escalation-risks).
 */
const TRAPS: readonly Trap[] = [
  {
    code: 'bind',
    groups: [RBAC],
    resources: ['roles', 'clusterroles'],
    verbs: ['bind'],
    message: 'bind gives anybody any of the roles it names, oneself included',
  },
  {
    code: 'escalate',
    groups: [RBAC],
    resources: ['roles', 'clusterroles'],
    verbs: ['escalate'],
    message: 'escalate writes any rule into a role, one’s own included',
  },
  {
    code: 'impersonate',
    groups: ['', 'authentication.k8s.io'],
    resources: ['users', 'groups', 'serviceaccounts', 'uids'],
    verbs: ['impersonate'],
    message: 'impersonate makes the caller anybody it names, cluster administrators included',
  },
  {
    code: 'secrets',
    groups: [''],
    resources: ['secrets'],
    verbs: ['get', 'list', 'watch'],
    message: 'reading secrets (list and watch show them whole) gives what their tokens and passwords may do',
  },
  {
    code: 'creates-workloads',
    groups: ['', 'apps', 'extensions', 'batch'],
    resources: [
      'pods',
      'deployments',
      'daemonsets',
      'statefulsets',
      'replicasets',
      'replicationcontrollers',
      'jobs',
      'cronjobs',
    ],
    verbs: CHANGING,
    message:
      'creating or changing workloads mounts any secret of the namespace and runs as any of its service accounts: it amounts to reading them all, though the API refuses it',
  },
  {
    code: 'pod-exec',
    groups: [''],
    resources: ['pods/exec', 'pods/attach', 'pods/ephemeralcontainers', 'pods/portforward', 'pods/proxy'],
    verbs: ['get', ...CHANGING],
    message: 'entering pods gives what the pod has: its secrets, its service account, its network',
  },
  {
    code: 'service-account-token',
    groups: [''],
    resources: ['serviceaccounts/token'],
    verbs: ['create'],
    message: 'a token for a service account outlives the grant and gives all that account may do',
  },
  {
    code: 'node-proxy',
    groups: [''],
    resources: ['nodes/proxy'],
    verbs: ['get', ...CHANGING],
    message: 'nodes/proxy reaches the kubelet: commands in every pod of the node, past audit and admission',
  },
  {
    code: 'rbac-write',
    groups: [RBAC],
    resources: ['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings'],
    verbs: [...CHANGING, 'delete'],
    message: 'writing roles and bindings passes on everything one has, past this policy',
  },
  {
    code: 'aws-auth',
    groups: [''],
    resources: ['configmaps'],
    verbs: ['update', 'patch', 'delete'],
    message:
      'where this reaches kube-system it writes aws-auth, and so makes the caller anybody, system:masters included',
  },
  {
    code: 'approves-certificates',
    groups: ['certificates.k8s.io'],
    resources: ['certificatesigningrequests/approval', 'signers'],
    verbs: ['update', 'patch', 'approve', 'sign'],
    message: 'approving certificates makes new identities of any name',
  },
  {
    code: 'admission',
    groups: ['admissionregistration.k8s.io'],
    resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
    verbs: CHANGING,
    message: 'admission webhooks read and change every object that anybody writes',
  },
  {
    code: 'host-path',
    groups: [''],
    resources: ['persistentvolumes'],
    verbs: CHANGING,
    message: 'a hostPath volume reaches the files of the node, other pods’ secrets among them',
  },
  {
    code: 'namespace-labels',
    groups: [''],
    resources: ['namespaces'],
    verbs: ['update', 'patch'],
    message: 'changing a namespace’s labels switches its pod security off',
  },
];

/** ClusterRoles that come with Kubernetes and are worth more than their names say. */
const BUILT_IN: ReadonlyMap<string, readonly LintWarning[]> = new Map([
  [
    'cluster-admin',
    [{ code: 'cluster-admin', message: 'cluster-admin may do everything; who may bind it is cluster-admin, too' }],
  ],
  [
    'admin',
    [{ code: 'admin', message: 'admin reads secrets, runs workloads and passes its rights on in its namespace' }],
  ],
  [
    'edit',
    [{ code: 'edit', message: 'edit reads secrets and runs workloads as any service account of its namespace' }],
  ],
]);

/** What a level amounts to beyond what it says, each thing once. Wildcards are named as such and for what they hold. */
export function lintLevel(level: AccessLevel): readonly LintWarning[] {
  const main = 'clusterRole' in level ? (BUILT_IN.get(level.clusterRole) ?? []) : level.rules.flatMap(lintRule);
  const warnings = [...main, ...(level.clusterWide ?? []).flatMap(lintRule)];
  return [...new Map(warnings.map((warning) => [warning.code, warning])).values()];
}

function lintRule(rule: AccessRule): readonly LintWarning[] {
  const { apiGroups = [], resources = [], verbs, nonResourceURLs = [] } = rule;
  if (apiGroups.includes('*') && resources.includes('*') && verbs.includes('*')) {
    return [{ code: 'cluster-admin', message: 'every verb on every resource is cluster-admin by another name' }];
  }
  const wild = [apiGroups, resources, verbs, nonResourceURLs].some((words) => words.includes('*'));
  const wildcard = {
    code: 'wildcard',
    message: 'a wildcard also holds what does not exist yet, and every trap among it',
  };
  return [
    ...(wild ? [wildcard] : []),
    ...TRAPS.filter((trap) => falls(rule, trap)).map(({ code, message }) => ({ code, message })),
  ];
}

function falls(rule: AccessRule, trap: Trap): boolean {
  const has = (words: readonly string[] = [], wanted: readonly string[]) =>
    words.some((word) => word === '*' || wanted.includes(word) || isSubresourceOf(word, wanted));
  return has(rule.apiGroups, trap.groups) && has(rule.resources, trap.resources) && has(rule.verbs, trap.verbs);
}

/** A rule may write a subresource of everything as its own name behind a star. */
function isSubresourceOf(word: string, wanted: readonly string[]): boolean {
  return word.startsWith('*/') && wanted.some((one) => one.endsWith(word.slice(1)));
}
