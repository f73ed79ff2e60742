import { Failure } from '@gatehouse/core/access/failure';
import type { AccessRule } from '@gatehouse/core/access/policy';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import type { ObjectState } from '@gatehouse/core/resources/managed-object';
import type { OwnedClaim } from '@gatehouse/core/resources/resource';
import { roleKind } from '@gatehouse/core/resources/role/kind';
import type { RoleClaim } from '@gatehouse/core/resources/role/model';
import { describe, expect, it } from 'vitest';
import { asUser, memoryKubernetes, rightsFor } from '../../../fakes/kubernetes.ts';
import { ours } from '../cluster-objects.ts';

const OBJECT = 'ClusterRole/gatehouse:ops';
const REF = { kind: 'ClusterRole', name: 'gatehouse:ops' } as const;
const rule = (resource: string, ...verbs: string[]): AccessRule => ({ apiGroups: [''], resources: [resource], verbs });
const WRITE: AccessRule = {
  apiGroups: ['rbac.authorization.k8s.io'],
  resources: ['clusterroles'],
  verbs: ['get', 'create', 'update', 'delete'],
};

const claim = (...rules: AccessRule[]): OwnedClaim<RoleClaim> => ({
  subject: 'grant/ops',
  claim: { kind: 'role', object: OBJECT, grant: 'ops', rules },
});
/** A cluster on which Gatehouse holds `held`, and `there` as its ClusterRole. */
const cluster = (held: readonly AccessRule[], there: readonly AccessRule[], more: Partial<KubernetesObject> = {}) => {
  const admin = memoryKubernetes();
  admin.seed(...rightsFor('gatehouse-controller', [WRITE, ...held]), {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: REF.name, ...ours('ops') },
    rules: there,
    ...more,
  });
  return { admin, kubernetes: admin.as(asUser('gatehouse-controller')) };
};
const change = (observed: ObjectState, wanted: OwnedClaim<RoleClaim>) =>
  roleKind.diff(OBJECT, observed, { wanted: [wanted], unwanted: [], recorded: [] }).change!;
const rulesOf = (state: ObjectState) => (state.present ? state.object.rules : undefined);

describe('a role on a cluster', () => {
  it('is made, changed and deleted, one write each', async () => {
    const admin = memoryKubernetes();
    admin.seed(...rightsFor('gatehouse-controller', [WRITE, rule('pods', 'get', 'list')]));
    const kubernetes = admin.as(asUser('gatehouse-controller'));
    const made = await roleKind.apply({ kubernetes }, change({ present: false }, claim(rule('pods', 'get', 'list'))));
    expect(made).toEqual(await roleKind.observe({ kubernetes }, OBJECT));
    const changed = await roleKind.apply({ kubernetes }, change(made, claim(rule('pods', 'get'))));
    expect(rulesOf(changed)).toEqual([rule('pods', 'get')]);
    const removal = roleKind.diff(OBJECT, changed, { wanted: [], unwanted: [claim()], recorded: [] }).change!;
    expect(await roleKind.apply({ kubernetes }, removal)).toEqual({ present: false });
    expect(await roleKind.apply({ kubernetes }, removal)).toEqual({ present: false });
    expect(kubernetes.writes().map(({ method }) => method)).toEqual(['create', 'replace', 'remove', 'remove']);
  });

  it('is a conflict where somebody changed it since it was read', async () => {
    const { admin, kubernetes } = cluster([rule('pods', 'get')], [rule('pods', 'get', 'list')]);
    const observed = await roleKind.observe({ kubernetes }, OBJECT);
    await admin.replace({ ...admin.peek(REF)!, rules: [] });
    await expect(roleKind.apply({ kubernetes }, change(observed, claim(rule('pods', 'get'))))).rejects.toMatchObject({
      code: 'conflict',
    });
  });
});

describe('where Kubernetes refuses an update', () => {
  it('fails with escalation where the change only adds', async () => {
    const { admin, kubernetes } = cluster([rule('pods', 'get')], [rule('pods', 'get')]);
    const observed = await roleKind.observe({ kubernetes }, OBJECT);
    const widening = change(observed, claim(rule('pods', 'get'), rule('secrets', 'get')));
    await expect(roleKind.apply({ kubernetes }, widening)).rejects.toMatchObject({
      code: 'escalation',
      remedy: expect.stringContaining('gatehouse bootstrap'),
    });
    expect(admin.peek(REF)!.rules).toEqual([rule('pods', 'get')]);
  });

  it('takes away what must go, and keeps what is held of the rest', async () => {
    const before = [rule('pods', 'get', 'list'), rule('pods/exec', 'create')];
    const { admin, kubernetes } = cluster([rule('pods', 'get', 'list')], before);
    const observed = await roleKind.observe({ kubernetes }, OBJECT);
    const wanted = claim(rule('pods', 'get'), rule('secrets', 'get'));
    await expect(roleKind.apply({ kubernetes }, change(observed, wanted))).rejects.toMatchObject({
      code: 'escalation',
      message: expect.stringContaining('What the level lost was taken away'),
      remedy: expect.stringContaining('gatehouse bootstrap'),
    });
    expect(admin.peek(REF)).toMatchObject({ rules: [rule('pods', 'get')], metadata: ours('ops') });
    const now = await roleKind.observe({ kubernetes }, OBJECT);
    await expect(roleKind.apply({ kubernetes }, change(now, wanted))).rejects.toMatchObject({ code: 'escalation' });
    admin.seed(...rightsFor('gatehouse-controller', [WRITE, rule('pods', 'get'), rule('secrets', 'get')]));
    await roleKind.apply({ kubernetes }, change(now, wanted));
    expect(admin.peek(REF)!.rules).toHaveLength(2);
  });

  it('takes everything away where Gatehouse holds nothing of the rest either', async () => {
    const { admin, kubernetes } = cluster([], [rule('pods', 'get'), rule('pods/exec', 'create')]);
    const observed = await roleKind.observe({ kubernetes }, OBJECT);
    const narrowing = change(observed, claim(rule('pods', 'get')));
    await expect(roleKind.apply({ kubernetes }, narrowing)).rejects.toMatchObject({ code: 'escalation' });
    expect(admin.peek(REF)!.rules ?? []).toEqual([]);
  });

  it('deletes a ClusterRole that somebody made an aggregate of others', async () => {
    const aggregate = { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { x: 'y' } }] } };
    const { admin } = cluster([rule('pods', 'get')], [rule('pods', 'get')], aggregate);
    const kubernetes = memoryKubernetes({
      state: admin.state,
      user: asUser('gatehouse-controller'),
      // kube-apiserver lets none but cluster-admin edit an aggregate, also where the edit ends it.
      before: ({ method }) => {
        if (method === 'replace') throw new Failure('escalation', 'must have cluster-admin privileges');
      },
    });
    const observed = await roleKind.observe({ kubernetes }, OBJECT);
    const wanted = claim(rule('pods', 'get'));
    const answer = await roleKind.apply({ kubernetes }, change(observed, wanted));
    expect([answer, admin.peek(REF)]).toEqual([{ present: false }, undefined]);
    await roleKind.apply({ kubernetes }, change(answer, wanted));
    expect(admin.peek(REF)).toMatchObject({ rules: [rule('pods', 'get')] });
  });
});
