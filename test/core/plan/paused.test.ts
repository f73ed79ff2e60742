import type { AccessRule } from '@gatehouse/core/access/policy';
import { wantedWhilePaused } from '@gatehouse/core/plan/paused';
import type { OwnedClaim } from '@gatehouse/core/resources/resource';
import { isWithin, type RoleClaim } from '@gatehouse/core/resources/role/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const own = (claim: object): OwnedClaim => ({
  subject: 'grant/ops',
  grant: 'ops',
  claim: claim as OwnedClaim['claim'],
});
const role = (...rules: readonly AccessRule[]) =>
  own({ kind: 'role', object: 'Role/pay/gatehouse:ops', grant: 'ops', rules });
const on = (resources: readonly string[], verbs: readonly string[], resourceNames?: readonly string[]): AccessRule => ({
  apiGroups: [''],
  resources,
  verbs,
  ...(resourceNames ? { resourceNames } : {}),
});
const rulesOf = (claims: readonly OwnedClaim[]) => claims.flatMap(({ claim }) => (claim as RoleClaim).rules);

describe('on a paused cluster', () => {
  it('stays what is recorded, and nothing new comes', () => {
    const [old, fresh] = [own({ kind: 'x', object: 'a' }), own({ kind: 'x', object: 'b' })];
    expect(wantedWhilePaused([old, fresh], [old])).toEqual([old]);
  });

  it('is no new username, since that would let somebody else in', () => {
    const line = (username: string) => own({ kind: 'aws-auth', object: 'o', username });
    expect(wantedWhilePaused([line('new')], [line('old')])).toEqual([]);
  });

  it('stays a namespace in the form in which it was made', () => {
    const space = (onAbsent: string) => own({ kind: 'namespace', object: 'pay', onAbsent });
    expect(wantedWhilePaused([space('create')], [space('create-and-delete')])).toEqual([space('create-and-delete')]);
  });

  it.each<[string, readonly AccessRule[], readonly AccessRule[], readonly AccessRule[]]>([
    ['gains a verb', [on(['pods'], ['get', 'list'])], [on(['pods'], ['get'])], [on(['pods'], ['get'])]],
    ['loses a verb', [on(['pods'], ['get'])], [on(['pods'], ['get', 'list'])], [on(['pods'], ['get'])]],
    [
      'gains one and loses one',
      [on(['pods'], ['get', 'watch'])],
      [on(['pods'], ['get', 'list'])],
      [on(['pods'], ['get'])],
    ],
    ['is another one', [on(['secrets'], ['get'])], [on(['pods'], ['get'])], []],
    ['becomes everything', [on(['*'], ['*'])], [on(['pods'], ['get'])], [on(['pods'], ['get'])]],
    ['was everything', [on(['pods'], ['get'])], [on(['*'], ['*'])], [on(['pods'], ['get'])]],
    [
      'is for named ones now',
      [on(['pods'], ['get', 'x'], ['a'])],
      [on(['pods'], ['get', 'y'])],
      [on(['pods'], ['get'], ['a'])],
    ],
    ['is for others by name', [on(['pods'], ['get'], ['a'])], [on(['pods'], ['get'], ['b'])], []],
  ])('a Role whose level %s keeps what it has and should have', (_name, wanted, recorded, left) => {
    expect(rulesOf(wantedWhilePaused([role(...wanted)], [role(...recorded)]))).toEqual(left);
  });

  const word = (...words: string[]) => fc.subarray([...words, '*'], { minLength: 1 });
  const rule = fc
    .record({
      resources: word('pods', 'secrets'),
      verbs: word('get', 'list'),
      names: fc.option(fc.subarray(['a', 'b'], { minLength: 1 })),
    })
    .map(({ resources, verbs, names }) => on(resources, verbs, names ?? undefined));
  const rules = fc.array(rule, { minLength: 1, maxLength: 3 });

  it('a Role never allows what it did not, nor what it should not, and keeps whatever is in both', () => {
    fc.assert(
      fc.property(rules, rules, rule, (wanted, recorded, probe) => {
        const left = rulesOf(wantedWhilePaused([role(...wanted)], [role(...recorded)]));
        const allows = (list: readonly AccessRule[], one: AccessRule) => list.some((other) => isWithin(one, other));
        for (const one of left) expect([allows(wanted, one), allows(recorded, one)]).toEqual([true, true]);
        for (const verb of probe.verbs) {
          for (const resource of probe.resources ?? []) {
            const single = on([resource], [verb], probe.resourceNames?.slice(0, 1));
            expect(allows(left, single)).toBe(allows(wanted, single) && allows(recorded, single));
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
