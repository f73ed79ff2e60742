import type { AccessRule } from '@gatehouse/core/access/policy';
import type { Subject } from '@gatehouse/core/access/subject';
import type { ObjectState } from '@gatehouse/core/resources/managed-object';
import type { ObjectClaims, OwnedClaim } from '@gatehouse/core/resources/resource';
import { roleKind } from '@gatehouse/core/resources/role/kind';
import { canonicalRule, isWithin, type RoleClaim, sameRules } from '@gatehouse/core/resources/role/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ours, there } from '../cluster-objects.ts';
import { expectKindLaws, turnClaims } from '../kind-laws.ts';

const OBJECT = 'Role/pay/gatehouse:ops';
const READ: AccessRule = { apiGroups: ['', 'apps'], resources: ['pods', 'deployments'], verbs: ['get', 'list'] };
const EXEC: AccessRule = { apiGroups: [''], resources: ['pods/exec'], verbs: ['create'] };
const ABSENT: ObjectState = { present: false };

const claim = (
  rules: readonly AccessRule[] = [READ],
  subject: Subject = 'grant/ops',
  grant = 'ops',
): OwnedClaim<RoleClaim> => ({
  subject,
  claim: { kind: 'role', object: OBJECT, grant, rules },
});
const claims = (parts: Partial<ObjectClaims<RoleClaim>>): ObjectClaims<RoleClaim> => ({
  wanted: [],
  unwanted: [],
  recorded: [],
  ...parts,
});
const role = (rules: readonly AccessRule[] | null, metadata: object = ours('ops')): ObjectState =>
  there(OBJECT, { metadata: { name: 'gatehouse:ops', ...metadata }, rules });

describe('a role that is wanted', () => {
  it('is made with label and annotation', () => {
    const { change } = roleKind.diff(OBJECT, ABSENT, claims({ wanted: [claim()] }));
    expect(change).toMatchObject({ action: 'create', lines: [{ sign: '+', subject: 'grant/ops' }] });
    expect(change!.after).toEqual({
      present: true,
      object: {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'gatehouse:ops', namespace: 'pay', ...ours('ops') },
        rules: [{ apiGroups: ['', 'apps'], resources: ['deployments', 'pods'], verbs: ['get', 'list'] }],
      },
    });
  });

  it('is made as a ClusterRole without a namespace', () => {
    const { change } = roleKind.diff('ClusterRole/gatehouse:ops', ABSENT, claims({ wanted: [claim()] }));
    expect(change!.after).toMatchObject({ object: { kind: 'ClusterRole', metadata: { name: 'gatehouse:ops' } } });
    expect((change!.after as { object: { metadata: object } }).object.metadata).not.toHaveProperty('namespace');
  });

  it('is equal in whatever order its words and rules stand', () => {
    const shuffled = role([
      EXEC,
      { verbs: ['list', 'get', 'get'], resources: [...READ.resources!].reverse(), apiGroups: ['apps', ''] },
    ]);
    expect(roleKind.diff(OBJECT, shuffled, claims({ wanted: [claim([READ, EXEC])] }))).toEqual({ findings: [] });
  });

  it('is put right where its rules drifted, and keeps its version and unknown members', () => {
    const { change } = roleKind.diff(OBJECT, role([READ, EXEC]), claims({ wanted: [claim([READ])] }));
    expect(change).toMatchObject({
      action: 'update',
      lines: [{ sign: '-', text: expect.stringContaining('pods/exec') }],
    });
    expect(change!.after).toEqual(role([canonicalRule(READ)]));
  });

  it('is filled where Kubernetes answers null for no rules', () => {
    const { change } = roleKind.diff(OBJECT, role(null), claims({ wanted: [claim()] }));
    expect(change).toMatchObject({ action: 'update', lines: [{ sign: '+' }] });
  });

  it('loses an aggregation that somebody added, since that would widen it', () => {
    const object = 'ClusterRole/gatehouse:ops';
    const observed = there(object, {
      metadata: { name: 'gatehouse:ops', ...ours('ops') },
      rules: [READ],
      aggregationRule: { clusterRoleSelectors: [{}] },
    });
    const { change } = roleKind.diff(object, observed, claims({ wanted: [claim()] }));
    expect(change).toMatchObject({ action: 'update' });
    expect(JSON.stringify(change!.after)).not.toContain('aggregationRule');
  });

  it.each([
    ['without the label', {}],
    ['with another manager', { labels: { 'app.kubernetes.io/managed-by': 'Helm' } }],
    ['made for another grant', ours('other')],
  ])('blocks on an object %s', (_title, metadata) => {
    const { change, findings } = roleKind.diff(OBJECT, role([READ], metadata), claims({ wanted: [claim([EXEC])] }));
    expect(change).toBeUndefined();
    expect(findings).toMatchObject([{ code: 'foreign-object', severity: 'blocks', subject: 'grant/ops' }]);
    expect(findings[0]!.remedy).toContain('kubectl get role gatehouse:ops -n pay');
  });

  it('gets its annotation back', () => {
    const { change } = roleKind.diff(
      OBJECT,
      role([READ], { labels: ours('ops').labels }),
      claims({ wanted: [claim()] }),
    );
    expect(change!.after).toMatchObject({ object: { metadata: ours('ops') } });
  });

  it('blocks where two claims differ', () => {
    const wanted = [claim([READ]), claim([EXEC], 'grant/other')];
    const { change, findings } = roleKind.diff(OBJECT, ABSENT, claims({ wanted }));
    expect(change).toBeUndefined();
    expect(findings.map(({ code, subject }) => [code, subject])).toEqual([
      ['claims-differ', 'grant/ops'],
      ['claims-differ', 'grant/other'],
    ]);
  });
});

describe('a role that is wanted no more', () => {
  it('is deleted where it is ours', () => {
    const { change } = roleKind.diff(OBJECT, role([READ]), claims({ unwanted: [claim()] }));
    expect(change).toMatchObject({ action: 'delete', after: ABSENT, lines: [{ sign: '-', subject: 'grant/ops' }] });
  });

  it.each([
    ['somebody else’s', {}],
    ['another grant’s', ours('other')],
  ])('stays where it is %s', (_title, metadata) => {
    const { change, findings } = roleKind.diff(OBJECT, role([READ], metadata), claims({ unwanted: [claim()] }));
    expect(change).toBeUndefined();
    expect(findings).toMatchObject([{ code: 'foreign-object', severity: 'notice' }]);
  });

  it('needs nothing where it is absent', () => {
    expect(roleKind.diff(OBJECT, ABSENT, claims({ unwanted: [claim()] }))).toEqual({ findings: [] });
  });

  it('is changed, not deleted, where the same grant wants other rules', () => {
    const { change } = roleKind.diff(OBJECT, role([READ]), claims({ unwanted: [claim()], wanted: [claim([EXEC])] }));
    expect(change).toMatchObject({ action: 'update' });
  });
});

describe('rules', () => {
  it.each<[AccessRule, AccessRule, boolean]>([
    [EXEC, READ, false],
    [{ ...READ, verbs: ['get'] }, READ, true],
    [{ ...READ, verbs: ['get', 'watch'] }, READ, false],
    [READ, { apiGroups: ['*'], resources: ['*'], verbs: ['*'] }, true],
    [{ ...READ, resources: ['*'] }, READ, false],
    [{ ...READ, resourceNames: ['a'] }, READ, true],
    [READ, { ...READ, resourceNames: ['a'] }, false],
    [{ ...READ, resourceNames: ['a', 'b'] }, { ...READ, resourceNames: ['a'] }, false],
    [{ nonResourceURLs: ['/metrics'], verbs: ['get'] }, READ, false],
  ])('%j within %j: %s', (inner, outer, expected) => {
    expect(isWithin(inner, outer)).toBe(expected);
  });

  it('differ where one word differs', () => {
    expect(sameRules([READ], [{ ...READ, resourceNames: ['a'] }])).toBe(false);
    expect(sameRules([READ], [{ ...READ, resourceNames: [] }])).toBe(true);
  });
});

it('keeps the laws of a kind', () => {
  const words = (...all: string[]) => fc.subarray(all, { minLength: 1 });
  const rule: fc.Arbitrary<AccessRule> = fc.record({
    apiGroups: words('', 'apps'),
    resources: words('pods', 'secrets', '*'),
    verbs: words('get', 'list', '*'),
  });
  const rules = fc.array(rule, { maxLength: 3 });
  const owned = fc
    .uniqueArray(fc.tuple(fc.constantFrom<Subject>('grant/ops', 'grant/other'), rules), {
      selector: ([subject]) => subject,
    })
    .map((pairs) => pairs.map(([subject, own]) => claim(own, subject)));
  const metadata = fc.constantFrom({}, ours('ops'), ours('other'), { labels: ours('ops').labels });
  const observed = fc.oneof(
    fc.constant(ABSENT),
    fc.tuple(fc.oneof(rules, fc.constant(null)), metadata).map(([own, meta]) => role(own, meta)),
  );
  expectKindLaws(roleKind, fc.record({ object: fc.constant(OBJECT), observed, claims: turnClaims(owned) }), (state) => {
    if (!state.present) return undefined;
    const { annotations: _annotations, ...rest } = state.object.metadata;
    return { ...state.object, metadata: rest, rules: [] };
  });
});
