import { request } from 'node:https';
import { kubernetesOver } from '@gatehouse/core/kubernetes/client';
import { ApiException, CoreV1Api, KubeConfig, RbacAuthorizationV1Api } from '@kubernetes/client-node';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { UserInfo } from '../../../sandbox/src/kubernetes/authorizer.ts';
import { makeCertificates, type ServerCertificates } from '../../../sandbox/src/kubernetes/certificates.ts';
import { kubeconfig } from '../../../sandbox/src/kubernetes/kubeconfig.ts';
import { BODY_LIMIT, type SeenRequest, startKubernetesServer } from '../../../sandbox/src/kubernetes/server.ts';
import { kubernetesContract } from '../../contracts/kubernetes.ts';
import { ADMIN, newState, user } from './cluster.ts';

/** TLS compares certificates with the real time. */
const wallClock = { now: () => Date.now() };
let certificates: ServerCertificates;
beforeAll(async () => {
  certificates = await makeCertificates('test', wallClock);
});

/** Bearers are usernames; `admin` is an administrator, and `thief` is nobody. */
const authenticate = async (bearer: string): Promise<UserInfo | undefined> => {
  if (bearer === 'broken') throw new Error('STS fell over');
  return bearer === 'admin' ? ADMIN : bearer === 'thief' ? undefined : user(bearer);
};

async function start(onRequest?: (seen: SeenRequest) => void) {
  const state = newState();
  const server = await startKubernetesServer({
    state,
    authenticate,
    host: '127.0.0.1',
    port: 0,
    tls: certificates,
    ...(onRequest ? { onRequest } : {}),
  });
  const config = (bearer: string) => {
    const read = new KubeConfig();
    read.loadFromString(kubeconfig({ name: 'test', server: server.url, ca: certificates.ca }, { token: bearer }));
    return read;
  };
  const core = (bearer: string) => config(bearer).makeApiClient(CoreV1Api);
  return { state, server, core, rbac: (bearer: string) => config(bearer).makeApiClient(RbacAuthorizationV1Api) };
}

async function running() {
  const one = await start();
  onTestFinished(() => one.server.close());
  return one;
}

const failed = async (call: Promise<unknown>) => {
  const error = await call.catch((thrown: unknown) => thrown);
  if (!(error instanceof ApiException)) throw new Error(`expected an answer of the API server, got ${String(error)}`);
  return { code: error.code, status: JSON.parse(error.body as string) };
};

/** One raw request. */
function raw(url: string, options: { method?: string; headers?: Record<string, string>; body?: Buffer | string }) {
  return new Promise<{ status: number; type: string; text: string }>((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options;
    const { origin, port } = new URL(url);
    const to = {
      host: '127.0.0.1',
      port,
      path: url.slice(origin.length),
      method,
      headers,
      ca: certificates.ca,
      agent: false,
    };
    const sent = request(to, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', text }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('the HTTPS server, through the official client', () => {
  it('creates, reads, replaces and deletes', async () => {
    const { core } = await running();
    const api = core('admin');
    const namespace = 'default';
    const made = await api.createNamespacedConfigMap({
      namespace,
      body: { metadata: { name: 'a' }, data: { k: '1' } },
    });
    expect(made.metadata?.creationTimestamp).toEqual(new Date('2026-01-15T12:00:00Z'));
    const read = await api.readNamespacedConfigMap({ name: 'a', namespace });
    expect(read).toEqual(made);
    const next = await api.replaceNamespacedConfigMap({ name: 'a', namespace, body: { ...read, data: { k: '2' } } });
    expect(next.data).toEqual({ k: '2' });
    const stale = await failed(
      api.replaceNamespacedConfigMap({ name: 'a', namespace, body: { ...read, data: { k: '3' } } }),
    );
    expect(stale).toMatchObject({
      code: 409,
      status: { reason: 'Conflict', details: { name: 'a', kind: 'configmaps' } },
    });
    await api.deleteNamespacedConfigMap({ name: 'a', namespace });
    expect(await failed(api.readNamespacedConfigMap({ name: 'a', namespace }))).toMatchObject({ code: 404 });
  });

  it('forbids in the words of the API server', async () => {
    const { core } = await running();
    const denied = await failed(core('x').listNamespacedPod({ namespace: 'pay' }));
    expect(denied).toMatchObject({
      code: 403,
      status: {
        message: 'pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "pay"',
      },
    });
  });

  it('pages', async () => {
    const { rbac } = await running();
    const api = rbac('admin');
    const names: (string | undefined)[] = [];
    let next: string | undefined;
    do {
      const page = await api.listClusterRole({ limit: 3, ...(next ? { _continue: next } : {}) });
      names.push(...page.items.map(({ metadata }) => metadata?.name));
      next = page.metadata?._continue;
    } while (next);
    expect(names).toEqual([
      'admin',
      'cluster-admin',
      'edit',
      'system:basic-user',
      'system:discovery',
      'system:public-info-viewer',
      'view',
    ]);
  });

  it('lets exactly one of two writers win each round', async () => {
    const { core } = await running();
    const api = core('admin');
    const where = { name: 'counter', namespace: 'default' };
    await api.createNamespacedConfigMap({
      namespace: 'default',
      body: { metadata: { name: 'counter' }, data: { n: '0' } },
    });
    let conflicts = 0;
    const increment = async () => {
      for (;;) {
        const read = await api.readNamespacedConfigMap(where);
        const body = { ...read, data: { n: String(Number(read.data?.n) + 1) } };
        const answer = await api.replaceNamespacedConfigMap({ ...where, body }).catch((error: unknown) => error);
        if (!(answer instanceof ApiException)) return;
        expect(answer.code).toBe(409);
        conflicts += 1;
      }
    };
    const writer = async () => {
      for (let round = 0; round < 10; round += 1) await increment();
    };
    await Promise.all([writer(), writer()]);
    expect((await api.readNamespacedConfigMap(where)).data).toEqual({ n: '20' });
    expect(conflicts).toBeGreaterThan(0);
  });
});

describe('the HTTPS server', () => {
  it.each([
    ['no token', {}],
    ['a token that is refused', { authorization: 'Bearer thief' }],
    ['another scheme', { authorization: 'Basic YWRtaW46' }],
    ['an empty token', { authorization: 'Bearer ' }],
  ])('answers 401 to %s', async (_title, headers) => {
    const { server } = await running();
    const answer = await raw(`${server.url}/api/v1/namespaces`, { headers });
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.text)).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'Unauthorized',
      reason: 'Unauthorized',
      code: 401,
    });
  });

  it('tells everybody that it lives, and nothing else', async () => {
    const { server } = await running();
    for (const path of ['/healthz', '/livez', '/readyz']) {
      expect(await raw(server.url + path, {})).toMatchObject({
        status: 200,
        text: 'ok',
        type: 'text/plain; charset=utf-8',
      });
    }
    expect((await raw(`${server.url}/version`, {})).status).toBe(401);
    expect((await raw(`${server.url}/healthz/../api/v1/namespaces`, {})).status).toBe(401);
  });

  it('reads no body beyond its limit', async () => {
    const { server } = await running();
    const headers = { authorization: 'Bearer admin', 'content-type': 'application/json' };
    const answer = await raw(`${server.url}/api/v1/namespaces`, {
      method: 'POST',
      headers,
      body: Buffer.alloc(BODY_LIMIT + 1, 32),
    }).catch((error: NodeJS.ErrnoException) => error.code);
    if (typeof answer === 'object')
      expect(answer).toMatchObject({ status: 413, text: expect.stringContaining('limit is 3145728') });
    else expect(['ECONNRESET', 'EPIPE']).toContain(answer);
    expect((await raw(`${server.url}/healthz`, {})).status).toBe(200);
  });

  it('answers 500 and goes on where authentication itself fails', async () => {
    const { server } = await running();
    const answer = await raw(`${server.url}/version`, { headers: { authorization: 'Bearer broken' } });
    expect(answer).toMatchObject({ status: 500, text: expect.stringContaining('STS fell over') });
    expect((await raw(`${server.url}/version`, { headers: { authorization: 'Bearer x' } })).status).toBe(200);
  });

  it('takes each impersonated group for one, commas and all', async () => {
    const { server } = await running();
    const headers = { authorization: 'Bearer admin', 'impersonate-user': 'ann', 'impersonate-group': 'a, b' };
    const url = `${server.url}/apis/authentication.k8s.io/v1/selfsubjectreviews`;
    const { text } = await raw(url, { method: 'POST', headers, body: '{}' });
    expect(JSON.parse(text).status.userInfo.groups).toEqual(['a, b', 'system:authenticated']);
  });

  it('refuses a name that only a resolved path would have', async () => {
    const { server } = await running();
    const headers = { authorization: 'Bearer admin' };
    const answer = await raw(`${server.url}/api/v1/namespaces/default/configmaps/%2e%2e`, { headers });
    expect(answer).toMatchObject({ status: 400, text: expect.stringContaining('Name parameter invalid') });
  });

  it('tells who asked what, and what came of it', async () => {
    const seen: SeenRequest[] = [];
    const { server } = await start((one) => seen.push(one));
    await raw(`${server.url}/api/v1/pods?limit=1`, { headers: { authorization: 'Bearer ann' } });
    await raw(`${server.url}/api/v1/pods`, {});
    await server.close();
    expect(seen).toEqual([
      { username: 'ann', method: 'GET', path: '/api/v1/pods?limit=1', status: 403 },
      { username: undefined, method: 'GET', path: '/api/v1/pods', status: 401 },
    ]);
  });

  it('closes though a client keeps its connection', async () => {
    const { server, core } = await start();
    await core('admin').listNamespace();
    await server.close();
    await expect(raw(`${server.url}/healthz`, {})).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

kubernetesContract('the sandbox over HTTPS', async () => {
  const { server } = await start();
  const as = (bearer: string) =>
    kubernetesOver({
      server: server.url,
      certificateAuthority: Buffer.from(certificates.ca).toString('base64'),
      token: async () => bearer,
    });
  return { admin: as('admin'), as, close: () => server.close() };
});
