import { describe, expect, it } from 'vitest';
import { ADMIN, CONFIG_MAPS, grant, newState, RBAC, send, user } from './cluster.ts';

const rule = (group: string, resource: string, ...verbs: string[]) => ({
  apiGroups: [group],
  resources: [resource],
  verbs,
});
const role = (name: string, rules: readonly object[]) => ({ metadata: { name }, rules });
const binding = (name: string, kind: string, to: string, subjects: readonly object[] = []) => ({
  metadata: { name },
  roleRef: { kind, name: to },
  subjects,
});
const MIB = 1024 * 1024;

describe('what an object must be', () => {
  it.each<[title: string, url: string, body: object, status: number, message: string | RegExp]>([
    [
      'a name',
      CONFIG_MAPS,
      { metadata: {} },
      422,
      'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    ],
    [
      'a DNS name',
      CONFIG_MAPS,
      { metadata: { name: 'A_b' } },
      422,
      /^ConfigMap "A_b" is invalid: metadata\.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must/,
    ],
    [
      'a DNS name of at most 253 bytes',
      CONFIG_MAPS,
      { metadata: { name: 'a'.repeat(254) } },
      422,
      /must be no more than 253 bytes/,
    ],
    [
      'a DNS label for a namespace',
      '/api/v1/namespaces',
      { metadata: { name: 'a.b' } },
      422,
      /^Namespace "a\.b" is invalid: metadata\.name: .*RFC 1123 label/,
    ],
    [
      'a label for a namespace of at most 63 bytes',
      '/api/v1/namespaces',
      { metadata: { name: 'a'.repeat(64) } },
      422,
      /63 bytes/,
    ],
    [
      'a path segment for a role',
      `${RBAC}/clusterroles`,
      role('a%b', []),
      422,
      /^ClusterRole\.rbac\.authorization\.k8s\.io "a%b" is invalid: metadata\.name: Invalid value: "a%b": may not contain '%'$/,
    ],
    [
      'its own kind',
      CONFIG_MAPS,
      { kind: 'Secret', metadata: { name: 'a' } },
      400,
      'Secret in version "v1" cannot be handled as a ConfigMap',
    ],
    [
      'its own version',
      CONFIG_MAPS,
      { apiVersion: 'v2', metadata: { name: 'a' } },
      400,
      'the API version in the data (v2) does not match the expected API version (v1)',
    ],
    [
      'its own namespace',
      CONFIG_MAPS,
      { metadata: { name: 'a', namespace: 'b' } },
      400,
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    [
      'new',
      CONFIG_MAPS,
      { metadata: { name: 'a', resourceVersion: '7' } },
      500,
      'resourceVersion should not be set on objects to be created',
    ],
    [
      'texts in a ConfigMap',
      CONFIG_MAPS,
      { metadata: { name: 'a' }, data: { n: 1 } },
      400,
      /cannot unmarshal number into Go struct field ConfigMap\.data\.n of type string/,
    ],
    [
      'keys that are file names',
      CONFIG_MAPS,
      { metadata: { name: 'a' }, data: { 'a/b': '' } },
      422,
      /^ConfigMap "a" is invalid: data\[a\/b\]: Invalid value: "a\/b": a valid config key must/,
    ],
    [
      'no key that leads up',
      CONFIG_MAPS,
      { metadata: { name: 'a' }, data: { '..x': '' } },
      422,
      /must not start with '\.\.'/,
    ],
    [
      'at most 1 MiB of data',
      CONFIG_MAPS,
      { metadata: { name: 'a' }, data: { a: 'x'.repeat(MIB), b: 'x' } },
      422,
      'ConfigMap "a" is invalid: []: Too long: may not be more than 1048576 bytes',
    ],
    [
      'labels that are names',
      CONFIG_MAPS,
      { metadata: { name: 'a', labels: { 'a b': 'c' } } },
      422,
      /metadata\.labels: Invalid value: "a b": name part must consist/,
    ],
    [
      'label values of at most 63 bytes',
      CONFIG_MAPS,
      { metadata: { name: 'a', labels: { a: 'x'.repeat(64) } } },
      422,
      /63 bytes/,
    ],
    [
      'at most 256 KiB of annotations',
      CONFIG_MAPS,
      { metadata: { name: 'a', annotations: { a: 'x'.repeat(262144) } } },
      422,
      /metadata\.annotations: Too long: may not be more than 262144 bytes/,
    ],
    [
      'verbs',
      `${RBAC}/clusterroles`,
      role('a', [{ apiGroups: [''], resources: ['pods'] }]),
      422,
      /rules\[0\]\.verbs: Required value: verbs must contain at least one value/,
    ],
    [
      'a group',
      `${RBAC}/clusterroles`,
      role('a', [{ resources: ['pods'], verbs: ['get'] }]),
      422,
      /rules\[0\]\.apiGroups: Required value/,
    ],
    [
      'either resources or paths',
      `${RBAC}/clusterroles`,
      role('a', [{ ...rule('', 'pods', 'get'), nonResourceURLs: ['/x'] }]),
      422,
      /rules cannot apply to both/,
    ],
    [
      'no paths in a namespace',
      `${RBAC}/namespaces/default/roles`,
      role('a', [{ nonResourceURLs: ['/x'], verbs: ['get'] }]),
      422,
      /namespaced rules cannot apply to non-resource URLs/,
    ],
    [
      'a role that is bound',
      `${RBAC}/clusterrolebindings`,
      binding('a', 'Role', 'view'),
      422,
      /roleRef\.kind: Unsupported value: "Role": supported values: "ClusterRole"/,
    ],
    [
      'the name of a role',
      `${RBAC}/clusterrolebindings`,
      binding('a', 'ClusterRole', ''),
      422,
      /roleRef\.name: Required value/,
    ],
    [
      'subjects that are known',
      `${RBAC}/clusterrolebindings`,
      binding('a', 'ClusterRole', 'view', [{ kind: 'Robot', name: 'x' }]),
      422,
      /subjects\[0\]\.kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"/,
    ],
    [
      'subjects with a name',
      `${RBAC}/clusterrolebindings`,
      binding('a', 'ClusterRole', 'view', [{ kind: 'User', name: '' }]),
      422,
      /subjects\[0\]\.name: Required value/,
    ],
    [
      'a user of the RBAC group',
      `${RBAC}/clusterrolebindings`,
      binding('a', 'ClusterRole', 'view', [{ kind: 'User', name: 'x', apiGroup: 'other' }]),
      422,
      /subjects\[0\]\.apiGroup: Unsupported value: "other"/,
    ],
    [
      'a namespace of a service account',
      `${RBAC}/clusterrolebindings`,
      binding('a', 'ClusterRole', 'view', [{ kind: 'ServiceAccount', name: 'x' }]),
      422,
      /subjects\[0\]\.namespace: Required value/,
    ],
    [
      'a container of a pod',
      '/api/v1/namespaces/default/pods',
      { metadata: { name: 'a' } },
      422,
      /spec\.containers: Required value/,
    ],
    ['an object at all', CONFIG_MAPS, [], 400, /couldn't get version\/kind/],
  ])('needs %s', (_title, url, body, status, message) => {
    const answer = send(newState(), ADMIN, 'POST', url, body);
    expect(answer).toMatchObject({ status, body: { kind: 'Status', status: 'Failure', code: status } });
    if (typeof message === 'string') expect(answer.body.message).toBe(message);
    else expect(answer.body.message).toMatch(message);
  });

  it('takes a ConfigMap of exactly 1 MiB, counted in bytes of values', () => {
    const body = { metadata: { name: 'a' }, data: { a: 'ü'.repeat(MIB / 2) } };
    expect(send(newState(), ADMIN, 'POST', CONFIG_MAPS, body).status).toBe(201);
    expect(send(newState(), ADMIN, 'POST', CONFIG_MAPS, { ...body, data: { a: `${body.data.a}x` } }).status).toBe(422);
  });

  it('takes RBAC names with colons, and what etcd can hold', () => {
    const state = newState();
    expect(send(state, ADMIN, 'POST', `${RBAC}/clusterroles`, role('gatehouse:ops', [])).status).toBe(201);
    const many = Array.from({ length: 30_000 }, (_one, index) => ({ kind: 'User', name: `user-number-${index}` }));
    const answer = send(state, ADMIN, 'POST', `${RBAC}/clusterrolebindings`, binding('a', 'ClusterRole', 'view', many));
    expect(answer).toMatchObject({ status: 500, body: { message: 'etcdserver: request is too large' } });
  });

  it('drops what a kind does not have, refuses it where fields are validated strictly', () => {
    const body = { metadata: { name: 'a', color: 'red' }, data: { a: '1' }, spec: { x: 1 } };
    const state = newState();
    const strict = send(state, ADMIN, 'POST', `${CONFIG_MAPS}?fieldValidation=Strict`, body);
    expect(strict.status).toBe(400);
    expect(strict.body.message).toBe('strict decoding error: unknown field "spec", unknown field "metadata.color"');
    const made = send(state, ADMIN, 'POST', CONFIG_MAPS, body).body;
    expect(made.spec).toBeUndefined();
    expect(made.metadata.color).toBeUndefined();
  });

  it('sets the defaults of the API', () => {
    const state = newState();
    const bound = send(state, ADMIN, 'POST', `${RBAC}/clusterrolebindings`, {
      ...binding('a', 'ClusterRole', 'view', [
        { kind: 'User', name: 'x' },
        { kind: 'ServiceAccount', name: 'x', namespace: 'y' },
      ]),
    }).body;
    const apiGroup = 'rbac.authorization.k8s.io';
    expect(bound.roleRef).toEqual({ apiGroup, kind: 'ClusterRole', name: 'view' });
    expect(bound.subjects).toEqual([
      { kind: 'User', name: 'x', apiGroup },
      { kind: 'ServiceAccount', name: 'x', namespace: 'y' },
    ]);
    expect(send(state, ADMIN, 'POST', `${RBAC}/clusterroles`, { metadata: { name: 'a' } }).body.rules).toBeNull();
    expect(send(state, ADMIN, 'POST', CONFIG_MAPS, { metadata: { name: 'a', labels: {} }, data: {} }).body).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'a',
        namespace: 'default',
        uid: expect.any(String),
        resourceVersion: expect.stringMatching(/^\d+$/),
        creationTimestamp: '2026-01-15T12:00:00Z',
      },
    });
    const pay = send(state, ADMIN, 'POST', '/api/v1/namespaces', { metadata: { name: 'pay' } }).body;
    expect(pay).toMatchObject({
      metadata: { labels: { 'kubernetes.io/metadata.name': 'pay' } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
    const secrets = '/api/v1/namespaces/default/secrets';
    const secret = send(state, ADMIN, 'POST', secrets, { metadata: { name: 's' }, stringData: { a: 'x' } }).body;
    expect(secret).toMatchObject({ type: 'Opaque', data: { a: 'eA==' } });
    expect(secret.stringData).toBeUndefined();
    expect(send(state, ADMIN, 'POST', CONFIG_MAPS, { metadata: { generateName: 'g-' } }).body.metadata.name).toMatch(
      /^g-[a-z0-9]{5}$/,
    );
  });

  it('keeps a member called __proto__ what it is: a name', () => {
    const state = newState();
    const body = '{"metadata":{"name":"a","labels":{"x":"y"}},"data":{"__proto__":"polluted","constructor":"c"}}';
    const made = send(state, ADMIN, 'POST', CONFIG_MAPS, body).body;
    expect(JSON.stringify(made.data)).toBe('{"__proto__":"polluted","constructor":"c"}');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(send(state, ADMIN, 'GET', `${CONFIG_MAPS}?labelSelector=constructor`).body.items).toEqual([]);
  });
});

describe('what a write may change', () => {
  const made = (state = newState()) => ({
    state,
    object: send(state, ADMIN, 'POST', CONFIG_MAPS, { metadata: { name: 'a' }, data: { k: '1' } }).body,
  });

  it('refuses an update of an old version and names the object', () => {
    const { state, object } = made();
    send(state, ADMIN, 'PUT', `${CONFIG_MAPS}/a`, { ...object, data: { k: '2' } });
    const stale = send(state, ADMIN, 'PUT', `${CONFIG_MAPS}/a`, { ...object, data: { k: '3' } });
    expect(stale).toEqual({
      status: 409,
      body: {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message:
          'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
        reason: 'Conflict',
        details: { name: 'a', kind: 'configmaps' },
        code: 409,
      },
    });
  });

  it('takes an update without a version, whatever the version', () => {
    const { state } = made();
    const answer = send(state, ADMIN, 'PUT', `${CONFIG_MAPS}/a`, { metadata: { name: 'a' }, data: { k: '9' } });
    expect(answer).toMatchObject({ status: 200, body: { data: { k: '9' } } });
  });

  it('moves no version where nothing changes', () => {
    const { state, object } = made();
    const again = send(state, ADMIN, 'PUT', `${CONFIG_MAPS}/a`, object);
    expect(again).toEqual({ status: 200, body: object });
    expect(send(state, ADMIN, 'GET', CONFIG_MAPS).body.metadata.resourceVersion).toBe(object.metadata.resourceVersion);
  });

  it('refuses another uid: the object was made again', () => {
    const { state, object } = made();
    send(state, ADMIN, 'DELETE', `${CONFIG_MAPS}/a`);
    send(state, ADMIN, 'POST', CONFIG_MAPS, { metadata: { name: 'a' } });
    const { resourceVersion: _version, ...metadata } = object.metadata;
    const answer = send(state, ADMIN, 'PUT', `${CONFIG_MAPS}/a`, { ...object, metadata });
    expect(answer.status).toBe(409);
    expect(answer.body.message).toContain(`UID in precondition: ${object.metadata.uid}`);
  });

  it('creates by PUT the kinds that may be, and only for those who may create', () => {
    const state = newState();
    const put = (who = ADMIN) => send(state, who, 'PUT', `${RBAC}/clusterroles/a`, role('a', []));
    grant(state, 'ann', [rule('rbac.authorization.k8s.io', 'clusterroles', 'update')]);
    expect(put(user('ann'))).toMatchObject({
      status: 403,
      body: { message: expect.stringContaining('cannot create resource "clusterroles"') },
    });
    expect(put().status).toBe(201);
    expect(put().status).toBe(200);
    expect(send(state, ADMIN, 'PUT', `${CONFIG_MAPS}/none`, { metadata: { name: 'none' } }).status).toBe(404);
  });

  it('does not create by PUT what was deleted meanwhile, because its uid names the old one', () => {
    const state = newState();
    const old = send(state, ADMIN, 'POST', `${RBAC}/clusterroles`, role('a', [])).body;
    send(state, ADMIN, 'DELETE', `${RBAC}/clusterroles/a`);
    expect(send(state, ADMIN, 'PUT', `${RBAC}/clusterroles/a`, old).status).toBe(409);
  });

  it('keeps what a binding refers to', () => {
    const state = newState();
    const url = `${RBAC}/namespaces/default/rolebindings`;
    send(state, ADMIN, 'POST', url, binding('a', 'ClusterRole', 'view'));
    const answer = send(state, ADMIN, 'PUT', `${url}/a`, binding('a', 'ClusterRole', 'edit'));
    expect(answer.status).toBe(422);
    expect(answer.body.message).toContain('roleRef: Invalid value:');
    expect(answer.body.message).toContain('cannot change roleRef');
  });

  it('takes neither status nor times of deletion from a client', () => {
    const { state, object } = made();
    const deletionTimestamp = '2026-01-15T12:00:00Z';
    const dying = { ...object, metadata: { ...object.metadata, deletionTimestamp } };
    expect(send(state, ADMIN, 'PUT', `${CONFIG_MAPS}/a`, dying).body.message).toContain('metadata.deletionTimestamp');
    expect(send(state, ADMIN, 'GET', `${CONFIG_MAPS}/a`).body).toEqual(object);
    const metadata = { name: 'pay', deletionTimestamp, generation: 7 };
    const born = send(state, ADMIN, 'POST', '/api/v1/namespaces', {
      metadata,
      status: { phase: 'Terminating' },
      spec: {},
    }).body;
    expect(born).toMatchObject({ spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } });
    expect(born.metadata).not.toHaveProperty('deletionTimestamp');
    expect(born.metadata).not.toHaveProperty('generation');
    const changed = { ...born, status: { phase: 'Terminating' }, spec: { finalizers: [] } };
    expect(send(state, ADMIN, 'PUT', '/api/v1/namespaces/pay', changed)).toEqual({ status: 200, body: born });
  });

  it('keeps what is immutable', () => {
    const { state } = made();
    send(state, ADMIN, 'PUT', `${CONFIG_MAPS}/a`, { metadata: { name: 'a' }, data: { k: '1' }, immutable: true });
    for (const change of [{ data: { k: '2' }, immutable: true }, { data: { k: '1' } }]) {
      const answer = send(state, ADMIN, 'PUT', `${CONFIG_MAPS}/a`, { metadata: { name: 'a' }, ...change });
      expect(answer.body.message).toContain('field is immutable when `immutable` is set');
    }
  });

  it('takes the same time, however it is written, and no other', () => {
    const { state, object } = made();
    const at = (creationTimestamp: string) =>
      send(state, ADMIN, 'PUT', `${CONFIG_MAPS}/a`, { ...object, metadata: { ...object.metadata, creationTimestamp } });
    expect(at('2026-01-15T13:00:00.999+01:00').body).toEqual(object);
    const other = 'metadata.creationTimestamp: Invalid value: "2026-01-15T12:00:01Z": field is immutable';
    expect(at('2026-01-15T12:00:01Z').body.message).toContain(other);
    expect(at('yesterday').status).toBe(400);
  });

  it.each([
    ['another name', { metadata: { name: 'b' } }, 'the name of the object (b) does not match the name on the URL (a)'],
    ['no name', { metadata: {} }, /the name of the object \(a based on URL\) was undeterminable/],
    [
      'another namespace',
      { metadata: { name: 'a', namespace: 'x' } },
      'the namespace of the object (x) does not match the namespace on the request (default)',
    ],
  ])('refuses a PUT with %s', (_title, body, message) => {
    const answer = send(made().state, ADMIN, 'PUT', `${CONFIG_MAPS}/a`, body);
    expect(answer.status).toBe(400);
    if (typeof message === 'string') expect(answer.body.message).toBe(message);
    else expect(answer.body.message).toMatch(message);
  });

  it('checks everything in a dry run and changes nothing', () => {
    const { state, object } = made();
    const url = `${CONFIG_MAPS}/a?dryRun=All`;
    expect(send(state, ADMIN, 'PUT', url, { ...object, data: { k: '2' } }).body.data).toEqual({ k: '2' });
    expect(send(state, ADMIN, 'POST', `${CONFIG_MAPS}?dryRun=All`, { metadata: { name: 'b' } }).status).toBe(201);
    expect(send(state, ADMIN, 'DELETE', url).status).toBe(200);
    expect(send(state, ADMIN, 'PUT', url, { ...object, data: { 'a/b': '' } }).status).toBe(422);
    expect(send(state, ADMIN, 'GET', CONFIG_MAPS).body.items).toHaveLength(1);
    expect(send(state, ADMIN, 'GET', `${CONFIG_MAPS}/a`).body).toEqual(object);
    expect(send(state, ADMIN, 'POST', `${CONFIG_MAPS}?dryRun=Some`, { metadata: { name: 'b' } }).status).toBe(422);
  });
});

describe('deleting', () => {
  const create = (state = newState(), metadata: object = {}) => ({
    state,
    object: send(state, ADMIN, 'POST', CONFIG_MAPS, { metadata: { name: 'a', ...metadata } }).body,
  });

  it('answers what was deleted', () => {
    const { state, object } = create();
    const details = { name: 'a', kind: 'configmaps', uid: object.metadata.uid };
    expect(send(state, ADMIN, 'DELETE', `${CONFIG_MAPS}/a`)).toMatchObject({
      status: 200,
      body: { status: 'Success', details },
    });
    expect(send(state, ADMIN, 'DELETE', `${CONFIG_MAPS}/a`)).toMatchObject({
      status: 404,
      body: { reason: 'NotFound' },
    });
  });

  it.each([
    [{ uid: 'other' }, 'the UID in the precondition (other) does not match'],
    [{ resourceVersion: '1' }, 'the ResourceVersion in the precondition (1) does not match'],
  ])('holds the precondition %j', (preconditions, message) => {
    const { state, object } = create();
    const answer = send(state, ADMIN, 'DELETE', `${CONFIG_MAPS}/a`, { kind: 'DeleteOptions', preconditions });
    expect(answer).toMatchObject({
      status: 409,
      body: { reason: 'Conflict', message: expect.stringContaining(message) },
    });
    const { uid, resourceVersion } = object.metadata;
    expect(send(state, ADMIN, 'DELETE', `${CONFIG_MAPS}/a`, { preconditions: { uid, resourceVersion } }).status).toBe(
      200,
    );
  });

  it('waits for finalizers', () => {
    const { state } = create(newState(), { finalizers: ['example.com/hold'] });
    const url = `${CONFIG_MAPS}/a`;
    const marked = send(state, ADMIN, 'DELETE', url).body;
    expect(marked.metadata.deletionTimestamp).toBe('2026-01-15T12:00:00Z');
    const more = { ...marked, metadata: { ...marked.metadata, finalizers: ['example.com/hold', 'example.com/more'] } };
    expect(send(state, ADMIN, 'PUT', url, more).status).toBe(422);
    expect(send(state, ADMIN, 'GET', url).status).toBe(200);
    const { finalizers: _gone, ...metadata } = marked.metadata;
    expect(send(state, ADMIN, 'PUT', url, { ...marked, metadata }).status).toBe(200);
    expect(send(state, ADMIN, 'GET', url).status).toBe(404);
  });

  it('takes with a namespace what is in it, and nothing else', () => {
    const state = newState();
    for (const name of ['pay', 'pay2']) {
      send(state, ADMIN, 'POST', '/api/v1/namespaces', { metadata: { name } });
      send(state, ADMIN, 'POST', `${RBAC}/namespaces/${name}/roles`, role('r', []));
    }
    expect(send(state, ADMIN, 'DELETE', '/api/v1/namespaces/pay').body.status.phase).toBe('Terminating');
    expect(send(state, ADMIN, 'GET', '/api/v1/namespaces/pay').status).toBe(404);
    expect(
      send(state, ADMIN, 'GET', `${RBAC}/roles`).body.items.map((one: { metadata: object }) => one.metadata),
    ).toMatchObject([{ namespace: 'pay2' }]);
    const late = send(state, ADMIN, 'POST', `${RBAC}/namespaces/pay/roles`, role('r', []));
    expect(late).toMatchObject({ status: 404, body: { message: 'namespaces "pay" not found' } });
  });

  it('puts nothing into a namespace that is ending, which ends with the last finalizer', () => {
    const state = newState();
    send(state, ADMIN, 'POST', '/api/v1/namespaces', { metadata: { name: 'pay' } });
    const url = '/api/v1/namespaces/pay/configmaps';
    send(state, ADMIN, 'POST', url, { metadata: { name: 'held', finalizers: ['example.com/hold'] } });
    send(state, ADMIN, 'DELETE', '/api/v1/namespaces/pay');
    const late = send(state, ADMIN, 'POST', url, { metadata: { name: 'late' } });
    expect(late).toMatchObject({
      status: 403,
      body: {
        message:
          'configmaps "late" is forbidden: unable to create new content in namespace pay because it is being terminated',
        details: { causes: [{ reason: 'NamespaceTerminating' }] },
      },
    });
    send(
      state,
      ADMIN,
      'PATCH',
      `${url}/held`,
      { metadata: { finalizers: null } },
      { 'content-type': 'application/merge-patch+json' },
    );
    expect(send(state, ADMIN, 'GET', '/api/v1/namespaces/pay').status).toBe(404);
  });

  it.each(['default', 'kube-system', 'kube-public'])('keeps the namespace %s', (name) => {
    const answer = send(newState(), ADMIN, 'DELETE', `/api/v1/namespaces/${name}`);
    expect(answer).toMatchObject({
      status: 403,
      body: { message: `namespaces "${name}" is forbidden: this namespace may not be deleted` },
    });
  });

  it('deletes a collection by its labels', () => {
    const state = newState();
    for (const name of ['a', 'b', 'c'])
      send(state, ADMIN, 'POST', CONFIG_MAPS, { metadata: { name, labels: { x: name } } });
    expect(send(state, ADMIN, 'DELETE', `${CONFIG_MAPS}?labelSelector=x in (a,b)`).status).toBe(200);
    expect(send(state, ADMIN, 'GET', CONFIG_MAPS).body.items).toMatchObject([{ metadata: { name: 'c' } }]);
    expect(send(state, ADMIN, 'DELETE', '/api/v1/namespaces').status).toBe(405);
  });
});

describe('lists', () => {
  const filled = () => {
    const state = newState();
    const labels = [{ env: 'prod', tier: 'web' }, { env: 'prod' }, { env: 'dev', tier: 'db' }, undefined];
    labels.forEach((of, index) => {
      send(state, ADMIN, 'POST', CONFIG_MAPS, { metadata: { name: `c${index}`, ...(of ? { labels: of } : {}) } });
    });
    return state;
  };
  const names = (answer: { body: { items: { metadata: { name: string } }[] } }) =>
    answer.body.items.map((one) => one.metadata.name).join(' ');

  it.each([
    ['env=prod', 'c0 c1'],
    ['env==prod,tier=web', 'c0'],
    ['env!=prod', 'c2 c3'],
    ['env in (prod, dev),tier', 'c0 c2'],
    ['env notin (prod)', 'c2 c3'],
    ['tier', 'c0 c2'],
    ['!tier', 'c1 c3'],
    ['env=', ''],
    ['', 'c0 c1 c2 c3'],
  ])('chooses by the labels %j', (selector, expected) => {
    const query = new URLSearchParams({ labelSelector: selector });
    expect(names(send(filled(), ADMIN, 'GET', `${CONFIG_MAPS}?${query}`))).toBe(expected);
  });

  it.each([['=('], ['a=b=c'], ['a in b'], ['in (x)'], ['a b'], ['a=b c'], ['a>1'], ['-a=b'], ['a,,b']])(
    'refuses the labels %j',
    (selector) => {
      const query = new URLSearchParams({ labelSelector: selector });
      expect(send(filled(), ADMIN, 'GET', `${CONFIG_MAPS}?${query}`)).toMatchObject({
        status: 400,
        body: { reason: 'BadRequest' },
      });
    },
  );

  it.each([
    ['metadata.name=c1', 200, 'c1'],
    ['metadata.name!=c1,metadata.namespace=default', 200, 'c0 c2 c3'],
    ['spec.x=1', 400, 'field label not supported: spec.x'],
    ['nonsense', 400, "invalid selector: 'nonsense'; can't understand 'nonsense'"],
  ])('chooses by the fields %j', (selector, status, expected) => {
    const query = new URLSearchParams({ fieldSelector: selector });
    const answer = send(filled(), ADMIN, 'GET', `${CONFIG_MAPS}?${query}`);
    expect(answer.status).toBe(status);
    expect(status === 200 ? names(answer) : answer.body.message).toBe(expected);
  });

  it('goes on as it began, whatever changes meanwhile', () => {
    const state = filled();
    const first = send(state, ADMIN, 'GET', `${CONFIG_MAPS}?limit=2`);
    expect(names(first)).toBe('c0 c1');
    expect(first.body.metadata).toMatchObject({ remainingItemCount: 2, continue: expect.any(String) });
    send(state, ADMIN, 'DELETE', `${CONFIG_MAPS}/c2`);
    send(state, ADMIN, 'POST', CONFIG_MAPS, { metadata: { name: 'c00' } });
    const next = send(state, ADMIN, 'GET', `${CONFIG_MAPS}?limit=2&continue=${first.body.metadata.continue}`);
    expect(names(next)).toBe('c2 c3');
    expect(next.body.metadata).toEqual({ resourceVersion: first.body.metadata.resourceVersion });
  });

  it('refuses a token that is too old, of another list, or none', () => {
    const state = filled();
    const token = send(state, ADMIN, 'GET', `${CONFIG_MAPS}?limit=1`).body.metadata.continue;
    expect(send(state, ADMIN, 'GET', `/api/v1/configmaps?limit=1&continue=${token}`).status).toBe(400);
    expect(send(state, ADMIN, 'GET', `${CONFIG_MAPS}?limit=1&continue=xx`).status).toBe(400);
    state.restore(state.snapshot());
    const old = send(state, ADMIN, 'GET', `${CONFIG_MAPS}?limit=1&continue=${token}`);
    expect(old).toMatchObject({ status: 410, body: { reason: 'Expired' } });
  });

  it('lists items without kind and version, under a list that has them', () => {
    const { body } = send(filled(), ADMIN, 'GET', '/api/v1/configmaps');
    expect(body).toMatchObject({ kind: 'ConfigMapList', apiVersion: 'v1' });
    expect(body.items[0]).not.toHaveProperty('kind');
    expect(body.items[0]).not.toHaveProperty('apiVersion');
  });
});

describe('what is not there', () => {
  it.each([
    ['GET', '/api/v1/foos', 404, /could not find the requested resource/],
    ['GET', '/apis/rbac.authorization.k8s.io/v1/foos', 404, /could not find the requested resource/],
    ['GET', '/apis/rbac.authorization.k8s.io/v1beta1/roles', 404, /^404 page not found/],
    ['GET', '/apis/none/v1/foos', 404, /^404 page not found/],
    ['GET', '/nowhere', 404, /^404 page not found/],
    ['GET', `${CONFIG_MAPS}/none`, 404, /^configmaps "none" not found$/],
    ['GET', `${CONFIG_MAPS}/none/status`, 404, /could not find the requested resource/],
    ['GET', `${CONFIG_MAPS}/..`, 400, /^Name parameter invalid/],
    ['GET', `${CONFIG_MAPS}/%2e%2e`, 400, /^Name parameter invalid/],
    ['GET', `${CONFIG_MAPS}/%zz`, 400, /wrongly escaped/],
    ['POST', '/api/v1/configmaps', 405, /does not allow this method/],
    ['POST', `${CONFIG_MAPS}/a`, 405, /does not allow this method/],
    ['PUT', CONFIG_MAPS, 405, /does not allow this method/],
    ['GET', '/apis/authorization.k8s.io/v1/subjectaccessreviews', 405, /does not allow this method/],
    ['GET', `${CONFIG_MAPS}?watch=true`, 405, /watch is not served/],
    ['TRACE', CONFIG_MAPS, 405, /does not allow this method/],
  ])('%s %s is %i', (method, url, status, message) => {
    const answer = send(
      newState(),
      ADMIN,
      method,
      url,
      method === 'POST' || method === 'PUT' ? { metadata: { name: 'a' } } : undefined,
    );
    expect(answer.status).toBe(status);
    expect(typeof answer.body === 'string' ? answer.body : answer.body.message).toMatch(message);
  });

  it('says nothing of it to whoever may not ask', () => {
    const answer = send(newState(), user('eve'), 'GET', '/api/v1/foos');
    expect(answer.body.message).toBe(
      'foos is forbidden: User "eve" cannot list resource "foos" in API group "" at the cluster scope',
    );
  });
});

describe('discovery', () => {
  it('names every resource where it is served', () => {
    const state = newState();
    const lists = ['/api/v1', '/apis/apps/v1', RBAC, '/apis/authorization.k8s.io/v1', '/apis/authentication.k8s.io/v1'];
    const served = lists.flatMap((url) =>
      send(state, user('ann'), 'GET', url).body.resources.map((one: { kind: string }) => one.kind),
    );
    expect([...new Set(served)].sort()).toEqual([
      'ClusterRole',
      'ClusterRoleBinding',
      'ConfigMap',
      'Deployment',
      'Event',
      'LocalSubjectAccessReview',
      'Namespace',
      'Pod',
      'Role',
      'RoleBinding',
      'Secret',
      'SelfSubjectAccessReview',
      'SelfSubjectReview',
      'SelfSubjectRulesReview',
      'ServiceAccount',
      'SubjectAccessReview',
    ]);
    expect(send(state, user('ann'), 'GET', '/apis').body.groups).toHaveLength(4);
    expect(send(state, user('ann'), 'GET', '/version').body).toMatchObject({ major: '1', minor: '34' });
    for (const url of ['/healthz', '/livez', '/readyz'])
      expect(send(state, user('ann'), 'GET', url)).toEqual({ status: 200, body: 'ok' });
  });

  it('has an OpenAPI document for every group version', () => {
    const state = newState();
    const { paths } = send(state, ADMIN, 'GET', '/openapi/v3').body;
    expect(Object.keys(paths)).toHaveLength(5);
    for (const { serverRelativeURL } of Object.values(paths) as { serverRelativeURL: string }[]) {
      expect(send(state, ADMIN, 'GET', serverRelativeURL).body.openapi).toBe('3.0.0');
    }
  });
});

describe('state', () => {
  it('is the same after snapshot and restore, versions included', () => {
    const state = newState();
    send(state, ADMIN, 'POST', CONFIG_MAPS, { metadata: { name: 'a' }, data: { __proto__x: '1' } });
    const snapshot = JSON.parse(JSON.stringify(state.snapshot()));
    const other = newState();
    other.restore(snapshot);
    expect(other.snapshot()).toEqual(state.snapshot());
    const list = send(other, ADMIN, 'GET', '/api/v1/configmaps').body;
    expect(list).toEqual(send(state, ADMIN, 'GET', '/api/v1/configmaps').body);
    const next = send(other, ADMIN, 'POST', CONFIG_MAPS, { metadata: { name: 'b' } }).body.metadata.resourceVersion;
    expect(Number(next)).toBe(Number(list.metadata.resourceVersion) + 1);
  });

  it('is not taken from another format', () => {
    const snapshot = { ...newState().snapshot(), format: 'other' } as never;
    expect(() => newState().restore(snapshot)).toThrow(
      "a cluster's state is kept as gatehouse-kubernetes/1, and this is other",
    );
  });

  it('cannot be changed through what it hands out', () => {
    const state = newState();
    const made = send(state, ADMIN, 'POST', CONFIG_MAPS, { metadata: { name: 'a' }, data: { k: '1' } }).body;
    made.data.k = 'changed';
    send(state, ADMIN, 'GET', CONFIG_MAPS).body.items[0].data.k = 'changed';
    for (const [, object] of state.snapshot().objects) Object.assign(object, { data: { k: 'changed' } });
    expect(send(state, ADMIN, 'GET', `${CONFIG_MAPS}/a`).body.data).toEqual({ k: '1' });
  });
});
