import { expect } from 'vitest';
import { type Api, CONFIG_MAPS, MERGE, NAMESPACES, RBAC, refused, role } from './api.ts';
import type { Suite } from './contract.ts';

const PAY = `${NAMESPACES}/pay`;
/** The controller first gives every API server five seconds to hear of the end. */
const IN_THE_END = { interval: 100, timeout: 30_000 };
/** A namespace that has been deleted and cannot end. */
const ending = async ({ admin }: Api) => {
  await admin.made(NAMESPACES, { metadata: { name: 'pay' } });
  await admin.made(`${PAY}/configmaps`, { metadata: { name: 'held', finalizers: ['example.com/hold'] } });
  return admin.delete(PAY);
};

/** What a namespace is to what is in it. */
export const namespaces: Suite = (it) => {
  it('keep status and finalizers from those who write them', async ({ admin }) => {
    const born = await admin.made(NAMESPACES, {
      metadata: { name: 'pay', deletionTimestamp: '2026-01-15T12:00:00Z' },
      status: { phase: 'Terminating' },
      spec: {},
    });
    expect(born).toMatchObject({ spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } });
    expect(born.metadata).not.toHaveProperty('deletionTimestamp');
    const changed = { ...born, status: { phase: 'Terminating' }, spec: { finalizers: [] } };
    expect(await admin.put(PAY, changed)).toEqual({ status: 200, body: born });
  });

  it('keep the label that is their name', async ({ admin }) => {
    await admin.made(NAMESPACES, { metadata: { name: 'pay' } });
    const labels = { 'kubernetes.io/metadata.name': 'other', a: 'b' };
    const { body } = await admin.put(PAY, { metadata: { name: 'pay', labels } });
    expect(body.metadata.labels).toEqual({ 'kubernetes.io/metadata.name': 'pay', a: 'b' });
    expect((await admin.put(PAY, { metadata: { name: 'pay' } })).body.metadata.labels).toEqual({
      'kubernetes.io/metadata.name': 'pay',
    });
  });

  it('take with them what is in them, and nothing else', async ({ admin }) => {
    for (const name of ['pay', 'pay2']) {
      await admin.made(NAMESPACES, { metadata: { name } });
      await admin.made(`${RBAC}/namespaces/${name}/roles`, {
        ...role('r'),
        metadata: { name: 'r', labels: { t: 'x' } },
      });
    }
    expect((await admin.delete(PAY)).body.status.phase).toBe('Terminating');
    await expect.poll(async () => (await admin.get(PAY)).status, IN_THE_END).toBe(404);
    const left = (await admin.get(`${RBAC}/roles?labelSelector=t`)).body.items;
    expect(left).toMatchObject([{ metadata: { namespace: 'pay2' } }]);
  });

  it('are Terminating until their controller comes', async ({ admin }) => {
    await admin.made(NAMESPACES, { metadata: { name: 'pay' } });
    await admin.delete(PAY);
    expect(await admin.get(PAY)).toMatchObject({ status: 200, body: { status: { phase: 'Terminating' } } });
  });

  it('take nothing new while they end', async (api) => {
    const { admin } = api;
    expect(await ending(api)).toMatchObject({
      status: 200,
      body: {
        kind: 'Namespace',
        metadata: { deletionTimestamp: expect.any(String) },
        status: { phase: 'Terminating' },
      },
    });
    const why = 'unable to create new content in namespace pay because it is being terminated';
    const late = await admin.post(`${PAY}/configmaps`, { metadata: { name: 'late' } });
    expect(late).toMatchObject(refused(403, `configmaps "late" is forbidden: ${why}`));
    expect(late.body.details).toEqual({
      name: 'late',
      kind: 'configmaps',
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: 'namespace pay is being terminated',
          field: 'metadata.namespace',
        },
      ],
    });
    expect(await admin.put(`${RBAC}/namespaces/pay/roles/late`, role('late'))).toMatchObject(
      refused(403, `roles.rbac.authorization.k8s.io "late" is forbidden: ${why}`),
    );
    expect(await admin.post(`${PAY}/configmaps`, { metadata: { generateName: 'late' } })).toMatchObject(
      refused(403, `configmaps "late" is forbidden: ${why}`),
    );
    expect(await admin.post(NAMESPACES, { metadata: { name: 'pay' } })).toMatchObject(
      refused(409, 'object is being deleted: namespaces "pay" already exists', 'AlreadyExists'),
    );
  });

  it('let what is in them change while they end', async (api) => {
    await ending(api);
    const held = { metadata: { name: 'held', finalizers: ['example.com/hold'], labels: { x: 'y' } } };
    expect((await api.admin.put(`${PAY}/configmaps/held`, held)).status).toBe(200);
  });

  it('end with the last finalizer of what is in them', async (api) => {
    const { admin } = api;
    await ending(api);
    await admin.patch(`${PAY}/configmaps/held`, { metadata: { finalizers: null } }, MERGE);
    await expect.poll(async () => (await admin.get(PAY)).status, IN_THE_END).toBe(404);
  });

  it('must be there for what is put into them', async ({ admin }) => {
    const gone = refused(404, 'namespaces "nowhere" not found');
    const nowhere = `${NAMESPACES}/nowhere/configmaps`;
    expect(await admin.post(nowhere, { metadata: { name: 'a' } })).toMatchObject(gone);
    expect(await admin.put(`${RBAC}/namespaces/nowhere/roles/a`, role('a'))).toMatchObject(gone);
    const none = refused(404, 'configmaps "a" not found');
    expect(await admin.put(`${nowhere}/a`, { metadata: { name: 'a' } })).toMatchObject(none);
    expect(await admin.patch(`${nowhere}/a`, {}, MERGE)).toMatchObject(none);
    expect(await admin.get(`${nowhere}/a`)).toMatchObject(none);
    expect(await admin.delete(`${nowhere}/a`)).toMatchObject(none);
    expect((await admin.get(nowhere)).body.items).toEqual([]);
  });

  for (const name of ['default', 'kube-system', 'kube-public']) {
    it(`are never deleted if called ${name}`, async ({ admin }) => {
      expect(await admin.delete(`${NAMESPACES}/${name}`)).toMatchObject(
        refused(403, `namespaces "${name}" is forbidden: this namespace may not be deleted`),
      );
    });
  }

  it('are ended by whoever finalizes them', async ({ admin }) => {
    await admin.made(NAMESPACES, { metadata: { name: 'pay' } });
    const { body } = await admin.delete(PAY);
    const done = { ...body, spec: { finalizers: [] } };
    expect((await admin.put(`${PAY}/finalize`, done)).status).toBe(200);
    expect((await admin.get(PAY)).status).toBe(404);
  });

  it('have a status of their own address', async ({ admin }) => {
    expect(await admin.get(`${NAMESPACES}/default/status`)).toMatchObject({
      status: 200,
      body: { kind: 'Namespace', status: { phase: 'Active' } },
    });
    const written = { metadata: { name: 'default', labels: { a: 'b' } }, status: { phase: 'Active' } };
    expect((await admin.put(`${NAMESPACES}/default/status`, written)).status).toBe(200);
    expect((await admin.get(`${CONFIG_MAPS}/none/status`)).status).toBe(404);
  });
};
