import { expect } from 'vitest';
import {
  type Answer,
  APPLY,
  type Api,
  binding,
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  GROUP,
  JSON_PATCH,
  MERGE,
  RBAC,
  ROLE_BINDINGS,
  ROLES,
  refused,
  role,
  rule,
  user,
} from './api.ts';
import type { Suite } from './contract.ts';

const WRITE_RBAC = ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'].map((resource) =>
  rule(GROUP, resource, 'get', 'create', 'update', 'patch', 'delete'),
);
const Z = [{ kind: 'User', name: 'z' }];
/** Who may write RBAC objects, and read pods. */
const writer = async (api: Api) => {
  await api.grant('gh', [...WRITE_RBAC, rule('', 'pods', 'get', 'list')]);
  return api.as(user('gh'));
};
const notHeld = (what: string, ...rules: string[]) =>
  refused(
    403,
    `${what} is forbidden: user "gh" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n` +
      rules.join('\n'),
  );
const readsSecrets = '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}';
const withMeta = (object: Answer['body'], more: object) => ({ ...object, metadata: { ...object.metadata, ...more } });
const gathering = (name: string) => ({
  metadata: { name },
  aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] },
  rules: [],
});

/** Nobody grants what they do not have. */
export const escalation: Suite = (it) => {
  it('is refused in a role, by what it would add', async (api) => {
    const gh = await writer(api);
    expect((await gh.post(ROLES, role('a', rule('', 'pods', 'get')))).status).toBe(201);
    const wide = { apiGroups: [''], resources: ['pods', 'secrets'], verbs: ['list', 'delete'] };
    const answer = await gh.post(ROLES, role('b', wide, { ...rule('', 'pods', 'get'), resourceNames: ['x'] }));
    expect(answer).toMatchObject(
      notHeld(
        `roles.${GROUP} "b"`,
        '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
        '{APIGroups:[""], Resources:["secrets"], Verbs:["list" "delete"]}',
      ),
    );
    expect(answer.body.details).toEqual({ name: 'b', group: GROUP, kind: 'roles' });
  });

  it('is told rule by rule, paths and names too', async (api) => {
    const gh = await writer(api);
    const paths = role('b', { nonResourceURLs: ['/x', '/y/*'], verbs: ['get', 'post'] }, rule('', 'secrets', 'get'));
    expect(await gh.post(CLUSTER_ROLES, paths)).toMatchObject(
      notHeld(
        `clusterroles.${GROUP} "b"`,
        readsSecrets,
        '{NonResourceURLs:["/x"], Verbs:["get"]}',
        '{NonResourceURLs:["/x"], Verbs:["post"]}',
        '{NonResourceURLs:["/y/*"], Verbs:["get"]}',
        '{NonResourceURLs:["/y/*"], Verbs:["post"]}',
      ),
    );
    const names = {
      apiGroups: ['', 'apps'],
      resources: ['pods', '*'],
      verbs: ['list', '*'],
      resourceNames: ['a', 'b'],
    };
    expect(await gh.post(ROLES, role('b', names))).toMatchObject(
      notHeld(
        `roles.${GROUP} "b"`,
        ...['', 'apps'].flatMap((group) =>
          ['*', 'pods'].flatMap((resource) =>
            ['a', 'b'].map((name) => {
              const verbs = group === '' && resource === 'pods' ? '"*"' : '"list" "*"';
              return `{APIGroups:["${group}"], Resources:["${resource}"], ResourceNames:["${name}"], Verbs:[${verbs}]}`;
            }),
          ),
        ),
      ),
    );
    const split = ['get', 'watch', 'list', 'delete'].map((verb) => rule('', 'pods', verb));
    expect(await gh.post(ROLES, role('b', ...split))).toMatchObject(
      notHeld(`roles.${GROUP} "b"`, '{APIGroups:[""], Resources:["pods"], Verbs:["watch" "delete"]}'),
    );
  });

  it('is looked at before the object itself', async (api) => {
    const gh = await writer(api);
    expect(await gh.post(ROLES, role('A/b', rule('', 'secrets', 'get')))).toMatchObject(
      notHeld(`roles.${GROUP} "A/b"`, readsSecrets),
    );
    expect(await gh.post(ROLES, role('', rule('', 'secrets', 'get')))).toMatchObject(
      notHeld(`roles.${GROUP}`, readsSecrets),
    );
    expect(await gh.post(`${ROLES}?dryRun=All`, role('dry', rule('', 'secrets', 'get')))).toMatchObject(
      notHeld(`roles.${GROUP} "dry"`, readsSecrets),
    );
    const verbless = role('a', { apiGroups: [''], resources: ['secrets'] });
    expect(await gh.post(ROLES, verbless)).toMatchObject(refused(422, /rules\[0\]\.verbs: Required value/));
  });

  it('is refused in the whole of a role that is updated, and before its version is looked at', async (api) => {
    const gh = await writer(api);
    const made = await api.admin.made(ROLES, role('a', rule('', 'secrets', 'get'), rule('', 'pods', 'get')));
    const labelled = withMeta(made, { labels: { a: 'b' }, resourceVersion: '1' });
    expect((await gh.put(`${ROLES}/a`, labelled)).status).toBe(403);
    expect((await gh.put(`${ROLES}/a`, { ...made, rules: [rule('', 'pods', 'get')] })).status).toBe(200);
  });

  it('is allowed to who may escalate; by name only where the request has one', async (api) => {
    await api.grant('esc', [...WRITE_RBAC, { ...rule(GROUP, 'roles', 'escalate'), resourceNames: ['a'] }]);
    const esc = api.as(user('esc'));
    const wide = (name: string) => role(name, rule('*', '*', '*'));
    expect((await esc.post(ROLES, wide('a'))).status).toBe(403);
    expect((await esc.put(`${ROLES}/a`, wide('a'))).status).toBe(201);
    expect((await esc.patch(`${ROLES}/a`, { rules: [rule('*', '*', 'get', '*')] }, MERGE)).status).toBe(200);
    expect((await esc.put(`${ROLES}/b`, wide('b'))).status).toBe(403);
    expect((await esc.put(`${CLUSTER_ROLES}/a`, wide('a'))).status).toBe(403);
  });

  it('is refused in a binding, also when a subject is only removed', async (api) => {
    const gh = await writer(api);
    await api.admin.made(ROLES, role('sec', rule('', 'secrets', 'get')));
    expect(await gh.post(ROLE_BINDINGS, binding('b', 'Role', 'sec', Z))).toMatchObject(
      notHeld(`rolebindings.${GROUP} "b"`, readsSecrets),
    );
    const made = await api.admin.made(ROLE_BINDINGS, binding('b', 'Role', 'sec', Z));
    for (const change of [{ ...made, subjects: [] }, withMeta(made, { labels: { a: 'b' } })]) {
      expect(await gh.put(`${ROLE_BINDINGS}/b`, change)).toMatchObject(
        notHeld(`rolebindings.${GROUP} "b"`, readsSecrets),
      );
    }
    expect((await gh.delete(`${ROLE_BINDINGS}/b`)).status).toBe(200);
  });

  it('lets pass who binds what they have', async (api) => {
    const gh = await writer(api);
    expect((await gh.post(ROLE_BINDINGS, binding('b', 'ClusterRole', 'of-gh', Z))).status).toBe(201);
    expect((await gh.post(CLUSTER_ROLE_BINDINGS, binding('b', 'ClusterRole', 'of-gh', Z))).status).toBe(201);
  });

  it('lets pass who may bind the role', async (api) => {
    await api.grant('binder', [...WRITE_RBAC, { ...rule(GROUP, 'clusterroles', 'bind'), resourceNames: ['view'] }]);
    const binder = api.as(user('binder'));
    expect((await binder.post(ROLE_BINDINGS, binding('v', 'ClusterRole', 'view', Z))).status).toBe(201);
    expect((await binder.post(CLUSTER_ROLE_BINDINGS, binding('v', 'ClusterRole', 'view', Z))).status).toBe(201);
    expect((await binder.put(`${ROLE_BINDINGS}/w`, binding('w', 'ClusterRole', 'view', Z))).status).toBe(201);
    expect((await binder.put(`${ROLE_BINDINGS}/w`, binding('w', 'ClusterRole', 'view'))).status).toBe(200);
    expect((await binder.post(ROLE_BINDINGS, binding('e', 'ClusterRole', 'edit', Z))).status).toBe(403);
    await api.admin.made(ROLES, role('view', rule('', 'secrets', 'get')));
    expect((await binder.post(ROLE_BINDINGS, binding('r', 'Role', 'view', Z))).status).toBe(403);
  });

  it('counts in a namespace what is held there', async (api) => {
    const rules = [rule(GROUP, 'roles', '*'), rule(GROUP, 'rolebindings', '*'), rule('', 'pods', 'get')];
    await api.grant('loc', rules, 'default');
    const loc = api.as(user('loc'));
    expect((await loc.post(ROLES, role('l', rule('', 'pods', 'get')))).status).toBe(201);
    expect((await loc.post(ROLE_BINDINGS, binding('l', 'Role', 'l', Z))).status).toBe(201);
    expect((await loc.post(ROLE_BINDINGS, binding('v', 'ClusterRole', 'view', Z))).status).toBe(403);
    expect((await loc.post(`${RBAC}/namespaces/kube-system/roles`, role('l'))).status).toBe(403);
  });

  for (const [title, url, body, code, message] of [
    [
      'a role that is not there',
      ROLE_BINDINGS,
      binding('b', 'Role', 'gone', Z),
      404,
      `rolebindings.${GROUP} "gone" not found`,
    ],
    [
      'a ClusterRole that is not there',
      ROLE_BINDINGS,
      binding('b', 'ClusterRole', 'gone', Z),
      404,
      `rolebindings.${GROUP} "gone" not found`,
    ],
    [
      'one everywhere',
      CLUSTER_ROLE_BINDINGS,
      binding('b', 'ClusterRole', 'gone', Z),
      404,
      `clusterrolebindings.${GROUP} "gone" not found`,
    ],
    [
      'a kind that there is not',
      ROLE_BINDINGS,
      binding('b', 'Robot', 'gone', Z),
      500,
      'unsupported role reference kind: "Robot"',
    ],
    ['no kind', ROLE_BINDINGS, { metadata: { name: 'b' } }, 500, 'unsupported role reference kind: ""'],
    ['no name', ROLE_BINDINGS, binding('b', 'ClusterRole', '', Z), 400, 'Name parameter required.'],
    ['a role everywhere', CLUSTER_ROLE_BINDINGS, binding('b', 'Role', 'a', Z), 400, 'Namespace parameter required.'],
  ] as const) {
    it(`cannot be judged of ${title}`, async (api) => {
      const gh = await writer(api);
      const reason = code === 500 ? [undefined] : [];
      expect(await gh.post(url, body)).toMatchObject(refused(code, message, ...reason));
    });
  }

  it('is not judged where who may bind names a role that is not there', async (api) => {
    await api.grant('gh2', [rule(GROUP, 'roles', 'bind'), ...WRITE_RBAC]);
    expect((await api.as(user('gh2')).post(ROLE_BINDINGS, binding('b', 'Role', 'gone', Z))).status).toBe(201);
  });

  it('is refused in a PATCH and in an apply', async (api) => {
    const gh = await writer(api);
    expect((await gh.post(ROLES, role('a', rule('', 'pods', 'get')))).status).toBe(201);
    expect((await gh.patch(`${ROLES}/a`, { rules: [rule('', 'pods', '*')] }, MERGE)).status).toBe(403);
    const wider = [{ op: 'replace', path: '/rules/0/verbs/0', value: '*' }];
    expect((await gh.patch(`${ROLES}/a`, wider, JSON_PATCH)).status).toBe(403);
    const body = { apiVersion: `${GROUP}/v1`, kind: 'Role', ...role('new', rule('', 'secrets', 'get')) };
    expect((await gh.patch(`${ROLES}/new?fieldManager=me`, body, APPLY)).status).toBe(403);
    expect((await gh.put(`${ROLES}/new`, body)).status).toBe(403);
  });

  it('is refused to who lets a role gather', async (api) => {
    const gh = await writer(api);
    const refusal = refused(
      403,
      `clusterroles.${GROUP} "agg" is forbidden: must have cluster-admin privileges to use the aggregationRule`,
    );
    expect(await gh.post(CLUSTER_ROLES, gathering('agg'))).toMatchObject(refusal);
    await api.admin.made(CLUSTER_ROLES, gathering('agg'));
    expect(await gh.put(`${CLUSTER_ROLES}/agg`, role('agg'))).toMatchObject(refusal);
    const labelled = { ...gathering('agg'), metadata: { name: 'agg', labels: { x: 'y' } } };
    expect(await gh.put(`${CLUSTER_ROLES}/agg`, labelled)).toMatchObject(refusal);
    expect((await gh.delete(`${CLUSTER_ROLES}/agg`)).status).toBe(200);
  });

  it('is not what leaves all as it is, or touches what garbage collection works with', async (api) => {
    const gh = await writer(api);
    const made = await api.admin.made(ROLES, role('a', rule('', 'secrets', 'get')));
    expect(await gh.put(`${ROLES}/a`, made)).toEqual({ status: 200, body: made });
    const held = await gh.put(`${ROLES}/a`, withMeta(made, { finalizers: ['example.com/hold'] }));
    expect(held.status).toBe(200);
    expect((await gh.put(`${ROLES}/a`, made)).status).toBe(403);
    const { resourceVersion: _version, ...unversioned } = held.body.metadata;
    expect((await gh.put(`${ROLES}/a`, { ...held.body, metadata: unversioned })).status).toBe(403);
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }];
    expect((await gh.patch(`${ROLES}/a`, { metadata: { ownerReferences } }, MERGE)).status).toBe(200);
  });

  it('is not what drops finalizers, whatever the object grants', async (api) => {
    const gh = await writer(api);
    const metadata = { name: 'a', finalizers: ['example.com/hold'] };
    await api.admin.made(ROLES, { ...role('a', rule('', 'secrets', 'get')), metadata });
    const drop = { metadata: { finalizers: null } };
    const wider = { ...drop, rules: [rule('', 'secrets', '*')] };
    expect((await gh.patch(`${ROLES}/a`, wider, MERGE)).status).toBe(403);
    expect((await gh.patch(`${ROLES}/a`, drop, MERGE)).status).toBe(200);
  });
};
