import { apiVersionOf, GROUP_VERSIONS, RESOURCES, REVIEWS, type Resource, type Review } from './kinds.ts';

/** The release whose rules are played. */
export const VERSION = {
  major: '1',
  minor: '34',
  emulationMajor: '1',
  emulationMinor: '34',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '33',
  gitVersion: 'v1.34.4-gatehouse',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: 'linux/amd64',
} as const;

/**
 * Answers a GET of what the API server says about itself: versions, groups, resources, health, OpenAPI. Undefined where
 * there is nothing at the path. A text answer is plain text.
 */
export function describeApi(path: string, query: URLSearchParams): object | string | undefined {
  const health = /^\/(healthz|livez|readyz)(\/ping)?$/.exec(path);
  if (health) return query.has('verbose') && !health[2] ? `[+]ping ok\n${health[1]} check passed\n` : 'ok';
  const at = path.length > 1 ? path.replace(/\/$/, '') : path;
  switch (at) {
    case '/':
      return { paths: PATHS };
    case '/version':
      return VERSION;
    case '/api':
      return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
    case '/apis':
      return {
        kind: 'APIGroupList',
        apiVersion: 'v1',
        groups: GROUP_VERSIONS.map(({ group }) => describeGroup(group)),
      };
    case '/openapi/v3':
      return openApiIndex();
    default:
      return describeBelow(at);
  }
}

const PATHS = [
  '/api',
  '/api/v1',
  '/apis',
  ...GROUP_VERSIONS.flatMap(({ group, version }) => [`/apis/${group}`, `/apis/${group}/${version}`]),
  '/healthz',
  '/healthz/ping',
  '/livez',
  '/livez/ping',
  '/openapi/v3',
  '/readyz',
  '/readyz/ping',
  '/version',
];

function describeBelow(path: string): object | undefined {
  if (path.startsWith('/openapi/v3/')) return openApi(path.slice('/openapi/v3/'.length));
  const [root, group = '', version, more] = path.slice(1).split('/');
  if (root === 'api' && version === undefined) return resourceList('', group);
  if (root !== 'apis' || more !== undefined) return undefined;
  if (version !== undefined) return resourceList(group, version);
  const known = GROUP_VERSIONS.find((one) => one.group === group);
  return known && { kind: 'APIGroup', apiVersion: 'v1', ...describeGroup(group) };
}

function describeGroup(group: string): object {
  const versions = GROUP_VERSIONS.filter((one) => one.group === group).map(({ version }) => ({
    groupVersion: `${group}/${version}`,
    version,
  }));
  return { name: group, versions, preferredVersion: versions[0] };
}

function servedAt(group: string, version: string): (Resource | Review)[] {
  return [...RESOURCES, ...REVIEWS].filter((one) => one.group === group && one.version === version);
}

function resourceList(group: string, version: string): object | undefined {
  const served = servedAt(group, version);
  if (served.length === 0) return undefined;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersionOf({ group, version }),
    resources: served.flatMap((one) => describeResource(one)),
  };
}

function describeResource(one: Resource | Review): object[] {
  const head = { name: one.resource, singularName: one.singular, namespaced: one.namespaced, kind: one.kind };
  if (!('name' in one)) return [{ ...head, verbs: ['create'] }];
  const writes = ['create', 'delete', ...(one.keepsCollection ? [] : ['deletecollection'])];
  const resource = {
    ...head,
    verbs: [...writes, 'get', 'list', 'patch', 'update', 'watch'],
    ...(one.shortNames ? { shortNames: one.shortNames } : {}),
    ...(one.categories ? { categories: one.categories } : {}),
  };
  const status = { ...head, name: `${one.resource}/status`, singularName: '', verbs: ['get', 'patch', 'update'] };
  return one.status ? [resource, status] : [resource];
}

/** Path of a group version in OpenAPI documents: `api/v1`, `apis/apps/v1`. */
const pathOf = ({ group, version }: { readonly group: string; readonly version: string }) =>
  group === '' ? `api/${version}` : `apis/${group}/${version}`;

function openApiIndex(): object {
  const all = [{ group: '', version: 'v1' }, ...GROUP_VERSIONS];
  return {
    paths: Object.fromEntries(all.map((one) => [pathOf(one), { serverRelativeURL: `/openapi/v3/${pathOf(one)}` }])),
  };
}

/** As much of OpenAPI as kubectl needs to see that the server validates fields itself. */
function openApi(path: string): object | undefined {
  const of = [{ group: '', version: 'v1' }, ...GROUP_VERSIONS].find((one) => pathOf(one) === path);
  if (of === undefined) return undefined;
  const paths = servedAt(of.group, of.version).map((one) => {
    const where = one.namespaced ? `namespaces/{namespace}/${one.resource}` : one.resource;
    const operation = {
      'x-kubernetes-group-version-kind': { group: of.group, version: of.version, kind: one.kind },
      parameters: [{ name: 'fieldValidation', in: 'query', schema: { type: 'string' } }],
      responses: { '200': { description: 'OK' } },
    };
    return [`/${path}/${where}/{name}`, { patch: operation }] as const;
  });
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: VERSION.gitVersion },
    paths: Object.fromEntries(paths),
    components: { schemas: {} },
  };
}
