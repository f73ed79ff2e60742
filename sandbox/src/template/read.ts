import { posix } from 'node:path';
import { partitionOf } from '@gatehouse/core/access/arn';
import type { PolicyDocument } from '@gatehouse/core/ports/iam';
import type * as z from 'zod';
import { parseEventPattern } from '../aws/event-pattern.ts';
import { evaluate as evaluateStatements } from '../aws/iam/evaluate.ts';
import { evaluate, NO_VALUE, resolve, type Scope } from './intrinsics.ts';
import { generatedName, type Identity, identityOf, KINDS, type Place, roleName } from './names.ts';
import { refusal } from './refusal.ts';
import {
  buildMetadata,
  globalFunction,
  PROPERTIES,
  type PropertiesOf,
  type ResourceType,
  templateFrame,
} from './schema.ts';
import type { FunctionWiring, MappingWiring, RouteWiring, RuleWiring, ScheduleWiring, Wiring } from './wiring.ts';
import { parseTemplate } from './yaml.ts';

/** What Lambda needs in order to feed a function from a queue. */
const FEEDING = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'];

type Frame = z.infer<typeof templateFrame>;
type RawResource = Frame['Resources'][string];

/** A resource whose intrinsics are resolved and whose properties are checked. */
type Resource<T extends ResourceType = ResourceType> = {
  readonly [K in T]: {
    readonly id: string;
    readonly type: K;
    readonly where: string;
    readonly properties: PropertiesOf<K>;
    readonly raw: RawResource;
    readonly identity: Identity;
  };
}[T];

/** Managed policies of AWS that a function's role may have: to log, to trace, to stand in a VPC. They add nothing here. */
const ADDING_NOTHING = new Set([
  'AWSLambdaBasicExecutionRole',
  'AWSLambdaVPCAccessExecutionRole',
  'AWSLambdaSQSQueueExecutionRole',
  'AWSXRayDaemonWriteAccess',
]);

/**
 * Reads a SAM template into the wiring that it describes. Nothing is passed over: an intrinsic, a type of resource, a property
 * or an event that is not played fails here.
 * @param parameters Values that take the place of the parameters' defaults.
 * @throws Failure `unsupported` or `invalid`; the message begins with the place in the template.
 */
export function readTemplate(text: string, place: Place, parameters: Readonly<Record<string, string>> = {}): Wiring {
  const frame = checked(templateFrame, parseTemplate(text, 'template.yaml'), 'template.yaml');
  const { scope, identity } = scopeOf(frame, place, parameters);
  const resources = Object.entries(frame.Resources)
    .filter(([id, raw]) => holds(raw.Condition, scope, `Resources.${id}`))
    .map(([id, raw]) => readResource(id, raw, frame, scope, identity(id)!));
  const of = <T extends ResourceType>(type: T): Resource<T>[] =>
    resources.filter((resource) => resource.type === type) as readonly Resource[] as Resource<T>[];

  const functions = of('AWS::Serverless::Function');
  const events = readEvents(functions, of('AWS::Serverless::HttpApi'), place);
  const wiring: Wiring = {
    account: place.account,
    region: place.region,
    functions: functions.map((each) =>
      readFunction(
        each,
        {
          roles: of('AWS::IAM::Role'),
          policies: of('AWS::IAM::ManagedPolicy'),
          layers: of('AWS::Serverless::LayerVersion'),
        },
        place,
      ),
    ),
    queues: of('AWS::SQS::Queue').map(({ id, identity, properties }) => ({
      logicalId: id,
      name: identity.name,
      arn: identity.arn,
      url: identity.ref,
      attributes: queueAttributes(properties),
    })),
    mappings: events.mappings,
    schedules: events.schedules,
    routes: events.routes,
    rules: [
      ...events.rules,
      ...of('AWS::Events::Rule').flatMap((rule) => readRule(rule, functions, of('AWS::Lambda::Permission'))),
    ],
    tables: of('AWS::DynamoDB::Table').map(({ id, identity, properties }) => ({
      logicalId: id,
      name: identity.name,
      arn: identity.arn,
      input: tableInput(identity.name, properties),
    })),
    secrets: of('AWS::SecretsManager::Secret').map(({ id, identity, properties }) =>
      readSecret(id, identity, properties),
    ),
    buckets: of('AWS::S3::Bucket').map(({ id, identity, properties }) => ({
      logicalId: id,
      name: identity.name,
      eventBridge: properties.NotificationConfiguration?.EventBridgeConfiguration.EventBridgeEnabled ?? false,
      versioned: properties.VersioningConfiguration?.Status === 'Enabled',
    })),
    buses: ['default', ...of('AWS::Events::EventBus').map(({ identity }) => identity.name)],
    policies: of('AWS::IAM::ManagedPolicy').map(({ identity, properties }) => ({
      name: identity.name,
      arn: identity.arn,
      document: properties.PolicyDocument as unknown as PolicyDocument,
    })),
    outputs: readOutputs(frame, scope),
  };
  checkReferences(wiring);
  return wiring;
}

/** Parses with a message that begins with the place of the first error. */
function checked<T extends z.ZodType>(schema: T, value: unknown, where: string): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0] && deepest(result.error.issues[0]);
  const path = [where, ...(issue?.path ?? []).map(String)].join('.');
  const why =
    issue?.code === 'unrecognized_keys' ? `unknown property ${issue.keys.join(', ')}` : (issue?.message ?? 'invalid');
  throw refusal(path, why);
}

/** Of the alternatives that a value could be, the one that fits furthest says best what is wrong. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code === 'invalid_key' && issue.issues[0]) return { ...issue.issues[0], path: issue.path };
  if (issue.code !== 'invalid_union') return issue;
  const inner = issue.errors.flat().map((each) => ({ ...deepest(each) }));
  const best = inner.sort((a, b) => b.path.length - a.path.length)[0];
  return best ? { ...best, path: [...issue.path, ...best.path] } : issue;
}

function holds(condition: string | undefined, scope: Scope, where: string): boolean {
  if (condition === undefined) return true;
  const value = scope.condition(condition);
  if (value === undefined) throw refusal(where, `there is no condition ${condition}`);
  return value;
}

function scopeOf(frame: Frame, place: Place, given: Readonly<Record<string, string>>) {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(frame.Parameters, name));
  if (unknown) throw refusal('Parameters', `there is no parameter ${unknown}`);
  const partition = partitionOf(place.region);
  const pseudo = new Map<string, string>([
    ['AWS::AccountId', place.account],
    ['AWS::Region', place.region],
    ['AWS::Partition', partition],
    ['AWS::StackName', place.stack],
    ['AWS::StackId', `arn:${partition}:cloudformation:${place.region}:${place.account}:stack/${place.stack}/1`],
    ['AWS::URLSuffix', partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com'],
  ]);
  const identities = new Map<string, Identity | undefined>();
  const conditions = new Map<string, boolean | 'being evaluated'>();

  const identity = (id: string): Identity | undefined => {
    if (!identities.has(id)) identities.set(id, identify(id));
    return identities.get(id);
  };
  const identify = (id: string): Identity | undefined => {
    const raw = Object.hasOwn(frame.Resources, id) ? frame.Resources[id]! : undefined;
    if (!raw) return roleOf(id);
    const kind = KINDS.get(raw.Type);
    if (!kind) throw refusal(`Resources.${id}.Type`, `unsupported resource type ${raw.Type}`);
    const property = kind.nameProperty;
    const said = property && resolve(raw.Properties[property], scope, `Resources.${id}.Properties.${property}`);
    const name = typeof said === 'string' ? said : generatedName(place, id, raw.Type, raw.Properties);
    const path = resolve(raw.Properties.Path, scope, `Resources.${id}.Properties.Path`);
    return identityOf(kind, name, place, typeof path === 'string' ? path : '/');
  };
  /**
   * SAM makes a role `<Function>Role` for each function, and `<Function><Event>Role` for each of its schedules; other resources
   * may refer to both.
   */
  const roleOf = (id: string): Identity | undefined => {
    const owner = id.endsWith('Role') ? id.slice(0, -'Role'.length) : '';
    const own = Object.hasOwn(frame.Resources, owner) ? frame.Resources[owner]! : undefined;
    const ofFunction = own?.Type === 'AWS::Serverless::Function' && own.Properties.Role === undefined;
    if (!ofFunction && !schedulesOf(frame).has(owner)) return;
    const name = roleName(place, owner);
    const arn = `arn:${partition}:iam::${place.account}:role/${name}`;
    return { name, arn, ref: name, attributes: { Arn: arn } };
  };
  const parameter = (name: string): unknown => {
    const definition = Object.hasOwn(frame.Parameters, name) ? frame.Parameters[name]! : undefined;
    if (!definition) return undefined;
    const value = given[name] ?? definition.Default;
    if (value === undefined) throw refusal(`Parameters.${name}`, 'it has no default, and no value was given');
    const allowed = definition.AllowedValues?.map(String);
    if (allowed && !allowed.includes(String(value)))
      throw refusal(`Parameters.${name}`, `${value} is not an allowed value`);
    const isList = definition.Type === 'CommaDelimitedList';
    const pattern = new RegExp(`^(?:${definition.AllowedPattern ?? '[^]*'})$`);
    const stray = (isList ? String(value).split(',') : [String(value)]).find((one) => !pattern.test(one));
    if (stray !== undefined) {
      const wanted = definition.ConstraintDescription ?? `what ${definition.AllowedPattern} matches`;
      throw refusal(`Parameters.${name}`, `"${stray}" is not ${wanted}`);
    }
    return isList ? String(value).split(',').filter(Boolean) : value;
  };
  const scope: Scope = {
    ref: (name) => pseudo.get(name) ?? parameter(name) ?? identity(name)?.ref,
    attribute: (name, attribute) => {
      const attributes = identity(name)?.attributes ?? {};
      return Object.hasOwn(attributes, attribute) ? attributes[attribute] : undefined;
    },
    condition: (name) => {
      if (!Object.hasOwn(frame.Conditions, name)) return undefined;
      const known = conditions.get(name);
      if (known === 'being evaluated') throw refusal(`Conditions.${name}`, 'it depends on itself');
      if (known !== undefined) return known;
      conditions.set(name, 'being evaluated');
      const value = evaluate(frame.Conditions[name], scope, `Conditions.${name}`);
      conditions.set(name, value);
      return value;
    },
  };
  return { scope, identity };
}

/** `TickMinute`: the schedules of the functions, as SAM calls them. */
function schedulesOf(frame: Frame): ReadonlySet<string> {
  return new Set(
    Object.entries(frame.Resources).flatMap(([id, { Properties }]) =>
      Object.entries((Properties.Events ?? {}) as Record<string, { Type?: unknown }>)
        .filter(([, { Type }]) => Type === 'ScheduleV2')
        .map(([name]) => `${id}${name}`),
    ),
  );
}

function readResource(id: string, raw: RawResource, frame: Frame, scope: Scope, identity: Identity): Resource {
  const where = `Resources.${id}`;
  if (!KINDS.has(raw.Type) || !Object.hasOwn(PROPERTIES, raw.Type)) {
    throw refusal(`${where}.Type`, `unsupported resource type ${raw.Type}`);
  }
  const type = raw.Type as ResourceType;
  const said = resolve(raw.Properties, scope, `${where}.Properties`);
  const properties = type === 'AWS::Serverless::Function' ? withGlobals(frame, said, scope) : said;
  const missing = [raw.DependsOn ?? []].flat().find((name) => !Object.hasOwn(frame.Resources, name));
  if (missing) throw refusal(`${where}.DependsOn`, `there is no resource ${missing}`);
  return {
    id,
    type,
    where,
    raw,
    properties: checked(PROPERTIES[type], properties, `${where}.Properties`),
    identity,
  } as Resource;
}

/** SAM's merge: maps are merged, lists joined, the function's own scalars win. */
function withGlobals(frame: Frame, own: unknown, scope: Scope): unknown {
  const globals = resolve(frame.Globals.Function ?? {}, scope, 'Globals.Function');
  checked(globalFunction, globals, 'Globals.Function');
  return merged(globals, own);
}

function merged(base: unknown, own: unknown): unknown {
  if (own === undefined || own === NO_VALUE) return base;
  if (Array.isArray(base) && Array.isArray(own)) return [...base, ...own];
  const isMap = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isMap(base) || !isMap(own)) return own;
  const keys = [...new Set([...Object.keys(base), ...Object.keys(own)])];
  return Object.fromEntries(keys.map((key) => [key, key in base ? merged(base[key], own[key]) : own[key]]));
}

interface Neighbours {
  readonly roles: readonly Resource<'AWS::IAM::Role'>[];
  readonly policies: readonly Resource<'AWS::IAM::ManagedPolicy'>[];
  readonly layers: readonly Resource<'AWS::Serverless::LayerVersion'>[];
}

function readFunction(
  resource: Resource<'AWS::Serverless::Function'>,
  { roles, policies, layers }: Neighbours,
  place: Place,
): FunctionWiring {
  const { id, where, properties, raw, identity } = resource;
  const stray = (properties.Layers ?? []).find((arn) => !layers.some((layer) => layer.identity.arn === arn));
  if (stray) throw refusal(`${where}.Properties.Layers`, `${stray} is no layer of this template`);
  const destination =
    properties.EventInvokeConfig?.DestinationConfig?.OnFailure.Destination ?? properties.DeadLetterQueue?.TargetArn;
  return {
    logicalId: id,
    name: identity.name,
    arn: identity.arn,
    ...handlerModule(properties.CodeUri, properties.Handler, raw, where),
    layers: properties.Layers ?? [],
    timeoutSeconds: properties.Timeout,
    memoryMegabytes: properties.MemorySize,
    environment: properties.Environment?.Variables ?? {},
    ...(properties.ReservedConcurrentExecutions === undefined
      ? {}
      : { reservedConcurrency: properties.ReservedConcurrentExecutions }),
    ...withAttached(
      properties.Role === undefined
        ? madeRole(resource, policies, place)
        : givenRole(properties.Role, resource, roles, policies),
      policies,
    ),
    asynchronous: {
      retries: properties.EventInvokeConfig?.MaximumRetryAttempts ?? 2,
      ...(destination === undefined ? {} : { deadLetterQueueArn: destination }),
      deadLetterForm: properties.EventInvokeConfig?.DestinationConfig ? 'record' : 'event',
    },
  };
}

type RoleParts = Pick<FunctionWiring, 'role' | 'policies'>;

/** A role with the managed policies of the template that name it. */
function withAttached({ role, policies }: RoleParts, managed: Neighbours['policies']): RoleParts {
  const attached = managed.filter(({ properties }) => properties.Roles.includes(role.name));
  return {
    role,
    policies: [
      ...policies,
      ...attached.map(({ properties }) => properties.PolicyDocument as unknown as PolicyDocument),
    ],
  };
}

/** The role that SAM makes for a function that names none; it may also feed the function from its queues. */
function madeRole(
  { id, where, properties }: Resource<'AWS::Serverless::Function'>,
  managed: Neighbours['policies'],
  place: Place,
): RoleParts {
  const name = roleName(place, id);
  const path = properties.RolePath ?? '/';
  const queues = Object.values(properties.Events).flatMap((event) =>
    event.Type === 'SQS' ? [event.Properties.Queue] : [],
  );
  const feeding: PolicyDocument = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: FEEDING, Resource: queues }],
  };
  return {
    role: { name, path, arn: `arn:${partitionOf(place.region)}:iam::${place.account}:role${path}${name}` },
    policies: [
      ...properties.Policies.flatMap((policy) => documentsOf(policy, managed, where)),
      ...(queues.length > 0 ? [feeding] : []),
    ],
  };
}

/** A role of the template, which Lambda must be trusted to assume. */
function givenRole(
  arn: string,
  { where, properties }: Resource<'AWS::Serverless::Function'>,
  roles: Neighbours['roles'],
  managed: Neighbours['policies'],
): RoleParts {
  const role = roles.find((each) => each.identity.arn === arn);
  if (!role) throw refusal(`${where}.Properties.Role`, `there is no role ${arn}`);
  if (properties.Policies.length > 0) throw refusal(`${where}.Properties.Policies`, 'SAM passes them over beside Role');
  const trusts = role.properties.AssumeRolePolicyDocument.Statement.some(
    ({ Effect, Action, Principal }) =>
      Effect === 'Allow' && Action.includes('sts:AssumeRole') && Principal.Service.includes('lambda.amazonaws.com'),
  );
  if (!trusts)
    throw refusal(`${role.where}.Properties.AssumeRolePolicyDocument`, 'it does not let lambda.amazonaws.com in');
  const path = role.properties.Path ?? '/';
  return {
    role: { name: role.identity.name, path, arn },
    policies: [
      ...role.properties.Policies.map((policy) => policy.PolicyDocument as unknown as PolicyDocument),
      ...role.properties.ManagedPolicyArns.flatMap((policy) => documentsOf(policy, managed, role.where)),
    ],
  };
}

/** The TypeScript module from which `sam build` makes the handler: the entry point it is given, or CodeUri and Handler. */
function handlerModule(codeUri: string, handler: string, raw: RawResource, where: string) {
  const dot = handler.lastIndexOf('.');
  const file = handler.slice(0, dot);
  const entries = checked(buildMetadata, raw.Metadata ?? {}, `${where}.Metadata`).BuildProperties?.EntryPoints;
  const entry = entries?.find((each) => posix.basename(each).replace(/\.[^.]+$/, '') === posix.basename(file));
  if (entries && !entry) throw refusal(`${where}.Metadata.BuildProperties.EntryPoints`, `none of them makes ${file}`);
  const module = posix.normalize(posix.join(codeUri, entry ?? `${file}.ts`));
  if (module.startsWith('../') || posix.isAbsolute(module)) {
    throw refusal(`${where}.Properties.CodeUri`, 'it leads out of the project');
  }
  return { module, exportName: handler.slice(dot + 1) };
}

function documentsOf(
  policy: string | object,
  managed: readonly Resource<'AWS::IAM::ManagedPolicy'>[],
  where: string,
): readonly PolicyDocument[] {
  if (typeof policy !== 'string') return [policy as PolicyDocument];
  if (ADDING_NOTHING.has(policy.split('/').at(-1)!)) return [];
  const own = managed.find((each) => each.identity.arn === policy);
  if (!own) throw refusal(`${where}.Properties.Policies`, `unsupported managed policy ${policy}`);
  return [own.properties.PolicyDocument as unknown as PolicyDocument];
}

function readEvents(
  functions: readonly Resource<'AWS::Serverless::Function'>[],
  apis: readonly Resource<'AWS::Serverless::HttpApi'>[],
  place: Place,
) {
  const mappings: MappingWiring[] = [];
  const schedules: ScheduleWiring[] = [];
  const rules: RuleWiring[] = [];
  const routes: RouteWiring[] = [];
  for (const { id, properties, where, identity } of functions) {
    for (const [name, event] of Object.entries(properties.Events)) {
      const at = `${where}.Properties.Events.${name}`;
      switch (event.Type) {
        case 'HttpApi': {
          const { ApiId, Path, Method } = event.Properties;
          if (ApiId !== undefined && !apis.some((api) => api.identity.ref === ApiId)) {
            throw refusal(`${at}.Properties.ApiId`, `there is no HTTP API ${ApiId}`);
          }
          const method = Method.toUpperCase() === 'X-AMAZON-APIGATEWAY-ANY-METHOD' ? 'ANY' : Method.toUpperCase();
          routes.push({ method, path: Path, function: identity.name });
          break;
        }
        case 'SQS': {
          if (!event.Properties.Enabled) break;
          const { Queue, BatchSize, MaximumBatchingWindowInSeconds, FunctionResponseTypes, ScalingConfig } =
            event.Properties;
          mappings.push({
            function: identity.name,
            queueArn: Queue,
            batchSize: BatchSize,
            windowSeconds: MaximumBatchingWindowInSeconds,
            partialBatches: FunctionResponseTypes?.includes('ReportBatchItemFailures') ?? false,
            ...(ScalingConfig ? { maximumConcurrency: ScalingConfig.MaximumConcurrency } : {}),
          });
          break;
        }
        case 'Schedule':
        case 'ScheduleV2': {
          const schedule = event.Properties;
          const expression = event.Type === 'Schedule' ? schedule.Schedule : schedule.ScheduleExpression;
          if (expression === undefined) throw refusal(at, 'it has no schedule');
          if (schedule.State === 'DISABLED' || schedule.Enabled === false) break;
          schedules.push({
            name: schedule.Name ?? `${place.stack}-${id}${name}`,
            function: identity.name,
            everySeconds: rate(expression, at),
            input: schedule.Input ?? '{}',
            ...failing(schedule),
          });
          break;
        }
        default: {
          const rule = event.Properties;
          if (rule.State === 'DISABLED') break;
          const ruleName = rule.RuleName ?? `${place.stack}-${id}${name}`;
          rules.push({
            name: ruleName,
            arn: `arn:${partitionOf(place.region)}:events:${place.region}:${place.account}:rule/${ruleName}`,
            bus: rule.EventBusName,
            pattern: parseEventPattern(rule.Pattern, `${at}.Properties.Pattern`),
            functions: [identity.name],
            ...failing(rule),
          });
        }
      }
    }
  }
  return { mappings, schedules, rules, routes };
}

function failing(target: {
  RetryPolicy?: { MaximumRetryAttempts?: number | undefined } | undefined;
  DeadLetterConfig?: { Arn: string } | undefined;
}) {
  return {
    retries: target.RetryPolicy?.MaximumRetryAttempts ?? 185,
    ...(target.DeadLetterConfig ? { deadLetterQueueArn: target.DeadLetterConfig.Arn } : {}),
  };
}

/** `rate(5 minutes)` in seconds. @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html */
function rate(expression: string, where: string): number {
  const match = /^rate\((\d+) (minute|minutes|hour|hours|day|days)\)$/.exec(expression);
  const count = Number(match?.[1]);
  if (!match || count < 1 || (count === 1) === match[2]!.endsWith('s')) {
    throw refusal(where, `unsupported schedule ${expression}: the sandbox plays rate(...) only`);
  }
  return count * { minute: 60, hour: 3600, day: 86_400 }[match[2]!.replace(/s$/, '') as 'minute' | 'hour' | 'day'];
}

/** A plain rule needs the permission that SAM gives by itself: without it EventBridge may not invoke the function. */
function readRule(
  { properties, identity, where }: Resource<'AWS::Events::Rule'>,
  functions: readonly Resource<'AWS::Serverless::Function'>[],
  permissions: readonly Resource<'AWS::Lambda::Permission'>[],
): readonly RuleWiring[] {
  if (properties.State === 'DISABLED') return [];
  return properties.Targets.map((target) => {
    const owner = functions.find((each) => each.identity.arn === target.Arn);
    if (!owner)
      throw refusal(`${where}.Properties.Targets`, `unsupported target ${target.Arn}: only functions are played`);
    const permitted = permissions.some(
      ({ properties: permission }) =>
        [owner.identity.arn, owner.identity.name].includes(permission.FunctionName) &&
        permission.Principal === 'events.amazonaws.com' &&
        (permission.SourceArn === undefined || permission.SourceArn === identity.arn),
    );
    if (!permitted)
      throw refusal(where, `EventBridge may not invoke ${owner.id}: there is no AWS::Lambda::Permission for it`);
    return {
      name: identity.name,
      arn: identity.arn,
      bus: properties.EventBusName,
      pattern: parseEventPattern(properties.EventPattern, `${where}.Properties.EventPattern`),
      functions: [owner.identity.name],
      ...failing(target),
    };
  });
}

function queueAttributes(properties: PropertiesOf<'AWS::SQS::Queue'>): Record<string, string> {
  const {
    QueueName: _name,
    Tags: _tags,
    RedriveAllowPolicy: _allow,
    KmsMasterKeyId: _key,
    RedrivePolicy,
    ...rest
  } = properties;
  const plain = Object.entries(rest).filter(([name, value]) => value !== undefined && name !== 'SqsManagedSseEnabled');
  const attributes = Object.fromEntries(plain.map(([name, value]) => [name, String(value)]));
  // SQS knows the absence of FifoQueue, but not the value false.
  if (attributes.FifoQueue === 'false') delete attributes.FifoQueue;
  return RedrivePolicy ? { ...attributes, RedrivePolicy: JSON.stringify(RedrivePolicy) } : attributes;
}

function tableInput(name: string, properties: PropertiesOf<'AWS::DynamoDB::Table'>): Record<string, unknown> {
  const { AttributeDefinitions, KeySchema, BillingMode, GlobalSecondaryIndexes } = properties;
  return {
    TableName: name,
    AttributeDefinitions,
    KeySchema,
    BillingMode,
    ...(GlobalSecondaryIndexes ? { GlobalSecondaryIndexes } : {}),
  };
}

function readSecret(id: string, identity: Identity, properties: PropertiesOf<'AWS::SecretsManager::Secret'>) {
  const generate = properties.GenerateSecretString;
  return {
    logicalId: id,
    name: identity.name,
    arn: identity.arn,
    ...(properties.SecretString === undefined ? {} : { value: properties.SecretString }),
    ...(generate
      ? {
          generate: {
            length: generate.PasswordLength,
            excludePunctuation: generate.ExcludePunctuation,
            ...(generate.SecretStringTemplate === undefined ? {} : { template: generate.SecretStringTemplate }),
            ...(generate.GenerateStringKey === undefined ? {} : { key: generate.GenerateStringKey }),
          },
        }
      : {}),
  };
}

function readOutputs(frame: Frame, scope: Scope): Record<string, string> {
  const outputs = Object.entries(frame.Outputs).filter(([name, output]) =>
    holds(output.Condition, scope, `Outputs.${name}`),
  );
  return Object.fromEntries(
    outputs.map(([name, output]) => [name, String(resolve(output.Value, scope, `Outputs.${name}`))]),
  );
}

/** What CloudFormation would find out only while making the stack. */
function checkReferences(wiring: Wiring): void {
  const queues = new Map(wiring.queues.map((queue) => [queue.arn, queue]));
  const need = (arn: string | undefined, where: string) => {
    if (arn !== undefined && !queues.has(arn)) throw refusal(where, `there is no queue ${arn}`);
  };
  for (const mapping of wiring.mappings) {
    need(mapping.queueArn, mapping.function);
    const queue = queues.get(mapping.queueArn)!;
    const timeout = wiring.functions.find((each) => each.name === mapping.function)!.timeoutSeconds;
    const { policies } = wiring.functions.find((each) => each.name === mapping.function)!;
    const lacking = FEEDING.find((action) => evaluateStatements(policies, action, mapping.queueArn) !== 'allowed');
    if (lacking)
      throw refusal(mapping.function, `its role does not have permissions to call ${lacking} on ${queue.logicalId}`);
    const fifo = queue.attributes.FifoQueue === 'true';
    if (fifo && mapping.batchSize > 10)
      throw refusal(mapping.function, 'a FIFO queue gives at most 10 messages a batch');
    if (fifo && mapping.windowSeconds > 0) throw refusal(mapping.function, 'a FIFO queue takes no batching window');
    if (mapping.batchSize > 10 && mapping.windowSeconds < 1)
      throw refusal(mapping.function, 'a batch over 10 needs a window');
    if (Number(queue.attributes.VisibilityTimeout ?? 30) < timeout) {
      throw refusal(queue.logicalId, `its visibility timeout is shorter than the timeout of ${mapping.function}`);
    }
  }
  for (const queue of wiring.queues) {
    const fifo = queue.attributes.FifoQueue === 'true';
    if (fifo !== queue.name.endsWith('.fifo'))
      throw refusal(queue.logicalId, 'the name of a FIFO queue, and no other, ends in .fifo');
    const redrive = queue.attributes.RedrivePolicy;
    const target = redrive && (JSON.parse(redrive) as { deadLetterTargetArn: string }).deadLetterTargetArn;
    need(target || undefined, queue.logicalId);
    if (target && (queues.get(target)!.attributes.FifoQueue === 'true') !== fifo) {
      throw refusal(queue.logicalId, 'the dead-letter queue of a FIFO queue is one too');
    }
  }
  for (const rule of wiring.rules) {
    if (!wiring.buses.includes(rule.bus)) throw refusal(rule.name, `there is no event bus ${rule.bus}`);
    need(rule.deadLetterQueueArn, rule.name);
  }
  for (const each of wiring.functions) need(each.asynchronous.deadLetterQueueArn, each.logicalId);
  const names = [...wiring.functions, ...wiring.queues, ...wiring.tables, ...wiring.buckets].map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) throw refusal('Resources', `two resources have the name ${twice}`);
}
