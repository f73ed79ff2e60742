import { sameJson } from '../../access/json.ts';
import {
  claimFindings,
  everRecorded,
  foreignPrincipal,
  isOwn,
  sameDocument,
  wantedTags,
} from '../managed-principal.ts';
import type { ChangeLine, Diff, ObjectClaims } from '../resource.ts';
import { ABSENT_POLICY, type IamPolicyClaim, type IamPolicyState, type PresentPolicy } from './model.ts';

type Claims = ObjectClaims<IamPolicyClaim>;

/**
 * What must happen to a managed policy.
 *
 *     wanted  differently by two claims  finding `claims-differ`
 *     wanted  absent                     created
 *     wanted  Gatehouse's                a new version where the document means something else
 *     wanted  anybody else's             finding `foreign-principal`
 *     gone    Gatehouse's                deleted, with all its versions
 *     gone    anybody else's             finding `foreign-principal` (notice): it stays
 *     gone    absent                     nothing
 */
export function diffIamPolicy(object: string, observed: IamPolicyState, claims: Claims): Diff<IamPolicyState> {
  const [first] = claims.wanted;
  if (first === undefined) return removal(object, observed, claims.unwanted);
  const findings = claimFindings(claims);
  if (findings.length > 0) return { findings };
  const { subject, claim } = first;
  if (!observed.present) {
    const { name, arn, path, document } = claim;
    const after: PresentPolicy = { present: true, policyId: '', name, arn, path, document, tags: wantedTags(claim) };
    const lines: ChangeLine[] = [{ sign: '+', text: `policy ${arn}: ${summary(after)}`, subject }];
    return { change: { kind: 'iam-policy', object, action: 'create', before: ABSENT_POLICY, after, lines }, findings };
  }
  if (!isOwn(observed, claim, everRecorded(claims))) {
    return { findings: claims.wanted.map((owned) => foreignPrincipal(observed, owned, 'blocks')) };
  }
  const after: PresentPolicy = {
    ...observed,
    document: sameDocument(observed.document, claim.document) ? observed.document : claim.document,
    tags: { ...observed.tags, ...wantedTags(claim) },
  };
  if (sameJson(after, observed)) return { findings };
  const lines: ChangeLine[] = [
    ...(sameJson(after.document, observed.document)
      ? []
      : [{ sign: '~', text: `policy ${claim.name}: ${summary(after)}, was ${summary(observed)}`, subject } as const]),
    ...(sameJson(after.tags, observed.tags)
      ? []
      : [{ sign: '~', text: `policy ${claim.name}: tags`, subject } as const]),
  ];
  return { change: { kind: 'iam-policy', object, action: 'update', before: observed, after, lines }, findings };
}

function removal(object: string, observed: IamPolicyState, unwanted: Claims['unwanted']): Diff<IamPolicyState> {
  const [first] = unwanted;
  if (first === undefined || !observed.present) return { findings: [] };
  const owner = unwanted.find(({ claim }) => isOwn(observed, claim, unwanted));
  if (owner === undefined) return { findings: [foreignPrincipal(observed, first, 'notice')] };
  const lines: ChangeLine[] = [{ sign: '-', text: `policy ${observed.arn}`, subject: owner.subject }];
  return {
    change: { kind: 'iam-policy', object, action: 'delete', before: observed, after: ABSENT_POLICY, lines },
    findings: [],
  };
}

/** The document in a few words: what it allows, on what. */
function summary({ document }: PresentPolicy): string {
  const statements = [document.Statement ?? []].flat() as readonly { Action?: unknown; Resource?: unknown }[];
  return statements
    .map(({ Action, Resource }) => `${[Action].flat().join(', ')} on ${[Resource].flat().join(', ')}`)
    .join('; ');
}
