import type { Table } from '@gatehouse/core/ports/table';
import { untilDeadline } from '@gatehouse/core/work/deadline';
import { describe, expect, it } from 'vitest';
import { fixedClock } from '../../fakes/clock.ts';
import { memoryTable } from '../../fakes/table.ts';

class Counter {
  #count = 0;
  async next(): Promise<number> {
    this.#count += 1;
    return this.#count;
  }
}

describe('untilDeadline', () => {
  it('passes calls on before the deadline, and starts none at or after it', async () => {
    const clock = fixedClock(1000);
    const table = memoryTable();
    const bounded: Table = untilDeadline<Table>(table, clock, 1500);
    await bounded.put({ pk: 'a', sk: 'b' });
    clock.advance(499);
    expect(await bounded.get({ pk: 'a', sk: 'b' })).toEqual({ pk: 'a', sk: 'b' });
    clock.advance(1);
    await expect(bounded.put({ pk: 'a', sk: 'c' })).rejects.toMatchObject({ code: 'deadline', retryable: true });
    await expect(bounded.get({ pk: 'a', sk: 'b' })).rejects.toMatchObject({ code: 'deadline' });
    expect(table.calls).toMatchObject({ put: 1, get: 1 });
  });

  it('rejects, it does not throw', () => {
    const bounded = untilDeadline<Table>(memoryTable(), fixedClock(1), 0);
    const answer = bounded.get({ pk: 'a', sk: 'b' });
    expect(answer).toBeInstanceOf(Promise);
    answer.catch(() => {});
  });

  it('lets a call end that began in time', async () => {
    const clock = fixedClock(0);
    const slow = {
      async read() {
        clock.advance(100);
        return 'read';
      },
    };
    expect(await untilDeadline(slow, clock, 50).read()).toBe('read');
  });

  it('serves objects of classes and frozen objects, and what is no method', async () => {
    const clock = fixedClock(0);
    const counter = untilDeadline(new Counter(), clock, 50);
    expect([await counter.next(), await counter.next()]).toEqual([1, 2]);
    const frozen = untilDeadline(Object.freeze({ name: 'port', call: async () => 'called' }), clock, 50);
    expect([frozen.name, await frozen.call(), 'call' in frozen, 'other' in frozen]).toEqual([
      'port',
      'called',
      true,
      false,
    ]);
  });
});
