import { planTurn } from '@gatehouse/core/plan/plan';
import { namespaceKind } from '@gatehouse/core/resources/namespace/kind';
import type { NamespaceClaim } from '@gatehouse/core/resources/namespace/model';
import type { Kind, OwnedClaim } from '@gatehouse/core/resources/resource';
import { describe, expect, it } from 'vitest';
import { type MemoryKubernetes, memoryKubernetes } from '../../../fakes/kubernetes.ts';

const owned = (grant: string, onAbsent: NamespaceClaim['onAbsent']): OwnedClaim<NamespaceClaim> => ({
  subject: `grant/${grant}`,
  claim: { kind: 'namespace', object: 'pay', onAbsent },
});

const turn = async (
  kubernetes: MemoryKubernetes,
  claims: { wanted?: OwnedClaim<NamespaceClaim>[]; unwanted?: OwnedClaim<NamespaceClaim>[] },
) => {
  const observed = await namespaceKind.observe({ kubernetes }, 'pay');
  const { change } = namespaceKind.diff('pay', observed, { wanted: [], unwanted: [], recorded: [], ...claims });
  return change && namespaceKind.apply({ kubernetes }, change);
};
const there = (kubernetes: MemoryKubernetes) => kubernetes.peek({ kind: 'Namespace', name: 'pay' });

describe('a namespace over its life', () => {
  it('is made by the first grant, noted for the second, and deleted with the last', async () => {
    const kubernetes = memoryKubernetes();
    const [a, b] = [owned('a', 'create-and-delete'), owned('b', 'create-and-delete')];
    await turn(kubernetes, { wanted: [a] });
    await turn(kubernetes, { wanted: [b] });
    await turn(kubernetes, { unwanted: [a] });
    expect(there(kubernetes)).toBeDefined();
    await turn(kubernetes, { unwanted: [b] });
    expect(there(kubernetes)).toBeUndefined();
    expect(kubernetes.writes().map(({ method }) => method)).toEqual(['create', 'replace', 'replace', 'remove']);
  });

  it('stays where somebody else made it', async () => {
    const kubernetes = memoryKubernetes();
    kubernetes.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'pay' } });
    const before = there(kubernetes);
    await turn(kubernetes, { wanted: [owned('a', 'create-and-delete')] });
    await turn(kubernetes, { unwanted: [owned('a', 'create-and-delete')] });
    expect(there(kubernetes)).toEqual(before);
    expect(kubernetes.writes()).toEqual([]);
  });

  it('is not deleted where somebody deleted it and made it anew since it was read', async () => {
    const kubernetes = memoryKubernetes();
    const a = owned('a', 'create-and-delete');
    await turn(kubernetes, { wanted: [a] });
    const observed = await namespaceKind.observe({ kubernetes }, 'pay');
    const { change } = namespaceKind.diff('pay', observed, { wanted: [], unwanted: [a], recorded: [] });
    await kubernetes.remove({ kind: 'Namespace', name: 'pay' });
    kubernetes.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'pay' } });
    await expect(namespaceKind.apply({ kubernetes }, change!)).rejects.toMatchObject({ code: 'conflict' });
    expect(there(kubernetes)).toBeDefined();
  });

  it('is made once, also when the first answer was lost', async () => {
    const kubernetes = memoryKubernetes();
    const { change } = namespaceKind.diff(
      'pay',
      { present: false },
      { wanted: [owned('a', 'create')], unwanted: [], recorded: [] },
    );
    const first = await namespaceKind.apply({ kubernetes }, change!);
    expect(await namespaceKind.apply({ kubernetes }, change!)).toEqual(first);
  });

  it('is a conflict, not ours, where somebody made it in between', async () => {
    const kubernetes = memoryKubernetes();
    const { change } = namespaceKind.diff(
      'pay',
      { present: false },
      { wanted: [owned('a', 'create')], unwanted: [], recorded: [] },
    );
    kubernetes.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'pay' } });
    await expect(namespaceKind.apply({ kubernetes }, change!)).rejects.toMatchObject({ code: 'conflict' });
  });
});

it('survives a turn in which its grant only changes how it is wanted', async () => {
  const kubernetes = memoryKubernetes();
  await turn(kubernetes, { wanted: [owned('a', 'create-and-delete')] });
  const { changes } = planTurn({
    kinds: [namespaceKind as Kind],
    claims: { wanted: [owned('a', 'create')], recorded: [owned('a', 'create-and-delete')] },
    observed: new Map([['namespace pay', await namespaceKind.observe({ kubernetes }, 'pay')]]),
    guards: [],
  });
  expect(changes).toEqual([]);
});
