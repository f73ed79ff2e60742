import { evaluate, resolve, type Scope } from '@gatehouse/sandbox/template/intrinsics';
import type { Template } from './packaged-template.ts';

/** One thing that a template lets somebody do, or keeps from it. */
export interface Statement {
  /** Logical id of the role, policy or resource that says so. */
  readonly of: string;
  readonly effect: 'Allow' | 'Deny';
  /** Whom a resource's policy or a trust document names; absent where it is the role itself. */
  readonly principal?: string;
  readonly action: string;
  readonly resource: string;
  readonly condition?: string;
}

interface RawStatement {
  readonly Effect?: 'Allow' | 'Deny';
  readonly Principal?: unknown;
  readonly Action?: unknown;
  readonly NotAction?: unknown;
  readonly Resource?: unknown;
  readonly NotResource?: unknown;
  readonly Condition?: unknown;
}
interface Document {
  readonly Statement?: RawStatement | readonly RawStatement[];
}

/**
 * What a template allows more than the one before: statements that allow something new, or under another condition, and
 * refusals that are gone. A statement whose resource is only written otherwise counts as new: better one too many.
 * @param before undefined where there is no stack yet.
 */
export function broadening(
  before: { readonly template: Template; readonly parameters: ReadonlyMap<string, string> } | undefined,
  after: { readonly template: Template; readonly parameters: ReadonlyMap<string, string> },
): readonly Statement[] {
  const keyed = (statements: readonly Statement[]) => new Map(statements.map((one) => [JSON.stringify(one), one]));
  const was = keyed(before ? statementsOf(before.template, before.parameters) : []);
  const is = keyed(statementsOf(after.template, after.parameters));
  const allowed = [...is].filter(([key, { effect }]) => effect === 'Allow' && !was.has(key)).map(([, one]) => one);
  const undenied = [...was].filter(([key, { effect }]) => effect === 'Deny' && !is.has(key)).map(([, one]) => one);
  return [...allowed, ...undenied];
}

/** All that a template allows and denies, each action on each resource by itself. */
export function statementsOf(template: Template, given: ReadonlyMap<string, string>): readonly Statement[] {
  const scope = scopeOf(template, given);
  const conditions = (template as { Conditions?: Readonly<Record<string, unknown>> }).Conditions ?? {};
  return Object.entries(template.Resources).flatMap(([of, { Type, Properties = {}, ...rest }]) => {
    const { Condition } = rest as { Condition?: string };
    if (Condition !== undefined && Object.hasOwn(conditions, Condition) && !scope.condition(Condition)) return [];
    const properties = resolved(Properties, scope) as Readonly<Record<string, unknown>>;
    return documentsOf(Type, properties).flatMap((document) => statementsIn(of, document));
  });
}

/** Parameters (`AWS::Region`, too) have their values, resources their logical ids: `${StateTable.Arn}`. */
function scopeOf(template: Template, given: ReadonlyMap<string, string>): Scope {
  const { Conditions = {} } = template as { Conditions?: Readonly<Record<string, unknown>> };
  const parameters = (template.Parameters ?? {}) as Readonly<Record<string, { Type?: string; Default?: unknown }>>;
  const scope: Scope = {
    ref: (name) => {
      const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
      if (!parameter) return given.get(name) ?? `\${${name}}`;
      const value = String(given.get(name) ?? parameter.Default ?? '');
      return parameter.Type === 'CommaDelimitedList' ? value.split(',').filter(Boolean) : value;
    },
    attribute: (name, attribute) => `\${${name}.${attribute}}`,
    condition: (name) => (Object.hasOwn(Conditions, name) ? evaluate(Conditions[name], scope, name) : undefined),
  };
  return scope;
}

/** A value whose intrinsics are resolved; as it stands where they go beyond what is known here. */
function resolved(value: unknown, scope: Scope): unknown {
  try {
    return resolve(value, scope, 'template');
  } catch {
    return value;
  }
}

function documentsOf(type: string, properties: Readonly<Record<string, unknown>>): readonly (Document | undefined)[] {
  const policies = list(properties.Policies as { PolicyDocument?: Document } | undefined);
  switch (type) {
    case 'AWS::IAM::Role':
      return [
        properties.AssumeRolePolicyDocument as Document | undefined,
        ...policies.map(({ PolicyDocument = {} }) => PolicyDocument),
        ...list(properties.ManagedPolicyArns).map((arn) => attached(arn)),
      ];
    case 'AWS::IAM::Policy':
    case 'AWS::IAM::ManagedPolicy':
    case 'AWS::SQS::QueuePolicy':
    case 'AWS::S3::BucketPolicy':
      return [properties.PolicyDocument as Document | undefined];
    case 'AWS::KMS::Key':
      return [properties.KeyPolicy as Document | undefined];
    case 'AWS::Events::EventBusPolicy':
      return [{ Statement: properties.Statement as RawStatement }];
    case 'AWS::Lambda::Permission': {
      const { Action, Principal, FunctionName, SourceArn } = properties;
      const Condition = SourceArn === undefined ? {} : { Condition: { ArnLike: { 'aws:SourceArn': SourceArn } } };
      return [{ Statement: { Effect: 'Allow', Action, Principal, Resource: FunctionName, ...Condition } }];
    }
    default:
      return [];
  }
}

const attached = (arn: unknown): Document => ({
  Statement: { Effect: 'Allow', Action: '(all that a managed policy allows)', Resource: arn },
});

function statementsIn(of: string, { Statement }: Document = {}): readonly Statement[] {
  return list(Statement).flatMap((one) => {
    const { Effect = 'Allow', Principal, Condition, Action, NotAction, Resource, NotResource } = one;
    const actions = NotAction === undefined ? list(Action) : list(NotAction).map((each) => `all but ${text(each)}`);
    const named = NotResource === undefined ? list(Resource) : list(NotResource).map((each) => `all but ${text(each)}`);
    const resources = named.length === 0 ? ['itself'] : named;
    return actions.flatMap((action) =>
      resources.map((resource) => ({
        of,
        effect: Effect,
        ...(Principal === undefined ? {} : { principal: text(Principal) }),
        action: text(action),
        resource: text(resource),
        ...(Condition === undefined ? {} : { condition: text(Condition) }),
      })),
    );
  });
}

const list = <T>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as readonly T[]) : [value as T];
const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
