import { vi } from 'vitest';
import type { Answer } from '../contracts/kubernetes-api/api.ts';
import { httpsRequests, type RawRequest } from '../contracts/kubernetes-api/https-requests.ts';
import { type RealCluster, type RealClusterOptions, startRealCluster } from './cluster.ts';
import { rememberState } from './etcd-state.ts';

/** A real cluster that any number of tests use, one after the other, each from the same beginning. */
export interface CleanCluster extends RealCluster {
  readonly send: (request: RawRequest) => Promise<Answer>;
  /** Undoes all that was done since the start, and waits until the API server's caches know it too. */
  clean(): Promise<void>;
}

const GROUP = 'rbac.authorization.k8s.io';
const RBAC = `/apis/${GROUP}/v1`;
const NAMESPACES = '/api/v1/namespaces';
const RBAC_KEY = /^\/registry\/(cluster)?role(binding)?s\//;
const MARKER = 'test:caught-up';
const WAIT = { timeout: 20_000, interval: 2 };

/** Starts a cluster and remembers its state in etcd. */
export async function startCleanCluster(options: RealClusterOptions = {}): Promise<CleanCluster> {
  const cluster = await startRealCluster(options);
  const { send, close } = httpsRequests({ url: cluster.url, ca: cluster.identity.apiServer.ca });
  const operator = async (method: string, url: string, body?: unknown) => {
    const headers = { 'content-type': 'application/json' };
    return send({ token: cluster.identity.operatorToken, method, url, headers, ...(body ? { body } : {}) });
  };
  const stop = async () => {
    close();
    await cluster.stop();
  };
  try {
    await vi.waitUntil(() => isSetUp(operator), WAIT);
    const state = await rememberState(cluster.etcdUrl);
    let turn = 0;
    const clean = async () => {
      const { removed, put } = await state.restore();
      if ([...removed, ...put].some((key) => RBAC_KEY.test(key) && !key.endsWith(`/${MARKER}`))) {
        await authorizerCaughtUp(operator, `turn-${turn++}`);
      }
      const namespaces = removed.flatMap((key) => /^\/registry\/namespaces\/([^/]+)$/.exec(key)?.[1] ?? []);
      for (const name of namespaces) await vi.waitUntil(() => isForgotten(operator, name), WAIT);
    };
    return { ...cluster, send, clean, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Operator = (method: string, url: string, body?: unknown) => Promise<Answer>;

/** True once the controllers have made what they make in every new cluster. */
async function isSetUp(operator: Operator): Promise<boolean> {
  const accounts = (await operator('GET', '/api/v1/serviceaccounts?fieldSelector=metadata.name%3Ddefault')).body.items;
  const namespaces = (await operator('GET', NAMESPACES)).body.items;
  // admin gathers edit, which gathers view: its rules are the last to be complete.
  const { rules } = (await operator('GET', `${RBAC}/clusterroles/admin`)).body as { rules: { resources?: string[] }[] };
  const gathered = ['rolebindings', 'pods/exec', 'pods/log'].every((resource) =>
    rules?.some(({ resources }) => resources?.includes(resource)),
  );
  return gathered && accounts.length === namespaces.length;
}

/**
 * Waits until the authorizer has seen everything that was written before this call. It reads from four caches, each of which
 * is filled in the order of the writes: when it knows a new object of each, it knows all that came earlier.
 */
async function authorizerCaughtUp(operator: Operator, turn: string): Promise<void> {
  for (const [where, kind] of [
    ['', 'ClusterRole'],
    ['namespaces/kube-system/', 'Role'],
  ] as const) {
    const plural = kind.toLowerCase();
    const metadata = { name: MARKER };
    const rules = [{ apiGroups: [MARKER], resources: [plural], verbs: [turn] }];
    const subjects = [{ kind: 'User', name: turn }];
    await operator('PUT', `${RBAC}/${where}${plural}s/${MARKER}`, { metadata, rules });
    const binding = { metadata, roleRef: { kind, name: MARKER }, subjects };
    await operator('PUT', `${RBAC}/${where}${plural}bindings/${MARKER}`, binding);
    const namespace = kind === 'Role' ? 'kube-system' : '';
    const resourceAttributes = { verb: turn, group: MARKER, resource: plural, namespace };
    const review = { spec: { user: turn, resourceAttributes } };
    const url = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
    await vi.waitUntil(async () => (await operator('POST', url, review)).body.status.allowed === true, WAIT);
  }
}

/** True where admission, which has a cache of its own, no longer takes a namespace for one that is ending. */
async function isForgotten(operator: Operator, namespace: string): Promise<boolean> {
  const url = `${NAMESPACES}/${namespace}/configmaps?dryRun=All`;
  return (await operator('POST', url, { metadata: { name: 'forgotten' } })).status === 404;
}
