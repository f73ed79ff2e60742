import type { Target } from '../access/target.ts';
import { type BindingWish, fulfils, placedClaim } from '../plan/bindings.ts';
import { objectId } from '../plan/turn-claims.ts';
import type { BindingSubject } from '../ports/kubernetes.ts';
import type { Table } from '../ports/table.ts';
import type { ClusterPorts } from '../ports/world.ts';
import type { ObjectState } from '../resources/managed-object.ts';
import type { OwnedClaim } from '../resources/resource.ts';
import { roleBindingKind } from '../resources/role-binding/kind.ts';
import { boundIn, boundName, MAX_SUBJECTS, type RoleBindingClaim } from '../resources/role-binding/model.ts';
import { shardKey } from './keys.ts';

/**
 * Gives each wish its place in one of the binding's shards: where it is recorded already, else in the shard that is open,
 * else in the next; a binding that the policy names has a single place. Observes the bindings it looks into, and adds them to `observed`. A record may outlive its place: where a
 * turn crashed before it bound somebody and the shard has filled up since, they get another.
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
  const bindings = recorded.filter(({ claim }) => claim.kind === 'role-binding');
  const places = Map.groupBy(bindings, ({ subject }) => subject);
  for (const wish of wishes) {
    const known = places.get(wish.subject)?.find(({ claim }) => fulfils(claim as RoleBindingClaim, wish));
    if (known && (await hasRoom(ports, known.claim as RoleBindingClaim, observed))) {
      claims.push({ ...known, grant: wish.grant });
      continue;
    }
    if (wish.isNamed) {
      claims.push(placedClaim(wish, 0));
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

/** Whether a recorded place still serves: the user or group is bound there, or can be. */
async function hasRoom(ports: ClusterPorts, claim: RoleBindingClaim, observed: Map<string, unknown>): Promise<boolean> {
  const subjects = await subjectsIn(ports, claim, observed);
  return subjects.length < MAX_SUBJECTS || subjects.some((subject) => boundIn(subject) === boundName(claim));
}

async function freePlaces(
  ports: ClusterPorts,
  wish: BindingWish,
  shard: number,
  observed: Map<string, unknown>,
): Promise<number> {
  return MAX_SUBJECTS - (await subjectsIn(ports, placedClaim(wish, shard).claim, observed)).length;
}

async function subjectsIn(
  ports: ClusterPorts,
  claim: RoleBindingClaim,
  observed: Map<string, unknown>,
): Promise<readonly BindingSubject[]> {
  const id = objectId(claim);
  if (!observed.has(id)) observed.set(id, await roleBindingKind.observe(ports, claim.object));
  const state = observed.get(id) as ObjectState;
  return state.present ? (state.object.subjects ?? []) : [];
}
