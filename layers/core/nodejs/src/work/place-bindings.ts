import type { Target } from '../access/target.ts';
import { type BindingWish, fulfils, placedClaim } from '../plan/desired.ts';
import { objectId } from '../plan/turn-claims.ts';
import type { Table } from '../ports/table.ts';
import type { ClusterPorts } from '../ports/world.ts';
import type { OwnedClaim } from '../resources/resource.ts';
import { roleBindingKind } from '../resources/role-binding/kind.ts';
import { MAX_SUBJECTS, type RoleBindingClaim } from '../resources/role-binding/model.ts';
import { shardKey } from './keys.ts';

/**
 * Gives each wish its place in one of the binding's shards: where it is recorded already, else in the shard that is open,
 * else in the next. Observes the open shards of bindings that get somebody new, and adds them to `observed`.
 */
export async function placeBindings(
  table: Table,
  target: Target,
  ports: ClusterPorts,
  wishes: readonly BindingWish[],
  recorded: readonly OwnedClaim[],
  observed: Map<string, unknown>,
): Promise<OwnedClaim[]> {
  const claims: OwnedClaim[] = [];
  const open = new Map<string, { shard: number; free: number }>();
  for (const wish of wishes) {
    const known = recorded.find(
      ({ subject, claim }) =>
        subject === wish.subject && claim.kind === 'role-binding' && fulfils(claim as RoleBindingClaim, wish),
    );
    if (known) {
      claims.push({ ...known, grant: wish.grant });
      continue;
    }
    let place = open.get(wish.binding);
    if (!place) {
      const item = await table.get(shardKey(target, wish.binding));
      const shard = typeof item?.shard === 'number' ? item.shard : 0;
      place = { shard, free: await freePlaces(ports, wish, shard, observed) };
      open.set(wish.binding, place);
    }
    while (place.free <= 0) {
      place.shard += 1;
      place.free = await freePlaces(ports, wish, place.shard, observed);
      await table.put({ ...shardKey(target, wish.binding), shard: place.shard });
    }
    place.free -= 1;
    claims.push(placedClaim(wish, place.shard));
  }
  return claims;
}

async function freePlaces(
  ports: ClusterPorts,
  wish: BindingWish,
  shard: number,
  observed: Map<string, unknown>,
): Promise<number> {
  const { claim } = placedClaim(wish, shard);
  const state = await roleBindingKind.observe(ports, claim.object);
  observed.set(objectId(claim), state);
  return MAX_SUBJECTS - (state.present ? (state.object.subjects?.length ?? 0) : 0);
}
