import { sameJson } from '../../access/json.ts';
import type { Tags } from '../../ports/iam.ts';
import {
  CLUSTER_POLICY,
  claimFindings,
  everRecorded,
  foreignPrincipal,
  type InlinePolicies,
  isOwn,
  isOwnPolicy,
  sameDocument,
  wantedTags,
} from '../managed-principal.ts';
import type { ChangeLine, Diff, ObjectClaims, OwnedClaim } from '../resource.ts';
import {
  ABSENT_USER,
  type IamUserClaim,
  type IamUserState,
  keysInOrder,
  NEW_KEY,
  type PresentUser,
  SECRET_TAG,
} from './model.ts';

type Claims = ObjectClaims<IamUserClaim>;

/**
 * What must happen to a user.
 *
 *     wanted  differently by two claims  finding `claims-differ`
 *     wanted  open, absent               created; with its managed policies, and an access key, if the claim has any
 *     wanted  closed, absent             nothing
 *     wanted  open, Gatehouse's          updated; of its keys only the one in the claim's secret stays, active
 *                                        (a new one in place of a retired key, which is kept beside it, or goes)
 *     wanted  closed, Gatehouse's        all keys inactive, no policy of Gatehouse's
 *     wanted  anybody else's             finding `foreign-principal`
 *     gone    Gatehouse's                deleted, with its keys and its secret
 *     gone    anybody else's             finding `foreign-principal` (notice): it stays
 *     gone    absent                     nothing
 */
export function diffIamUser(object: string, observed: IamUserState, claims: Claims): Diff<IamUserState> {
  const [first] = claims.wanted;
  if (first === undefined) return removal(object, observed, claims.unwanted);
  const findings = claimFindings(claims);
  if (findings.length > 0) return { findings };
  if (!observed.present) return creation(object, first);
  if (!isOwn(observed, first.claim, everRecorded(claims))) {
    return { findings: claims.wanted.map((owned) => foreignPrincipal(observed, owned, 'blocks')) };
  }
  return update(object, observed, first, secretsOf(claims.unwanted));
}

const secretsOf = (owned: Claims['unwanted']): string[] => [
  ...new Set(owned.flatMap(({ claim }) => (claim.accessKey === undefined ? [] : [claim.accessKey.secret]))),
];

/** A tag cannot be taken away without one more permission: where no secret is wanted, it names none. */
function userTags(claim: IamUserClaim, observed: Tags = {}): Tags {
  const secret = claim.accessKey?.secret ?? (observed[SECRET_TAG] === undefined ? undefined : '');
  return { ...observed, ...wantedTags(claim), ...(secret === undefined ? {} : { [SECRET_TAG]: secret }) };
}

/** What others attached stays, as far as the boundary lets it do anything; what is Gatehouse's is as the claim says. */
function wantedAttached(claim: IamUserClaim, observed: readonly string[]): readonly string[] {
  const others = observed.filter((arn) => !isOwnPolicy(arn));
  return [...others, ...(claim.state === 'open' ? (claim.attached ?? []) : [])].sort();
}

const wantedPolicies = (claim: IamUserClaim): InlinePolicies => (claim.state === 'open' ? claim.policies : {});

function creation(object: string, { subject, claim }: OwnedClaim<IamUserClaim>): Diff<IamUserState> {
  if (claim.state === 'closed') return { findings: [] };
  const after: PresentUser = {
    present: true,
    userId: '',
    arn: claim.arn,
    path: claim.path,
    policies: claim.policies,
    attached: wantedAttached(claim, []),
    ...(claim.boundary === undefined ? {} : { boundary: claim.boundary }),
    tags: userTags(claim),
    ...keysFor(claim, []),
  };
  const lines: ChangeLine[] = [
    { sign: '+', text: `user ${claim.arn}`, subject },
    ...after.attached.map((arn) => ({ sign: '+', text: `user ${object}: attached ${arn}`, subject }) as const),
    ...keyLines(object, [], after.keys).map((line) => ({ ...line, subject })),
  ];
  return {
    change: { kind: 'iam-user', object, action: 'create', before: ABSENT_USER, after, lines },
    findings: [],
  };
}

/** The keys and the secret that an open user must have. */
function keysFor(
  claim: IamUserClaim,
  keys: PresentUser['keys'],
  secret?: PresentUser['secret'],
): Pick<PresentUser, 'keys' | 'secret' | 'replaces'> {
  if (claim.accessKey === undefined) return { keys: [] };
  const { secret: name, retired } = claim.accessKey;
  const inSecret = secret?.name === name ? keys.find((key) => key.id === secret.keyId) : undefined;
  const held = inSecret?.id === retired?.keyId ? undefined : inSecret;
  const keyId = held?.id ?? NEW_KEY;
  // As it is: somebody may have switched it off because it leaked.
  const kept = retired?.kept ? keys.filter((key) => key.id === retired.keyId) : [];
  const gone = held === undefined && kept.length === 0 ? keys.find((key) => key.id === retired?.keyId) : undefined;
  return {
    keys: keysInOrder([{ id: keyId, active: true }, ...kept]),
    secret: { name, keyId },
    ...(gone === undefined ? {} : { replaces: gone.id }),
  };
}

/** Closed, a user keeps its key for the day it is opened again. */
function closedKeys(
  claim: IamUserClaim,
  keys: PresentUser['keys'],
  secret?: PresentUser['secret'],
): Pick<PresentUser, 'keys' | 'secret'> {
  const inactive = keys.map(({ id }) => ({ id, active: false }));
  if (claim.accessKey === undefined) return { keys: inactive };
  const { secret: name } = claim.accessKey;
  return { keys: inactive, secret: secret?.name === name ? secret : { name } };
}

function update(
  object: string,
  observed: PresentUser,
  { subject, claim }: OwnedClaim<IamUserClaim>,
  earlierSecrets: readonly string[],
): Diff<IamUserState> {
  const { secret, retires: _, ...rest } = observed;
  const policies = wantedPolicies(claim);
  const wantedSecret = claim.accessKey?.secret;
  // A tag is anybody's to write: a secret goes only if a claim of Gatehouse's named it.
  const retires = earlierSecrets.filter((name) => name === secret?.name && name !== wantedSecret);
  const keysAndSecret =
    claim.state === 'open' ? keysFor(claim, observed.keys, secret) : closedKeys(claim, observed.keys, secret);
  const after: PresentUser = {
    ...rest,
    policies: sameDocument(observed.policies[CLUSTER_POLICY], policies[CLUSTER_POLICY]) ? observed.policies : policies,
    attached: wantedAttached(claim, observed.attached),
    ...(claim.boundary === undefined ? {} : { boundary: claim.boundary }),
    tags: userTags(claim, observed.tags),
    ...keysAndSecret,
    ...(retires.length === 0 ? {} : { retires }),
  };
  if (sameJson(after, { ...rest, ...(secret === undefined ? {} : { secret }) })) return { findings: [] };
  const lines = updateLines(object, observed, after).map((line) => ({ ...line, subject }));
  return {
    change: { kind: 'iam-user', object, action: 'update', before: observed, after, lines },
    findings: [],
  };
}

function removal(object: string, observed: IamUserState, unwanted: Claims['unwanted']): Diff<IamUserState> {
  const [first] = unwanted;
  if (first === undefined || !observed.present) return { findings: [] };
  const owner = unwanted.find(({ claim }) => isOwn(observed, claim, unwanted));
  if (owner === undefined) return { findings: [foreignPrincipal(observed, first, 'notice')] };
  const after: IamUserState = { present: false, retires: secretsOf(unwanted) };
  const lines: ChangeLine[] = [
    ...keyLines(object, observed.keys, []).map((line) => ({ ...line, subject: owner.subject })),
    { sign: '-', text: `user ${observed.arn}`, subject: owner.subject },
  ];
  return { change: { kind: 'iam-user', object, action: 'delete', before: observed, after, lines }, findings: [] };
}

function updateLines(object: string, before: PresentUser, after: PresentUser): ChangeLine[] {
  const changed = (what: string): ChangeLine => ({ sign: '~', text: `user ${object}: ${what}` });
  return [
    ...keyLines(object, before.keys, after.keys),
    ...(sameJson(before.policies, after.policies) ? [] : [changed('inline policy')]),
    ...without(after.attached, before.attached).map((arn) => changed(`attached ${arn}`)),
    ...without(before.attached, after.attached).map((arn) => changed(`detached ${arn}`)),
    ...(before.boundary === after.boundary ? [] : [changed(`permissions boundary ${after.boundary}`)]),
    ...(sameJson(before.tags, after.tags) ? [] : [changed('tags')]),
    ...(sameJson(before.secret, after.secret) ? [] : [changed('secret of its access key')]),
  ];
}

const without = (some: readonly string[], others: readonly string[]) => some.filter((one) => !others.includes(one));

function keyLines(object: string, before: PresentUser['keys'], after: PresentUser['keys']): ChangeLine[] {
  const active = (keys: PresentUser['keys']) => new Map(keys.map((key) => [key.id, key.active]));
  const [old, fresh] = [active(before), active(after)];
  const line = (sign: ChangeLine['sign'], id: string, what: string): ChangeLine => ({
    sign,
    text: `user ${object}: access key ${id} ${what}`,
  });
  return [
    ...[...old.keys()].filter((id) => !fresh.has(id)).map((id) => line('-', id, 'deleted')),
    ...[...fresh].flatMap(([id, isActive]) => {
      if (!old.has(id)) return [line('+', id, 'made, straight into its secret')];
      return old.get(id) === isActive ? [] : [line('~', id, isActive ? 'activated' : 'deactivated')];
    }),
  ];
}
