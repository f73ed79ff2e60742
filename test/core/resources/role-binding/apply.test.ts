import type { AccessRule } from '@gatehouse/core/access/policy';
import type { ObjectState } from '@gatehouse/core/resources/managed-object';
import type { ObjectClaims, OwnedClaim } from '@gatehouse/core/resources/resource';
import { roleBindingKind } from '@gatehouse/core/resources/role-binding/kind';
import type { RoleBindingClaim } from '@gatehouse/core/resources/role-binding/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asUser, memoryKubernetes, rightsFor } from '../../../fakes/kubernetes.ts';
import { ours, user } from '../cluster-objects.ts';

const OBJECT = 'RoleBinding/pay/gatehouse:ops:clusterrole-view:0';
const REF = { kind: 'RoleBinding', namespace: 'pay', name: 'gatehouse:ops:clusterrole-view:0' } as const;
const ANN = 'gatehouse:ops:ann';
const BOB = 'gatehouse:ops:bob';
const RBAC = 'rbac.authorization.k8s.io';
const WRITE: AccessRule = {
  apiGroups: [RBAC],
  resources: ['rolebindings'],
  verbs: ['get', 'create', 'update', 'delete'],
};
const BIND: AccessRule = { apiGroups: [RBAC], resources: ['clusterroles'], resourceNames: ['view'], verbs: ['bind'] };

const claim = (username: string): OwnedClaim<RoleBindingClaim> => ({
  subject: `user/okta/${username}`,
  claim: {
    kind: 'role-binding',
    object: OBJECT,
    grant: 'ops',
    roleRef: { kind: 'ClusterRole', name: 'view' },
    username,
  },
});
const cluster = (held: readonly AccessRule[]) => {
  const admin = memoryKubernetes();
  admin.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'pay' } });
  admin.seed(...rightsFor('gatehouse-controller', [WRITE, ...held]));
  return { admin, kubernetes: admin.as(asUser('gatehouse-controller')) };
};
const seedBinding = (admin: ReturnType<typeof memoryKubernetes>, ...names: string[]) =>
  admin.seed({
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    metadata: { name: REF.name, namespace: 'pay', ...ours('ops') },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'view' },
    subjects: names.map(user),
  });
const change = (observed: ObjectState, parts: Partial<ObjectClaims<RoleBindingClaim>>) =>
  roleBindingKind.diff(OBJECT, observed, { wanted: [], unwanted: [], recorded: [], ...parts }).change!;

describe('a binding on a cluster', () => {
  it('comes with the first subject and goes with the last; one who is removed is denied at once', async () => {
    const { admin, kubernetes } = cluster([BIND]);
    const may = async (name: string) =>
      (await admin.review({ user: name, groups: [], verb: 'list', group: '', resource: 'pods', namespace: 'pay' }))
        .allowed;
    const first = await roleBindingKind.apply({ kubernetes }, change({ present: false }, { wanted: [claim(ANN)] }));
    const second = await roleBindingKind.apply({ kubernetes }, change(first, { wanted: [claim(BOB)] }));
    expect([await may(ANN), await may(BOB)]).toEqual([true, true]);
    const third = await roleBindingKind.apply({ kubernetes }, change(second, { unwanted: [claim(ANN)] }));
    expect([await may(ANN), await may(BOB)]).toEqual([false, true]);
    expect(third).toEqual(await roleBindingKind.observe({ kubernetes }, OBJECT));
    expect(await roleBindingKind.apply({ kubernetes }, change(third, { unwanted: [claim(BOB)] }))).toEqual({
      present: false,
    });
    expect(kubernetes.writes().map(({ method }) => method)).toEqual(['create', 'replace', 'replace', 'remove']);
  });

  it('is not written over another writer’s, nor deleted under them', async () => {
    const { admin, kubernetes } = cluster([BIND]);
    seedBinding(admin, ANN);
    const observed = await roleBindingKind.observe({ kubernetes }, OBJECT);
    await admin.replace({ ...admin.peek(REF)!, subjects: [user(ANN), user('stranger')] });
    for (const parts of [{ wanted: [claim(BOB)] }, { unwanted: [claim(ANN)] }]) {
      await expect(roleBindingKind.apply({ kubernetes }, change(observed, parts))).rejects.toMatchObject({
        code: 'conflict',
      });
    }
    expect(admin.peek(REF)!.subjects).toEqual([user(ANN), user('stranger')]);
  });
});

describe('where Kubernetes refuses an update', () => {
  it('removes the whole binding rather than leave one who must go; the others come back as grants', async () => {
    const { admin, kubernetes } = cluster([]);
    seedBinding(admin, ANN, BOB);
    const observed = await roleBindingKind.observe({ kubernetes }, OBJECT);
    const removal = change(observed, { unwanted: [claim(ANN)], wanted: [claim(BOB)], recorded: [claim(BOB)] });
    const answer = await roleBindingKind.apply({ kubernetes }, removal);
    expect(answer).toEqual({ present: false });
    expect(answer).not.toEqual(removal.after);
    expect(admin.peek(REF)).toBeUndefined();

    const restore = change(answer, { wanted: [claim(BOB)], recorded: [claim(BOB)] });
    await expect(roleBindingKind.apply({ kubernetes }, restore)).rejects.toMatchObject({ code: 'escalation' });
    admin.seed(...rightsFor('gatehouse-controller', [WRITE, BIND]));
    await roleBindingKind.apply({ kubernetes }, restore);
    expect(admin.peek(REF)!.subjects).toEqual([user(BOB)]);
  });

  it('does so also where there is no such role any more', async () => {
    const { admin, kubernetes } = cluster([]);
    seedBinding(admin, ANN, BOB);
    await admin.remove({ kind: 'ClusterRole', name: 'view' });
    const observed = await roleBindingKind.observe({ kubernetes }, OBJECT);
    const adding = change(observed, { wanted: [claim('gatehouse:ops:eve')] });
    await expect(roleBindingKind.apply({ kubernetes }, adding)).rejects.toMatchObject({ code: 'not-found' });
    expect(admin.peek(REF)!.subjects).toHaveLength(2);
    const removal = change(observed, { unwanted: [claim(ANN)] });
    expect(await roleBindingKind.apply({ kubernetes }, removal)).toEqual({ present: false });
    expect(admin.peek(REF)).toBeUndefined();
  });

  it('does so also where the same write would add somebody', async () => {
    const { admin, kubernetes } = cluster([]);
    seedBinding(admin, ANN);
    const observed = await roleBindingKind.observe({ kubernetes }, OBJECT);
    const mixed = change(observed, { unwanted: [claim(ANN)], wanted: [claim(BOB)] });
    expect(await roleBindingKind.apply({ kubernetes }, mixed)).toEqual({ present: false });
    expect(admin.peek(REF)).toBeUndefined();
  });

  it('leaves the binding where somebody would only be added', async () => {
    const { admin, kubernetes } = cluster([]);
    seedBinding(admin, ANN);
    const observed = await roleBindingKind.observe({ kubernetes }, OBJECT);
    await expect(
      roleBindingKind.apply({ kubernetes }, change(observed, { wanted: [claim(BOB)] })),
    ).rejects.toMatchObject({ code: 'escalation' });
    expect(admin.peek(REF)!.subjects).toEqual([user(ANN)]);
  });

  it('does not delete a binding that somebody changed meanwhile', async () => {
    const { admin, kubernetes } = cluster([]);
    seedBinding(admin, ANN, BOB);
    const observed = await roleBindingKind.observe({ kubernetes }, OBJECT);
    const removal = change(observed, { unwanted: [claim(ANN)] });
    const racing = memoryKubernetes({
      state: admin.state,
      user: asUser('gatehouse-controller'),
      before: ({ method }) => {
        if (method === 'remove') seedBinding(admin, ANN, BOB, 'gatehouse:ops:eve');
      },
    });
    await expect(roleBindingKind.apply({ kubernetes: racing }, removal)).rejects.toMatchObject({ code: 'conflict' });
    expect(admin.peek(REF)!.subjects).toHaveLength(3);
  });
});

it('converges to the policy, foreign subjects untouched, whatever the order of turns', async () => {
  const names = ['a', 'b', 'c', 'd'].map((id) => `gatehouse:ops:${id}`);
  const foreign = [user('admin@example.com'), { apiGroup: RBAC, kind: 'Group' as const, name: names[0]! }];
  const turns = fc.array(fc.record({ wanted: fc.subarray(names), unwanted: fc.subarray(names) }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(turns, fc.boolean(), async (script, withForeign) => {
      const { admin, kubernetes } = cluster([BIND]);
      if (withForeign) {
        seedBinding(admin);
        await admin.replace({ ...admin.peek(REF)!, subjects: foreign });
      }
      const expected = new Set<string>();
      for (const { wanted, unwanted } of script) {
        const gone = unwanted.filter((name) => !wanted.includes(name));
        for (const name of wanted) expected.add(name);
        for (const name of gone) expected.delete(name);
        const claims = { wanted: wanted.map(claim), recorded: wanted.map(claim), unwanted: gone.map(claim) };
        const observed = await roleBindingKind.observe({ kubernetes }, OBJECT);
        const diff = roleBindingKind.diff(OBJECT, observed, claims);
        if (diff.change) await roleBindingKind.apply({ kubernetes }, diff.change);
        const subjects = admin.peek(REF)?.subjects ?? [];
        const users = subjects.filter(({ kind, name }) => kind === 'User' && name.startsWith('gatehouse:'));
        expect(new Set(users.map(({ name }) => name))).toEqual(expected);
        expect(users).toHaveLength(expected.size);
        expect(subjects.filter((subject) => !users.includes(subject))).toEqual(withForeign ? foreign : []);
      }
    }),
    { numRuns: 60 },
  );
});
