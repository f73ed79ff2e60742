import { expect } from 'vitest';
import {
  type Api,
  bare,
  binding,
  CLUSTER_ROLES,
  CONFIG_MAPS,
  JSON_PATCH,
  MERGE,
  NAMESPACES,
  ROLE_BINDINGS,
  refused,
  role,
  rule,
  STRATEGIC,
} from './api.ts';
import type { Suite } from './contract.ts';

const A = `${CONFIG_MAPS}/a`;
const made = ({ admin }: Api) => admin.made(CONFIG_MAPS, { metadata: { name: 'a' }, data: { k: '1', l: '2' } });
const TYPES = [MERGE, STRATEGIC, JSON_PATCH];
const SENT_WRONG = 'the server rejected our request due to an error in our request';
const NOT_A_CONFIG_MAP = (why: string) => new RegExp(`^ "" is invalid: patch: Invalid value: .*: ${why}`, 's');

const DONE: readonly (readonly [title: string, type: string, patch: unknown, data: object])[] = [
  ['merge', MERGE, { data: { k: '9', l: null, m: '3' } }, { k: '9', m: '3' }],
  ['merge strategically', STRATEGIC, { data: { k: '9', l: null, m: '3' } }, { k: '9', m: '3' }],
  ['replace', JSON_PATCH, [{ op: 'replace', path: '/data/k', value: '9' }], { k: '9', l: '2' }],
  [
    'replace what is not there',
    JSON_PATCH,
    [{ op: 'replace', path: '/data/x', value: '9' }],
    { k: '1', l: '2', x: '9' },
  ],
  ['add', JSON_PATCH, [{ op: 'add', path: '/data/m', value: '3' }], { k: '1', l: '2', m: '3' }],
  ['add nothing', JSON_PATCH, [{ op: 'add', path: '/data/m' }], { k: '1', l: '2', m: '' }],
  ['remove', JSON_PATCH, [{ op: 'remove', path: '/data/l' }], { k: '1' }],
  ['copy', JSON_PATCH, [{ op: 'copy', from: '/data/l', path: '/data/m' }], { k: '1', l: '2', m: '2' }],
  ['move', JSON_PATCH, [{ op: 'move', from: '/data/l', path: '/data/m' }], { k: '1', m: '2' }],
  ['test', JSON_PATCH, [{ op: 'test', path: '/data/l', value: '2' }], { k: '1', l: '2' }],
  ['test that nothing is there', JSON_PATCH, [{ op: 'test', path: '/data/x', value: null }], { k: '1', l: '2' }],
  ['do nothing', JSON_PATCH, [], { k: '1', l: '2' }],
];

const REFUSED: readonly (readonly [
  title: string,
  type: string,
  patch: unknown,
  code: number,
  message: string | RegExp,
])[] = [
  ['a test that fails', JSON_PATCH, [{ op: 'test', path: '/data/l', value: '1' }], 422, SENT_WRONG],
  ['removing what is not there', JSON_PATCH, [{ op: 'remove', path: '/data/x' }], 422, SENT_WRONG],
  ['moving what is not there', JSON_PATCH, [{ op: 'move', from: '/data/x', path: '/data/y' }], 422, SENT_WRONG],
  ['adding below what is not there', JSON_PATCH, [{ op: 'add', path: '/data/x/y', value: '1' }], 422, SENT_WRONG],
  ['an operation that there is not', JSON_PATCH, [{ op: 'fix', path: '/data' }], 422, SENT_WRONG],
  ['no operation', JSON_PATCH, [{ path: '/data' }], 422, SENT_WRONG],
  ['a path without a slash', JSON_PATCH, [{ op: 'add', path: 'a', value: '1' }], 422, SENT_WRONG],
  [
    'an object for a list',
    JSON_PATCH,
    { op: 'add' },
    400,
    'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
  ],
  [
    'a list for an object',
    MERGE,
    [],
    400,
    'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}',
  ],
  [
    'a list for a strategic object',
    STRATEGIC,
    [],
    400,
    'json: cannot unmarshal array into Go value of type map[string]interface {}',
  ],
  ['a word', MERGE, 'x', 400, /^error decoding patch: /],
  ['nothing', MERGE, '', 400, 'error decoding patch: unexpected end of JSON input'],
  ['nothing strategic', STRATEGIC, '', 400, 'unexpected end of JSON input'],
  ['null', MERGE, 'null', 400, 'Invalid JSON Patch'],
  [
    'another name',
    MERGE,
    { metadata: { name: 'b' } },
    400,
    'the name of the object (b) does not match the name on the URL (a)',
  ],
  [
    'no name',
    MERGE,
    { metadata: null },
    400,
    'the name of the object (a based on URL) was undeterminable: name must be provided',
  ],
  [
    'another namespace',
    MERGE,
    { metadata: { namespace: 'b' } },
    400,
    'the namespace of the provided object does not match the namespace sent on the request',
  ],
  [
    'another uid',
    MERGE,
    { metadata: { uid: 'b' } },
    422,
    'ConfigMap "a" is invalid: metadata.uid: Invalid value: "b": field is immutable',
  ],
  [
    'an old version',
    MERGE,
    { metadata: { resourceVersion: '1' }, data: { k: '3' } },
    409,
    /^Operation cannot be fulfilled on configmaps "a": the object has been modified; /,
  ],
  [
    'another kind',
    MERGE,
    { kind: 'Foo' },
    422,
    NOT_A_CONFIG_MAP('no kind "Foo" is registered for version "v1" in scheme'),
  ],
  [
    'another version of the kind',
    MERGE,
    { apiVersion: 'v2' },
    422,
    NOT_A_CONFIG_MAP('no kind "ConfigMap" is registered for version "v2" in scheme'),
  ],
  [
    'a number for a text',
    MERGE,
    { data: { k: 1 } },
    422,
    NOT_A_CONFIG_MAP('json: cannot unmarshal number into Go struct field ConfigMap.data of type string'),
  ],
  ['a number for a strategic text', STRATEGIC, { data: { k: 1 } }, 422, NOT_A_CONFIG_MAP('.*string')],
  [
    'a number for a text, added',
    JSON_PATCH,
    [{ op: 'add', path: '/data/k', value: 1 }],
    422,
    NOT_A_CONFIG_MAP('json: cannot unmarshal number'),
  ],
  [
    'a key that is no file name',
    MERGE,
    { data: { 'a/b': '' } },
    422,
    /^ConfigMap "a" is invalid: data\[a\/b\]: Invalid value: "a\/b": a valid config key/,
  ],
];

/** What PATCH does. */
export const patches: Suite = (it) => {
  for (const [title, type, patch, data] of DONE) {
    it(title, async (api) => {
      await made(api);
      expect(await api.admin.patch(A, patch, type)).toMatchObject({ status: 200, body: { data } });
      expect((await api.admin.get(A)).body.data).toEqual(data);
    });
  }

  for (const [title, type, patch, code, message] of REFUSED) {
    it(`refuse ${title}`, async (api) => {
      const object = await made(api);
      expect(await api.admin.patch(A, patch, type)).toMatchObject(refused(code, message));
      expect((await api.admin.get(A)).body).toEqual(object);
    });
  }

  it('refuse other types', async (api) => {
    await made(api);
    for (const headers of [{ 'content-type': 'application/json' }, { 'content-type': 'text/plain' }, {}]) {
      expect(await api.admin.send('PATCH', A, {}, headers)).toMatchObject(
        refused(415, '415: Unsupported Media Type', 'UnsupportedMediaType'),
      );
    }
    expect((await api.admin.patch(A, {}, `${MERGE}; charset=utf-8`)).status).toBe(200);
  });

  it('refuse what is not there', async ({ admin }) => {
    for (const type of TYPES) {
      const patch = type === JSON_PATCH ? [] : {};
      expect(await admin.patch(A, patch, type)).toMatchObject(refused(404, 'configmaps "a" not found'));
      const url = `${CLUSTER_ROLES}/none`;
      expect(await admin.patch(url, patch, type)).toMatchObject(
        refused(404, 'clusterroles.rbac.authorization.k8s.io "none" not found'),
      );
    }
    expect((await admin.patch(CONFIG_MAPS, {}, MERGE)).status).toBe(405);
  });

  it('refuse more than 10,000 operations', async (api) => {
    await made(api);
    const many = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/kind', value: 'ConfigMap' }));
    expect(await api.admin.patch(A, many, JSON_PATCH)).toMatchObject(
      refused(
        413,
        'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
        'RequestEntityTooLarge',
      ),
    );
  });

  it('refuse what a kind does not have where fields are validated strictly, and warn of it else', async (api) => {
    await made(api);
    const lenient = await api.admin.patch(A, { unknown: 1 }, MERGE);
    expect(lenient).toMatchObject({ status: 200, warning: '299 - "unknown field \\"unknown\\""' });
    for (const [type, patch] of [
      [MERGE, { unknown: 1 }],
      [STRATEGIC, { unknown: 1 }],
      [JSON_PATCH, [{ op: 'add', path: '/unknown', value: 1 }]],
    ] as const) {
      expect(await api.admin.patch(`${A}?fieldValidation=Strict`, patch, type)).toMatchObject(
        refused(422, NOT_A_CONFIG_MAP('strict decoding error: unknown field "unknown"')),
      );
    }
  });

  it('refuse options that they do not have', async (api) => {
    await made(api);
    const refusal = (why: string) => refused(422, `PatchOptions.meta.k8s.io "" is invalid: ${why}`);
    expect(await api.admin.patch(`${A}?force=true`, {}, MERGE)).toMatchObject(
      refusal('force: Forbidden: may not be specified for non-apply patch'),
    );
    expect(await api.admin.patch(`${A}?dryRun=Some`, {}, MERGE)).toMatchObject(
      refusal('dryRun: Unsupported value: ["Some"]: supported values: "All"'),
    );
    expect(await api.admin.patch(`${A}?fieldValidation=Foo`, {}, MERGE)).toMatchObject(
      refusal('fieldValidation: Unsupported value: "Foo": supported values: "", "Ignore", "Strict", "Warn"'),
    );
  });

  it('of metadata change what may be changed', async (api) => {
    const object = await made(api);
    const labelled = await api.admin.patch(A, { metadata: { labels: { a: 'b' } } }, MERGE);
    expect(labelled.body.metadata.labels).toEqual({ a: 'b' });
    const time = { metadata: { labels: { a: null }, creationTimestamp: '2020-01-01T00:00:00Z' } };
    const { resourceVersion: _old, ...rest } = bare(object).metadata;
    expect((await api.admin.patch(A, time, MERGE)).body.metadata).toMatchObject(rest);
  });

  it('join finalizers strategically, the new ones first', async (api) => {
    await made(api);
    const patch = async (metadata: object) =>
      (await api.admin.patch(A, { metadata }, STRATEGIC)).body.metadata.finalizers;
    expect(await patch({ finalizers: ['example.com/a'] })).toEqual(['example.com/a']);
    expect(await patch({ finalizers: ['example.com/b'] })).toEqual(['example.com/b', 'example.com/a']);
    expect(await patch({ '$deleteFromPrimitiveList/finalizers': ['example.com/a'] })).toEqual(['example.com/b']);
    expect(
      await patch({
        '$setElementOrder/finalizers': ['example.com/b', 'example.com/c'],
        finalizers: ['example.com/c'],
      }),
    ).toEqual(['example.com/b', 'example.com/c']);
    expect(await patch({ finalizers: null })).toBeUndefined();
  });

  it('replace subjects and rules as a whole', async ({ admin }) => {
    const subjects = ['x', 'y'].map((name) => ({ kind: 'User', name }));
    await admin.made(ROLE_BINDINGS, binding('b', 'ClusterRole', 'view', subjects));
    await admin.made(CLUSTER_ROLES, role('c', rule('', 'pods', 'get')));
    for (const type of [MERGE, STRATEGIC]) {
      const bound = await admin.patch(`${ROLE_BINDINGS}/b`, { subjects: [{ kind: 'User', name: 'z' }] }, type);
      expect(bound.body.subjects).toMatchObject([{ name: 'z' }]);
      const none = await admin.patch(`${ROLE_BINDINGS}/b`, { subjects: null }, type);
      expect(none.body).not.toHaveProperty('subjects');
      const ruled = await admin.patch(`${CLUSTER_ROLES}/c`, { rules: [rule('', 'pods', 'list')] }, type);
      expect(ruled.body.rules).toEqual([rule('', 'pods', 'list')]);
      expect((await admin.patch(`${CLUSTER_ROLES}/c`, { rules: null }, type)).body.rules).toBeNull();
    }
    expect(await admin.patch(`${ROLE_BINDINGS}/b`, { roleRef: { name: 'edit' } }, MERGE)).toMatchObject(
      refused(422, /: cannot change roleRef$/),
    );
  });

  it('merge owners strategically by their uid, the new ones first', async ({ admin }) => {
    const owner = (uid: string) => ({ apiVersion: 'v1', kind: 'Pod', name: `of-${uid}`, uid });
    await admin.made(CONFIG_MAPS, { metadata: { name: 'a', ownerReferences: [owner('u')] } });
    const patch = async (one: object) =>
      (await admin.patch(A, { metadata: { ownerReferences: [one] } }, STRATEGIC)).body.metadata.ownerReferences;
    expect(await patch(owner('v'))).toEqual([owner('v'), owner('u')]);
    expect(await patch({ uid: 'u', $patch: 'delete' })).toEqual([owner('v')]);
  });

  it('merge the secrets of a service account strategically by their name', async ({ admin }) => {
    const url = `${NAMESPACES}/default/serviceaccounts`;
    await admin.made(url, { metadata: { name: 's' }, secrets: [{ name: 'a' }] });
    const patch = async (secrets: object[]) => (await admin.patch(`${url}/s`, { secrets }, STRATEGIC)).body.secrets;
    expect(await patch([{ name: 'b' }])).toEqual([{ name: 'b' }, { name: 'a' }]);
    expect(await patch([{ name: 'a', $patch: 'delete' }])).toEqual([{ name: 'b' }]);
    const pull = async (names: string[]) => {
      const imagePullSecrets = names.map((name) => ({ name }));
      return (await admin.patch(`${url}/s`, { imagePullSecrets }, STRATEGIC)).body.imagePullSecrets;
    };
    expect(await pull(['a', 'b'])).toEqual([{ name: 'a' }, { name: 'b' }]);
    expect(await pull(['c'])).toEqual([{ name: 'c' }]);
  });

  it('merge the containers of a deployment strategically by their name', async ({ admin }) => {
    const url = '/apis/apps/v1/namespaces/default/deployments';
    const labels = { a: 'b' };
    const containers = ['a', 'b', 'c'].map((name) => ({ name, image: `${name}:1` }));
    const template = { metadata: { labels }, spec: { containers } };
    await admin.made(url, { metadata: { name: 'd' }, spec: { selector: { matchLabels: labels }, template } });
    const patch = async (...changed: object[]) => {
      const answer = await admin.patch(
        `${url}/d`,
        { spec: { template: { spec: { containers: changed } } } },
        STRATEGIC,
      );
      return answer.body.spec.template.spec.containers.map((one: { image: string }) => one.image).join(' ');
    };
    expect(await patch({ name: 'c', image: 'c:2' }, { name: 'b', $patch: 'delete' })).toBe('a:1 c:2');
    expect(await patch({ name: 'e', image: 'e:1' }, { name: 'a', image: 'a:2' })).toBe('e:1 a:2 c:2');
    const { generation } = (await admin.get(`${url}/d`)).body.metadata;
    expect(generation).toBe(3);
  });

  it('retain strategically only the members that they name', async ({ admin }) => {
    const url = '/apis/apps/v1/namespaces/default/deployments';
    const labels = { a: 'b' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } };
    await admin.made(url, { metadata: { name: 'd' }, spec: { strategy, selector: { matchLabels: labels }, template } });
    const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
    expect((await admin.patch(`${url}/d`, patch, STRATEGIC)).body.spec.strategy).toEqual({ type: 'Recreate' });
  });

  it('replace a map strategically where they say so', async (api) => {
    await made(api);
    const { body } = await api.admin.patch(A, { data: { $patch: 'replace', y: 'y' } }, STRATEGIC);
    expect(body.data).toEqual({ y: 'y' });
    expect((await api.admin.patch(A, { data: { $patch: 'delete' } }, STRATEGIC)).body).not.toHaveProperty('data');
    await api.admin.patch(A, { data: { k: '1' } }, MERGE);
    expect(await api.admin.patch(A, { data: { $patch: 'fix' } }, STRATEGIC)).toMatchObject(
      refused(500, 'unknown patch type: fix in map: map[$patch:fix]', undefined),
    );
    expect(await api.admin.patch(A, { data: { $fix: '1' } }, STRATEGIC)).toMatchObject(
      refused(422, /^ConfigMap "a" is invalid: data\[\$fix\]: /),
    );
  });
};
