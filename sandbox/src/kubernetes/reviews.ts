import type { AccessRule } from '@gatehouse/core/access/policy';
import { type Question, type RbacObjects, rulesOf } from '@gatehouse/core/effective-access/rbac';
import type { Clock } from '@gatehouse/core/ports/clock';
import { aggregated, authorize, missingRoles, type UserInfo } from './authorizer.ts';
import type { DecodedObject } from './decode.ts';
import type { Review } from './kinds.ts';
import { badRequest, type FieldError, invalid, invalidValue, otherNamespace, required } from './status.ts';
import { timestamp } from './storage.ts';

interface Selector {
  readonly rawSelector?: string;
  readonly requirements?: readonly unknown[];
}

interface ResourceAttributes {
  readonly verb?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly fieldSelector?: Selector;
  readonly labelSelector?: Selector;
}

interface AccessSpec {
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly resourceAttributes?: ResourceAttributes;
  readonly nonResourceAttributes?: { readonly verb?: string; readonly path?: string };
  readonly namespace?: string;
}

/** A review as it was posted. */
export interface ReviewRequest {
  readonly review: Review;
  /** The namespace in the path, for LocalSubjectAccessReview. */
  readonly namespace: string;
  readonly posted: DecodedObject;
}

/** Whom a review is answered for, and by what. */
export interface Asked {
  readonly rbac: RbacObjects;
  readonly asker: UserInfo;
  readonly clock: Clock;
}

/**
 * Answers a review: the object as posted, with its `status`.
 * Sources: `pkg/apis/authorization/validation`, `pkg/registry/authorization`, `pkg/registry/authentication/selfsubjectreview`.
 * @throws ApiError 400, 422.
 */
export function answerReview({ rbac, asker, clock }: Asked, { review, namespace, posted }: ReviewRequest): object {
  const { kind, apiVersion } = posted;
  const { namespace: sent = '', ...metadata } = posted.metadata;
  const spec = (posted.spec ?? {}) as AccessSpec;
  if (kind === 'SelfSubjectReview') {
    return { kind, apiVersion, metadata: { creationTimestamp: timestamp(clock) }, status: { userInfo: asker } };
  }
  if (kind === 'SelfSubjectRulesReview') {
    const status = ownRules(rbac, asker, spec.namespace ?? '');
    return { kind, apiVersion, metadata: {}, spec: {}, status };
  }
  if (review.namespaced && sent !== '' && sent !== namespace) throw otherNamespace();
  const own = kind === 'SelfSubjectAccessReview';
  const errors = [
    ...questionErrors(spec),
    ...(own || spec.user || spec.groups?.length
      ? []
      : [invalidValue('spec.user', '', 'at least one of user or group must be specified')]),
    ...selectorErrors(spec.resourceAttributes),
    ...metadataErrors(metadata, review.namespaced),
    ...(review.namespaced ? localErrors(spec, namespace) : []),
  ];
  // Of these kinds the API server says only the group.
  if (errors.length > 0) throw invalid(review.group, '', '', errors);
  const subject = own ? asker : { username: spec.user ?? '', groups: spec.groups ?? [] };
  const head = { kind, apiVersion, metadata: review.namespaced ? { namespace } : {} };
  return { ...head, spec, status: decide(rbac, subject, spec) };
}

function questionErrors({ resourceAttributes, nonResourceAttributes }: AccessSpec): FieldError[] {
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    const why = 'cannot be specified in combination with resourceAttributes';
    return [invalidValue('spec.nonResourceAttributes', inGo(nonResourceAttributes), why)];
  }
  if (resourceAttributes !== undefined || nonResourceAttributes !== undefined) return [];
  const why = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
  return [invalidValue('spec.resourceAttributes', null, why)];
}

/** As the API server writes what it has read, by the names of its own fields. */
const inGo = ({ path = '', verb = '' }: NonNullable<AccessSpec['nonResourceAttributes']>) => ({
  Path: path,
  Verb: verb,
});

function selectorErrors(attributes: ResourceAttributes = {}): FieldError[] {
  return (['fieldSelector', 'labelSelector'] as const).flatMap((name) => {
    const selector = attributes[name];
    if (selector === undefined || selector.rawSelector || selector.requirements?.length) return [];
    const at = `spec.resourceAttributes.${name}`;
    return [required(`${at}.requirements`, `when ${at} is specified, requirements or rawSelector is required`)];
  });
}

function metadataErrors(metadata: object, namespaced: boolean): FieldError[] {
  if (Object.keys(metadata).length === 0) return [];
  return [invalidValue('metadata', metadata, namespaced ? 'must be empty except for namespace' : 'must be empty')];
}

function localErrors({ resourceAttributes, nonResourceAttributes }: AccessSpec, namespace: string): FieldError[] {
  const asked = resourceAttributes?.namespace ?? '';
  return [
    ...(resourceAttributes !== undefined && asked !== namespace
      ? [invalidValue('spec.resourceAttributes.namespace', asked, 'must match metadata.namespace')]
      : []),
    ...(nonResourceAttributes === undefined
      ? []
      : [
          invalidValue('spec.nonResourceAttributes', inGo(nonResourceAttributes), 'disallowed on this kind of request'),
        ]),
  ];
}

function decide(rbac: RbacObjects, who: UserInfo, spec: AccessSpec): object {
  const { allowed, reason } = authorize(rbac, who, questionIn(spec));
  return { allowed, ...(reason === '' ? {} : { reason }) };
}

function questionIn(spec: AccessSpec): Question {
  const of = spec.resourceAttributes;
  if (of === undefined) {
    return { verb: spec.nonResourceAttributes?.verb ?? '', path: spec.nonResourceAttributes?.path ?? '' };
  }
  return {
    verb: of.verb ?? '',
    group: of.group ?? '',
    resource: of.resource ?? '',
    subresource: of.subresource ?? '',
    namespace: of.namespace ?? '',
    name: of.name ?? '',
  };
}

function ownRules(rbac: RbacObjects, asker: UserInfo, namespace: string): object {
  if (namespace === '') throw badRequest('no namespace on request');
  const missing = missingRoles(rbac, asker, namespace);
  const rules: readonly AccessRule[] = rulesOf(rbac, asker, namespace);
  return {
    resourceRules: rules.flatMap(({ verbs, apiGroups, resources, resourceNames }) =>
      resources?.length ? [{ verbs, apiGroups, resources, ...(resourceNames?.length ? { resourceNames } : {}) }] : [],
    ),
    nonResourceRules: rules.flatMap(({ verbs, nonResourceURLs }) =>
      nonResourceURLs?.length ? [{ verbs, nonResourceURLs }] : [],
    ),
    incomplete: false,
    ...(missing.length > 0 ? { evaluationError: aggregated(missing) } : {}),
  };
}
