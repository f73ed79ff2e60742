import { userSubject } from '@gatehouse/core/access/subject';
import { clusterTarget } from '@gatehouse/core/access/target';
import type { Cause } from '@gatehouse/core/directory/fact';
import { membershipKey, userKey } from '@gatehouse/core/directory/items';
import { ACTIVE_KEY } from '@gatehouse/core/policy/in-force';
import type { Item } from '@gatehouse/core/ports/table';
import { causesBySubject, distinctCauses, newerCauses } from '@gatehouse/core/work/causes';
import { FactReader } from '@gatehouse/core/work/fact-reader';
import type { Mark } from '@gatehouse/core/work/marks';
import { describe, expect, it } from 'vitest';
import { memoryTable } from '../../fakes/table.ts';

const MIA = userSubject('okta', 'mia');
const JO = userSubject('okta', 'jo');
const TARGET = clusterTarget('arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu');

const at = (receivedAt: number, event = `at-${receivedAt}`): Cause => ({
  source: 'okta',
  event,
  type: 'group.user_membership.add',
  receivedAt,
});

const mark = (subject: Mark['subject'], urgency: Mark['urgency'], cause: Cause): Mark => ({
  ...{ target: TARGET, subject, urgency, cause, token: 't' },
  ...{ notBefore: 0, since: 0, attempts: 0 },
});

/** A reader that has read what is known of mia: that she is there, told at 1, and a member, told at `told`. */
async function readerOf(told: number, uploaded?: number): Promise<FactReader> {
  const table = memoryTable();
  if (uploaded !== undefined) await table.put({ ...ACTIVE_KEY, cause: { ...at(uploaded, 'policy') } });
  const user = { ...userKey('okta', 'mia'), source: 'okta', user: 'mia', cause: at(1) } as unknown as Item;
  const keys = [userKey('okta', 'mia'), membershipKey('okta', 'operators', 'mia')];
  const member = { ...keys[1]!, source: 'okta', group: 'operators', user: 'mia', cause: at(told) } as unknown as Item;
  await table.put(user);
  await table.put(member);
  const reader = new FactReader(table);
  for (const key of [...keys, ACTIVE_KEY]) await reader.get(key);
  return reader;
}

describe('the event because of which a subject is touched', () => {
  it.each([
    ['its own mark speaks of it', [mark(MIA, 'grant', at(5))], MIA, 'grant', 'at-5'],
    ['she left since she was marked as joining', [mark(MIA, 'grant', at(5))], MIA, 'revocation', 'at-9'],
    ['only another is marked', [mark(JO, 'grant', at(5))], MIA, 'grant', 'at-9'],
    ['another is marked, and nothing was read of this one', [mark(MIA, 'grant', at(5))], JO, 'grant', 'first'],
    ['marked otherwise, and nothing was read', [mark(JO, 'grant', at(5))], JO, 'revocation', 'at-5'],
    [
      'two marks of it: the one of the urgency',
      [mark(MIA, 'revocation', at(6)), mark(MIA, 'grant', at(5))],
      MIA,
      'grant',
      'at-5',
    ],
  ] as const)('%s', async (_what, marks, subject, urgency, event) => {
    const causeOf = causesBySubject(marks, await readerOf(9), at(0, 'first'));
    expect(causeOf(subject, urgency).event).toBe(event);
  });

  it.each([
    ['a policy came after she was marked as joining', [mark(MIA, 'grant', at(5))], MIA, 'revocation', 12, 'policy'],
    ['she left after the policy came', [mark(MIA, 'grant', at(5))], MIA, 'revocation', 7, 'at-9'],
    ['its own mark speaks of it, whatever policy came', [mark(MIA, 'grant', at(5))], MIA, 'grant', 12, 'at-5'],
    ['a policy came, and nothing was read of this one', [mark(JO, 'grant', at(5))], JO, 'revocation', 12, 'policy'],
    ['the policy is older than its mark', [mark(JO, 'grant', at(5))], JO, 'revocation', 3, 'at-5'],
  ] as const)('%s', async (_what, marks, subject, urgency, uploaded, event) => {
    const causeOf = causesBySubject(marks, await readerOf(9, uploaded), at(0, 'first'));
    expect(causeOf(subject, urgency).event).toBe(event);
  });

  it('is, beside those of the marks, that of a policy which came after them', async () => {
    const marks = [mark(MIA, 'grant', at(5)), mark(JO, 'grant', at(5))];
    expect(distinctCauses(newerCauses(marks, await readerOf(4, 12)))).toEqual([at(12, 'policy')]);
    expect(newerCauses(marks, await readerOf(4, 3))).toEqual([]);
  });

  it('is, beside those of the marks, that of a fact which came after them', async () => {
    const marks = [mark(MIA, 'grant', at(5)), mark(JO, 'grant', at(5))];
    expect(newerCauses(marks, await readerOf(9))).toEqual([at(9)]);
    expect(newerCauses(marks, await readerOf(4))).toEqual([]);
  });

  it('is named once, and of a storm twenty-five are named', () => {
    expect(distinctCauses([at(1), at(2), at(1)])).toEqual([at(1), at(2)]);
    expect(distinctCauses(Array.from({ length: 40 }, (_, index) => at(index)))).toHaveLength(25);
  });
});
