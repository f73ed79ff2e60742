import { describe, expect, it, type RunnerTestSuite } from 'vitest';
import { expectDeviations, markDeviations } from './deviations.ts';

describe('what is listed as a deviation', () => {
  expectDeviations({ 'fails at the top': 'a reason', 'in a group, of 1 > fails, of 2': 'a reason' });

  it('fails at the top', () => {
    expect(1).toBe(2);
  });

  describe.each([1])('in a group, of %i', (one) => {
    it.each([2])('fails, of %i', (two) => {
      expect(one).toBe(two);
    });

    it('and everything else passes', ({ task }) => {
      expect(task.fails).toBeUndefined();
    });
  });

  it('is marked as a test that must fail', ({ task }) => {
    const siblings = task.suite!.tasks.filter((sibling) => sibling.type === 'test');
    expect(siblings.map(({ name, fails }) => [name, fails])).toEqual([
      ['fails at the top', true],
      ['is marked as a test that must fail', undefined],
      ['must be a test of the contract', undefined],
    ]);
  });

  it('must be a test of the contract', ({ task }) => {
    const contract = task.suite as RunnerTestSuite;
    const marking = (name: string) => () => markDeviations(contract, { [name]: 'a reason' });
    for (const name of ['fails', 'in a group, of 1', 'fails, of 2', 'in a group, of 1 > fails, of 3']) {
      expect(marking(name)).toThrow(`"${name}" is listed as a deviation, but no test of the contract`);
    }
  });
});
