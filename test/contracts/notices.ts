import type { Failure } from '@gatehouse/core/access/failure';
import type { Notices } from '@gatehouse/core/ports/notices';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { type Deviations, expectDeviations } from './deviations.ts';

/** A notice as it comes out of the bus. */
export interface DeliveredNotice {
  readonly source: string;
  readonly type: string;
  readonly detail: unknown;
}

/** A bus under test, empty when a test begins. */
export interface NoticesSubject {
  readonly notices: Notices;
  /** What came out of the bus so far, in no order. */
  delivered(): Promise<readonly DeliveredNotice[]>;
  /** What could not be published so far. */
  readonly failures: readonly Failure[];
  close?(): Promise<void>;
}

/** What every {@link Notices} promises. `make` is called before each test. */
export function noticesContract(name: string, make: () => Promise<NoticesSubject>, deviations: Deviations = {}): void {
  describe(`Notices: ${name}`, () => {
    expectDeviations(deviations);
    let subject: NoticesSubject;
    const opened: NoticesSubject[] = [];
    beforeEach(async () => {
      subject = await make();
      opened.push(subject);
    });
    afterAll(async () => {
      for (const one of opened) await one.close?.();
    });
    const byIndex = (one: DeliveredNotice) => (one.detail as { index: number }).index;
    const delivered = (count: number) =>
      expect.poll(async () => (await subject.delivered()).toSorted((one, other) => byIndex(one) - byIndex(other)), {
        message: `${count} notices`,
      });

    it('every notice comes out as it was published, however many', async () => {
      const notices = Array.from({ length: 23 }, (_, index) => ({ type: `turn.${index}`, detail: { index } }));
      await subject.notices.publish(notices);
      await delivered(23).toEqual(notices.map((notice) => ({ source: 'gatehouse', ...notice })));
      expect(subject.failures).toEqual([]);
    });

    it('a detail may hold anything that is JSON', async () => {
      const detail = {
        index: 0,
        text: 'grün \u{1F6AA} "quoted" <&>\n',
        list: [1, null, { deep: [true, -1.5] }],
        none: {},
      };
      await subject.notices.publish([{ type: 'granted', detail }]);
      await delivered(1).toEqual([{ source: 'gatehouse', type: 'granted', detail }]);
    });

    it('nothing to tell is nothing told', async () => {
      await subject.notices.publish([]);
      expect(await subject.delivered()).toEqual([]);
    });

    it('what is too large for the bus is told as a failure, and fails nothing', async () => {
      await subject.notices.publish([{ type: 'large', detail: { index: 0, text: 'ü'.repeat(150 * 1024) } }]);
      expect(subject.failures).toMatchObject([{ name: 'Failure', retryable: false }]);
      await subject.notices.publish([{ type: 'small', detail: { index: 1 } }]);
      await delivered(1).toEqual([{ source: 'gatehouse', type: 'small', detail: { index: 1 } }]);
    });
  });
}
