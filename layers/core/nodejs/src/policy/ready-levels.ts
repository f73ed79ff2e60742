import type { AccessRule } from '../access/policy.ts';

/** What stands under `levels` in a document, with a sentence on what it is for. */
export interface ReadyLevel {
  readonly about: string;
  readonly rules?: readonly AccessRule[];
  readonly clusterRole?: string;
  readonly clusterWide?: readonly AccessRule[];
  readonly console?: true;
}

const READ = ['get', 'list', 'watch'];
const WORK = ['get', 'list', 'create', 'update', 'delete'];
/** Clusters before 1.16 served deployments under `extensions`, too; manifests of that time still say so. */
const APPS = ['extensions', 'apps'];

/** What the EKS console asks for (https://docs.aws.amazon.com/eks/latest/userguide/view-kubernetes-resources.html). */
const CONSOLE_IN_NAMESPACE: readonly AccessRule[] = [
  {
    apiGroups: [''],
    resources: [
      'configmaps',
      'endpoints',
      'events',
      'limitranges',
      'persistentvolumeclaims',
      'podtemplates',
      'pods',
      'replicationcontrollers',
      'resourcequotas',
      'serviceaccounts',
      'services',
    ],
    verbs: ['get', 'list'],
  },
  {
    apiGroups: ['apps'],
    resources: ['controllerrevisions', 'daemonsets', 'deployments', 'replicasets', 'statefulsets'],
    verbs: ['get', 'list'],
  },
  { apiGroups: ['autoscaling'], resources: ['horizontalpodautoscalers'], verbs: ['get', 'list'] },
  { apiGroups: ['batch'], resources: ['cronjobs', 'jobs'], verbs: ['get', 'list'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list'] },
  { apiGroups: ['networking.k8s.io'], resources: ['ingresses', 'networkpolicies'], verbs: ['get', 'list'] },
  { apiGroups: ['policy'], resources: ['poddisruptionbudgets'], verbs: ['get', 'list'] },
  { apiGroups: ['rbac.authorization.k8s.io'], resources: ['rolebindings', 'roles'], verbs: ['get', 'list'] },
];

/** Without these, the console shows no namespace to somebody who has one. */
const CONSOLE_TO_GET_THERE: readonly AccessRule[] = [
  { apiGroups: [''], resources: ['namespaces', 'nodes'], verbs: ['get', 'list'] },
];

/**
 * Levels that every policy knows without writing them down. One that the policy defines under the same name takes its place.
 */
export const READY_LEVELS: Readonly<Record<string, ReadyLevel>> = {
  'cluster-admin': {
    about: 'everything on the whole cluster: provisioning, and pipelines that install operators',
    clusterRole: 'cluster-admin',
    console: true,
  },
  'namespace-admin': {
    about: 'everything in its namespaces but quotas: look-ups and operations of an application',
    clusterRole: 'admin',
    console: true,
    clusterWide: CONSOLE_TO_GET_THERE,
  },
  deployer: {
    about: 'deployments and replica sets, for a pipeline',
    rules: [
      {
        apiGroups: APPS,
        resources: ['deployments', 'replicasets'],
        verbs: ['list', 'get', 'create', 'update', 'delete', 'watch', 'patch'],
      },
    ],
  },
  'pod-lister': {
    about: 'the list of pods and nothing else',
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }],
  },
  developer: {
    about: 'pods, their logs and shells, deployments, config maps and secrets of an application',
    rules: [
      { apiGroups: [''], resources: ['configmaps', 'events', 'pods', 'pods/exec', 'pods/log', 'secrets'], verbs: WORK },
      { apiGroups: APPS, resources: ['deployments'], verbs: WORK },
    ],
  },
  'developer-read-only': {
    about: 'as developer, to look only: no shells, no secrets',
    rules: [
      { apiGroups: [''], resources: ['configmaps', 'events', 'pods', 'pods/log'], verbs: READ },
      { apiGroups: APPS, resources: ['deployments'], verbs: READ },
    ],
  },
  'console-viewer': {
    about: 'the EKS console and kubectl, to look only: no secrets',
    rules: CONSOLE_IN_NAMESPACE,
    clusterWide: CONSOLE_TO_GET_THERE,
    console: true,
  },
};
