import type { Json } from '../access/json.ts';
import type { Subject } from '../access/subject.ts';
import type { Target } from '../access/target.ts';
import type { Table } from '../ports/table.ts';
import type { OwnedClaim } from '../resources/resource.ts';
import type { RoleBindingClaim } from '../resources/role-binding/model.ts';
import { targetPk } from './keys.ts';

const memoryKey = (target: Target, subject: Subject) => ({ pk: targetPk(target), sk: `was#${subject}` });

/** Remembers what a subject had on a cluster and has no more, so that verification can prove that it is gone. */
export async function keepForVerification(
  table: Table,
  target: Target,
  subject: Subject,
  gone: readonly OwnedClaim[],
): Promise<void> {
  const bindings = gone.filter((owned) => owned.subject === subject && owned.claim.kind === 'role-binding');
  if (bindings.length === 0) return;
  const earlier = await recallForVerification(table, target, subject);
  const claims = [...earlier, ...bindings.map(({ claim }) => claim as RoleBindingClaim)];
  await table.put({ ...memoryKey(target, subject), claims: claims as unknown as Json });
}

/** What a subject had on a cluster and should have no more. */
export async function recallForVerification(
  table: Table,
  target: Target,
  subject: Subject,
): Promise<RoleBindingClaim[]> {
  const item = await table.get(memoryKey(target, subject));
  return (item?.claims ?? []) as unknown as RoleBindingClaim[];
}

/** Forgets it, once proven. */
export async function forgetAfterVerification(table: Table, target: Target, subject: Subject): Promise<void> {
  await table.delete(memoryKey(target, subject));
}
