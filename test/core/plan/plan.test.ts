import { grantSubject, type Subject } from '@gatehouse/core/access/subject';
import { type Guard, objectWork, type Plan, planTurn } from '@gatehouse/core/plan/plan';
import { ownedClaimKey, type TurnClaims } from '@gatehouse/core/plan/turn-claims';
import type { Finding, Kind, OwnedClaim } from '@gatehouse/core/resources/resource';
import { describe, expect, it } from 'vitest';
import { type LineClaim, type Lines, listKind } from './fake-kind.ts';

const ALICE: Subject = 'user/okta/alice';
const BOB: Subject = 'user/okta/bob';
const RIGHTS = listKind('rights');
const DOOR = listKind('door');
const KINDS = [RIGHTS, DOOR];

const line = (
  username: string,
  { kind = 'rights', object = 'o', grant = 'ops', subject = ALICE, text = 'x' }: Partial<LineOptions> = {},
): OwnedClaim => ({ subject, grant, claim: { kind, object, username, text } satisfies LineClaim as LineClaim });
interface LineOptions {
  kind: string;
  object: string;
  grant: string;
  subject: Subject;
  text: string;
}

function plan(
  claims: Partial<TurnClaims>,
  observed: Readonly<Record<string, Lines>> = {},
  guards: readonly Guard[] = [],
): Plan {
  return planTurn({
    kinds: KINDS,
    claims: { wanted: [], recorded: [], ...claims },
    observed: new Map(Object.entries(observed)),
    guards,
  });
}
const said = ({ changes }: Plan) =>
  changes.flatMap(({ pass, change }) => change.lines.map(({ sign, text }) => `${pass} ${change.kind} ${sign}${text}`));
const blocks = (object: string, subject?: Subject): Finding => ({
  code: 'because',
  severity: 'blocks',
  object,
  message: 'm',
  remedy: 'r',
  ...(subject === undefined ? {} : { subject }),
});

describe('the truth table', () => {
  const a = line('a');
  it.each<[string, Partial<TurnClaims>, Lines, readonly string[], readonly string[]]>([
    ['wanted, not recorded, absent: made', { wanted: [a] }, {}, ['add rights +a'], []],
    ['wanted, recorded, as wanted: nothing', { wanted: [a], recorded: [a] }, { a: 'x' }, [], []],
    ['wanted, recorded, differs: put right', { wanted: [a], recorded: [a] }, { a: 'drift' }, ['add rights +a'], []],
    ['wanted, recorded, absent: made again', { wanted: [a], recorded: [a] }, {}, ['add rights +a'], []],
    ["wanted, not recorded, a stranger's: a finding", { wanted: [a] }, { a: 'theirs' }, [], ['foreign']],
    ['not wanted, recorded, present: removed', { recorded: [a] }, { a: 'x' }, ['remove rights -a'], []],
    ['not wanted, recorded, absent: nothing', { recorded: [a] }, {}, [], []],
    ['neither wanted nor recorded: not ours', {}, { a: 'x' }, [], []],
  ])('%s', (_name, claims, there, changes, findings) => {
    const made = plan(claims, { 'rights o': there });
    expect(said(made)).toEqual(changes);
    expect(made.findings.map(({ code }) => code)).toEqual(findings);
    expect(made.held.length).toBe(findings.length);
  });

  it('keeps a line while any grant of its subject wants it', () => {
    const [one, other] = [line('a', { grant: 'one' }), line('a', { grant: 'other' })];
    expect(said(plan({ wanted: [other], recorded: [one] }, { 'rights o': { a: 'x' } }))).toEqual([]);
  });
});

describe('the order', () => {
  it('takes the door away first, then rights; gives rights first, then the door; removes before it adds', () => {
    const old = [line('old'), line('old', { kind: 'door', object: 'd' })];
    const fresh = [line('new', { kind: 'door', object: 'd', subject: BOB }), line('new', { subject: BOB })];
    const there = { 'rights o': { old: 'x' }, 'door d': { old: 'x' } };
    expect(said(plan({ wanted: fresh, recorded: old }, there))).toEqual([
      'remove door -old',
      'remove rights -old',
      'add rights +new',
      'add door +new',
    ]);
  });

  it('visits an object once for each pass, with what the pass is about', () => {
    const [gone, stays, fresh] = [line('gone', { subject: BOB }), line('stays'), line('fresh')];
    const visits = objectWork(KINDS, { wanted: [stays, fresh], recorded: [gone, stays] });
    expect(visits.map(({ pass, claims }) => [pass, claims])).toEqual([
      ['remove', { wanted: [stays], unwanted: [gone], recorded: [stays] }],
      ['add', { wanted: [stays, fresh], unwanted: [], recorded: [stays] }],
    ]);
  });

  it('takes another form of the same claim for a change, and never for a removal', () => {
    const [was, is] = [line('a', { text: 'old' }), line('a', { text: 'new' })];
    const visits = objectWork(KINDS, { wanted: [is], recorded: [was] });
    expect(visits.map(({ pass, claims }) => [pass, claims])).toEqual([
      ['add', { wanted: [is], unwanted: [was], recorded: [] }],
    ]);
  });

  it('plans the second visit on what the first one leaves', () => {
    const made = plan(
      { wanted: [line('new', { subject: BOB })], recorded: [line('old')] },
      { 'rights o': { old: 'x', theirs: 'y' } },
    );
    expect(made.changes.map(({ change }) => change.after)).toEqual([{ theirs: 'y' }, { theirs: 'y', new: 'x' }]);
    expect(made.changes[1]!.change.before).toEqual(made.changes[0]!.change.after);
  });
});

describe('what a blocking finding holds back', () => {
  const there = { 'rights o': { a: 'x', b: 'x' }, 'door d': { a: 'x', b: 'x' } };
  const door = (username: string, more: Partial<LineOptions> = {}) =>
    line(username, { kind: 'door', object: 'd', ...more });
  const against =
    (...findings: Finding[]): Guard =>
    ({ claims }) =>
      findings.filter((finding) =>
        [...claims.wanted, ...claims.recorded].some(({ claim }) => claim.object === finding.object),
      );

  it('is the whole grant of its subject, because nobody gets half of one', () => {
    const wanted = [line('a'), door('a'), line('b', { subject: BOB }), door('b', { subject: BOB })];
    const made = plan({ wanted }, {}, [against(blocks('d', ALICE))]);
    expect(said(made)).toEqual(['add rights +b', 'add door +b']);
    expect(made.held).toEqual([wanted[0], wanted[1]]);
  });

  it("is not the subject's other grants", () => {
    const wanted = [line('a', { object: 'p', grant: 'other' }), line('a'), door('a')];
    expect(said(plan({ wanted }, {}, [against(blocks('d', ALICE))]))).toEqual(['add rights +a']);
  });

  it('is everybody of the grant where what they share is blocked', () => {
    const shared = line('shared', { object: 's', subject: grantSubject('ops') });
    const wanted = [shared, line('a'), line('c', { grant: 'other', subject: BOB })];
    const made = plan({ wanted }, {}, [against(blocks('s', grantSubject('ops')))]);
    expect(said(made)).toEqual(['add rights +c']);
    expect(made.held).toEqual([shared, wanted[1]]);
  });

  it('is everything on an object where it names no subject, removals there too', () => {
    const recorded = [door('a'), line('a'), line('b', { subject: BOB })];
    const made = plan({ wanted: [door('c', { subject: BOB })], recorded }, there, [against(blocks('d'))]);
    expect(said(made)).toEqual(['remove rights -a', 'remove rights -b']);
    expect(made.held.map(ownedClaimKey)).toEqual([door('c', { subject: BOB }), door('a')].map(ownedClaimKey));
  });

  it('is only the one claim where something goes: a revocation waits for nothing it does not need', () => {
    const made = plan({ recorded: [door('a'), line('a')] }, there, [against(blocks('d', ALICE))]);
    expect(said(made)).toEqual(['remove rights -a']);
    expect(made.held).toEqual([door('a')]);
  });

  it('is not the removal of the old username where it stands against the new one', () => {
    const made = plan({ wanted: [line('new')], recorded: [line('a')] }, { 'rights o': { a: 'x', new: 'theirs' } });
    expect(said(made)).toEqual(['remove rights -a']);
    expect(made.findings.map(({ code }) => code)).toEqual(['foreign']);
    expect(made.held).toEqual([line('new')]);
  });

  it('is what is in force already, too: it stays as it is, and recorded', () => {
    const claims = { wanted: [line('a'), door('a')], recorded: [line('a')] };
    const made = plan(claims, { 'rights o': { a: 'drift' } }, [against(blocks('d', ALICE))]);
    expect(said(made)).toEqual([]);
    expect(made.held).toEqual([line('a'), door('a'), line('a')]);
  });

  it('is nothing for a notice', () => {
    const notice: Guard = () => [{ ...blocks('o', ALICE), severity: 'notice' }];
    const made = plan({ wanted: [line('a')] }, {}, [notice]);
    expect(said(made)).toEqual(['add rights +a']);
    expect(made.findings).toHaveLength(1);
  });

  it('is asked again of what is left, and every finding is told once', () => {
    const drafts: number[] = [];
    const guard: Guard = ({ changes }) => {
      drafts.push(changes.length);
      return changes.length > 1 ? [blocks('d', ALICE)] : [];
    };
    const made = plan({ wanted: [line('b', { subject: BOB }), door('a')] }, {}, [guard]);
    expect(drafts).toEqual([2, 1]);
    expect(made.findings).toHaveLength(1);
  });

  it('is also a change that comes from no claim: a kind that writes to another object than it was asked about', () => {
    const astray: Kind = {
      ...RIGHTS,
      diff: (_object, observed, claims) => {
        const { change, findings } = RIGHTS.diff('elsewhere', observed, claims);
        return { findings, ...(change ? { change: { ...change, object: 'elsewhere' } } : {}) };
      },
    };
    const guard: Guard = ({ changes }) => changes.map(({ change }) => blocks(change.object));
    const claims = { wanted: [line('a')], recorded: [] };
    const made = planTurn({ kinds: [astray], claims, observed: new Map(), guards: [guard] });
    expect(made.changes).toEqual([]);
    expect(made.findings.map(({ object }) => object)).toEqual(['elsewhere']);
  });
});
