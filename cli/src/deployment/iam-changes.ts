import { evaluate, NO_VALUE, resolve, type Scope } from '@gatehouse/sandbox/template/intrinsics';
import type { Template } from './packaged-template.ts';

/** One thing that a template lets somebody do, or keeps from it. */
export interface Statement {
  /** Logical id of the role, policy or resource that says so. */
  readonly of: string;
  readonly effect: 'Allow' | 'Deny';
  /** Whom a resource's policy or a trust document names; absent where it is the role itself. */
  readonly principal?: string;
  /** In parentheses where it stands for more than one action of IAM's. */
  readonly action: string;
  readonly resource: string;
  readonly condition?: string;
}

interface RawStatement {
  readonly Effect?: 'Allow' | 'Deny';
  readonly Principal?: unknown;
  readonly NotPrincipal?: unknown;
  readonly Action?: unknown;
  readonly NotAction?: unknown;
  readonly Resource?: unknown;
  readonly NotResource?: unknown;
  readonly Condition?: unknown;
}
type Properties = Readonly<Record<string, unknown>>;
type Given = ReadonlyMap<string, string>;

/** A template as a stack has it, with the values of its parameters. */
export interface Stated {
  readonly template: Template;
  readonly parameters: Given;
}

/** Whoever holds policies: what is denied to one that goes is denied to nobody. */
const IDENTITIES: readonly string[] = ['AWS::IAM::Role', 'AWS::IAM::User', 'AWS::IAM::Group'];
/** What a function does is allowed to its role: told where the role of one that is there becomes another. */
const AS_ITS_ROLE = '(all that its role may do)';

/**
 * What a template allows more than the one before: statements that allow something new, or under another condition, and
 * refusals that are gone. A statement whose resource is only written otherwise counts as new: better one too many.
 * @param before undefined where there is no stack yet.
 */
export function broadening(before: Stated | undefined, after: Stated): readonly Statement[] {
  const keyed = (statements: readonly Statement[]) => new Map(statements.map((one) => [JSON.stringify(one), one]));
  const was = keyed(before ? statementsOf(before.template, before.parameters) : []);
  const is = keyed(statementsOf(after.template, after.parameters));
  const isSomebody = ({ of }: Statement) => {
    const { Type = '' } = before?.template.Resources[of] ?? {};
    return !IDENTITIES.includes(Type) || after.template.Resources[of]?.Type === Type;
  };
  const wasThere = ({ of, action }: Statement) =>
    action !== AS_ITS_ROLE || Object.hasOwn(before?.template.Resources ?? {}, of);
  const allowed = [...is].filter(([key, one]) => one.effect === 'Allow' && !was.has(key) && wasThere(one));
  const undenied = [...was].filter(([key, one]) => one.effect === 'Deny' && !is.has(key) && isSomebody(one));
  return [...allowed, ...undenied].map(([, one]) => one);
}

/** All that a template allows and denies, each action on each resource by itself. */
export function statementsOf(template: Template, given: Given): readonly Statement[] {
  const scope = scopeOf(template, given);
  return Object.entries(template.Resources).flatMap(([of, { Type, Properties = {}, ...rest }]) => {
    const { Condition } = rest as { Condition?: string };
    if (Condition !== undefined && scope.condition(Condition) === false) return [];
    const properties = resolved(Properties, scope) as Properties;
    return [...documented(properties).flatMap((one) => statementsIn(of, one)), ...othersOf(of, Type, properties)];
  });
}

/** Parameters (`AWS::Region`, too) have their values, resources their logical ids: `${StateTable.Arn}`. */
function scopeOf(template: Template, given: Given): Scope {
  const { Conditions = {} } = template as { Conditions?: Properties };
  const parameters = (template.Parameters ?? {}) as Readonly<Record<string, { Type?: string; Default?: unknown }>>;
  const scope: Scope = {
    ref: (name) => {
      const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
      if (!parameter) return given.get(name) ?? `\${${name}}`;
      const value = String(given.get(name) ?? parameter.Default ?? '');
      return parameter.Type === 'CommaDelimitedList' ? value.split(',').filter(Boolean) : value;
    },
    attribute: (name, attribute) => `\${${name}.${attribute}}`,
    condition: (name) => {
      try {
        return Object.hasOwn(Conditions, name) ? evaluate(Conditions[name], scope, name) : undefined;
      } catch {
        // A function that is not known here: nobody knows whether it holds.
        return undefined;
      }
    },
  };
  return scope;
}

/** A value whose intrinsics are resolved, each that goes beyond what is known here left as it stands. */
function resolved(value: unknown, scope: Scope): unknown {
  try {
    const whole = resolve(value, scope, 'template');
    return whole === NO_VALUE ? undefined : whole;
  } catch {
    if (Array.isArray(value)) return value.map((item) => resolved(item, scope)).filter((item) => item !== undefined);
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, resolved(member, scope)]));
  }
}

/**
 * The statements of every policy document within the properties of a resource, however the property is called: of identities, of
 * resources, of trust. CloudWatch Logs takes its own as text.
 */
function documented(value: unknown): readonly RawStatement[] {
  if (typeof value === 'string') return /^\s*\{.*"Statement"/s.test(value) ? documented(parsed(value)) : [];
  if (Array.isArray(value)) return value.flatMap(documented);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, member]) =>
    key === 'Statement' ? statementsWithin(member) : documented(member),
  );
}

/** Also those of which nobody knows here whether they hold. */
function statementsWithin(value: unknown): readonly RawStatement[] {
  if (Array.isArray(value)) return value.flatMap(statementsWithin);
  if (!isObject(value)) return [];
  const isStatement = 'Effect' in value && ('Action' in value || 'NotAction' in value);
  return isStatement ? [value as RawStatement] : Object.values(value).flatMap(statementsWithin);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function statementsIn(of: string, one: RawStatement): readonly Statement[] {
  const { Effect = 'Allow', Principal, NotPrincipal, Condition, Action, NotAction, Resource, NotResource } = one;
  const actions = NotAction === undefined ? list(Action) : list(NotAction).map((each) => `all but ${text(each)}`);
  const named = NotResource === undefined ? list(Resource) : list(NotResource).map((each) => `all but ${text(each)}`);
  const resources = named.length === 0 ? ['itself'] : named;
  const principal = NotPrincipal === undefined ? Principal : `all but ${text(NotPrincipal)}`;
  return actions.flatMap((action) =>
    resources.map((resource) => ({
      of,
      effect: Effect,
      ...(principal === undefined ? {} : { principal: text(principal) }),
      action: text(action),
      resource: text(resource),
      ...(Condition === undefined ? {} : { condition: text(Condition) }),
    })),
  );
}

/** What a resource allows or denies without a document. */
function othersOf(of: string, type: string, properties: Properties): readonly Statement[] {
  const allow = (who: string, action: string, resources: unknown) =>
    list(resources).map((one): Statement => ({ of: who, effect: 'Allow', action, resource: text(one) }));
  const deny = (action: string, resource: unknown): readonly Statement[] =>
    resource === undefined ? [] : [{ of, effect: 'Deny', action, resource: text(resource) }];
  switch (type) {
    case 'AWS::IAM::Role':
    case 'AWS::IAM::User':
    case 'AWS::IAM::Group':
      return [
        ...allow(of, '(all that a managed policy allows)', properties.ManagedPolicyArns),
        ...allow(of, '(all that a group allows)', properties.Groups),
        ...deny('(all that the permissions boundary does not allow)', properties.PermissionsBoundary),
      ];
    case 'AWS::IAM::Policy':
    case 'AWS::IAM::ManagedPolicy':
    case 'AWS::IAM::RolePolicy':
    case 'AWS::IAM::UserPolicy':
    case 'AWS::IAM::GroupPolicy': {
      const { Roles, Users, Groups, RoleName, UserName, GroupName } = properties;
      const holders = [Roles, Users, Groups, RoleName, UserName, GroupName].flatMap(list);
      return holders.flatMap((holder) => allow(logicalId(holder), '(all that a policy allows)', of));
    }
    case 'AWS::IAM::UserToGroupAddition':
      return list(properties.Users).flatMap((user) =>
        allow(logicalId(user), '(all that a group allows)', properties.GroupName),
      );
    case 'AWS::IAM::InstanceProfile':
      return allow(of, '(all that a role may do)', properties.Roles);
    case 'AWS::IAM::AccessKey':
      return allow(of, '(all that a user may do)', properties.UserName);
    case 'AWS::Lambda::Function':
      return allow(of, AS_ITS_ROLE, properties.Role);
    case 'AWS::Lambda::Permission':
    case 'AWS::Lambda::LayerVersionPermission': {
      const { Action, Principal, FunctionName, LayerVersionArn } = properties;
      const Condition = limitsOf(properties);
      return statementsIn(of, { Principal, Action, Resource: FunctionName ?? LayerVersionArn, Condition });
    }
    case 'AWS::Lambda::Url': {
      const { AuthType, TargetFunctionArn } = properties;
      const Principal = '(everybody, unsigned)';
      return AuthType === 'NONE'
        ? statementsIn(of, { Principal, Action: 'lambda:InvokeFunctionUrl', Resource: TargetFunctionArn })
        : [];
    }
    case 'AWS::Events::EventBusPolicy': {
      // The older form: no document, and another name for the bus.
      const { Action, Principal, Condition, EventBusName: Resource = 'default' } = properties;
      return statementsIn(of, { Principal, Action, Resource, Condition });
    }
    case 'AWS::S3::Bucket': {
      const blocked = Object.entries((properties.PublicAccessBlockConfiguration ?? {}) as Properties);
      return blocked.flatMap(([name, on]) =>
        String(on) === 'true' ? deny(`(access of the public: ${name})`, of) : [],
      );
    }
    default:
      return [];
  }
}

/** What limits a permission of Lambda's beside its principal. */
const LIMITS: readonly string[] = [
  'SourceArn',
  'SourceAccount',
  'EventSourceToken',
  'PrincipalOrgID',
  'OrganizationId',
  'FunctionUrlAuthType',
  'InvokedViaFunctionUrl',
];

function limitsOf(properties: Properties): Properties | undefined {
  const limits = LIMITS.filter((name) => properties[name] !== undefined).map((name) => [name, properties[name]]);
  return limits.length === 0 ? undefined : Object.fromEntries(limits);
}

/** `Reader` of a reference to it; a name that stands there stays. */
const logicalId = (holder: unknown): string => text(holder).replace(/^\$\{(\w+)\}$/, '$1');

const isObject = (value: unknown): value is Properties =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const list = (value: unknown): readonly unknown[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as readonly unknown[]) : [value];
const text = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
