import { canonicalJson } from '../access/json.ts';
import type { Subject } from '../access/subject.ts';
import type { OwnedClaim } from '../resources/resource.ts';

/** Everything that the subjects of one turn claim on one target. */
export interface TurnClaims {
  /** What policy and facts say must be there. */
  readonly wanted: readonly OwnedClaim[];
  /** What the table records as made (or about to be made) before this turn. */
  readonly recorded: readonly OwnedClaim[];
}

/** The keys of claims seen before: claims never change, and each is compared many times in a turn. */
const keys = new WeakMap<OwnedClaim, string>();

/** The key by which two owned claims are the same. */
export function ownedClaimKey(owned: OwnedClaim): string {
  const known = keys.get(owned);
  if (known !== undefined) return known;
  // The grant is left out on purpose: while any grant wants a line, the line stays.
  const key = `${owned.subject} ${canonicalJson(owned.claim)}`;
  keys.set(owned, key);
  return key;
}

/** The claims that are recorded and no longer wanted by their subject. */
export function unwantedClaims(claims: TurnClaims): OwnedClaim[] {
  const wanted = new Set(claims.wanted.map(ownedClaimKey));
  return claims.recorded.filter((owned) => !wanted.has(ownedClaimKey(owned)));
}

/** The claims without repetitions: two grants of a subject may want the same line. */
export function eachOnce(claims: readonly OwnedClaim[]): OwnedClaim[] {
  return [...new Map(claims.map((owned) => [ownedClaimKey(owned), owned])).values()];
}

/** An object on a target: the kind's name and the object's. */
export interface ObjectKey {
  readonly kind: string;
  readonly object: string;
}

/** Claims by what they live in: by kind, then by object, both in order of first mention. */
export type ClaimsByObject = ReadonlyMap<string, ReadonlyMap<string, readonly OwnedClaim[]>>;

/** Sorts claims by what they live in. */
export function byObject(claims: readonly OwnedClaim[]): ClaimsByObject {
  const ofKinds = Map.groupBy(claims, ({ claim }) => claim.kind);
  return new Map([...ofKinds].map(([kind, own]) => [kind, Map.groupBy(own, ({ claim }) => claim.object)]));
}

/** Those of the claims that live in an object. */
export function claimsOn(claims: ClaimsByObject, { kind, object }: ObjectKey): readonly OwnedClaim[] {
  return claims.get(kind)?.get(object) ?? [];
}

/** One text for an object, for maps. */
export function objectId(key: ObjectKey): string {
  return `${key.kind} ${key.object}`;
}

/** The claims of each subject, each once, for the records. */
export function claimsBySubject(claims: readonly OwnedClaim[]): Map<Subject, OwnedClaim[]> {
  const bySubject = new Map<Subject, OwnedClaim[]>();
  for (const owned of eachOnce(claims)) {
    const own = bySubject.get(owned.subject);
    if (own) own.push(owned);
    else bySubject.set(owned.subject, [owned]);
  }
  return bySubject;
}
