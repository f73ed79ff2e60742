import type { Subject } from '@gatehouse/core/access/subject';
import { clusterTarget } from '@gatehouse/core/access/target';
import { type BindingWish, placedClaim } from '@gatehouse/core/plan/bindings';
import { placeBindings } from '@gatehouse/core/work/place-bindings';
import { describe, expect, it } from 'vitest';
import { memoryKubernetes } from '../../fakes/kubernetes.ts';
import { memoryTable } from '../../fakes/table.ts';

const TARGET = clusterTarget('arn:aws:eks:eu-west-1:111122223333:cluster/prod');
const wish = (index: number): BindingWish & { username: string } => ({
  subject: `user/okta/${index}` as Subject,
  grant: 'readers',
  binding: 'ClusterRoleBinding/gatehouse:readers:role',
  isNamed: false,
  roleRef: { kind: 'ClusterRole', name: 'gatehouse:readers' },
  username: `gatehouse:readers:person-${index}`,
});
const wishes = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => wish(from + index));
const shardOf = ({ claim }: { claim: { object: string } }) => Number(claim.object.split(':').at(-1));

function aCluster(...full: number[]) {
  const kubernetes = memoryKubernetes();
  for (const [shard, count] of full.entries()) {
    kubernetes.seed({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: `gatehouse:readers:role:${shard}` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'gatehouse:readers' },
      subjects: Array.from({ length: count }, (_, index) => ({
        kind: 'User' as const,
        apiGroup: 'rbac.authorization.k8s.io',
        name: `there-${shard}-${index}`,
      })),
    });
  }
  const table = memoryTable();
  const place = (all: readonly BindingWish[], recorded: Parameters<typeof placeBindings>[4] = []) =>
    placeBindings(table, TARGET, { kubernetes }, all, recorded, new Map());
  return { kubernetes, table, place };
}

describe('a binding of many', () => {
  it('fills a shard with a thousand subjects, then the next, and remembers which is open', async () => {
    const { place, table, kubernetes } = aCluster(998);
    const placed = await place(wishes(0, 1_003));
    expect(
      Map.groupBy(placed, shardOf)
        .entries()
        .map(([shard, all]) => [shard, all.length])
        .toArray(),
    ).toEqual([
      [0, 2],
      [1, 1_000],
      [2, 1],
    ]);
    kubernetes.calls.length = 0;
    expect((await place([wish(2_000)])).map(shardOf)).toEqual([2]);
    expect(kubernetes.calls.map(({ object }) => object)).toEqual(['ClusterRoleBinding/gatehouse:readers:role:2']);
    expect(table.items().length).toBe(1);
  });

  it('leaves everybody where they are recorded, and reads each of their bindings once', async () => {
    const { place, kubernetes } = aCluster(999, 5);
    const recorded = [placedClaim(wish(1), 0), placedClaim(wish(2), 1), placedClaim(wish(3), 1)];
    expect(await place([wish(1), wish(2), wish(3)], recorded)).toEqual(recorded);
    expect(kubernetes.calls.map(({ object }) => object)).toEqual([
      'ClusterRoleBinding/gatehouse:readers:role:0',
      'ClusterRoleBinding/gatehouse:readers:role:1',
    ]);
  });

  it('gives another place to whom a crashed turn recorded and never bound, where the shard has filled up since', async () => {
    const { place, kubernetes } = aCluster(1_000);
    const bound = kubernetes.peek({ kind: 'ClusterRoleBinding', name: 'gatehouse:readers:role:0' })!.subjects![7]!.name;
    const recorded = [placedClaim(wish(1), 0), placedClaim({ ...wish(2), username: bound }, 0)];
    expect((await place([wish(1), { ...wish(2), username: bound }], recorded)).map(shardOf)).toEqual([1, 0]);
  });

  it('does not take a record of another username, role or binding for its own', async () => {
    const { place } = aCluster();
    const other = placedClaim({ ...wish(1), username: 'gatehouse:readers:else' }, 7);
    const longer = placedClaim({ ...wish(1), binding: 'ClusterRoleBinding/gatehouse:readers:role:x' }, 7);
    expect((await place([wish(1)], [other, longer])).map(shardOf)).toEqual([0]);
  });
});
