import { AwsError } from './aws-error.ts';
import type { EventBuses } from './event-bus.ts';
import { linkedRoleName, linkedRolePath } from './iam/operations.ts';
import { handleIam, knownIamActions } from './iam/protocol.ts';
import { arnOf, type IamState, policyArnOf, policyByArn, type SimPrincipal } from './iam/state.ts';
import { type AwsRequest, type AwsResponse, type ContextValues, xmlResponse } from './request.ts';

const READING = /^(Get|List)/;

/**
 * Without a UserName these are about whoever signed
 * (https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUser.html, and so for each).
 */
const OF_THE_CALLER: ReadonlySet<string> = new Set([
  'GetUser',
  'CreateAccessKey',
  'ListAccessKeys',
  'UpdateAccessKey',
  'DeleteAccessKey',
]);

/** IAM behind the endpoint: who may call what, the simulator itself, and what CloudTrail tells of it. */
export class IamService {
  readonly #state: () => IamState;
  readonly #events: EventBuses;

  constructor(state: () => IamState, events: EventBuses) {
    this.#state = state;
    this.#events = events;
  }

  /** The API: form POST. */
  handle(request: AwsRequest, asked: URLSearchParams): AwsResponse {
    const action = asked.get('Action') ?? '';
    const params = withCaller(action, asked, request.caller);
    const { account } = request.caller;
    if (!knownIamActions().includes(action)) {
      throw new AwsError('InvalidAction', `the sandbox does not play IAM ${action}`);
    }
    request.authorize(`iam:${action}`, this.#resource(account, params), this.#context(account, action, params));
    if (params.has('Tags.member.1.Key') && action.startsWith('Create')) {
      const tagging = `iam:Tag${action.slice('Create'.length)}`;
      request.authorize(tagging, this.#resource(account, params), this.#context(account, action, params));
    }
    const { status, xml } = handleIam(this.#state(), account, params);
    if (status === 200 && !READING.test(action)) this.#tell(request, action, params);
    return xmlResponse(xml, status);
  }

  /** CloudTrail records IAM in us-east-1, whatever the caller's Region; rules there and here get it alike in the sandbox. */
  #tell({ caller, region }: AwsRequest, action: string, params: URLSearchParams): void {
    const parameters = Object.fromEntries(
      [...params]
        .filter(([name]) => name !== 'Action' && name !== 'Version' && !name.includes('.member.'))
        .map(([name, value]) => [name[0]!.toLowerCase() + name.slice(1), value]),
    );
    const principal = this.#principal(caller.account, params);
    const kind = principal?.kind ?? (action.endsWith('Role') ? 'role' : 'user');
    const answer =
      action === 'CreateRole' || action === 'CreateUser'
        ? { [kind]: this.#described(caller.account, principal) }
        : undefined;
    this.#events.apiCall('iam', { name: action, region, caller, account: caller.account, parameters, answer });
  }

  #described(account: string, principal: SimPrincipal | undefined): unknown {
    if (!principal) return undefined;
    const arn = arnOf(this.#state(), account, principal);
    const name =
      principal.kind === 'role'
        ? { roleName: principal.name, roleId: principal.id }
        : { userName: principal.name, userId: principal.id };
    return { ...name, path: principal.path, arn, createDate: new Date(principal.createdAt).toUTCString() };
  }

  #principal(account: string, params: URLSearchParams): SimPrincipal | undefined {
    const found = this.#state().accounts.get(account);
    const role = params.get('RoleName');
    const user = params.get('UserName');
    if (role !== null) return found?.roles.get(role.toLowerCase());
    return user === null ? undefined : found?.users.get(user.toLowerCase());
  }

  #resource(account: string, params: URLSearchParams): string {
    const state = this.#state();
    const principal = this.#principal(account, params);
    if (principal) return arnOf(state, account, principal);
    const action = params.get('Action') ?? '';
    if (action === 'ListAccountAliases') return '*';
    if (action === 'ListGroups')
      return `arn:${state.partition}:iam::${account}:group${params.get('PathPrefix') ?? '/'}`;
    // No statement but one about everything allows it.
    if (action === 'ListPolicies') return `policy path ${params.get('PathPrefix') ?? '/'}`;
    const service = params.get('AWSServiceName');
    if (service !== null) {
      return `arn:${state.partition}:iam::${account}:role${linkedRolePath(service)}${linkedRoleName(service)}`;
    }
    if (!params.has('RoleName') && !params.has('UserName')) {
      const policyArn = params.get('PolicyArn') ?? params.get('OpenIDConnectProviderArn');
      if (policyArn !== null) return policyArn;
      const url = params.get('Url');
      if (url !== null) return `arn:${state.partition}:iam::${account}:oidc-provider/${url.replace(/^https:\/\//, '')}`;
      const policy = params.get('PolicyName');
      if (policy !== null) return policyArnOf(state, account, { path: params.get('Path') ?? '/', name: policy });
    }
    const group = params.get('GroupName');
    if (group !== null) return `arn:${state.partition}:iam::${account}:group/${group}`;
    const role = params.get('RoleName') !== null || action.includes('Role');
    const name = params.get('RoleName') ?? params.get('UserName') ?? '';
    const path = params.get('Path') ?? params.get('PathPrefix') ?? '/';
    return `arn:${state.partition}:iam::${account}:${role ? 'role' : 'user'}${path}${name}`;
  }

  #context(account: string, action: string, params: URLSearchParams): ContextValues {
    const principal = this.#principal(account, params);
    const saysBoundary = /^Create(Role|User)$/.test(action) || /^Put\w+PermissionsBoundary$/.test(action);
    const boundary = saysBoundary ? (params.get('PermissionsBoundary') ?? undefined) : principal?.boundary;
    const context: Record<string, string | readonly string[] | undefined> = {
      'iam:PermissionsBoundary': boundary,
      'iam:PolicyARN': params.get('PolicyArn') ?? undefined,
      'iam:AWSServiceName': params.get('AWSServiceName') ?? undefined,
    };
    const keys: string[] = [];
    for (let index = 1; params.has(`Tags.member.${index}.Key`); index += 1) {
      const key = params.get(`Tags.member.${index}.Key`)!;
      keys.push(key);
      context[`aws:RequestTag/${key}`] = params.get(`Tags.member.${index}.Value`) ?? '';
    }
    for (let index = 1; params.has(`TagKeys.member.${index}`); index += 1)
      keys.push(params.get(`TagKeys.member.${index}`)!);
    if (keys.length > 0) context['aws:TagKeys'] = keys;
    const tags = principal?.tags ?? policyByArn(this.#state(), params.get('PolicyArn') ?? '')?.tags;
    for (const [key, value] of tags ?? []) {
      context[`aws:ResourceTag/${key}`] = value;
      context[`iam:ResourceTag/${key}`] = value;
    }
    return context;
  }
}

/** @throws AwsError where a session asks about its own user: it has none. */
function withCaller(action: string, params: URLSearchParams, { userName }: AwsRequest['caller']): URLSearchParams {
  if (!OF_THE_CALLER.has(action) || params.has('UserName')) return params;
  if (userName === undefined) {
    throw new AwsError('ValidationError', 'Must specify userName when calling with non-User credentials');
  }
  return new URLSearchParams([...params, ['UserName', userName]]);
}
