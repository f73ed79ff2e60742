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
  ROLE_BINDINGS,
  refused,
  role,
  rule,
  SECRETS,
  user,
} from './api.ts';
import type { Suite } from './contract.ts';

const A = `${CONFIG_MAPS}/a`;
const made = ({ admin }: Api) => admin.made(CONFIG_MAPS, { metadata: { name: 'a' }, data: { k: '1' } });
const withMeta = (object: Answer['body'], more: object) => ({ ...object, metadata: { ...object.metadata, ...more } });
const withoutMeta = (object: Answer['body'], name: string) => {
  const { [name]: _gone, ...metadata } = object.metadata;
  return { ...object, metadata };
};
const STALE = 'the object has been modified; please apply your changes to the latest version and try again';
const stale = refused(409, `Operation cannot be fulfilled on configmaps "a": ${STALE}`);

/** What a write may change, and what it must know for that. */
export const writes: Suite = (it) => {
  it('that are based on an old version are refused by name', async (api) => {
    const object = await made(api);
    expect((await api.admin.put(A, { ...object, data: { k: '2' } })).status).toBe(200);
    expect(await api.admin.put(A, { ...object, data: { k: '3' } })).toEqual({
      status: 409,
      body: { ...stale.body, details: { name: 'a', kind: 'configmaps' } },
    });
    expect((await api.admin.get(A)).body.data).toEqual({ k: '2' });
  });

  it('that are based on a version to come are refused', async (api) => {
    expect(await api.admin.put(A, withMeta(await made(api), { resourceVersion: '99999999' }))).toMatchObject(stale);
  });

  it('that are based on no number are refused', async (api) => {
    expect(await api.admin.put(A, withMeta(await made(api), { resourceVersion: 'abc' }))).toMatchObject(
      refused(500, 'strconv.ParseUint: parsing "abc": invalid syntax', undefined),
    );
  });

  for (const version of [undefined, '', '0']) {
    it(`that name the version ${JSON.stringify(version)} count, whatever the version`, async (api) => {
      await made(api);
      const metadata = { name: 'a', ...(version === undefined ? {} : { resourceVersion: version }) };
      expect(await api.admin.put(A, { metadata, data: { k: '9' } })).toMatchObject({
        status: 200,
        body: { data: { k: '9' } },
      });
    });
  }

  it('that change nothing leave the version', async (api) => {
    const object = await made(api);
    expect(await api.admin.put(A, object)).toMatchObject({ status: 200, body: bare(object) });
    expect(await api.admin.put(A, { metadata: { name: 'a' }, data: { k: '1' } })).toMatchObject({ body: bare(object) });
    expect((await api.admin.get(A)).body.metadata.resourceVersion).toBe(object.metadata.resourceVersion);
  });

  it('that give a field its first manager move the version, though nothing else changes', async ({ admin }) => {
    const made = await admin.made(CLUSTER_ROLES, { metadata: { name: 'r', labels: { a: 'b' } } });
    const { body } = await admin.patch(`${CLUSTER_ROLES}/r`, { rules: [] }, MERGE);
    expect(body.metadata.resourceVersion).not.toBe(made.metadata.resourceVersion);
    expect(body.rules).toBeNull();
  });

  it('move the version on, and with it that of every list', async (api) => {
    const object = await made(api);
    const { body } = await api.admin.put(A, { ...object, data: { k: '2' } });
    expect(Number(body.metadata.resourceVersion)).toBeGreaterThan(Number(object.metadata.resourceVersion));
    const list = (await api.admin.get(CONFIG_MAPS)).body.metadata.resourceVersion;
    expect(Number(list)).toBeGreaterThanOrEqual(Number(body.metadata.resourceVersion));
  });

  it('replace labels, annotations and owners as a whole', async ({ admin }) => {
    const owners = [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }];
    const metadata = { name: 'a', labels: { a: 'b' }, annotations: { x: 'y' }, ownerReferences: owners };
    const object = await admin.made(CONFIG_MAPS, { metadata });
    const { body } = await admin.put(A, { metadata: { name: 'a' } });
    for (const gone of ['labels', 'annotations', 'ownerReferences']) expect(body.metadata).not.toHaveProperty(gone);
    expect(body.metadata).toMatchObject({ uid: object.metadata.uid, namespace: 'default' });
  });

  it('of another uid are refused: the object was made again', async (api) => {
    const object = await made(api);
    await api.admin.delete(A);
    await made(api);
    const answer = await api.admin.put(A, withoutMeta(object, 'resourceVersion'));
    expect(answer).toMatchObject(
      refused(
        409,
        /^Operation cannot be fulfilled on configmaps "a": StorageError: invalid object, Code: 4, Key: \/registry\/configmaps\/default\/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: .+, UID in object meta: .+$/,
      ),
    );
    expect(answer.body.message).toContain(`UID in precondition: ${object.metadata.uid},`);
  });

  it('of what is not there are refused', async (api) => {
    const object = await made(api);
    await api.admin.delete(A);
    expect(await api.admin.put(A, object)).toMatchObject(refused(404, 'configmaps "a" not found'));
    for (const [url, plural] of [
      [SECRETS, 'secrets'],
      [`${NAMESPACES}/default/serviceaccounts`, 'serviceaccounts'],
      [NAMESPACES, 'namespaces'],
    ] as const) {
      const answer = await api.admin.put(`${url}/none`, { metadata: { name: 'none' } });
      expect(answer).toMatchObject(refused(404, `${plural} "none" not found`));
    }
  });

  it('by PUT create the kinds that may be, and only for those who may create', async (api) => {
    await api.grant('ann', [rule('rbac.authorization.k8s.io', 'clusterroles', 'update')]);
    const put = (who = api.admin) => who.put(`${CLUSTER_ROLES}/a`, role('a'));
    expect(await put(api.as(user('ann')))).toMatchObject(
      refused(403, /^clusterroles\.rbac\.authorization\.k8s\.io "a" is forbidden: User "ann" cannot create resource/),
    );
    expect((await put()).status).toBe(201);
    expect((await put()).status).toBe(200);
    const event = { metadata: { name: 'e' }, involvedObject: { namespace: 'default' } };
    expect((await api.admin.put(`${NAMESPACES}/default/events/e`, event)).status).toBe(201);
  });

  it('by PUT do not make anew what was deleted meanwhile, if they name its uid', async ({ admin }) => {
    const old = await admin.made(CLUSTER_ROLES, role('a'));
    await admin.delete(`${CLUSTER_ROLES}/a`);
    const answer = await admin.put(`${CLUSTER_ROLES}/a`, old);
    expect(answer).toMatchObject(
      refused(409, /^Operation cannot be fulfilled on clusterroles\.rbac\.authorization\.k8s\.io "a": StorageError: /),
    );
    expect(answer.body.message).toContain('Key: /registry/clusterroles/a,');
    const tried = await admin.put(`${CLUSTER_ROLES}/a?dryRun=All`, old);
    expect(tried).toMatchObject(refused(409, /Key: \/clusterroles\/a, .*UID in object meta: $/));
    expect((await admin.get(`${CLUSTER_ROLES}/a`)).status).toBe(404);
  });

  it('by PUT make anew what was deleted meanwhile, if they name only its version', async ({ admin }) => {
    const old = await admin.made(CLUSTER_ROLES, role('a'));
    await admin.delete(`${CLUSTER_ROLES}/a`);
    expect((await admin.put(`${CLUSTER_ROLES}/a`, withoutMeta(old, 'uid'))).status).toBe(201);
  });

  it('cannot name a version for what they create', async ({ admin }) => {
    expect(await admin.post(CONFIG_MAPS, { metadata: { name: 'a', resourceVersion: '7' } })).toMatchObject(
      refused(500, 'resourceVersion should not be set on objects to be created', undefined),
    );
  });

  it('do not create what is there', async (api) => {
    await made(api);
    expect(await api.admin.post(CONFIG_MAPS, { metadata: { name: 'a' } })).toEqual({
      status: 409,
      body: {
        ...refused(409, 'configmaps "a" already exists', 'AlreadyExists').body,
        details: { name: 'a', kind: 'configmaps' },
      },
    });
  });

  it('keep what a binding refers to', async ({ admin }) => {
    await admin.made(ROLE_BINDINGS, binding('a', 'ClusterRole', 'view', [{ kind: 'User', name: 'x' }]));
    const put = (kind: string, to: string) => admin.put(`${ROLE_BINDINGS}/a`, binding('a', kind, to));
    const why = (kind: string, name: string) =>
      `RoleBinding.rbac.authorization.k8s.io "a" is invalid: roleRef: Invalid value: ` +
      `{"APIGroup":"rbac.authorization.k8s.io","Kind":"${kind}","Name":"${name}"}: cannot change roleRef`;
    expect(await put('ClusterRole', 'edit')).toMatchObject(refused(422, why('ClusterRole', 'edit')));
    expect(await put('Role', 'view')).toMatchObject(refused(422, why('Role', 'view')));
    const nobody = await put('ClusterRole', 'view');
    expect(nobody.status).toBe(200);
    expect(nobody.body).not.toHaveProperty('subjects');
  });

  it('take no time of deletion from a client', async (api) => {
    const object = await made(api);
    const dying = withMeta(object, { deletionTimestamp: '2026-01-15T12:00:00Z' });
    const answer = await api.admin.put(A, dying);
    const fixed = 'metadata.deletionTimestamp: Invalid value: "2026-01-15T12:00:00Z": field is immutable';
    expect(answer).toMatchObject(refused(422, `ConfigMap "a" is invalid: ${fixed}`));
    expect(await api.admin.put(A, withMeta(object, { deletionGracePeriodSeconds: 5 }))).toMatchObject(
      refused(
        422,
        'ConfigMap "a" is invalid: metadata.deletionGracePeriodSeconds: Invalid value: 5: field is immutable',
      ),
    );
    expect((await api.admin.get(A)).body).toEqual(object);
  });

  it('are refused with each cause as often as it is found', async (api) => {
    const object = await made(api);
    const field = 'metadata.deletionGracePeriodSeconds';
    const cause = { field, message: 'Invalid value: 5: field is immutable', reason: 'FieldValueInvalid' };
    const answer = await api.admin.put(A, withMeta(object, { deletionGracePeriodSeconds: 5 }));
    expect(answer.body.details.causes).toEqual([cause, cause]);
    await api.admin.made(ROLE_BINDINGS, binding('b', 'ClusterRole', 'view'));
    const other = await api.admin.put(`${ROLE_BINDINGS}/b`, binding('b', 'ClusterRole', ''));
    const fields = other.body.details.causes.map((one: { field: string }) => one.field);
    expect(fields).toEqual(['roleRef.name', 'roleRef.name', 'roleRef']);
    await api.admin.made(CLUSTER_ROLES, role('r'));
    const third = await api.admin.put(`${CLUSTER_ROLES}/r`, role('r', { apiGroups: [''], resources: ['pods'] }));
    expect(third.body.details.causes).toMatchObject([{ field: 'rules[0].verbs' }, { field: 'rules[0].verbs' }]);
    const wrong = { labels: { 'x y': 'z' }, finalizers: ['bad'] };
    const causes = async (url: string, was: Answer['body']) =>
      (await api.admin.put(url, withMeta(was, wrong))).body.details.causes
        .map((one: { field: string }) => one.field.replace('metadata.', ''))
        .join(' ');
    expect(await causes(A, object)).toBe('labels labels labels finalizers[0] labels finalizers[0]');
    const r = (await api.admin.get(`${CLUSTER_ROLES}/r`)).body;
    expect(await causes(`${CLUSTER_ROLES}/r`, r)).toBe(
      'labels labels labels finalizers[0] labels finalizers[0] labels finalizers[0]',
    );
    const pay = await api.admin.made(NAMESPACES, { metadata: { name: 'pay' } });
    expect(await causes(`${NAMESPACES}/pay`, pay)).toBe('labels labels labels finalizers[0] labels finalizers[0]');
  });

  it('keep the time of creation, whatever time they name', async (api) => {
    const object = await made(api);
    for (const creationTimestamp of ['2020-01-01T00:00:00Z', '2026-01-15T13:00:00.999+01:00', null]) {
      const answer = await api.admin.put(A, withMeta(object, { creationTimestamp }));
      expect(answer).toMatchObject({ status: 200, body: bare(object) });
    }
    expect((await api.admin.put(A, withMeta(object, { creationTimestamp: 'yesterday' }))).status).toBe(400);
  });

  it('keep what is immutable', async ({ admin }) => {
    await admin.made(CONFIG_MAPS, { metadata: { name: 'a' }, data: { k: '1' }, immutable: true });
    const put = (more: object) => admin.put(A, { metadata: { name: 'a' }, ...more });
    const immutable = 'field is immutable when `immutable` is set';
    expect(await put({ data: { k: '2' }, immutable: true })).toMatchObject(
      refused(422, `ConfigMap "a" is invalid: data: Forbidden: ${immutable}`),
    );
    expect(await put({ data: { k: '1' } })).toMatchObject(
      refused(422, `ConfigMap "a" is invalid: immutable: Forbidden: ${immutable}`),
    );
    expect(await put({ data: { k: '1' }, binaryData: { x: 'eA==' }, immutable: true })).toMatchObject(
      refused(422, `ConfigMap "a" is invalid: binaryData: Forbidden: ${immutable}`),
    );
    const labelled = { metadata: { name: 'a', labels: { x: 'y' } }, data: { k: '1' }, immutable: true };
    expect((await admin.put(A, labelled)).status).toBe(200);
  });

  it('keep the type of a Secret', async ({ admin }) => {
    const secret = await admin.made(SECRETS, { metadata: { name: 's' }, stringData: { a: 'x' } });
    expect(await admin.put(`${SECRETS}/s`, { ...secret, type: 'other' })).toMatchObject(
      refused(422, 'Secret "s" is invalid: type: Invalid value: "other": field is immutable'),
    );
  });

  for (const [title, body, message] of [
    ['another name', { metadata: { name: 'b' } }, 'the name of the object (b) does not match the name on the URL (a)'],
    ['no name', { metadata: {} }, 'the name of the object (a based on URL) was undeterminable: name must be provided'],
    [
      'another namespace',
      { metadata: { name: 'a', namespace: 'x' } },
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
  ] as const) {
    it(`by PUT are refused with ${title}`, async (api) => {
      await made(api);
      expect(await api.admin.put(A, body)).toMatchObject(refused(400, message));
    });
  }

  it('of a dry run are checked and not done', async (api) => {
    const { admin } = api;
    const object = await made(api);
    const dry = `${A}?dryRun=All`;
    expect((await admin.put(dry, { ...object, data: { k: '2' } })).body.data).toEqual({ k: '2' });
    const born = await admin.post(`${CONFIG_MAPS}?dryRun=All`, { metadata: { name: 'b' } });
    expect(born).toMatchObject({ status: 201, body: { metadata: { uid: expect.any(String) } } });
    expect(born.body.metadata).not.toHaveProperty('resourceVersion');
    expect((await admin.post(`${CONFIG_MAPS}?dryRun=All`, { metadata: { name: 'a' } })).status).toBe(409);
    expect((await admin.delete(dry)).status).toBe(200);
    expect((await admin.delete(A, { dryRun: ['All'] })).status).toBe(200);
    expect((await admin.delete(`${CONFIG_MAPS}?dryRun=All`)).status).toBe(200);
    expect((await admin.put(dry, { ...object, data: { 'a/b': '' } })).status).toBe(422);
    expect((await admin.put(`${CLUSTER_ROLES}/none?dryRun=All`, role('none'))).status).toBe(201);
    expect((await admin.get(CONFIG_MAPS)).body.items).toHaveLength(1);
    expect((await admin.get(A)).body).toEqual(object);
    expect((await admin.get(`${CLUSTER_ROLES}/none`)).status).toBe(404);
  });

  it('are not dry in another way than All', async (api) => {
    const object = await made(api);
    const refusal = (options: string, value: string) =>
      refused(
        422,
        `${options}.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["${value}"]: supported values: "All"`,
      );
    const { admin } = api;
    expect(await admin.post(`${CONFIG_MAPS}?dryRun=Some`, object)).toMatchObject(refusal('CreateOptions', 'Some'));
    expect(await admin.post(`${CONFIG_MAPS}?dryRun=`, object)).toMatchObject(refusal('CreateOptions', ''));
    expect(await admin.put(`${A}?dryRun=Some`, object)).toMatchObject(refusal('UpdateOptions', 'Some'));
    expect(await admin.delete(`${A}?dryRun=Some`)).toMatchObject(refusal('DeleteOptions', 'Some'));
    expect(await admin.delete(A, { dryRun: ['Some'] })).toMatchObject(refusal('DeleteOptions', 'Some'));
  });

  it('name their manager in at most 128 bytes', async ({ admin }) => {
    expect(
      await admin.post(`${CONFIG_MAPS}?fieldManager=${'x'.repeat(129)}`, { metadata: { name: 'a' } }),
    ).toMatchObject(
      refused(422, 'CreateOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes'),
    );
  });
};
