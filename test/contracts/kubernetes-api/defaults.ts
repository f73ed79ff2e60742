import { expect } from 'vitest';
import {
  bare,
  binding,
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CONFIG_MAPS,
  GROUP,
  METADATA_OF_SERVER,
  NAMESPACES,
  ROLES,
  role,
  rule,
  SECRETS,
} from './api.ts';
import type { Suite } from './contract.ts';

const containers = [{ name: 'c', image: 'i' }];
const template = { metadata: { labels: { a: 'b' } }, spec: { containers } };

/** What an object has that its writer did not say. */
export const defaults: Suite = (it) => {
  it('are the members of metadata, and nothing that is empty', async ({ admin }) => {
    const made = await admin.made(CONFIG_MAPS, { metadata: { name: 'a', labels: {}, annotations: {} }, data: {} });
    expect(bare(made)).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a', ...METADATA_OF_SERVER },
    });
  });

  it('are groups of a binding and its subjects', async ({ admin }) => {
    const subjects = [
      { kind: 'User', name: 'x' },
      { kind: 'Group', name: 'g' },
      { kind: 'ServiceAccount', name: 'x', namespace: 'y' },
    ];
    const bound = await admin.made(CLUSTER_ROLE_BINDINGS, binding('a', 'ClusterRole', 'view', subjects));
    expect(bound.roleRef).toEqual({ apiGroup: GROUP, kind: 'ClusterRole', name: 'view' });
    expect(bound.subjects).toEqual([
      { kind: 'User', name: 'x', apiGroup: GROUP },
      { kind: 'Group', name: 'g', apiGroup: GROUP },
      { kind: 'ServiceAccount', name: 'x', namespace: 'y' },
    ]);
  });

  it('are no subjects of a binding, and null for the rules of a role', async ({ admin }) => {
    const nobody = await admin.made(CLUSTER_ROLE_BINDINGS, binding('a', 'ClusterRole', 'view'));
    expect(nobody).not.toHaveProperty('subjects');
    expect((await admin.made(CLUSTER_ROLES, { metadata: { name: 'a' } })).rules).toBeNull();
    expect((await admin.made(CLUSTER_ROLES, role('b'))).rules).toBeNull();
    const [made] = (await admin.made(CLUSTER_ROLES, role('c', { ...rule('', 'pods', 'get'), resourceNames: [] })))
      .rules;
    expect(made).toEqual(rule('', 'pods', 'get'));
  });

  it('are label, finalizer and phase of a namespace', async ({ admin }) => {
    expect(await admin.made(NAMESPACES, { metadata: { name: 'pay' } })).toMatchObject({
      metadata: { labels: { 'kubernetes.io/metadata.name': 'pay' } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
  });

  it('are type and bytes of a Secret', async ({ admin }) => {
    const secret = await admin.made(SECRETS, { metadata: { name: 's' }, data: { b: 'eQ==' }, stringData: { a: 'x' } });
    expect(secret).toMatchObject({ type: 'Opaque', data: { a: 'eA==', b: 'eQ==' } });
    expect(secret).not.toHaveProperty('stringData');
  });

  it('are a name with five characters more than its prefix', async ({ admin }) => {
    const made = await admin.made(CONFIG_MAPS, { metadata: { generateName: 'g-' } });
    expect(made.metadata.name).toMatch(/^g-[bcdfghjklmnpqrstvwxz2-9]{5}$/);
    expect(made.metadata.generateName).toBe('g-');
    const long = await admin.made(CONFIG_MAPS, { metadata: { generateName: 'a'.repeat(80) } });
    expect(long.metadata.name).toMatch(/^a{58}[bcdfghjklmnpqrstvwxz2-9]{5}$/);
    expect((await admin.made(NAMESPACES, { metadata: { generateName: 'n-' } })).metadata.labels).toEqual({
      'kubernetes.io/metadata.name': expect.stringMatching(/^n-/),
    });
  });

  it('take the place of what a client must not say', async ({ admin }) => {
    const metadata = {
      name: 'a',
      uid: 'mine',
      creationTimestamp: '2020-01-01T00:00:00Z',
      deletionTimestamp: '2020-01-01T00:00:00Z',
      deletionGracePeriodSeconds: 3,
      selfLink: 'x',
    };
    const made = await admin.made(CONFIG_MAPS, { metadata });
    expect(bare(made).metadata).toEqual({ name: 'a', ...METADATA_OF_SERVER });
    expect(made.metadata.uid).not.toBe('mine');
    expect(made.metadata.creationTimestamp).not.toBe('2020-01-01T00:00:00Z');
  });

  it('leave an object at the cluster scope without the namespace it named', async ({ admin }) => {
    const made = await admin.made(CLUSTER_ROLES, { metadata: { name: 'a', namespace: 'default' }, rules: [] });
    expect(made.metadata).not.toHaveProperty('namespace');
  });

  it('are those of a pod that Gatehouse or a person could look at', async ({ admin }) => {
    const made = await admin.made(`${NAMESPACES}/default/pods`, { metadata: { name: 'p' }, spec: { containers } });
    expect(made).toMatchObject({ spec: { restartPolicy: 'Always', containers }, status: { phase: 'Pending' } });
  });

  it('are one replica and a generation of a deployment', async ({ admin }) => {
    const spec = { selector: { matchLabels: { a: 'b' } }, template };
    const made = await admin.made('/apis/apps/v1/namespaces/default/deployments', { metadata: { name: 'd' }, spec });
    expect(made).toMatchObject({ metadata: { generation: 1 }, spec: { replicas: 1 }, status: {} });
  });

  it('are all that a pod can have', async ({ admin }) => {
    const made = await admin.made(`${NAMESPACES}/default/pods`, { metadata: { name: 'p' }, spec: { containers } });
    expect(made.metadata.generation).toBe(1);
    expect(made.spec).toMatchObject({
      dnsPolicy: 'ClusterFirst',
      schedulerName: 'default-scheduler',
      terminationGracePeriodSeconds: 30,
      containers: [{ imagePullPolicy: 'Always', terminationMessagePath: '/dev/termination-log' }],
    });
  });

  it('say who manages which field', async ({ admin }) => {
    const made = await admin.made(`${CONFIG_MAPS}?fieldManager=me`, { metadata: { name: 'a' }, data: { k: '1' } });
    expect(made.metadata.managedFields).toMatchObject([
      { manager: 'me', operation: 'Update', fieldsV1: { 'f:data': { 'f:k': {} } } },
    ]);
  });

  it('are at hand in every new namespace: its default service account', async ({ admin }) => {
    await admin.made(NAMESPACES, { metadata: { name: 'pay' } });
    const read = async () => (await admin.get(`${NAMESPACES}/pay/serviceaccounts/default`)).status;
    await expect.poll(read, { interval: 5, timeout: 2_000 }).toBe(200);
  });

  it('keep a role in the namespace of the path', async ({ admin }) => {
    expect((await admin.made(ROLES, role('a'))).metadata.namespace).toBe('default');
  });
};
