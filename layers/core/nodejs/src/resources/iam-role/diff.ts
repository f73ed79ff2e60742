import { sameJson } from '../../access/json.ts';
import type { PolicyDocument } from '../../ports/iam.ts';
import {
  CLUSTER_POLICY,
  claimFindings,
  everRecorded,
  foreignPrincipal,
  type InlinePolicies,
  isOwn,
  sameDocument,
  wantedTags,
} from '../managed-principal.ts';
import type { ChangeLine, Diff, ObjectClaims, OwnedClaim } from '../resource.ts';
import { ABSENT_ROLE, type IamRoleClaim, type IamRoleState, type PresentRole } from './model.ts';
import { closedTrust, sameTrust, settledTrust, TRUST_LIMIT, trustedPrincipals, trustFits } from './trust.ts';

/**
 * What must happen to a role.
 *
 *     wanted  differently by two claims  finding `claims-differ`
 *     wanted  trust of over 2,048        finding `trust-too-large`
 *     wanted  open, absent               created
 *     wanted  closed, absent             nothing: there is nobody to keep out
 *     wanted  Gatehouse's                updated where trust, policy, boundary, tags or session length differ
 *     wanted  anybody else's             finding `foreign-principal`
 *     gone    Gatehouse's                deleted
 *     gone    anybody else's             finding `foreign-principal` (notice): it stays
 *     gone    absent                     nothing
 */
export function diffIamRole(
  object: string,
  observed: IamRoleState,
  claims: ObjectClaims<IamRoleClaim>,
): Diff<IamRoleState> {
  const [first] = claims.wanted;
  if (first === undefined) return removal(object, observed, claims.unwanted);
  const findings = [...claimFindings(claims), ...claims.wanted.flatMap(tooLarge)];
  if (findings.length > 0) return { findings };
  if (!observed.present) return creation(object, first);
  if (!isOwn(observed, first.claim, everRecorded(claims))) {
    return { findings: claims.wanted.map((owned) => foreignPrincipal(observed, owned, 'blocks')) };
  }
  return update(object, observed, first);
}

function tooLarge({ subject, claim }: OwnedClaim<IamRoleClaim>) {
  if (claim.state === 'closed' || trustFits(claim.trust)) return [];
  return [
    {
      code: 'trust-too-large',
      severity: 'blocks' as const,
      object: claim.object,
      subject,
      message: `the trust document of the IAM role "${claim.object}" has over ${TRUST_LIMIT} characters`,
      remedy: 'let the role trust the account instead of each member',
    },
  ];
}

const wantedTrust = (claim: IamRoleClaim): PolicyDocument =>
  claim.state === 'open' ? settledTrust(claim.trust) : closedTrust();
const wantedPolicies = (claim: IamRoleClaim): InlinePolicies => (claim.state === 'open' ? claim.policies : {});

function creation(object: string, { subject, claim }: OwnedClaim<IamRoleClaim>): Diff<IamRoleState> {
  if (claim.state === 'closed') return { findings: [] };
  const after: PresentRole = {
    present: true,
    roleId: '',
    arn: claim.arn,
    path: claim.path,
    trust: wantedTrust(claim),
    policies: claim.policies,
    ...(claim.boundary === undefined ? {} : { boundary: claim.boundary }),
    tags: wantedTags(claim),
    maxSessionSeconds: claim.maxSessionSeconds,
  };
  const lines: ChangeLine[] = [
    { sign: '+', text: `role ${claim.arn}`, subject },
    ...trustLines(object, closedTrust(), claim.trust).map((line) => ({ ...line, subject })),
  ];
  return {
    change: { kind: 'iam-role', object, action: 'create', before: ABSENT_ROLE, after, lines },
    findings: [],
  };
}

function update(
  object: string,
  observed: PresentRole,
  { subject, claim }: OwnedClaim<IamRoleClaim>,
): Diff<IamRoleState> {
  const trust = wantedTrust(claim);
  const policies = wantedPolicies(claim);
  // What means the same stays as it is written, so that comparing the two sides tells what to write.
  const after: PresentRole = {
    ...observed,
    trust: sameTrust(observed.trust, trust) ? observed.trust : trust,
    policies: sameDocument(observed.policies[CLUSTER_POLICY], policies[CLUSTER_POLICY]) ? observed.policies : policies,
    ...(claim.boundary === undefined ? {} : { boundary: claim.boundary }),
    tags: { ...observed.tags, ...wantedTags(claim) },
    maxSessionSeconds: claim.maxSessionSeconds,
  };
  if (sameJson(after, observed)) return { findings: [] };
  const lines = updateLines(object, observed, after).map((line) => ({ ...line, subject }));
  return {
    change: { kind: 'iam-role', object, action: 'update', before: observed, after, lines },
    findings: [],
  };
}

function removal(
  object: string,
  observed: IamRoleState,
  unwanted: ObjectClaims<IamRoleClaim>['unwanted'],
): Diff<IamRoleState> {
  const [first] = unwanted;
  if (first === undefined || !observed.present) return { findings: [] };
  const owner = unwanted.find(({ claim }) => isOwn(observed, claim, unwanted));
  if (owner === undefined) return { findings: [foreignPrincipal(observed, first, 'notice')] };
  const lines: ChangeLine[] = [{ sign: '-', text: `role ${observed.arn}`, subject: owner.subject }];
  return {
    change: { kind: 'iam-role', object, action: 'delete', before: observed, after: ABSENT_ROLE, lines },
    findings: [],
  };
}

function updateLines(object: string, before: PresentRole, after: PresentRole): ChangeLine[] {
  const changed = (what: string): ChangeLine => ({ sign: '~', text: `role ${object}: ${what}` });
  return [
    ...trustLines(object, before.trust, after.trust),
    ...(sameJson(before.policies, after.policies) ? [] : [changed('inline policy')]),
    ...(before.boundary === after.boundary ? [] : [changed(`permissions boundary ${after.boundary}`)]),
    ...(sameJson(before.tags, after.tags) ? [] : [changed('tags')]),
    ...(before.maxSessionSeconds === after.maxSessionSeconds ? [] : [changed('longest session')]),
  ];
}

function trustLines(object: string, before: PolicyDocument, after: PolicyDocument): ChangeLine[] {
  if (sameTrust(before, after)) return [];
  const [old, fresh] = [new Set(trustedPrincipals(before)), new Set(trustedPrincipals(after))];
  const lines: ChangeLine[] = [
    ...[...old].filter((arn) => !fresh.has(arn)).map((arn) => ({ sign: '-' as const, text: `role ${object}: ${arn}` })),
    ...[...fresh].filter((arn) => !old.has(arn)).map((arn) => ({ sign: '+' as const, text: `role ${object}: ${arn}` })),
  ];
  return lines.length > 0 ? lines : [{ sign: '~', text: `role ${object}: conditions of its trust document` }];
}
