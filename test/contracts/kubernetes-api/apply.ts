import { expect } from 'vitest';
import { APPLY, type Api, type Caller, CLUSTER_ROLES, CONFIG_MAPS, NAMESPACES, refused, rule, user } from './api.ts';
import type { Suite } from './contract.ts';

const B = `${CONFIG_MAPS}/b`;
const configMap = (more: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'b' }, ...more });
const applied = (who: Caller, body: object | string, manager = 'me', more = '') =>
  who.patch(`${B}?fieldManager=${manager}${more}`, body, APPLY);

/** Server-side apply, as far as it does not take the record of managed fields. */
export const apply: Suite = (it) => {
  it('creates and changes, in YAML of version 1.1 or in JSON', async ({ admin }) => {
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: b, namespace: default }\ndata: { on: "yes" }\n';
    expect(await applied(admin, yaml)).toMatchObject({ status: 201, body: { data: { true: 'yes' } } });
    expect((await applied(admin, yaml)).status).toBe(200);
    expect((await applied(admin, configMap({ data: { true: 'no' } }))).body.data).toEqual({ true: 'no' });
    expect((await applied(admin, configMap({ metadata: { name: 'b', labels: { a: 'b' } } }))).status).toBe(200);
  });

  it('replaces rules as a whole', async ({ admin }) => {
    const applyRole = async (verb: string) => {
      const body = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'r' } };
      return (
        await admin.patch(`${CLUSTER_ROLES}/r?fieldManager=me`, { ...body, rules: [rule('', 'pods', verb)] }, APPLY)
      ).body;
    };
    expect((await applyRole('get')).rules).toEqual([rule('', 'pods', 'get')]);
    expect((await applyRole('list')).rules).toEqual([rule('', 'pods', 'list')]);
  });

  it('needs a manager', async ({ admin }) => {
    expect(await admin.patch(B, configMap(), APPLY)).toMatchObject(
      refused(422, 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'),
    );
  });

  it('needs the right to create what is not there', async (api: Api) => {
    await api.grant('ann', [rule('', 'configmaps', 'patch'), rule('', 'namespaces', 'patch')]);
    const ann = api.as(user('ann'));
    expect(await applied(api.as(user('eve')), configMap())).toMatchObject(
      refused(403, /^configmaps "b" is forbidden: User "eve" cannot patch resource "configmaps"/),
    );
    expect(await applied(ann, configMap())).toMatchObject(
      refused(403, /^configmaps "b" is forbidden: User "ann" cannot create resource "configmaps"/),
    );
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'pay' } };
    expect(await ann.patch(`${NAMESPACES}/pay?fieldManager=me`, namespace, APPLY)).toMatchObject(
      refused(
        403,
        'namespaces "pay" is forbidden: User "ann" cannot create resource "namespaces" in API group "" in the namespace "pay"',
      ),
    );
    expect((await applied(api.admin, configMap())).status).toBe(201);
    expect((await applied(ann, configMap({ data: { k: '1' } }))).status).toBe(200);
  });

  it('puts nothing into a namespace that is not there', async ({ admin }) => {
    expect(await admin.patch(`${NAMESPACES}/nowhere/configmaps/b?fieldManager=me`, configMap(), APPLY)).toMatchObject(
      refused(404, 'namespaces "nowhere" not found'),
    );
  });

  for (const [title, body, code, message] of [
    ['half a document', 'a: [', 400, /^error decoding YAML: error converting YAML to JSON: yaml: line \d: /],
    ['a list', '[]', 400, /^error decoding YAML: error unmarshaling JSON: .*cannot unmarshal array into Go value/],
    ['nothing', '', 400, 'invalid object type: /, Kind='],
    ['what has no kind', 'data: {}', 400, 'invalid object type: /, Kind='],
    ['what has no version', 'kind: ConfigMap', 400, 'invalid object type: /, Kind=ConfigMap'],
    ['another kind', configMap({ kind: 'Secret' }), 400, 'invalid object type: /v1, Kind=Secret'],
    [
      'another name',
      configMap({ metadata: { name: 'c' } }),
      400,
      'the name of the object (c) does not match the name on the URL (b)',
    ],
    [
      'another namespace',
      configMap({ metadata: { name: 'b', namespace: 'x' } }),
      400,
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    [
      'an old version',
      configMap({ metadata: { name: 'b', resourceVersion: '1' } }),
      409,
      /: the object has been modified; /,
    ],
    [
      'managed fields',
      configMap({ metadata: { name: 'b', managedFields: [{ manager: 'x' }] } }),
      400,
      'metadata.managedFields must be nil',
    ],
    [
      'what a kind does not have',
      configMap({ unknown: 1 }),
      500,
      'failed to create typed patch object (/b; /v1, Kind=ConfigMap): .unknown: field not declared in schema',
    ],
  ] as const) {
    it(`refuses ${title}`, async ({ admin }) => {
      expect((await applied(admin, configMap())).status).toBe(201);
      const reason = code === 500 ? [undefined] : [];
      expect(await applied(admin, body)).toMatchObject(refused(code, message, ...reason));
    });
  }

  it('of a dry run changes nothing', async ({ admin }) => {
    expect((await applied(admin, configMap(), 'me', '&dryRun=All')).status).toBe(201);
    expect((await admin.get(B)).status).toBe(404);
  });

  it('takes away what its manager no longer says', async ({ admin }) => {
    await applied(admin, configMap({ data: { a: '1', b: '2' } }));
    expect((await applied(admin, configMap({ data: { a: '1' } }))).body.data).toEqual({ a: '1' });
  });

  it('takes nothing away from another manager, unless it must', async ({ admin }) => {
    await applied(admin, configMap({ data: { k: '1' } }));
    const other = configMap({ data: { k: '2' } });
    expect(await applied(admin, other, 'you')).toMatchObject(
      refused(409, 'Apply failed with 1 conflict: conflict with "me": .data.k'),
    );
    expect((await applied(admin, other, 'you', '&force=true')).body.data).toEqual({ k: '2' });
  });
};
