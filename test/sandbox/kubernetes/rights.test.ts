import { describe, expect, it } from 'vitest';
import { ADMIN, CONFIG_MAPS, grant, newState, RBAC, send, user } from './cluster.ts';

const RBAC_GROUP = 'rbac.authorization.k8s.io';
const rule = (group: string, resource: string, ...verbs: string[]) => ({
  apiGroups: [group],
  resources: [resource],
  verbs,
});
const WRITE_RBAC = ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'].map((resource) =>
  rule(RBAC_GROUP, resource, 'get', 'create', 'update', 'patch', 'delete'),
);
const REVIEWS = '/apis/authorization.k8s.io/v1';

describe('a denial', () => {
  it.each<[string, string, string, string]>([
    [
      'a list in a namespace',
      'GET',
      '/api/v1/namespaces/pay/pods',
      'pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "pay"',
    ],
    [
      'a list everywhere',
      'GET',
      '/api/v1/pods',
      'pods is forbidden: User "x" cannot list resource "pods" in API group "" at the cluster scope',
    ],
    [
      'one object',
      'GET',
      '/api/v1/namespaces/pay/secrets/s',
      'secrets "s" is forbidden: User "x" cannot get resource "secrets" in API group "" in the namespace "pay"',
    ],
    [
      'a namespace, which is in itself',
      'GET',
      '/api/v1/namespaces/pay',
      'namespaces "pay" is forbidden: User "x" cannot get resource "namespaces" in API group "" in the namespace "pay"',
    ],
    [
      'a create, which has no name',
      'POST',
      `${RBAC}/clusterroles`,
      'clusterroles.rbac.authorization.k8s.io is forbidden: User "x" cannot create resource "clusterroles" in API group "rbac.authorization.k8s.io" at the cluster scope',
    ],
    [
      'a watch',
      'GET',
      '/api/v1/pods?watch=1',
      'pods is forbidden: User "x" cannot watch resource "pods" in API group "" at the cluster scope',
    ],
    [
      'a collection',
      'DELETE',
      '/apis/apps/v1/namespaces/pay/deployments',
      'deployments.apps is forbidden: User "x" cannot deletecollection resource "deployments" in API group "apps" in the namespace "pay"',
    ],
    [
      'a list of one name',
      'GET',
      '/api/v1/namespaces/pay/pods?fieldSelector=metadata.name%3Dp',
      'pods "p" is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "pay"',
    ],
    [
      'a subresource',
      'GET',
      '/api/v1/namespaces/pay/pods/p/log',
      'pods "p" is forbidden: User "x" cannot get resource "pods/log" in API group "" in the namespace "pay"',
    ],
    ['a path', 'GET', '/metrics', 'forbidden: User "x" cannot get path "/metrics"'],
  ])('of %s names who, what and where', (_title, method, url, message) => {
    const answer = send(newState(), user('x'), method, url, method === 'POST' ? {} : undefined);
    expect(answer).toMatchObject({ status: 403, body: { reason: 'Forbidden', code: 403, message } });
  });

  it('comes before anything is said of what exists', () => {
    expect(send(newState(), user('x'), 'GET', '/api/v1/namespaces/nowhere/pods').status).toBe(403);
  });

  it('names the roles that bindings refer to in vain', () => {
    const state = newState();
    const subjects = [{ kind: 'User', name: 'x' }];
    const apiVersion = `${RBAC_GROUP}/v1`;
    state.seed({
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'b' },
      roleRef: { kind: 'ClusterRole', name: 'gone' },
      subjects,
    });
    expect(send(state, user('x'), 'GET', '/api/v1/pods').body.message).toMatch(
      /at the cluster scope: RBAC: clusterrole\.rbac\.authorization\.k8s\.io "gone" not found$/,
    );
    state.seed({
      apiVersion,
      kind: 'RoleBinding',
      metadata: { name: 'b', namespace: 'default' },
      roleRef: { kind: 'Role', name: 'lost' },
      subjects,
    });
    expect(send(state, user('x'), 'GET', '/api/v1/namespaces/default/pods').body.message).toMatch(
      /: RBAC: \[clusterrole\.rbac\.authorization\.k8s\.io "gone" not found, role\.rbac\.authorization\.k8s\.io "lost" not found\]$/,
    );
    expect(send(state, user('y'), 'GET', '/api/v1/pods').body.message).not.toContain('RBAC:');
  });
});

describe('rights', () => {
  it('reach as far as their binding', () => {
    const state = newState();
    grant(state, 'ann', [rule('', 'configmaps', 'get', 'list')], 'default');
    expect(send(state, user('ann'), 'GET', CONFIG_MAPS).status).toBe(200);
    expect(send(state, user('ann'), 'GET', '/api/v1/namespaces/kube-system/configmaps').status).toBe(403);
    expect(send(state, user('ann'), 'GET', '/api/v1/configmaps').status).toBe(403);
    expect(send(state, user('ann'), 'POST', CONFIG_MAPS, { metadata: { name: 'a' } }).status).toBe(403);
    expect(send(state, user('Ann'), 'GET', CONFIG_MAPS).status).toBe(403);
  });

  it('in a namespace open nothing that is of the cluster', () => {
    const state = newState();
    grant(state, 'ann', [rule('', 'namespaces', '*'), rule(RBAC_GROUP, 'clusterroles', '*')], 'default');
    expect(send(state, user('ann'), 'GET', '/api/v1/namespaces/default').status).toBe(200);
    for (const url of [
      '/api/v1/namespaces/default/namespaces',
      '/api/v1/namespaces/default/namespaces/kube-system',
      `${RBAC}/namespaces/default/clusterroles`,
      `${RBAC}/namespaces/default/clusterroles/view`,
    ]) {
      expect(send(state, user('ann'), 'GET', url).status).toBe(404);
      expect(send(state, user('ann'), 'DELETE', url).status).toBe(404);
    }
    expect(send(state, user('ann'), 'GET', '/api/v1/namespaces').status).toBe(403);
    expect(send(state, user('ann'), 'GET', `${RBAC}/clusterroles`).status).toBe(403);
  });

  it('of one name let nobody create, nor list more than it', () => {
    const state = newState();
    grant(state, 'ann', [{ ...rule('', 'configmaps', '*'), resourceNames: ['aws-auth'] }], 'kube-system');
    const url = '/api/v1/namespaces/kube-system/configmaps';
    expect(send(state, user('ann'), 'POST', url, { metadata: { name: 'aws-auth' } }).status).toBe(403);
    expect(send(state, ADMIN, 'POST', url, { metadata: { name: 'aws-auth' } }).status).toBe(201);
    expect(send(state, user('ann'), 'GET', `${url}/aws-auth`).status).toBe(200);
    expect(send(state, user('ann'), 'GET', `${url}/other`).status).toBe(403);
    expect(send(state, user('ann'), 'GET', url).status).toBe(403);
    expect(send(state, user('ann'), 'GET', `${url}?fieldSelector=metadata.name=aws-auth`).status).toBe(200);
  });

  it('follow every change at once', () => {
    const state = newState();
    grant(state, 'ann', [rule('', 'configmaps', 'list')]);
    expect(send(state, user('ann'), 'GET', CONFIG_MAPS).status).toBe(200);
    send(state, ADMIN, 'DELETE', `${RBAC}/clusterrolebindings/of-ann`);
    expect(send(state, user('ann'), 'GET', CONFIG_MAPS).status).toBe(403);
  });

  it('of system:masters are all rights, also without the binding', () => {
    const state = newState();
    send(state, ADMIN, 'DELETE', `${RBAC}/clusterrolebindings/cluster-admin`);
    expect(send(state, ADMIN, 'GET', '/api/v1/secrets').status).toBe(200);
    expect(send(state, user('system:masters'), 'GET', '/api/v1/secrets').status).toBe(403);
  });
});

describe('nobody grants what they do not have', () => {
  const escalating = () => {
    const state = newState();
    grant(state, 'gh', [...WRITE_RBAC, rule('', 'pods', 'get', 'list')]);
    return state;
  };
  const gh = user('gh');
  const roles = `${RBAC}/namespaces/default/roles`;
  const bindings = `${RBAC}/namespaces/default/rolebindings`;
  const role = (name: string, ...rules: object[]) => ({ metadata: { name }, rules });
  const binding = (name: string, kind: string, to: string) => ({
    metadata: { name },
    roleRef: { kind, name: to },
    subjects: [{ kind: 'User', name: 'z' }],
  });

  it('in a role', () => {
    const state = escalating();
    expect(send(state, gh, 'POST', roles, role('a', rule('', 'pods', 'get'))).status).toBe(201);
    const denied = send(
      state,
      gh,
      'POST',
      roles,
      role(
        'b',
        { apiGroups: [''], resources: ['pods', 'secrets'], verbs: ['list', 'delete'] },
        { ...rule('', 'pods', 'get'), resourceNames: ['x'] },
      ),
    );
    expect(denied.body.message).toBe(
      'roles.rbac.authorization.k8s.io "b" is forbidden: user "gh" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
        '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}\n' +
        '{APIGroups:[""], Resources:["secrets"], Verbs:["list" "delete"]}',
    );
    expect(denied.body.details).toEqual({ name: 'b', group: RBAC_GROUP, kind: 'roles' });
  });

  it('in the whole of a role that is updated, and before its version is looked at', () => {
    const state = escalating();
    const made = send(state, ADMIN, 'POST', roles, role('a', rule('', 'secrets', 'get'), rule('', 'pods', 'get'))).body;
    const labelled = { ...made, metadata: { ...made.metadata, labels: { a: 'b' }, resourceVersion: '1' } };
    expect(send(state, gh, 'PUT', `${roles}/a`, labelled).status).toBe(403);
    expect(send(state, gh, 'PUT', `${roles}/a`, { ...made, rules: [rule('', 'pods', 'get')] }).status).toBe(200);
  });

  it('unless they may escalate; by name only where the request has one', () => {
    const state = escalating();
    grant(state, 'esc', [...WRITE_RBAC, { ...rule(RBAC_GROUP, 'roles', 'escalate'), resourceNames: ['a'] }]);
    const wide = role('a', rule('*', '*', '*'));
    expect(send(state, user('esc'), 'POST', roles, wide).status).toBe(403);
    expect(send(state, user('esc'), 'PUT', `${roles}/a`, wide).status).toBe(201);
    expect(send(state, user('esc'), 'PUT', `${roles}/b`, role('b', rule('*', '*', '*'))).status).toBe(403);
  });

  it('in a binding, also when a subject is only removed', () => {
    const state = escalating();
    const denied = send(state, gh, 'POST', bindings, binding('b', 'ClusterRole', 'view'));
    expect(denied.body.message).toMatch(
      /^rolebindings\.rbac\.authorization\.k8s\.io "b" is forbidden: user "gh" .*not currently held:\n/,
    );
    const made = send(state, ADMIN, 'POST', bindings, binding('b', 'ClusterRole', 'view')).body;
    expect(send(state, gh, 'PUT', `${bindings}/b`, { ...made, subjects: [] }).status).toBe(403);
    expect(send(state, gh, 'DELETE', `${bindings}/b`).status).toBe(200);
  });

  it('but bind the roles that they may bind', () => {
    const state = escalating();
    grant(state, 'binder', [...WRITE_RBAC, { ...rule(RBAC_GROUP, 'clusterroles', 'bind'), resourceNames: ['view'] }]);
    expect(send(state, user('binder'), 'POST', bindings, binding('v', 'ClusterRole', 'view')).status).toBe(201);
    expect(send(state, user('binder'), 'POST', bindings, binding('e', 'ClusterRole', 'edit')).status).toBe(403);
    send(state, ADMIN, 'POST', roles, role('view', rule('', 'secrets', 'get')));
    expect(send(state, user('binder'), 'POST', bindings, binding('r', 'Role', 'view')).status).toBe(403);
  });

  it('nor bind what does not exist, unless they may bind it', () => {
    const state = escalating();
    const denied = send(state, gh, 'POST', bindings, binding('b', 'Role', 'gone'));
    expect(denied).toMatchObject({
      status: 404,
      body: { message: 'roles.rbac.authorization.k8s.io "gone" not found' },
    });
    grant(state, 'gh2', [...WRITE_RBAC, rule(RBAC_GROUP, 'roles', 'bind')]);
    expect(send(state, user('gh2'), 'POST', bindings, binding('b', 'Role', 'gone')).status).toBe(201);
    expect(send(state, gh, 'POST', bindings, binding('b2', 'Robot', 'gone')).status).toBe(404);
  });

  it('in a PATCH', () => {
    const state = escalating();
    send(state, gh, 'POST', roles, role('a', rule('', 'pods', 'get')));
    const types = {
      'application/merge-patch+json': { rules: [rule('', 'pods', '*')] },
      'application/json-patch+json': [{ op: 'replace', path: '/rules/0/verbs/0', value: '*' }],
    };
    for (const [type, patch] of Object.entries(types)) {
      expect(send(state, gh, 'PATCH', `${roles}/a`, patch, { 'content-type': type }).status).toBe(403);
    }
  });

  it('nor let a role gather what it may not hold', () => {
    const state = escalating();
    const body = { metadata: { name: 'agg' }, aggregationRule: { clusterRoleSelectors: [] }, rules: [] };
    expect(send(state, gh, 'POST', `${RBAC}/clusterroles`, body).body.message).toContain(
      'must have cluster-admin privileges to use an aggregationRule',
    );
    expect(send(state, ADMIN, 'POST', `${RBAC}/clusterroles`, body).status).toBe(201);
  });

  it('but leave all as it is, or touch what garbage collection works with', () => {
    const state = escalating();
    const made = send(state, ADMIN, 'POST', roles, role('a', rule('', 'secrets', 'get'))).body;
    expect(send(state, gh, 'PUT', `${roles}/a`, made)).toEqual({ status: 200, body: made });
    const held = { ...made, metadata: { ...made.metadata, finalizers: ['example.com/hold'] } };
    expect(send(state, gh, 'PUT', `${roles}/a`, held).status).toBe(200);
    expect(send(state, gh, 'PUT', `${roles}/a`, made).status).toBe(403);
    const { resourceVersion: _version, ...unversioned } = held.metadata;
    expect(send(state, gh, 'PUT', `${roles}/a`, { ...held, metadata: unversioned }).status).toBe(403);
  });

  it('but drop finalizers, whatever the object grants', () => {
    const state = escalating();
    const held = {
      ...role('a', rule('', 'secrets', 'get')),
      metadata: { name: 'a', finalizers: ['example.com/hold'] },
    };
    send(state, ADMIN, 'POST', roles, held);
    const merge = { 'content-type': 'application/merge-patch+json' };
    const drop = { metadata: { finalizers: null } };
    expect(send(state, gh, 'PATCH', `${roles}/a`, { ...drop, rules: [rule('', 'secrets', '*')] }, merge).status).toBe(
      403,
    );
    expect(send(state, gh, 'PATCH', `${roles}/a`, drop, merge).status).toBe(200);
  });
});

describe('impersonation', () => {
  const whoAmI = (headers: Record<string, string | readonly string[]>, who = ADMIN) => {
    const url = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    return send(newState(), who, 'POST', url, {}, headers);
  };

  it.each([
    ['a user', { 'impersonate-user': 'ann' }, { username: 'ann', groups: ['system:authenticated'] }],
    [
      'a user in groups',
      { 'impersonate-user': 'ann', 'impersonate-group': ['a', 'b'] },
      { username: 'ann', groups: ['a', 'b', 'system:authenticated'] },
    ],
    [
      'a service account',
      { 'impersonate-user': 'system:serviceaccount:ns:sa' },
      {
        username: 'system:serviceaccount:ns:sa',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'],
      },
    ],
    [
      'nobody',
      { 'impersonate-user': 'system:anonymous' },
      { username: 'system:anonymous', groups: ['system:unauthenticated'] },
    ],
    [
      'a user with more to them',
      { 'impersonate-user': 'ann', 'impersonate-uid': 'u', 'impersonate-extra-a%2fb': ['c'] },
      { username: 'ann', uid: 'u', groups: ['system:authenticated'], extra: { 'a/b': ['c'] } },
    ],
  ])('of %s', (_title, headers, userInfo) => {
    const answer = whoAmI(headers);
    if (userInfo.username === 'system:anonymous') expect(answer.status).toBe(403);
    else expect(answer.body.status).toEqual({ userInfo });
  });

  it('needs the right to every part', () => {
    const state = newState();
    grant(state, 'con', [{ ...rule('', 'users', 'impersonate'), resourceNames: ['ann'] }]);
    const as = (headers: Record<string, string>) => send(state, user('con'), 'GET', '/version', undefined, headers);
    expect(as({ 'impersonate-user': 'ann' }).status).toBe(200);
    expect(as({ 'impersonate-user': 'bob' }).body.message).toBe(
      'users "bob" is forbidden: User "con" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
    expect(as({ 'impersonate-user': 'ann', 'impersonate-group': 'system:masters' }).body.message).toContain(
      'groups "system:masters" is forbidden',
    );
    expect(as({ 'impersonate-user': 'ann', 'impersonate-extra-scope': 'x' }).body.message).toContain(
      'cannot impersonate resource "userextras/scope"',
    );
    expect(as({ 'impersonate-group': 'x' })).toMatchObject({
      status: 500,
      body: { message: expect.stringContaining('without impersonating a user') },
    });
  });

  it('gives the rights of the other, and only these', () => {
    const state = newState();
    const headers = { 'impersonate-user': 'ann' };
    expect(send(state, ADMIN, 'GET', '/api/v1/secrets', undefined, headers).status).toBe(403);
    grant(state, 'ann', [rule('', 'secrets', 'list')]);
    expect(send(state, ADMIN, 'GET', '/api/v1/secrets', undefined, headers).status).toBe(200);
  });
});

describe('reviews', () => {
  const review = (body: object, who = ADMIN, resource = 'subjectaccessreviews', state = newState()) =>
    send(state, who, 'POST', `${REVIEWS}/${resource}`, body);

  it('answer with the binding that allows', () => {
    const state = newState();
    grant(state, 'ann', [rule('', 'pods', 'list')], 'default');
    const ask = (more: object) =>
      review(
        { spec: { user: 'ann', resourceAttributes: { verb: 'list', resource: 'pods', ...more } } },
        ADMIN,
        undefined,
        state,
      );
    expect(ask({ namespace: 'default' })).toMatchObject({
      status: 201,
      body: {
        kind: 'SubjectAccessReview',
        status: {
          allowed: true,
          reason: 'RBAC: allowed by RoleBinding "of-ann/default" of Role "of-ann" to User "ann"',
        },
      },
    });
    expect(ask({}).body.status).toEqual({ allowed: false });
    const masters = { spec: { groups: ['system:masters'], nonResourceAttributes: { verb: 'get', path: '/x' } } };
    expect(review(masters).body.status).toEqual({ allowed: true });
  });

  it.each([
    ['no subject', { resourceAttributes: { verb: 'get' } }, 'at least one of user or group must be specified'],
    ['nothing asked', { user: 'a' }, 'exactly one of nonResourceAttributes or resourceAttributes must be specified'],
    [
      'two things asked',
      { user: 'a', resourceAttributes: {}, nonResourceAttributes: {} },
      'cannot be specified in combination',
    ],
  ])('refuse %s', (_title, spec, message) => {
    expect(review({ spec })).toMatchObject({ status: 422, body: { message: expect.stringContaining(message) } });
  });

  it('of others need a right, of oneself none', () => {
    const spec = { user: 'ann', resourceAttributes: { verb: 'get', resource: 'pods' } };
    expect(review({ spec }, user('ann')).status).toBe(403);
    expect(review({ spec }, user('ann'), 'selfsubjectaccessreviews').body.status).toEqual({ allowed: false });
    expect(review({ spec }, { username: 'ann', groups: [] }, 'selfsubjectaccessreviews').status).toBe(403);
  });

  it('in a namespace stay in it', () => {
    const url = `${REVIEWS}/namespaces/default/localsubjectaccessreviews`;
    const ask = (namespace: string) =>
      send(newState(), ADMIN, 'POST', url, { spec: { user: 'a', resourceAttributes: { namespace } } });
    expect(ask('default').status).toBe(201);
    expect(ask('kube-system').status).toBe(422);
  });

  it('list one’s own rules', () => {
    const state = newState();
    grant(state, 'ann', [rule('', 'pods', 'list')], 'default');
    const { body } = review({ spec: { namespace: 'default' } }, user('ann'), 'selfsubjectrulesreviews', state);
    expect(body.status.resourceRules).toContainEqual(rule('', 'pods', 'list'));
    expect(body.status).toMatchObject({ incomplete: false });
    expect(review({ spec: {} }, user('ann'), 'selfsubjectrulesreviews', state).status).toBe(400);
  });
});
