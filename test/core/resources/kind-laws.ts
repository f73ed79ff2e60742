import { canonicalJson } from '@gatehouse/core/access/json';
import type { Claim, Kind, ObjectClaims, OwnedClaim } from '@gatehouse/core/resources/resource';
import fc from 'fast-check';
import { expect } from 'vitest';

/** One case for the laws: an object, what is there, what a turn claims. */
export interface LawCase<C extends Claim, O> {
  readonly object: string;
  readonly observed: O;
  readonly claims: ObjectClaims<C>;
}

/**
 * The laws of `Kind` that need no cluster: `diff` is pure and JSON-able, its change begins at what was observed and leads to
 * a state for which the same claims give no change, and `untouched` (what no claim of the turn mentions) is the same before
 * and after. `untouched` answers undefined where a state holds nothing to compare.
 */
export function expectKindLaws<C extends Claim, O>(
  kind: Pick<Kind<C, O>, 'name' | 'diff'>,
  cases: fc.Arbitrary<LawCase<C, O>>,
  untouched: (state: O, claims: ObjectClaims<C>) => unknown,
  numRuns = 300,
): void {
  fc.assert(
    fc.property(cases, ({ object, observed, claims }) => {
      const given = canonicalJson([observed, claims]);
      const { change, findings } = kind.diff(object, observed, claims);
      expect(canonicalJson([observed, claims])).toBe(given);
      expect(kind.diff(object, observed, claims)).toEqual({ ...(change ? { change } : {}), findings });
      for (const finding of findings) expect(finding.object).toBe(object);
      if (!change) return;

      expect(JSON.parse(JSON.stringify(change))).toEqual(change);
      expect(change).toMatchObject({ kind: kind.name, object });
      expect(change.before).toEqual(observed);
      expect(change.after).not.toEqual(observed);
      expect(change.lines.length).toBeGreaterThan(0);
      expect(kind.diff(object, change.after, claims).change).toBeUndefined();
      const before = untouched(observed, claims);
      const after = untouched(change.after, claims);
      if (before !== undefined && after !== undefined) expect(after).toEqual(before);
    }),
    { numRuns },
  );
}

/** Splits subjects' claims into a turn's: each wanted (recorded or not), or unwanted. */
export function turnClaims<C extends Claim>(
  owned: fc.Arbitrary<readonly OwnedClaim<C>[]>,
): fc.Arbitrary<ObjectClaims<C>> {
  return owned.chain((claims) =>
    fc
      .array(fc.constantFrom('new', 'kept', 'gone', 'changed'), { minLength: claims.length, maxLength: claims.length })
      .map((fates) => {
        const of = (...wanted: string[]) => claims.filter((_claim, index) => wanted.includes(fates[index]!));
        return { wanted: of('new', 'kept'), recorded: of('kept'), unwanted: of('gone', 'changed') };
      }),
  );
}
