import { isFailure } from '../access/failure.ts';
import { canonicalJson, type Json } from '../access/json.ts';
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
  const { claims: earlier, rev = 0 } = await recallForVerification(table, target, subject);
  const all = [...earlier, ...bindings.map(({ claim }) => claim as RoleBindingClaim)];
  const claims = [...new Map(all.map((claim) => [canonicalJson(claim), claim])).values()];
  await table.put({ ...memoryKey(target, subject), claims: claims as unknown as Json, rev: rev + 1 });
}

/** What is remembered of a subject, and how often it was added to: by that it can be told whether more came since. */
export interface Memory {
  readonly claims: readonly RoleBindingClaim[];
  readonly rev?: number;
}

/** What a subject had on a cluster and should have no more. */
export async function recallForVerification(table: Table, target: Target, subject: Subject): Promise<Memory> {
  const item = await table.get(memoryKey(target, subject));
  if (!item) return { claims: [] };
  return { claims: (item.claims ?? []) as unknown as RoleBindingClaim[], rev: Number(item.rev ?? 0) };
}

/** Forgets what is proven, unless more came to it since. */
export async function forgetAfterVerification(
  table: Table,
  target: Target,
  subject: Subject,
  proven: Memory,
): Promise<void> {
  if (proven.rev === undefined) return;
  try {
    await table.delete(memoryKey(target, subject), { equals: { rev: proven.rev } });
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
  }
}
