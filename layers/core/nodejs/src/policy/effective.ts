import type { Table } from '../ports/table.ts';
import { type Registrations, readRegistrations, withRegistrations } from './registrations.ts';
import { type PolicyInForce, policyInForce } from './versions.ts';

/** What holds now: the document in force, with what was registered beside it. */
export interface EffectivePolicy extends PolicyInForce {
  readonly registrations: Registrations;
}

/** What turns and planners go by, by consistent reads; undefined before the first document is in force. */
export async function effectivePolicy(table: Pick<Table, 'get'>): Promise<EffectivePolicy | undefined> {
  const inForce = await policyInForce(table);
  if (!inForce) return undefined;
  const registrations = await readRegistrations(table);
  return { ...inForce, policy: withRegistrations(inForce.policy, registrations.registrations), registrations };
}
