import { get } from 'node:https';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { UserInfo } from '../../../sandbox/src/kubernetes/authorizer.ts';
import { makeCertificates, type ServerCertificates } from '../../../sandbox/src/kubernetes/certificates.ts';
import { kubeconfig } from '../../../sandbox/src/kubernetes/kubeconfig.ts';
import { type SeenRequest, startKubernetesServer } from '../../../sandbox/src/kubernetes/server.ts';
import { authenticationContract } from '../../contracts/kubernetes-api/authentication.ts';
import { httpsRequests } from '../../contracts/kubernetes-api/https-requests.ts';
import { officialClientContract } from '../../contracts/kubernetes-api/official-client.ts';
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
  const server = await startKubernetesServer({
    state: newState(),
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
  const requests = httpsRequests({ url: server.url, ca: certificates.ca });
  const close = async () => {
    requests.close();
    await server.close();
  };
  const send = (url: string, headers: Readonly<Record<string, string | readonly string[]>> = {}, body?: string) =>
    requests.send({ method: body === undefined ? 'GET' : 'POST', url, headers, body });
  return { server, config, send, close };
}

async function running() {
  const one = await start();
  onTestFinished(one.close);
  return one;
}

officialClientContract('the sandbox', start);
authenticationContract('the sandbox', async () => ({ ...(await start()), token: 'x' }));

describe('the HTTPS server', () => {
  it('answers 500 and goes on where authentication itself fails', async () => {
    const { send } = await running();
    const answer = await send('/version', { authorization: 'Bearer broken' });
    expect(answer).toMatchObject({ status: 500, body: { message: expect.stringContaining('STS fell over') } });
    expect((await send('/version', { authorization: 'Bearer x' })).status).toBe(200);
  });

  it('says what its answers are', async () => {
    const { server } = await running();
    const typeOf = (path: string) =>
      new Promise((resolve, reject) => {
        const options = { ca: certificates.ca, agent: false, headers: { authorization: 'Bearer x' } } as const;
        const sent = get(server.url + path, options, (response) => {
          resolve(response.headers['content-type']);
          response.resume();
        });
        sent.on('error', reject);
      });
    expect(await typeOf('/healthz')).toBe('text/plain; charset=utf-8');
    expect(await typeOf('/nowhere')).toBe('application/json');
    expect(await typeOf('/version')).toBe('application/json');
  });

  it('warns in headers', async () => {
    const { send } = await running();
    const headers = { authorization: 'Bearer admin', 'content-type': 'application/json' };
    const body = JSON.stringify({ metadata: { name: 'a' }, b: 1, c: 2 });
    expect(await send('/api/v1/namespaces', headers, body)).toMatchObject({
      status: 201,
      warning: '299 - "unknown field \\"b\\"", 299 - "unknown field \\"c\\""',
    });
  });

  it('tells who asked what, and what came of it', async () => {
    const seen: SeenRequest[] = [];
    const { send, close } = await start((one) => seen.push(one));
    await send('/api/v1/pods?limit=1', { authorization: 'Bearer ann' });
    await send('/api/v1/pods');
    await close();
    expect(seen).toEqual([
      { username: 'ann', method: 'GET', path: '/api/v1/pods?limit=1', status: 403 },
      { username: undefined, method: 'GET', path: '/api/v1/pods', status: 401 },
    ]);
  });

  it('closes though a client keeps its connection', async () => {
    const { server, config, send } = await start();
    await config('admin').makeApiClient(CoreV1Api).listNamespace();
    await server.close();
    await expect(send('/healthz')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
