import { canonicalJson } from '../access/json.ts';
import type { AccessRule } from '../access/policy.ts';
import type { IdentityProviderClaim } from '../resources/identity-provider/model.ts';
import type { OwnedClaim } from '../resources/resource.ts';
import { canonicalRule, isWithin, type RoleClaim } from '../resources/role/model.ts';
import { objectId, ownedClaimKey } from './turn-claims.ts';

/**
 * What stays wanted while a cluster is paused: of all that is wanted, what is recorded as made. Nothing new is given; what
 * must go goes. A Role whose level changed keeps the rules that it has and should have; a namespace stays as it was made.
 */
export function wantedWhilePaused(wanted: readonly OwnedClaim[], recorded: readonly OwnedClaim[]): OwnedClaim[] {
  const made = new Set(recorded.map(ownedClaimKey));
  return wanted.flatMap((owned): OwnedClaim[] => {
    if (made.has(ownedClaimKey(owned))) return [owned];
    const before = recorded.find(
      ({ subject, claim }) => subject === owned.subject && objectId(claim) === objectId(owned.claim),
    );
    if (before?.claim.kind === 'namespace') return [before];
    if (before?.claim.kind === 'identity-provider' && isSameTrust(before.claim, owned.claim)) return [before];
    if (before?.claim.kind !== 'role') return [];
    const claim = owned.claim as RoleClaim;
    const rules = commonRules(claim.rules, (before.claim as RoleClaim).rules);
    return [{ ...owned, claim: { ...claim, rules } as RoleClaim }];
  });
}

/** Whether two claims believe the same tokens: then the old one stays, and what differs comes when the pause is over. */
function isSameTrust(before: OwnedClaim['claim'], now: OwnedClaim['claim']): boolean {
  const [one, other] = [before, now].map((claim) => (claim as IdentityProviderClaim).config);
  return one?.issuer === other?.issuer && one?.clientId === other?.clientId;
}

/** Rules that allow no more than either list; the one that lies within the other, where one does. */
function commonRules(wanted: readonly AccessRule[], held: readonly AccessRule[]): readonly AccessRule[] {
  const within = (inner: readonly AccessRule[], outer: readonly AccessRule[]) =>
    inner.every((rule) => outer.some((other) => isWithin(rule, other)));
  if (within(wanted, held)) return wanted;
  if (within(held, wanted)) return held;
  const common = wanted.flatMap((one) => held.flatMap((other) => commonRule(one, other) ?? []));
  return [...new Map(common.map((rule) => [canonicalJson(rule), rule])).values()];
}

function commonRule(a: AccessRule, b: AccessRule): AccessRule | undefined {
  const isUrl = a.nonResourceURLs !== undefined;
  if (isUrl !== (b.nonResourceURLs !== undefined)) return undefined;
  const members = isUrl ? (['verbs', 'nonResourceURLs'] as const) : (['verbs', 'apiGroups', 'resources'] as const);
  const shared = members.map((member) => [member, commonWords(a[member], b[member])] as const);
  if (shared.some(([, words]) => words.length === 0)) return undefined;
  const [named, alsoNamed] = [a.resourceNames ?? [], b.resourceNames ?? []];
  // No names means any name.
  const names =
    named.length === 0 ? alsoNamed : alsoNamed.length === 0 ? named : named.filter((name) => alsoNamed.includes(name));
  if (names.length === 0 && named.length + alsoNamed.length > 0) return undefined;
  return canonicalRule({ ...Object.fromEntries(shared), resourceNames: names } as unknown as AccessRule);
}

function commonWords(a: readonly string[] = [], b: readonly string[] = []): readonly string[] {
  if (a.includes('*')) return b;
  return b.includes('*') ? a : a.filter((word) => b.includes(word));
}
