import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { type FailureCode, isFailure } from '@gatehouse/core/access/failure';
import { kubernetesOver } from '@gatehouse/core/kubernetes/client';
import type { KubernetesObject, ObjectRef } from '@gatehouse/core/ports/kubernetes';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ApiState } from '../../../sandbox/src/kubernetes/api-state.ts';
import { startKubernetesServer } from '../../../sandbox/src/kubernetes/server.ts';
import { kubernetesContract } from '../../contracts/kubernetes.ts';
import { fixedClock } from '../../fakes/clock.ts';
import { ADMINISTRATOR, asUser } from '../../fakes/kubernetes.ts';
import { countingRandom } from '../../fakes/random.ts';
import { base64, httpsServer, loopbackCertificates } from './https-server.ts';

kubernetesContract('over HTTPS, against the sandbox', async () => {
  const tls = await loopbackCertificates();
  const server = await startKubernetesServer({
    state: new ApiState({ clock: fixedClock(), random: countingRandom() }),
    authenticate: async (bearer) =>
      bearer === 'admin' ? ADMINISTRATOR : asUser(Buffer.from(bearer, 'hex').toString()),
    host: '127.0.0.1',
    port: 0,
    tls,
  });
  const client = (token: string) =>
    kubernetesOver({ server: server.url, certificateAuthority: base64(tls.ca), token: async () => token });
  return {
    admin: client('admin'),
    as: (username) => client(Buffer.from(username).toString('hex')),
    close: () => server.close(),
  };
});

const AWS_AUTH: ObjectRef = { kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' };
const CONFIG_MAP: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'aws-auth', namespace: 'kube-system', uid: 'u', resourceVersion: '7' },
};

const serving = async (listener: RequestListener, timeoutMs = 5000) => {
  const { close, https, ...where } = await httpsServer(listener);
  onTestFinished(close);
  return { ...where, https, kubernetes: kubernetesOver({ ...where, token: async () => 'token', timeoutMs }) };
};
const answering = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  serving((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
const thrownBy = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isFailure(error)) throw new Error(`no failure but ${String(error)}`);
  return error;
};

describe('answers that are errors', () => {
  it.each<[string, number, object | string, FailureCode, boolean]>([
    ['400', 400, { message: 'bad' }, 'invalid', false],
    ['401', 401, { message: 'Unauthorized' }, 'unauthorized', true],
    ['403', 403, { message: 'User "x" cannot get' }, 'forbidden', false],
    [
      '403 of the escalation check',
      403,
      { message: 'user "x" (groups=[]) is attempting to grant RBAC permissions not currently held:\n{Verbs:[get]}' },
      'escalation',
      false,
    ],
    [
      '403 of an aggregation',
      403,
      { message: 'must have cluster-admin privileges to use an aggregationRule' },
      'escalation',
      false,
    ],
    ['409', 409, { reason: 'Conflict', message: 'the object has been modified' }, 'conflict', true],
    ['410', 410, { reason: 'Expired', message: 'continue token too old' }, 'conflict', true],
    ['413', 413, { message: 'too large' }, 'too-large', false],
    ['422', 422, { reason: 'Invalid', message: 'is invalid' }, 'invalid', false],
    ['429', 429, { message: 'too many requests' }, 'throttled', true],
    ['500', 500, { message: 'etcdserver: request timed out' }, 'unreachable', true],
    ['503 that is no JSON', 503, '<html>upstream\r\n\u001b[31mred</html>', 'unreachable', true],
    ['302', 302, '', 'unsupported', false],
    ['200 that is no JSON', 200, '<html>welcome</html>', 'unreachable', true],
    ['200 of another kind', 200, { kind: 'Secret', metadata: { name: 'x' } }, 'unreachable', true],
  ])('%s', async (_title, status, body, code, retryable) => {
    const { kubernetes } = await answering(status, body, { location: 'https://127.0.0.1:1/' });
    const failure = await thrownBy(kubernetes.replace(CONFIG_MAP));
    expect([failure.code, failure.retryable]).toEqual([code, retryable]);
    expect(failure.message).not.toMatch(/[\r\n\u001b]/);
    if (code === 'escalation')
      expect(failure.remedy).toBe('apply the bootstrap again: gatehouse bootstrap <cluster> | kubectl apply -f -');
  });

  it('tells a name that is taken from a conflict, on create only', async () => {
    const { kubernetes } = await answering(409, { reason: 'AlreadyExists', message: 'already exists' });
    expect((await thrownBy(kubernetes.create(CONFIG_MAP))).code).toBe('already-exists');
    expect((await thrownBy(kubernetes.replace(CONFIG_MAP))).code).toBe('conflict');
  });

  it('says which call it was, and never the token', async () => {
    const { kubernetes } = await answering(403, { message: 'no' });
    const failure = await thrownBy(kubernetes.read(AWS_AUTH));
    expect(failure.message).toContain('read ConfigMap/kube-system/aws-auth');
    expect(JSON.stringify([failure.message, failure.remedy, String(failure.cause)])).not.toContain('token');
  });
});

describe('no answer', () => {
  it('within the time allowed is unreachable', async () => {
    const { kubernetes } = await serving(() => {}, 50);
    const failure = await thrownBy(kubernetes.read(AWS_AUTH));
    expect([failure.code, failure.message]).toEqual(['unreachable', expect.stringContaining('no answer within 50 ms')]);
  });

  it('to its end within the time allowed is unreachable', async () => {
    const { kubernetes } = await serving((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"kind":');
    }, 50);
    expect((await thrownBy(kubernetes.read(AWS_AUTH))).code).toBe('unreachable');
  });

  it('where nobody listens is unreachable', async () => {
    const listener = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => listener.once('listening', resolve));
    const { port } = listener.address() as AddressInfo;
    await new Promise((resolve) => listener.close(resolve));
    const kubernetes = kubernetesOver({ server: `https://127.0.0.1:${port}`, token: async () => 'token' });
    const failure = await thrownBy(kubernetes.read(AWS_AUTH));
    expect([failure.code, failure.message]).toEqual(['unreachable', expect.stringContaining('ECONNREFUSED')]);
  });

  it('from a server with a certificate of another authority is unreachable, and it gets no token', async () => {
    const seen: (string | undefined)[] = [];
    const { server } = await serving((request, response) => {
      seen.push(request.headers.authorization);
      response.end('{}');
    });
    const kubernetes = kubernetesOver({ server, token: async () => 'token' });
    expect((await thrownBy(kubernetes.read(AWS_AUTH))).code).toBe('unreachable');
    expect(seen).toEqual([]);
  });

  it('is expected where the address is not https, and nothing is sent', () => {
    for (const server of ['http://127.0.0.1:1', 'cluster', 'file:///etc/passwd']) {
      expect(() => kubernetesOver({ server, token: async () => 'token' })).toThrow(/not an https address/);
    }
  });

  it('is expected where there is no token', async () => {
    const { server, certificateAuthority } = await serving((_request, response) => response.end('{}'));
    const token = async () => {
      throw new Error('no credentials');
    };
    const kubernetes = kubernetesOver({ server, certificateAuthority, token });
    expect((await thrownBy(kubernetes.read(AWS_AUTH))).code).toBe('unauthorized');
  });
});

describe('requests', () => {
  it('carry the token of their moment, and the object byte for byte', async () => {
    const seen: string[] = [];
    const { server, certificateAuthority } = await serving(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      seen.push(`${request.method} ${request.url} ${request.headers.authorization} ${body}`);
      response.end(JSON.stringify({ ...CONFIG_MAP, extra: { deep: [1, null] }, data: { mapRoles: '- a: "b" # ü\n' } }));
    });
    const tokens = ['t1', 't2'];
    const token = async () => tokens.shift()!;
    const kubernetes = kubernetesOver({ server: `${server}/prefix/`, certificateAuthority, token });
    const read = await kubernetes.read(AWS_AUTH);
    await kubernetes.replace(read!);
    const path = '/prefix/api/v1/namespaces/kube-system/configmaps/aws-auth';
    expect(seen[0]).toBe(`GET ${path} Bearer t1 `);
    expect(seen[1]).toMatch(`PUT ${path} Bearer t2 {`);
    expect(JSON.parse(seen[1]!.slice(seen[1]!.indexOf('{')))).toEqual({
      ...CONFIG_MAP,
      extra: { deep: [1, null] },
      data: { mapRoles: '- a: "b" # ü\n' },
    });
  });

  it('are sent again where a kept connection was closed meanwhile', async () => {
    let answered = 0;
    const { kubernetes, https } = await serving((request, response) => {
      answered += 1;
      // The second request arrives on the kept connection and finds it dead; the third is the repetition.
      if (answered === 2) request.socket.destroy();
      else response.end(JSON.stringify(CONFIG_MAP));
    });
    let connections = 0;
    https.on('secureConnection', () => {
      connections += 1;
    });
    await kubernetes.read(AWS_AUTH);
    expect(await kubernetes.read(AWS_AUTH)).toMatchObject({ metadata: { name: 'aws-auth' } });
    expect([answered, connections]).toEqual([3, 2]);
  });

  it('are not sent again where a new connection was closed', async () => {
    let answered = 0;
    const { kubernetes } = await serving((request) => {
      answered += 1;
      request.socket.destroy();
    });
    expect((await thrownBy(kubernetes.read(AWS_AUTH))).code).toBe('unreachable');
    expect(answered).toBe(1);
  });
});
