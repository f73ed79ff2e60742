import type { AccessRule } from '@gatehouse/core/access/policy';
import { type Question, type RbacObjects, rulesOf } from '@gatehouse/core/effective-access/rbac';
import { authorize, missingRoles, type UserInfo } from './authorizer.ts';
import { apiVersionOf, type Review } from './kinds.ts';
import { badRequest, type FieldError, forbiddenField, invalid, invalidValue } from './status.ts';

interface AccessSpec {
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly uid?: string;
  readonly resourceAttributes?: Readonly<Record<string, string | undefined>>;
  readonly nonResourceAttributes?: Readonly<Record<string, string | undefined>>;
  readonly namespace?: string;
}

/** A review as it was posted. */
export interface ReviewRequest {
  readonly review: Review;
  /** The namespace in the path, for LocalSubjectAccessReview. */
  readonly namespace: string;
  readonly body: unknown;
}

/**
 * Answers a review: the object as posted, with its `status`.
 * Sources: `pkg/apis/authorization/validation`, `pkg/registry/authorization`, `pkg/registry/authentication/selfsubjectreview`.
 * @throws ApiError 400, 422.
 */
export function answerReview(rbac: RbacObjects, asker: UserInfo, { review, namespace, body }: ReviewRequest): object {
  const posted = (body ?? {}) as { readonly metadata?: object; readonly spec?: AccessSpec; readonly kind?: string };
  if (typeof posted !== 'object' || Array.isArray(posted)) throw badRequest('the body is not an object');
  if (posted.kind !== undefined && posted.kind !== '' && posted.kind !== review.kind) {
    throw badRequest(`${posted.kind} in version "${review.version}" cannot be handled as a ${review.kind}`);
  }
  const head = { kind: review.kind, apiVersion: apiVersionOf(review), metadata: { ...(posted.metadata ?? {}) } };
  const spec = posted.spec ?? {};
  switch (review.kind) {
    case 'SelfSubjectReview':
      return { ...head, status: { userInfo: asker } };
    case 'SelfSubjectRulesReview':
      return { ...head, spec, status: ownRules(rbac, asker, spec.namespace ?? '') };
    case 'SelfSubjectAccessReview':
      check(review, attributeErrors(spec));
      return { ...head, spec, status: decide(rbac, asker, spec) };
    default: {
      const local = review.kind === 'LocalSubjectAccessReview';
      check(review, [...attributeErrors(spec), ...subjectErrors(spec), ...(local ? localErrors(spec, namespace) : [])]);
      const subject = { username: spec.user ?? '', groups: spec.groups ?? [] };
      return { ...head, spec, status: decide(rbac, subject, spec) };
    }
  }
}

function check(review: Review, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid(review.group, review.kind, '', errors);
}

function attributeErrors(spec: AccessSpec): FieldError[] {
  const both = spec.resourceAttributes !== undefined && spec.nonResourceAttributes !== undefined;
  const neither = spec.resourceAttributes === undefined && spec.nonResourceAttributes === undefined;
  if (both) {
    const why = 'cannot be specified in combination with resourceAttributes';
    return [invalidValue('spec.nonResourceAttributes', spec.nonResourceAttributes, why)];
  }
  if (neither) {
    const why = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    return [invalidValue('spec.resourceAttributes', null, why)];
  }
  return [];
}

function subjectErrors(spec: AccessSpec): FieldError[] {
  if (spec.user || spec.groups?.length) return [];
  return [invalidValue('spec.user', spec.user ?? '', 'at least one of user or group must be specified')];
}

function localErrors(spec: AccessSpec, namespace: string): FieldError[] {
  if (spec.resourceAttributes === undefined) {
    return [forbiddenField('spec.nonResourceAttributes', 'disallowed on this kind of request')];
  }
  const own = spec.resourceAttributes.namespace ?? '';
  return own === namespace
    ? []
    : [invalidValue('spec.resourceAttributes.namespace', own, 'must match metadata.namespace')];
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
  const everything: AccessRule[] = [
    { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    { nonResourceURLs: ['*'], verbs: ['*'] },
  ];
  const missing = missingRoles(rbac, asker, namespace);
  const rules = [...(asker.groups.includes('system:masters') ? everything : []), ...rulesOf(rbac, asker, namespace)];
  return {
    resourceRules: rules.flatMap(({ verbs, apiGroups, resources, resourceNames }) =>
      resources?.length ? [{ verbs, apiGroups, resources, ...(resourceNames?.length ? { resourceNames } : {}) }] : [],
    ),
    nonResourceRules: rules.flatMap(({ verbs, nonResourceURLs }) =>
      nonResourceURLs?.length ? [{ verbs, nonResourceURLs }] : [],
    ),
    incomplete: missing.length > 0,
    ...(missing.length > 0 ? { evaluationError: missing.join(', ') } : {}),
  };
}
