import { grantSubject } from '../access/subject.ts';
import type { Change, Finding, Kind, OwnedClaim } from '../resources/resource.ts';
import { byObject, claimsOn, objectId, ownedClaimKey, type TurnClaims, unwantedClaims } from './turn-claims.ts';

/**
 * What a turn will do, complete before it does any of it. JSON-able: a dry run is this value, not executed.
 *
 * | wanted | recorded | observed       | the plan says                                             |
 * |--------|----------|----------------|-----------------------------------------------------------|
 * | yes    | no       | absent         | make it                                                   |
 * | yes    | yes      | as wanted      | nothing                                                   |
 * | yes    | yes      | differs        | put it right (drift)                                      |
 * | yes    | no       | a stranger's   | nothing; a finding that blocks the subject                |
 * | no     | yes      | present        | remove it                                                 |
 * | no     | yes      | absent         | nothing (the record goes)                                 |
 * | no     | no       | anything       | nothing: it is not ours                                   |
 */
export interface Plan {
  /** In the order in which they are made: all removals, the door first; then all additions, the door last. */
  readonly changes: readonly PlannedChange[];
  readonly findings: readonly Finding[];
  /** Claims left out because something blocks them: they stay as they are, and so do their records. */
  readonly held: readonly OwnedClaim[];
}

/** A change and the pass it belongs to. */
export interface PlannedChange {
  readonly pass: Pass;
  readonly change: Change;
}

/** Removals come before additions. */
export type Pass = 'remove' | 'add';

/** What is observed of one object. */
export type Observations = ReadonlyMap<string, unknown>;

/**
 * A safety rule over a whole plan. It answers the findings it has; one with severity `blocks` takes its subject's claims
 * (or, without a subject, all claims on its object) out of the plan, and the rest is planned again.
 */
export type Guard = (draft: Draft) => readonly Finding[];

/** A plan before the guards have seen it. */
export interface Draft {
  readonly changes: readonly PlannedChange[];
  readonly claims: TurnClaims;
  readonly observed: Observations;
}

/** What `planTurn` needs. `kinds` stand in the order of granting: what must be there first comes first. */
export interface PlanInput {
  readonly kinds: readonly Kind[];
  readonly claims: TurnClaims;
  readonly observed: Observations;
  readonly guards: readonly Guard[];
}

/**
 * Desired and observed in, plan out; pure.
 *
 * A finding that blocks holds back a subject's whole grant where it wants something (nobody gets half of one), but only the
 * one claim where something is to be removed: a revocation never waits for what it does not need.
 */
export function planTurn({ kinds, claims, observed, guards }: PlanInput): Plan {
  const findings = new Map<string, Finding>();
  let open: TurnClaims = claims;
  for (;;) {
    const draft = draftChanges(kinds, open, observed);
    const guarded = guards.flatMap((guard) => guard({ changes: draft.changes, claims: open, observed }));
    const found = [...draft.findings, ...guarded];
    for (const finding of found) findings.set(`${finding.code} ${finding.object} ${finding.subject ?? ''}`, finding);
    const narrowed = withoutBlocked(open, found);
    if (narrowed.wanted.length === open.wanted.length && narrowed.recorded.length === open.recorded.length) {
      const held = open === claims ? [] : leftOut(claims, open);
      // What a guard still speaks against comes from no claim that could be held back: it is a fault, and never made.
      const faulty = new Set(
        guarded.flatMap(({ severity, object, subject }) =>
          severity === 'blocks' && subject === undefined ? [object] : [],
        ),
      );
      const changes = draft.changes.filter(({ change }) => !faulty.has(change.object));
      return { changes, findings: [...findings.values()], held };
    }
    open = narrowed;
  }
}

/** The claims that are not among those that were kept. */
function leftOut(claims: TurnClaims, open: TurnClaims): OwnedClaim[] {
  const kept = new Set([...open.wanted, ...open.recorded].map(ownedClaimKey));
  return [...claims.wanted, ...claims.recorded].filter((owned) => !kept.has(ownedClaimKey(owned)));
}

/** The claims without those that a blocking finding is about. */
function withoutBlocked(claims: TurnClaims, findings: readonly Finding[]): TurnClaims {
  const blocks = findings.filter((finding) => finding.severity === 'blocks');
  if (blocks.length === 0) return claims;
  const concerns = (owned: OwnedClaim) =>
    blocks.some(
      (finding) =>
        finding.object === owned.claim.object && (finding.subject === undefined || finding.subject === owned.subject),
    );
  const blocked = new Set<string>();
  for (const owned of claims.wanted) {
    if (!concerns(owned)) continue;
    blocked.add(pairKey(owned));
    // What all members of a grant need is missing: none of them gets the rest.
    if (owned.grant !== undefined && owned.subject === grantSubject(owned.grant)) blocked.add(`grant ${owned.grant}`);
  }
  const isBlocked = (owned: OwnedClaim) => blocked.has(pairKey(owned)) || blocked.has(`grant ${owned.grant}`);
  const wanted = claims.wanted.filter((owned) => !isBlocked(owned));
  const unwanted = new Set(unwantedClaims(claims).map(ownedClaimKey));
  const stillWanted = new Set(wanted.map(ownedClaimKey));
  const wantedPlaces = new Set(claims.wanted.map(placeKey));
  const blockedPlaces = new Set(claims.wanted.filter(isBlocked).map(placeKey));
  const recorded = claims.recorded.filter((owned) => {
    const key = ownedClaimKey(owned);
    if (!unwanted.has(key)) return stillWanted.has(key);
    // What stands against the new username stands not against taking the old one away; but a namespace or Role that only
    // was to change its form stays as it is.
    if (blockedPlaces.has(placeKey(owned)) && !isLine(owned)) return false;
    return !blocks.some(
      ({ object, subject }) =>
        object === owned.claim.object &&
        (subject === undefined || (subject === owned.subject && !wantedPlaces.has(placeKey(owned)))),
    );
  });
  return { wanted, recorded };
}

/** True for one line among others in an object, false where the claim is the object as a whole. */
const isLine = ({ claim }: OwnedClaim) => 'username' in claim || 'group' in claim;
const placeKey = ({ subject, claim }: OwnedClaim) => `${subject} ${objectId(claim)}`;

const pairKey = (owned: OwnedClaim) => `${owned.subject} ${owned.grant ?? ''}`;

function draftChanges(kinds: readonly Kind[], claims: TurnClaims, observed: Observations) {
  const state = new Map(observed);
  const changes: PlannedChange[] = [];
  const findings: Finding[] = [];
  for (const { pass, kind, object, claims: own } of objectWork(kinds, claims)) {
    const id = objectId({ kind: kind.name, object });
    const diff = kind.diff(object, state.get(id), own);
    findings.push(...diff.findings);
    if (diff.change) {
      changes.push({ pass, change: diff.change });
      state.set(id, diff.change.after);
    }
  }
  return { changes, findings };
}

/** One visit to one object: which pass, and the claims that the pass is about. */
export interface ObjectWork {
  readonly pass: Pass;
  readonly kind: Kind;
  readonly object: string;
  readonly claims: {
    readonly wanted: readonly OwnedClaim[];
    readonly unwanted: readonly OwnedClaim[];
    readonly recorded: readonly OwnedClaim[];
  };
}

/**
 * The visits of a turn in their order: removals with the kinds in reverse, then additions with the kinds in order. An object
 * with both is visited twice, so that nothing is added before all that must go is gone. What its subject claims anew on the
 * same object in another form is no removal but a change, and belongs to the additions: a Role whose rules change, or a
 * namespace whose grant no longer wants it deleted, must not be deleted and made again.
 */
export function objectWork(kinds: readonly Kind[], claims: TurnClaims): ObjectWork[] {
  const wantedOnce = new Map(claims.wanted.map((owned) => [ownedClaimKey(owned), owned]));
  const sides = Map.groupBy(claims.recorded, (owned) => wantedOnce.has(ownedClaimKey(owned)));
  const wanted = byObject([...wantedOnce.values()]);
  const [recorded, unwanted] = [byObject(sides.get(true) ?? []), byObject(sides.get(false) ?? [])];
  const visit = (pass: Pass, kind: Kind) =>
    [...((pass === 'remove' ? unwanted : wanted).get(kind.name)?.keys() ?? [])].flatMap((object): ObjectWork[] => {
      const key = { kind: kind.name, object };
      const [there, going, own] = [claimsOn(wanted, key), claimsOn(unwanted, key), claimsOn(recorded, key)];
      const subjects = new Set(going.length === 0 ? [] : there.map(({ subject }) => subject));
      const isSuperseded = ({ subject }: OwnedClaim) => subjects.has(subject);
      if (pass === 'add') {
        return [{ pass, kind, object, claims: { wanted: there, unwanted: going.filter(isSuperseded), recorded: own } }];
      }
      const gone = going.filter((owned) => !isSuperseded(owned));
      return gone.length === 0 ? [] : [{ pass, kind, object, claims: { wanted: own, unwanted: gone, recorded: own } }];
    });
  return [
    ...kinds.toReversed().flatMap((kind) => visit('remove', kind)),
    ...kinds.flatMap((kind) => visit('add', kind)),
  ];
}
