import { allClusters, clustersOf, matchesName, selects } from '@gatehouse/core/policy/selection';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { aCluster, aGrant, aPolicy } from '../../builders/policy.ts';

describe('a name matches a pattern', () => {
  test.each([
    ['*', 'prod-eu', true],
    ['prod-eu', 'prod-eu', true],
    ['prod-eu', 'prod-eu-2', false],
    ['prod-eu', 'Prod-eu', false],
    ['prod-*', 'prod-', true],
    ['prod-*', 'prod', false],
    ['*-eu', 'prod-eu', true],
    ['*-eu', 'prod-eu2', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['**', '', true],
    ['prod.eu', 'prod-eu', false],
  ])('%s against %s: %s', (pattern, name, expected) => {
    expect(matchesName(pattern, name)).toBe(expected);
  });

  test('as the regular expression of the same meaning would', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '-', '*'), maxLength: 6 });
    fc.assert(
      fc.property(pattern, text, (glob, name) => {
        expect(matchesName(glob, name)).toBe(new RegExp(`^${glob.replaceAll('*', '.*')}$`).test(name));
      }),
      { numRuns: 500 },
    );
  });
});

test('names and labels must both fit, and every label', () => {
  const cluster = aCluster({ name: 'prod-eu', labels: { env: 'prod', team: 'pay' } });
  const on = (names: string[], labels: Record<string, string>) =>
    selects(aGrant({ clusters: { names, labels } }), cluster);
  expect(on(['x', 'prod-*'], { env: 'prod' })).toBe(true);
  expect(on(['*'], { env: 'prod', team: 'pay' })).toBe(true);
  expect(on(['*'], { env: 'prod', team: 'other' })).toBe(false);
  expect(on(['x'], { env: 'prod' })).toBe(false);
  expect(on([], {})).toBe(false);
  expect(on(['*'], { toString: 'x' })).toBe(false);
});

describe('a discovered cluster', () => {
  const named = aCluster({ name: 'a', labels: { env: 'prod' }, mode: 'paused' });
  const other = aCluster({ name: 'b', labels: { gatehouse: 'managed' } });
  const discovery = { account: other.account, region: other.region, tag: { gatehouse: 'managed' } };
  const discover = [{ ...discovery, mode: 'observe' as const }];

  test('counts once where it is named, too, as the policy describes it', () => {
    const discovered = [{ ...named, labels: {}, mode: 'enforce' as const }, other, other];
    const policy = aPolicy({ clusters: [named], discover });
    expect(clustersOf(policy, aGrant(), discovered)).toEqual([named, { ...other, mode: 'observe' }]);
  });

  test.each([
    ['a policy without discovery', []],
    ['a policy that asks for another tag', [{ ...discover[0]!, tag: { gatehouse: 'other' } }]],
    ['a policy that discovers in another Region', [{ ...discover[0]!, region: 'us-east-1' }]],
  ])('of an earlier policy is none of %s', (_policy, rules) => {
    expect(allClusters(aPolicy({ clusters: [named], discover: rules }), [other])).toEqual([named]);
  });
});
