import { Failure } from '@gatehouse/core/access/failure';
import type { Asked } from '@gatehouse/core/operations/denial';

/** The resources that every cluster has, by group, each with the short names that kubectl knows. */
const RESOURCES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  '': {
    bindings: [],
    configmaps: ['cm'],
    endpoints: ['ep'],
    events: ['ev'],
    groups: [],
    limitranges: ['limits'],
    namespaces: ['ns'],
    nodes: ['no'],
    persistentvolumeclaims: ['pvc'],
    persistentvolumes: ['pv'],
    pods: ['po'],
    podtemplates: [],
    replicationcontrollers: ['rc'],
    resourcequotas: ['quota'],
    secrets: [],
    serviceaccounts: ['sa'],
    services: ['svc'],
    users: [],
  },
  'admissionregistration.k8s.io': { mutatingwebhookconfigurations: [], validatingwebhookconfigurations: [] },
  'apiextensions.k8s.io': { customresourcedefinitions: ['crd', 'crds'] },
  apps: {
    controllerrevisions: [],
    daemonsets: ['ds'],
    deployments: ['deploy'],
    replicasets: ['rs'],
    statefulsets: ['sts'],
  },
  autoscaling: { horizontalpodautoscalers: ['hpa'] },
  batch: { cronjobs: ['cj'], jobs: [] },
  'certificates.k8s.io': { certificatesigningrequests: ['csr'] },
  'coordination.k8s.io': { leases: [] },
  'discovery.k8s.io': { endpointslices: [] },
  'networking.k8s.io': { ingressclasses: [], ingresses: ['ing'], networkpolicies: ['netpol'] },
  policy: { poddisruptionbudgets: ['pdb'] },
  'rbac.authorization.k8s.io': { clusterrolebindings: [], clusterroles: [], rolebindings: [], roles: [] },
  'scheduling.k8s.io': { priorityclasses: ['pc'] },
  'storage.k8s.io': { storageclasses: ['sc'], volumeattachments: [] },
};

/** By every name that is understood: plural, singular, short. */
const BY_NAME: ReadonlyMap<string, { readonly group: string; readonly resource: string }> = new Map(
  Object.entries(RESOURCES).flatMap(([group, resources]) =>
    Object.entries(resources).flatMap(([resource, short]) =>
      [resource, singularOf(resource), ...short].map((name) => [name, { group, resource }] as const),
    ),
  ),
);

function singularOf(resource: string): string {
  if (resource === 'endpoints') return resource;
  if (resource.endsWith('ies')) return `${resource.slice(0, -3)}y`;
  if (/(ss|s)es$/.test(resource) && /(ingress|class)es$/.test(resource)) return resource.slice(0, -2);
  return resource.slice(0, -1);
}

/**
 * A resource as kubectl takes it: `pods`, `po`, `pods/log`, `deployments.apps`, `deploy/web` (a name), `*`, `*.*`.
 * @throws Failure `invalid` where its group is not known.
 */
export function resourceNamed(text: string): Pick<Asked, 'group' | 'resource' | 'subresource' | 'name'> {
  const [type = '', rest, more] = text.split('/');
  if (type === '' || rest === '' || more !== undefined) {
    throw new Failure('invalid', `"${text}" is no resource`, { remedy: 'write pods, pods/log or deployments.apps' });
  }
  const found = typeNamed(type);
  return { ...found, ...(rest === undefined ? {} : SUBRESOURCES.has(rest) ? { subresource: rest } : { name: rest }) };
}

/** What stands behind a slash is one of these, or a name. */
const SUBRESOURCES: ReadonlySet<string> = new Set([
  'approval',
  'attach',
  'binding',
  'ephemeralcontainers',
  'eviction',
  'exec',
  'finalize',
  'log',
  'portforward',
  'proxy',
  'resize',
  'scale',
  'status',
  'token',
]);

function typeNamed(type: string): { readonly group: string; readonly resource: string } {
  if (type === '*' || type === '*.*') return { group: '*', resource: '*' };
  const dot = type.indexOf('.');
  const name = (dot < 0 ? type : type.slice(0, dot)).toLowerCase();
  const known = BY_NAME.get(name);
  if (dot >= 0) {
    const group = type.slice(dot + 1);
    // The short name of a resource that many groups have is the same in all of them.
    return { group, resource: known?.resource ?? name };
  }
  if (known) return known;
  throw new Failure('invalid', `no cluster has a resource "${type}" by itself`, {
    remedy: `write it in the plural and with its group: ${name}.example.com`,
  });
}
