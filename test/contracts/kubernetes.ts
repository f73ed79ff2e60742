import { isFailure } from '@gatehouse/core/access/failure';
import type { AccessRule } from '@gatehouse/core/access/policy';
import type { Kubernetes, KubernetesObject, ObjectRef } from '@gatehouse/core/ports/kubernetes';
import { describe, expect, it, onTestFinished } from 'vitest';

/**
 * What the contract works with: a fresh cluster, as its administrator (in `system:masters`), and as users without any rights
 * until the administrator gives them some.
 */
export interface KubernetesUnderTest {
  readonly admin: Kubernetes;
  /** One of {@link USERNAMES}. */
  as(username: string): Kubernetes | Promise<Kubernetes>;
  close?(): Promise<void>;
}

/** As whom the contract calls, beside the administrator. */
export const USERNAMES = ['eve', 'gatehouse', 'gatehouse:ops:eve@example.com'] as const;

const RBAC = 'rbac.authorization.k8s.io';
/** A real authorizer answers from caches, which follow a write within milliseconds: what it must come to is asked until then. */
const SOON = { interval: 5, timeout: 10_000 };
/** A namespace's controller first gives every API server five seconds to hear of the end. */
const IN_THE_END = { interval: 100, timeout: 30_000 };
const READ_PODS: AccessRule = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] };
const WRITE_RBAC: AccessRule = {
  apiGroups: [RBAC],
  resources: ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'],
  verbs: ['get', 'list', 'create', 'update', 'delete'],
};

const namespace = (name: string): KubernetesObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
const configMap = (
  name: string,
  data: Record<string, string>,
  labels: Record<string, string> = {},
): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', labels },
  data,
});
const role = (name: string, rules: readonly AccessRule[]): KubernetesObject => ({
  apiVersion: `${RBAC}/v1`,
  kind: 'Role',
  metadata: { name, namespace: 'default' },
  rules,
});
const clusterRole = (name: string, rules: readonly AccessRule[]): KubernetesObject => ({
  apiVersion: `${RBAC}/v1`,
  kind: 'ClusterRole',
  metadata: { name },
  rules,
});
const binding = (name: string, roleRef: { kind: 'Role' | 'ClusterRole'; name: string }, ...users: string[]) =>
  ({
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    metadata: { name, namespace: 'default' },
    roleRef: { apiGroup: RBAC, ...roleRef },
    subjects: users.map((user) => ({ apiGroup: RBAC, kind: 'User', name: user })),
  }) satisfies KubernetesObject;
const refOf = ({ kind, metadata }: KubernetesObject): ObjectRef => ({
  kind,
  name: metadata.name,
  ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
});
const grant = async (admin: Kubernetes, username: string, ...rules: AccessRule[]) => {
  await admin.create(clusterRole(`rights-of-${username}`, rules));
  await admin.create({
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: `rights-of-${username}` },
    rules: undefined as never,
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: `rights-of-${username}` },
    subjects: [{ apiGroup: RBAC, kind: 'User', name: username }],
  });
  const { apiGroups, resources, verbs, resourceNames } = rules.at(-1)!;
  const [group, resource, verb] = [apiGroups?.[0] ?? '', resources?.[0] ?? '', verbs[0] ?? ''];
  const name = resourceNames?.[0] ?? '';
  const review = () => admin.review({ user: username, groups: [], verb, group, resource, name });
  await expect.poll(review, SOON).toMatchObject({ allowed: true });
};
const failing = async (call: Promise<unknown>, code: string) => {
  const error = await call.then(
    () => 'nothing was thrown',
    (thrown: unknown) => thrown,
  );
  expect(isFailure(error) ? `${error.code}: ${error.message}` : error).toMatch(new RegExp(`^${code}: `));
  return isFailure(error) ? error : undefined;
};

/** The contract of the Kubernetes port. `make` gives a fresh cluster. */
export function kubernetesContract(name: string, make: () => KubernetesUnderTest | Promise<KubernetesUnderTest>): void {
  const cluster = async () => {
    const under = await make();
    onTestFinished(async () => under.close?.());
    return under;
  };

  describe(`Kubernetes port: ${name}`, () => {
    describe('objects', () => {
      it('reads what was created, with the members that the server adds', async () => {
        const { admin } = await cluster();
        const created = await admin.create(configMap('a', { key: 'value\nwith: "quotes"' }));
        expect(created.metadata).toMatchObject({ name: 'a', namespace: 'default', uid: expect.any(String) });
        expect(created.metadata.resourceVersion).toMatch(/^\d+$/);
        expect(created.metadata.creationTimestamp).toEqual(expect.any(String));
        expect(await admin.read({ kind: 'ConfigMap', namespace: 'default', name: 'a' })).toEqual(created);
      });

      it('answers undefined for what is not there', async () => {
        const { admin } = await cluster();
        expect(await admin.read({ kind: 'ConfigMap', namespace: 'default', name: 'none' })).toBeUndefined();
        expect(await admin.read({ kind: 'ConfigMap', namespace: 'nowhere', name: 'none' })).toBeUndefined();
        expect(await admin.read({ kind: 'Namespace', name: 'nowhere' })).toBeUndefined();
      });

      it('refuses to create what is there, and to create in a namespace that is not', async () => {
        const { admin } = await cluster();
        await admin.create(configMap('a', {}));
        await failing(admin.create(configMap('a', {})), 'already-exists');
        await failing(
          admin.create({ ...configMap('a', {}), metadata: { name: 'a', namespace: 'nowhere' } }),
          'not-found',
        );
      });

      it('keeps every member through read and replace', async () => {
        const { admin } = await cluster();
        const before = await admin.create({
          ...configMap('a', { key: 'old' }, { team: 'payments' }),
          binaryData: { bytes: 'AAEC' },
          immutable: false,
          metadata: {
            name: 'a',
            namespace: 'default',
            annotations: { 'example.com/note': 'ü "quoted" \u2028' },
            finalizers: ['example.com/hold'],
            ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'owner', uid: 'u-1' }],
          },
        });
        const read = (await admin.read(refOf(before)))!;
        const after = await admin.replace({ ...read, data: { key: 'new' } });
        const { metadata, ...members } = after;
        expect(members).toEqual({ ...members, data: { key: 'new' }, binaryData: { bytes: 'AAEC' }, immutable: false });
        const { resourceVersion, managedFields: _now, ...kept } = metadata;
        const { resourceVersion: old, managedFields: _then, ...were } = read.metadata;
        expect(kept).toEqual(were);
        expect(resourceVersion).not.toBe(old);
      });

      it('refuses a replace of an old version, and one without a version or a uid', async () => {
        const { admin } = await cluster();
        const first = await admin.create(configMap('a', { key: '1' }));
        const second = await admin.replace({ ...first, data: { key: '2' } });
        await failing(admin.replace({ ...first, data: { key: '3' } }), 'conflict');
        const { resourceVersion: _version, ...unversioned } = second.metadata;
        await failing(admin.replace({ ...second, metadata: unversioned }), 'invalid');
        const { uid: _uid, ...anybody } = second.metadata;
        await failing(admin.replace({ ...second, metadata: anybody }), 'invalid');
        expect((await admin.read(refOf(first)))!.data).toEqual({ key: '2' });
      });

      it('refuses to replace what was deleted', async () => {
        const { admin } = await cluster();
        const object = await admin.create(configMap('a', {}));
        await admin.remove(refOf(object));
        const error = await admin.replace({ ...object, data: { key: 'new' } }).catch((thrown: unknown) => thrown);
        expect(isFailure(error, 'not-found', 'conflict')).toBe(true);
        expect(await admin.read(refOf(object))).toBeUndefined();
      });

      it('does not make a binding anew that was deleted since it was read', async () => {
        const { admin } = await cluster();
        const made = await admin.create(binding('a', { kind: 'ClusterRole', name: 'view' }, 'ann', 'bob'));
        await admin.remove(refOf(made));
        const error = await admin.replace({ ...made, subjects: made.subjects!.slice(1) }).catch((thrown) => thrown);
        expect(isFailure(error, 'not-found', 'conflict')).toBe(true);
        expect(await admin.read(refOf(made))).toBeUndefined();
      });

      it('removes, and takes what is not there as removed', async () => {
        const { admin } = await cluster();
        const object = await admin.create(configMap('a', {}));
        await admin.remove(refOf(object));
        await admin.remove(refOf(object));
        await admin.remove({ kind: 'Role', namespace: 'nowhere', name: 'a' });
        expect(await admin.read(refOf(object))).toBeUndefined();
      });

      it('removes only what the precondition names', async () => {
        const { admin } = await cluster();
        const first = await admin.create(configMap('a', {}));
        const second = await admin.replace({ ...first, data: { key: 'new' } });
        const { uid, resourceVersion } = second.metadata;
        await failing(admin.remove(refOf(first), { uid: 'other' }), 'conflict');
        await failing(admin.remove(refOf(first), { resourceVersion: first.metadata.resourceVersion! }), 'conflict');
        expect(await admin.read(refOf(first))).toBeDefined();
        await admin.remove(refOf(first), { uid: uid!, resourceVersion: resourceVersion! });
        expect(await admin.read(refOf(first))).toBeUndefined();
      });

      it.each<[string, KubernetesObject]>([
        ['a namespace with upper-case letters', namespace('Pay')],
        ['a ConfigMap with a slash', configMap('a/b', {})],
        ['a ConfigMap with a space', configMap('a b', {})],
        ['a role called ..', role('..', [])],
        ['a role with a slash', role('../../default/roles/x', [])],
        ['a rule without verbs', role('a', [{ apiGroups: [''], resources: ['pods'], verbs: [] }])],
      ])('refuses %s', async (_title, object) => {
        const { admin } = await cluster();
        await failing(admin.create(object), 'invalid');
      });

      it.each(['..', '.', '', 'a/b', '%2e%2e'])('refuses to read a role called %j', async (bad) => {
        const { admin } = await cluster();
        await failing(admin.read({ kind: 'Role', namespace: 'default', name: bad }), 'invalid');
        await failing(admin.remove({ kind: 'Role', namespace: bad, name: 'a' }), 'invalid');
      });

      it('keeps names apart that only escaping tells apart', async () => {
        const { admin } = await cluster();
        await admin.create(role('gatehouse:a', []));
        expect(await admin.read({ kind: 'Role', namespace: 'default', name: 'gatehouse:a' })).toBeDefined();
        expect(await admin.read({ kind: 'Role', namespace: 'default', name: 'gatehouse:a?x=1#y' })).toBeUndefined();
      });

      it('refuses to change what a binding refers to', async () => {
        const { admin } = await cluster();
        const made = await admin.create(binding('a', { kind: 'ClusterRole', name: 'view' }, 'ann'));
        const changed = { ...made, roleRef: { ...made.roleRef!, name: 'edit' } };
        await failing(admin.replace(changed), 'invalid');
      });

      it('removes a namespace, and in the end what is in it', async () => {
        const { admin } = await cluster();
        await admin.create(namespace('pay'));
        const inside = { ...role('a', []), metadata: { name: 'a', namespace: 'pay' } };
        await admin.create(inside);
        await admin.remove({ kind: 'Namespace', name: 'pay' });
        const left = await admin.read({ kind: 'Namespace', name: 'pay' });
        expect(left === undefined || left.metadata.deletionTimestamp !== undefined).toBe(true);
        await expect.poll(() => admin.read({ kind: 'Namespace', name: 'pay' }), IN_THE_END).toBeUndefined();
        expect(await admin.read(refOf(inside))).toBeUndefined();
      });
    });

    describe('lists', () => {
      it('answers all of a kind in a namespace, chosen by label, with kind and apiVersion', async () => {
        const { admin } = await cluster();
        await admin.create(configMap('a', {}, { team: 'x' }));
        await admin.create(configMap('b', {}, { team: 'y' }));
        const { items } = await admin.list('ConfigMap', { namespace: 'default', labelSelector: 'team=x' });
        expect(items).toEqual([await admin.read({ kind: 'ConfigMap', namespace: 'default', name: 'a' })]);
      });

      it('answers page by page, everything once', async () => {
        const { admin } = await cluster();
        const names = ['a', 'b', 'c', 'd', 'e'];
        for (const one of names) await admin.create(configMap(one, {}, { paged: 'yes' }));
        await admin.create(configMap('other', {}));
        const seen: string[] = [];
        let next: string | undefined;
        let pages = 0;
        do {
          const page = await admin.list('ConfigMap', {
            namespace: 'default',
            labelSelector: 'paged=yes',
            limit: 2,
            ...(next === undefined ? {} : { continue: next }),
          });
          seen.push(...page.items.map(({ metadata }) => metadata.name));
          next = page.continue;
          pages++;
        } while (next !== undefined);
        expect(seen.sort()).toEqual(names);
        expect(pages).toBe(3);
      });

      it('answers the namespaced objects of all namespaces where none is named', async () => {
        const { admin } = await cluster();
        await admin.create(namespace('pay'));
        await admin.create({ ...role('a', []), metadata: { name: 'a', namespace: 'pay', labels: { mine: 'yes' } } });
        await admin.create({
          ...role('a', []),
          metadata: { name: 'a', namespace: 'default', labels: { mine: 'yes' } },
        });
        const { items } = await admin.list('Role', { labelSelector: 'mine=yes' });
        expect(items.map(({ metadata }) => metadata.namespace).sort()).toEqual(['default', 'pay']);
      });

      it('refuses a selector that cannot be read', async () => {
        const { admin } = await cluster();
        await failing(admin.list('Role', { labelSelector: '=(' }), 'invalid');
      });
    });

    describe('rights', () => {
      it('forbids whoever has none', async () => {
        const under = await cluster();
        const eve = await under.as('eve');
        await failing(eve.read({ kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' }), 'forbidden');
        await failing(eve.create(role('a', [])), 'forbidden');
        await failing(eve.list('ClusterRoleBinding', {}), 'forbidden');
        await failing(eve.review({ user: 'eve', groups: [], verb: 'get', group: '', resource: 'pods' }), 'forbidden');
      });

      it('lets nobody write a role with more than they have, and says what to do', async () => {
        const under = await cluster();
        await grant(under.admin, 'gatehouse', WRITE_RBAC, READ_PODS);
        const gatehouse = await under.as('gatehouse');
        const made = await gatehouse.create(role('a', [READ_PODS]));
        const wider = [{ ...READ_PODS, verbs: ['get', 'delete'] }];
        const error = await failing(gatehouse.create(role('b', wider)), 'escalation');
        expect(error!.remedy).toContain('gatehouse bootstrap');
        await failing(gatehouse.replace({ ...made, rules: wider }), 'escalation');
        expect((await under.admin.read(refOf(made)))!.rules).toEqual([READ_PODS]);
      });

      it('lets nobody bind a role with more than they have, but for those who may bind it by name', async () => {
        const under = await cluster();
        const bind = { apiGroups: [RBAC], resources: ['clusterroles'], resourceNames: ['view'], verbs: ['bind'] };
        await grant(under.admin, 'gatehouse', WRITE_RBAC, bind);
        const gatehouse = await under.as('gatehouse');
        await gatehouse.create(binding('a', { kind: 'ClusterRole', name: 'view' }, 'ann'));
        await failing(gatehouse.create(binding('b', { kind: 'ClusterRole', name: 'edit' }, 'ann')), 'escalation');
      });

      it('checks the whole binding when a subject is only removed, and nothing when it is deleted', async () => {
        const under = await cluster();
        await grant(under.admin, 'gatehouse', WRITE_RBAC);
        const made = await under.admin.create(binding('a', { kind: 'ClusterRole', name: 'edit' }, 'ann', 'bob'));
        const gatehouse = await under.as('gatehouse');
        const read = (await gatehouse.read(refOf(made)))!;
        await failing(gatehouse.replace({ ...read, subjects: read.subjects!.slice(1) }), 'escalation');
        await gatehouse.remove(refOf(made), { resourceVersion: read.metadata.resourceVersion! });
        expect(await under.admin.read(refOf(made))).toBeUndefined();
      });

      it('says that a binding’s role is missing', async () => {
        const under = await cluster();
        await grant(under.admin, 'gatehouse', WRITE_RBAC);
        const gatehouse = await under.as('gatehouse');
        await failing(gatehouse.create(binding('a', { kind: 'Role', name: 'missing' }, 'ann')), 'not-found');
      });

      it('refuses new objects in a namespace that is being deleted, for now', async () => {
        const { admin } = await cluster();
        await admin.create(namespace('pay'));
        const held = {
          ...configMap('held', {}),
          metadata: { name: 'held', namespace: 'pay', finalizers: ['example.com/hold'] },
        };
        await admin.create(held);
        await admin.remove({ kind: 'Namespace', name: 'pay' });
        const late = { ...configMap('late', {}), metadata: { name: 'late', namespace: 'pay' } };
        const error = await failing(admin.create(late), 'forbidden');
        expect(error!.retryable).toBe(true);
      });
    });

    describe('reviews', () => {
      it('answers what a user may do, where, and why', async () => {
        const { admin } = await cluster();
        await admin.create(role('reader', [READ_PODS, { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] }]));
        await admin.create(binding('readers', { kind: 'Role', name: 'reader' }, 'ann'));
        const ask = (user: string, more: object) =>
          admin.review({ user, groups: ['system:authenticated'], verb: 'get', group: '', resource: 'pods', ...more });
        await expect.poll(() => ask('ann', { namespace: 'default' }), SOON).toMatchObject({ allowed: true });
        expect((await ask('ann', { namespace: 'default' })).reason).toContain('readers');
        expect(await ask('ann', { namespace: 'default', subresource: 'log' })).toMatchObject({ allowed: true });
        expect(await ask('ann', { namespace: 'default', subresource: 'exec' })).toMatchObject({ allowed: false });
        expect(await ask('ann', { namespace: 'kube-system' })).toMatchObject({ allowed: false });
        expect(await ask('ann', {})).toMatchObject({ allowed: false });
        expect(await ask('bob', { namespace: 'default' })).toMatchObject({ allowed: false });
        expect(await ask('Ann', { namespace: 'default' })).toMatchObject({ allowed: false });
      });

      it('stops allowing with the subject that is removed', async () => {
        const { admin } = await cluster();
        const made = await admin.create(binding('a', { kind: 'ClusterRole', name: 'view' }, 'ann', 'bob'));
        const ask = () =>
          admin.review({ user: 'ann', groups: [], verb: 'list', group: '', resource: 'pods', namespace: 'default' });
        await expect.poll(ask, SOON).toMatchObject({ allowed: true });
        await admin.replace({ ...made, subjects: made.subjects!.slice(1) });
        await expect.poll(ask, SOON).toMatchObject({ allowed: false });
      });

      it('counts groups', async () => {
        const { admin } = await cluster();
        const everything = { user: 'x', verb: '*', group: '*', resource: '*' };
        expect(await admin.review({ ...everything, groups: ['system:masters'] })).toMatchObject({ allowed: true });
        expect(await admin.review({ ...everything, groups: [] })).toMatchObject({ allowed: false });
      });

      it('says who the caller is', async () => {
        const under = await cluster();
        const eve = await under.as('gatehouse:ops:eve@example.com');
        expect(await eve.whoAmI()).toEqual({
          username: 'gatehouse:ops:eve@example.com',
          groups: expect.arrayContaining(['system:authenticated']),
        });
      });
    });
  });
}
