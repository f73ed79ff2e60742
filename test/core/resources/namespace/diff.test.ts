import type { Subject } from '@gatehouse/core/access/subject';
import type { ObjectState } from '@gatehouse/core/resources/managed-object';
import { namespaceKind } from '@gatehouse/core/resources/namespace/kind';
import { CLAIMED_BY_ANNOTATION, type NamespaceClaim } from '@gatehouse/core/resources/namespace/model';
import type { ObjectClaims, OwnedClaim } from '@gatehouse/core/resources/resource';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { there } from '../cluster-objects.ts';
import { expectKindLaws, turnClaims } from '../kind-laws.ts';

type Mode = NamespaceClaim['onAbsent'];
type Owned = OwnedClaim<NamespaceClaim>;

const MANAGED = { 'app.kubernetes.io/managed-by': 'gatehouse' };
const claim = (subject: Subject, onAbsent: Mode): Owned => ({
  subject,
  claim: { kind: 'namespace', object: 'pay', onAbsent },
});
const claims = (parts: Partial<ObjectClaims<NamespaceClaim>>): ObjectClaims<NamespaceClaim> => ({
  wanted: [],
  unwanted: [],
  recorded: [],
  ...parts,
});
const made = (by: readonly string[] | undefined, more: Record<string, string> = {}): ObjectState =>
  there('Namespace/pay', {
    metadata: {
      name: 'pay',
      labels: { ...MANAGED, team: 'payments' },
      annotations: { note: 'by hand', ...(by ? { [CLAIMED_BY_ANNOTATION]: JSON.stringify(by) } : {}), ...more },
    },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  });
const foreign = there('Namespace/pay', { metadata: { name: 'pay', labels: { team: 'payments' } } });
const terminating = there('Namespace/pay', {
  metadata: { name: 'pay', labels: MANAGED, deletionTimestamp: '2026-01-01T00:00:00Z' },
  status: { phase: 'Terminating' },
});
const ABSENT: ObjectState = { present: false };

describe('a namespace that is wanted', () => {
  it('is refused where it is absent and no grant says to make it', () => {
    const { change, findings } = namespaceKind.diff('pay', ABSENT, claims({ wanted: [claim('grant/a', 'refuse')] }));
    expect(change).toBeUndefined();
    expect(findings).toMatchObject([{ code: 'namespace-absent', severity: 'blocks', subject: 'grant/a' }]);
    expect(findings[0]!.remedy).toContain('kubectl create namespace pay');
  });

  it('is made once for all who need it, labelled and noted, also for those who would not make it', () => {
    const wanted = [claim('grant/b', 'refuse'), claim('grant/a', 'create')];
    const { change, findings } = namespaceKind.diff('pay', ABSENT, claims({ wanted }));
    expect(findings).toEqual([]);
    expect(change).toMatchObject({ action: 'create', lines: [{ sign: '+', subject: 'grant/a' }] });
    expect(change!.after).toEqual({
      present: true,
      object: {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: {
          name: 'pay',
          labels: MANAGED,
          annotations: { [CLAIMED_BY_ANNOTATION]: '["grant/a","grant/b"]' },
        },
      },
    });
  });

  it.each([['refuse'], ['create'], ['create-and-delete']] as const)(
    'is left alone where it is somebody else’s (%s)',
    (mode) => {
      expect(namespaceKind.diff('pay', foreign, claims({ wanted: [claim('grant/a', mode)] }))).toEqual({
        findings: [],
      });
    },
  );

  it('blocks while it is being deleted', () => {
    const { change, findings } = namespaceKind.diff(
      'pay',
      terminating,
      claims({ wanted: [claim('grant/a', 'create')] }),
    );
    expect(change).toBeUndefined();
    expect(findings).toMatchObject([{ code: 'namespace-terminating', severity: 'blocks', subject: 'grant/a' }]);
  });

  it('notes a further subject and keeps everything else', () => {
    const before = made(['grant/a']);
    const { change } = namespaceKind.diff('pay', before, claims({ wanted: [claim('grant/b', 'refuse')] }));
    expect(change).toMatchObject({ action: 'update' });
    expect(change!.after).toEqual(made(['grant/a', 'grant/b']));
  });

  it('does not begin a lost note anew', () => {
    const diff = namespaceKind.diff(
      'pay',
      made(undefined),
      claims({ wanted: [claim('grant/b', 'create-and-delete')] }),
    );
    expect(diff).toEqual({ findings: [] });
  });
});

describe('a namespace that is wanted no more', () => {
  it.each<[string, ObjectState, Mode, 'delete' | 'update' | undefined]>([
    ['is deleted with the last grant that says so', made(['grant/a']), 'create-and-delete', 'delete'],
    ['stays, ours no longer, where the grant made it to stay', made(['grant/a']), 'create', 'update'],
    ['stays, ours no longer, where the last grant only used it', made(['grant/a']), 'refuse', 'update'],
    ['stays, ours no longer, where the note is lost', made(undefined), 'create-and-delete', 'update'],
    ['stays, ours no longer, where the note names nobody', made([]), 'create-and-delete', 'update'],
    ['is left alone where it is somebody else’s', foreign, 'create-and-delete', undefined],
    ['is left alone while it goes anyway', terminating, 'create-and-delete', undefined],
    ['needs nothing where it is absent', ABSENT, 'create-and-delete', undefined],
  ])('%s', (_title, observed, mode, action) => {
    const { change, findings } = namespaceKind.diff('pay', observed, claims({ unwanted: [claim('grant/a', mode)] }));
    expect(findings).toEqual([]);
    expect(change?.action).toBe(action);
    if (action === 'delete') expect(change!.after).toEqual(ABSENT);
    if (action !== 'update') return;
    const { metadata } = (change!.after as { object: { metadata: object } }).object;
    expect(metadata).toMatchObject({ labels: { team: 'payments' }, annotations: { note: 'by hand' } });
    expect(JSON.stringify(metadata)).not.toContain('gatehouse');
  });

  it('stays while others need it, and the note says who', () => {
    const { change } = namespaceKind.diff(
      'pay',
      made(['grant/a', 'grant/b']),
      claims({ unwanted: [claim('grant/a', 'create-and-delete')] }),
    );
    expect(change).toMatchObject({ action: 'update', after: made(['grant/b']) });
  });

  it('is not deleted where the same subject only wants it in another way', () => {
    const { change } = namespaceKind.diff(
      'pay',
      made(['grant/a']),
      claims({ unwanted: [claim('grant/a', 'create-and-delete')], wanted: [claim('grant/a', 'create')] }),
    );
    expect(change).toBeUndefined();
  });

  it('is never deleted once one who made it to stay has gone', () => {
    const first = namespaceKind.diff(
      'pay',
      made(['grant/a', 'grant/b']),
      claims({ unwanted: [claim('grant/a', 'create')] }),
    );
    expect(first.change).toMatchObject({ action: 'update' });
    const second = namespaceKind.diff(
      'pay',
      first.change!.after,
      claims({ unwanted: [claim('grant/b', 'create-and-delete')] }),
    );
    expect(second.change).toBeUndefined();
  });
});

it('keeps the laws of a kind, and deletes nothing that others are noted for', () => {
  const subjects = ['grant/a', 'grant/b', 'grant/c'] as const;
  const modes = ['refuse', 'create', 'create-and-delete'] as const;
  const owned = fc
    .uniqueArray(fc.tuple(fc.constantFrom(...subjects), fc.constantFrom(...modes)), {
      selector: ([subject]) => subject,
    })
    .map((pairs) => pairs.map(([subject, mode]) => claim(subject, mode)));
  const states = fc.oneof(
    fc.constantFrom(ABSENT, foreign, terminating, made(undefined)),
    fc.subarray([...subjects, 'grant/stranger']).map((noted) => made(noted)),
  );
  expectKindLaws(
    namespaceKind,
    fc.record({ object: fc.constant('pay'), observed: states, claims: turnClaims(owned) }),
    (state, turn) => {
      if (!state.present) return undefined;
      const mine = new Set<string>([...turn.wanted, ...turn.unwanted].map(({ subject }) => subject));
      const { labels = {}, annotations = {}, ...metadata } = state.object.metadata;
      const { 'app.kubernetes.io/managed-by': _label, ...otherLabels } = labels;
      const { [CLAIMED_BY_ANNOTATION]: note, ...otherAnnotations } = annotations;
      const others = JSON.parse(note ?? '[]').filter((one: string) => !mine.has(one));
      const released = turn.unwanted.some(({ claim: { onAbsent } }) => onAbsent === 'create');
      return {
        ...state.object,
        metadata,
        otherLabels,
        otherAnnotations,
        ...(released ? {} : { others }),
      };
    },
  );
});
