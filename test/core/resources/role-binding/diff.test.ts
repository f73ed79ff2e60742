import type { Subject } from '@gatehouse/core/access/subject';
import type { BindingSubject } from '@gatehouse/core/ports/kubernetes';
import type { ObjectState } from '@gatehouse/core/resources/managed-object';
import type { ObjectClaims, OwnedClaim } from '@gatehouse/core/resources/resource';
import { roleBindingKind } from '@gatehouse/core/resources/role-binding/kind';
import { MAX_SUBJECTS, type RoleBindingClaim } from '@gatehouse/core/resources/role-binding/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ours, there, user } from '../cluster-objects.ts';
import { expectKindLaws, turnClaims } from '../kind-laws.ts';

const OBJECT = 'RoleBinding/pay/gatehouse:ops:rules:0';
const ROLE = { kind: 'Role', name: 'gatehouse:ops' } as const;
const ABSENT: ObjectState = { present: false };
const ANN = 'gatehouse:ops:ann';
const BOB = 'gatehouse:ops:bob';
const EVE = 'gatehouse:ops:eve';
const STRANGERS: readonly BindingSubject[] = [
  { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: ANN },
  { kind: 'ServiceAccount', name: 'ci', namespace: 'pay' },
  user('admin@example.com'),
];

const claim = (
  username: string,
  subject: Subject = `user/okta/${username.split(':').at(-1)!}`,
  more: Partial<Pick<RoleBindingClaim, 'grant' | 'roleRef'>> = {},
): OwnedClaim<RoleBindingClaim> => ({
  subject,
  claim: { kind: 'role-binding', object: OBJECT, grant: 'ops', roleRef: ROLE, username, ...more },
});
const claims = (parts: Partial<ObjectClaims<RoleBindingClaim>>): ObjectClaims<RoleBindingClaim> => ({
  wanted: [],
  unwanted: [],
  recorded: [],
  ...parts,
});
const binding = (
  subjects: readonly BindingSubject[],
  metadata: object = ours('ops'),
  roleRef: object = ROLE,
): ObjectState =>
  there(OBJECT, {
    metadata: { name: 'gatehouse:ops:rules:0', ...metadata },
    subjects,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', ...(roleRef as typeof ROLE) },
  });
const diff = (observed: ObjectState, parts: Partial<ObjectClaims<RoleBindingClaim>>) =>
  roleBindingKind.diff(OBJECT, observed, claims(parts));
const codes = (findings: readonly { code: string; subject?: string }[]) =>
  findings.map(({ code, subject }) => [code, subject]);
const names = (state: ObjectState) =>
  state.present ? (state.object.subjects ?? []).map(({ name }) => name) : undefined;

describe('usernames that are wanted', () => {
  it('make the binding, with label and annotation', () => {
    const { change, findings } = diff(ABSENT, { wanted: [claim(ANN), claim(BOB)] });
    expect(findings).toEqual([]);
    expect(change).toMatchObject({ action: 'create', lines: [{ sign: '+', subject: 'user/okta/ann' }, { sign: '+' }] });
    expect(change!.after).toEqual({
      present: true,
      object: {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'gatehouse:ops:rules:0', namespace: 'pay', ...ours('ops') },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', ...ROLE },
        subjects: [user(ANN), user(BOB)],
      },
    });
  });

  it('are added behind those of others, who stay byte for byte', () => {
    const { change } = diff(binding([user(BOB), ...STRANGERS]), { wanted: [claim(ANN)] });
    expect(change).toMatchObject({ action: 'update' });
    expect(change!.after).toEqual(binding([user(BOB), ...STRANGERS, user(ANN)]));
  });

  it('need nothing where they are bound and recorded', () => {
    expect(diff(binding([user(ANN)]), { wanted: [claim(ANN)], recorded: [claim(ANN)] })).toEqual({ findings: [] });
  });

  it('are put back where they are recorded and somebody took them out', () => {
    const { change } = diff(binding([user(BOB)]), { wanted: [claim(ANN)], recorded: [claim(ANN)] });
    expect(names(change!.after)).toEqual([BOB, ANN]);
  });

  it('are not taken for a Group of the same name', () => {
    const group: BindingSubject = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: ANN };
    const { change } = diff(binding([group]), { wanted: [claim(ANN)] });
    expect(names(change!.after)).toEqual([ANN, ANN]);
  });

  it('block where another one has the username already', () => {
    const { change, findings } = diff(binding([user(ANN)]), { wanted: [claim(ANN), claim(BOB)] });
    expect(names(change!.after)).toEqual([ANN, BOB]);
    expect(codes(findings)).toEqual([['already-bound', 'user/okta/ann']]);
  });

  it('block for the second of two subjects who share one', () => {
    const wanted = [claim(ANN, 'user/okta/1'), claim(ANN, 'user/okta/2')];
    const fresh = diff(ABSENT, { wanted });
    expect(names(fresh.change!.after)).toEqual([ANN]);
    expect(codes(fresh.findings)).toEqual([['already-bound', 'user/okta/2']]);
    const recordedForTheSecond = diff(ABSENT, { wanted, recorded: [wanted[1]!] });
    expect(codes(recordedForTheSecond.findings)).toEqual([['already-bound', 'user/okta/1']]);
    expect(names(recordedForTheSecond.change!.after)).toEqual([ANN]);
  });

  it('stop at the most that one binding holds, after removals made room', () => {
    const full = Array.from({ length: MAX_SUBJECTS }, (_, index) => user(`gatehouse:ops:m${index}`));
    const { change, findings } = diff(binding(full), { wanted: [claim(ANN)] });
    expect(change).toBeUndefined();
    expect(codes(findings)).toEqual([['binding-full', 'user/okta/ann']]);
    const swapped = diff(binding(full), { wanted: [claim(ANN)], unwanted: [claim('gatehouse:ops:m7')] });
    expect(swapped.findings).toEqual([]);
    expect(names(swapped.change!.after)).toHaveLength(MAX_SUBJECTS);
  });

  it.each([
    ['without the label', {}],
    ['made for another grant', ours('other')],
  ])('block on a binding %s, which stays as it is', (_title, metadata) => {
    const observed = binding([user(BOB)], metadata);
    const { change, findings } = diff(observed, { wanted: [claim(ANN)], unwanted: [claim(BOB), claim(EVE)] });
    expect(change).toBeUndefined();
    expect(findings).toMatchObject([
      { code: 'foreign-object', severity: 'blocks', subject: 'user/okta/ann' },
      { code: 'foreign-object', severity: 'blocks', subject: 'user/okta/bob' },
    ]);
  });

  it('block where the binding refers to another role, but those to be gone go', () => {
    const observed = binding([user(BOB), user(EVE)], ours('ops'), { kind: 'ClusterRole', name: 'cluster-admin' });
    const { change, findings } = diff(observed, { wanted: [claim(ANN)], unwanted: [claim(BOB)] });
    expect(codes(findings)).toEqual([['role-ref-differs', 'user/okta/ann']]);
    expect(findings[0]!.remedy).toContain('kubectl delete rolebinding gatehouse:ops:rules:0 -n pay');
    expect(names(change!.after)).toEqual([EVE]);
  });

  it('block where two claims name different roles', () => {
    const wanted = [claim(ANN), claim(BOB, undefined, { roleRef: { kind: 'ClusterRole', name: 'view' } })];
    expect(codes(diff(ABSENT, { wanted }).findings)).toEqual([
      ['claims-differ', 'user/okta/ann'],
      ['claims-differ', 'user/okta/bob'],
    ]);
  });
});

describe('usernames that are wanted no more', () => {
  it('are removed, all others stay in their order', () => {
    const { change } = diff(binding([user(ANN), ...STRANGERS, user(BOB), user(ANN)]), { unwanted: [claim(ANN)] });
    expect(change).toMatchObject({ action: 'update', lines: [{ sign: '-', subject: 'user/okta/ann' }] });
    expect(change!.after).toEqual(binding([...STRANGERS, user(BOB)]));
  });

  it('take the binding with them where they were the last', () => {
    const { change } = diff(binding([user(ANN)]), { unwanted: [claim(ANN)] });
    expect(change).toMatchObject({ action: 'delete', after: ABSENT });
  });

  it('do not take a binding with them in which a stranger is left', () => {
    const { change } = diff(binding([user(ANN), STRANGERS[1]!]), { unwanted: [claim(ANN)] });
    expect(change).toMatchObject({ action: 'update', after: binding([STRANGERS[1]!]) });
  });

  it('stay where another subject of the turn wants the same one', () => {
    const wanted = [claim(ANN, 'user/okta/2')];
    const { change } = diff(binding([user(ANN)]), { wanted, recorded: wanted, unwanted: [claim(ANN, 'user/okta/1')] });
    expect(change).toBeUndefined();
  });

  it('need nothing where they are not bound, or nothing is there', () => {
    expect(diff(binding([user(BOB)]), { unwanted: [claim(ANN)] })).toEqual({ findings: [] });
    expect(diff(ABSENT, { unwanted: [claim(ANN)] })).toEqual({ findings: [] });
  });
});

it('tells of the member of another grant, and not of IAM users', () => {
  const observed = binding([user('gatehouse:admins:eve'), user('gatehouse:iam-user:111122223333:ci'), user(BOB)]);
  const { findings } = diff(observed, { wanted: [claim(BOB)], recorded: [claim(BOB)] });
  expect(findings).toMatchObject([
    { code: 'foreign-subject', message: expect.stringContaining('gatehouse:admins:eve') },
  ]);
});

it('tells of strangers in a binding of its own, and leaves them', () => {
  const { change, findings } = diff(binding([user(ANN), ...STRANGERS]), {
    wanted: [claim(ANN)],
    recorded: [claim(ANN)],
  });
  expect(change).toBeUndefined();
  expect(findings.map(({ code, severity }) => [code, severity])).toEqual([
    ['foreign-subject', 'notice'],
    ['foreign-subject', 'notice'],
    ['foreign-subject', 'notice'],
  ]);
});

it('keeps the laws of a kind, and loses no subject that no claim names', () => {
  const usernames = [ANN, BOB, EVE, 'gatehouse:ops:zoe'];
  const owned = fc
    .uniqueArray(fc.tuple(fc.constantFrom('1', '2', '3', '4'), fc.constantFrom(...usernames)), {
      selector: ([id]) => id,
    })
    .map((pairs) => pairs.map(([id, username]) => claim(username, `user/okta/${id}`)));
  const subjects = fc.array(fc.constantFrom(...usernames.map(user), ...STRANGERS, user('gatehouse:ops:yan')), {
    maxLength: 6,
  });
  const observed = fc.oneof(
    fc.constant(ABSENT),
    fc
      .tuple(
        subjects,
        fc.constantFrom({}, ours('ops'), ours('ops'), ours('other')),
        fc.constantFrom<object>(ROLE, ROLE, { kind: 'ClusterRole', name: 'view' }),
      )
      .map(([own, metadata, roleRef]) => binding(own, metadata, roleRef)),
  );
  const cases = fc.record({ object: fc.constant(OBJECT), observed, claims: turnClaims(owned) });
  expectKindLaws(roleBindingKind, cases, (state, turn) => {
    const mentioned = new Set([...turn.wanted, ...turn.unwanted].map(({ claim: { username } }) => username));
    const all = state.present ? (state.object.subjects ?? []) : [];
    return all.filter(({ kind, name }) => kind !== 'User' || !mentioned.has(name));
  });
  fc.assert(
    fc.property(cases, ({ observed: state, claims: turn }) => {
      const { change } = roleBindingKind.diff(OBJECT, state, turn);
      if (!change) return;
      // Nobody is let in whom no claim of the turn names, and nobody who must be gone stays.
      const bound = new Set(names(change.after) ?? []);
      const before = new Set(names(state) ?? []);
      const wanted = new Set(turn.wanted.map(({ claim: { username } }) => username));
      for (const name of bound) expect(before.has(name) || wanted.has(name)).toBe(true);
      const users = change.after.present
        ? (change.after.object.subjects ?? []).filter(({ kind }) => kind === 'User')
        : [];
      for (const {
        claim: { username },
      } of turn.unwanted) {
        if (!wanted.has(username)) expect(users.map(({ name }) => name)).not.toContain(username);
      }
    }),
    { numRuns: 300 },
  );
});
