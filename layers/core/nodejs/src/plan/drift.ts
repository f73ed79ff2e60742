import type { Subject } from '../access/subject.ts';
import type { ChangeLine, Kind } from '../resources/resource.ts';
import type { Observations } from './plan.ts';
import { byObject, eachOnce, objectId, ownedClaimKey, type TurnClaims } from './turn-claims.ts';

/** One object that somebody else changed: what was made there is wanted still, and it is not there any more as it was made. */
export interface Drift {
  readonly kind: string;
  readonly object: string;
  /** What puts it right again; the same lines stand in the plan. */
  readonly lines: readonly ChangeLine[];
}

/**
 * What was changed outside of Gatehouse: where the claims that are both wanted and recorded do not find what they ask for. What is
 * newly wanted, or no longer, is no drift but a change. Pure.
 *
 * @param unfinished Subjects with marks on the target: what is recorded of them may not have been made yet.
 */
export function driftIn(
  kinds: readonly Kind[],
  { wanted, recorded }: TurnClaims,
  observed: Observations,
  unfinished: ReadonlySet<Subject> = new Set(),
): Drift[] {
  const made = new Set(recorded.map(ownedClaimKey));
  const standing = eachOnce(wanted).filter((owned) => made.has(ownedClaimKey(owned)) && !unfinished.has(owned.subject));
  return [...byObject(standing)].flatMap(([name, objects]) => {
    const kind = kinds.find((one) => one.name === name);
    return [...objects].flatMap(([object, own]): Drift[] => {
      const seen = observed.get(objectId({ kind: name, object }));
      const change = kind?.diff(object, seen, { wanted: own, unwanted: [], recorded: own }).change;
      return change === undefined ? [] : [{ kind: name, object, lines: change.lines }];
    });
  });
}
