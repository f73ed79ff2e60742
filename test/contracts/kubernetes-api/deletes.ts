import { expect } from 'vitest';
import {
  type Answer,
  type Api,
  bare,
  binding,
  CLUSTER_ROLES,
  CONFIG_MAPS,
  MERGE,
  NAMESPACES,
  namesIn,
  ROLE_BINDINGS,
  refused,
  role,
  SECRETS,
} from './api.ts';
import type { Suite } from './contract.ts';

const A = `${CONFIG_MAPS}/a`;
const HOLD = ['example.com/hold'];
const made = ({ admin }: Api, more: object = {}): Promise<Answer['body']> =>
  admin.made(CONFIG_MAPS, { metadata: { name: 'a', ...more }, data: { k: '1' } });

/** What DELETE does. */
export const deletes: Suite = (it) => {
  it('says what was deleted', async (api) => {
    const { uid } = (await made(api)).metadata;
    expect(await api.admin.delete(A)).toEqual({
      status: 200,
      body: {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Success',
        details: { name: 'a', kind: 'configmaps', uid },
      },
    });
    expect(await api.admin.delete(A)).toMatchObject(refused(404, 'configmaps "a" not found'));
    const { uid: ofRole } = (await api.admin.made(CLUSTER_ROLES, role('r'))).metadata;
    expect((await api.admin.delete(`${CLUSTER_ROLES}/r`)).body.details).toEqual({
      name: 'r',
      group: 'rbac.authorization.k8s.io',
      kind: 'clusterroles',
      uid: ofRole,
    });
  });

  it('answers a status or the object, as its kind has it', async ({ admin }) => {
    for (const [url, body, kind] of [
      [SECRETS, {}, 'Status'],
      [ROLE_BINDINGS, { roleRef: binding('x', 'Role', 'y').roleRef }, 'Status'],
      [`${NAMESPACES}/default/serviceaccounts`, {}, 'ServiceAccount'],
      [`${NAMESPACES}/default/pods`, { spec: { containers: [{ name: 'c', image: 'i' }] } }, 'Pod'],
    ] as const) {
      await admin.made(url, { metadata: { name: 'x' }, ...body });
      expect((await admin.delete(`${url}/x`)).body.kind).toBe(kind);
      expect((await admin.get(`${url}/x`)).status).toBe(404);
    }
  });

  it('holds its preconditions', async (api) => {
    const { uid, resourceVersion } = (await made(api)).metadata;
    const byUid = `the UID in the precondition (other) does not match the UID in record (${uid}). The object might have been deleted and then recreated`;
    const byVersion = `the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`;
    for (const [preconditions, why] of [
      [{ uid: 'other' }, byUid],
      [{ resourceVersion: '1' }, byVersion],
      [{ uid, resourceVersion: '1' }, byVersion],
    ] as const) {
      const options = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions };
      const answer = await api.admin.delete(A, options);
      expect(answer).toMatchObject(refused(409, `Operation cannot be fulfilled on ConfigMap "a": ${why}`));
      expect(answer.body.details).toEqual({ name: 'a', kind: 'ConfigMap' });
    }
    expect((await api.admin.delete(A, { preconditions: { uid, resourceVersion } })).status).toBe(200);
  });

  it('waits for finalizers', async (api) => {
    const { admin } = api;
    await made(api, { finalizers: HOLD });
    const marked = (await admin.delete(A)).body;
    expect(marked).toMatchObject({ kind: 'ConfigMap', metadata: { deletionTimestamp: expect.any(String) } });
    expect(marked.metadata.deletionGracePeriodSeconds).toBe(0);
    expect((await admin.delete(A)).status).toBe(200);
    const more = { ...marked, metadata: { ...marked.metadata, finalizers: [...HOLD, 'example.com/more'] } };
    expect(await admin.put(A, more)).toMatchObject(
      refused(
        422,
        'ConfigMap "a" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"example.com/more"}',
      ),
    );
    expect(await admin.post(CONFIG_MAPS, { metadata: { name: 'a' } })).toMatchObject(
      refused(409, 'object is being deleted: configmaps "a" already exists', 'AlreadyExists'),
    );
    expect((await admin.put(A, { ...marked, data: { k: '2' } })).status).toBe(200);
    const { finalizers: _gone, ...metadata } = (await admin.get(A)).body.metadata;
    expect((await admin.put(A, { ...marked, metadata })).status).toBe(200);
    expect((await admin.get(A)).status).toBe(404);
  });

  for (const [policy, finalizer] of [
    ['Foreground', 'foregroundDeletion'],
    ['Orphan', 'orphan'],
  ] as const) {
    it(`leaves the rest to garbage collection where it is ${policy}`, async (api) => {
      const object = await made(api);
      const { body } = await api.admin.delete(A, { propagationPolicy: policy });
      expect(body.metadata).toMatchObject({ finalizers: [finalizer], deletionTimestamp: expect.any(String) });
      expect((await api.admin.get(A)).body.metadata.uid).toBe(object.metadata.uid);
    });
  }

  it('changes its mind about the rest, as long as something is there', async (api) => {
    await made(api, { finalizers: ['orphan', ...HOLD] });
    const finalizers = async (options?: object) => (await api.admin.delete(A, options)).body.metadata.finalizers;
    expect(await finalizers()).toEqual(['orphan', ...HOLD]);
    expect(await finalizers({ propagationPolicy: 'Background' })).toEqual(HOLD);
    expect(await finalizers({ propagationPolicy: 'Orphan' })).toEqual([...HOLD, 'orphan']);
    expect(await finalizers({ propagationPolicy: 'Foreground' })).toEqual([...HOLD, 'foregroundDeletion']);
    expect(await finalizers({ orphanDependents: false })).toEqual(HOLD);
    expect(await finalizers({ orphanDependents: true })).toEqual([...HOLD, 'orphan']);
  });

  it('of a version loses sight of it where it takes the last finalizer away itself', async (api) => {
    const { resourceVersion } = (await made(api, { finalizers: ['orphan'] })).metadata;
    const options = { propagationPolicy: 'Background', preconditions: { resourceVersion } };
    expect(await api.admin.delete(A, options)).toMatchObject(
      refused(409, /Precondition failed: ResourceVersion in precondition: , ResourceVersion in object meta: \d+$/),
    );
    expect((await api.admin.get(A)).status).toBe(200);
  });

  it('deletes at once where it is in the background', async (api) => {
    await made(api);
    expect((await api.admin.delete(`${A}?propagationPolicy=Background`)).body.status).toBe('Success');
    expect((await api.admin.get(A)).status).toBe(404);
  });

  for (const [title, options, message] of [
    [
      'a way that there is not',
      { propagationPolicy: 'Foo' },
      'propagationPolicy: Unsupported value: "Foo": supported values: "Foreground", "Background", "Orphan", "nil"',
    ],
    [
      'two ways at once',
      { propagationPolicy: 'Background', orphanDependents: true },
      'propagationPolicy: Invalid value: "Background": orphanDependents and deletionPropagation cannot be both set',
    ],
  ] as const) {
    it(`is not done in ${title}`, async (api) => {
      await made(api);
      expect(await api.admin.delete(A, options)).toMatchObject(
        refused(422, `DeleteOptions.meta.k8s.io "" is invalid: ${message}`),
      );
    });
  }

  it('takes no body but its options', async (api) => {
    await made(api);
    expect(await api.admin.delete(A, { kind: 'ConfigMap', apiVersion: 'v1' })).toMatchObject(
      refused(
        500,
        'no kind "ConfigMap" is registered for version "v1" in scheme "pkg/runtime/scheme.go:110"',
        undefined,
      ),
    );
    const answer = await api.admin.send('DELETE', A, 'x', { 'content-type': 'application/json' });
    expect(answer).toMatchObject(refused(500, /^couldn't get version\/kind; json parse error: /, undefined));
    expect((await api.admin.get(A)).status).toBe(200);
  });

  it('of a collection follows labels and fields', async ({ admin }) => {
    for (const name of ['a', 'b', 'c', 'd']) await admin.made(CONFIG_MAPS, { metadata: { name, labels: { x: name } } });
    const gone = await admin.delete(`${CONFIG_MAPS}?labelSelector=x%20in%20(a,b)`);
    expect(gone).toMatchObject({ status: 200, body: { kind: 'ConfigMapList', apiVersion: 'v1' } });
    expect(namesIn(gone)).toEqual(['a', 'b']);
    await admin.delete(`${CONFIG_MAPS}?fieldSelector=metadata.name%3Dc`);
    expect(namesIn(await admin.get(CONFIG_MAPS))).toEqual(['d']);
    expect(await admin.delete(NAMESPACES)).toMatchObject(
      refused(405, 'the server does not allow this method on the requested resource'),
    );
    expect((await admin.delete('/api/v1/configmaps')).status).toBe(405);
  });

  it('comes with the last finalizer that a patch takes away', async (api) => {
    await made(api, { finalizers: HOLD });
    await api.admin.delete(A);
    const { body } = await api.admin.patch(A, { metadata: { finalizers: null } }, MERGE);
    expect(bare(body).metadata).not.toHaveProperty('finalizers');
    expect((await api.admin.get(A)).status).toBe(404);
  });
};
