import { IamError, shownTrust } from './documents.ts';
import * as iam from './operations.ts';
import { arnOf, type IamState, policyArnOf, type SimPolicy, type SimRole, type SimUser } from './state.ts';

/** An answer of the AWS Query protocol. */
export interface XmlAnswer {
  readonly status: number;
  /** `text/xml`, UTF-8. */
  readonly xml: string;
}

/** What becomes XML: members in order, lists as `<member>` elements; `undefined` is left out. */
type Xml = string | number | boolean | undefined | readonly Xml[] | { readonly [element: string]: Xml };

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

function render(value: Xml): string {
  if (value === undefined) return '';
  if (Array.isArray(value)) return value.map((item) => `<member>${render(item)}</member>`).join('');
  if (typeof value === 'object') {
    return Object.entries(value)
      .map(([name, member]) => (member === undefined ? '' : `<${name}>${render(member)}</${name}>`))
      .join('');
  }
  return String(value).replace(/[&<>"']/g, (character) => ESCAPES[character]!);
}

/** One call: its parameters with checks, and where it goes. */
class Call {
  readonly state: IamState;
  readonly account: string;
  readonly #params: URLSearchParams;

  constructor(state: IamState, account: string, params: URLSearchParams) {
    this.state = state;
    this.account = account;
    this.#params = params;
  }

  optional(name: string): string | undefined {
    return this.#params.get(name) ?? undefined;
  }

  required(name: string): string {
    const value = this.optional(name);
    if (value === undefined || value === '') {
      throw new IamError(
        'ValidationError',
        400,
        `Value null at '${name}' failed to satisfy constraint: must not be null`,
      );
    }
    return value;
  }

  number(name: string): number | undefined {
    const text = this.optional(name);
    return text === undefined ? undefined : Number(text);
  }

  list(name: string): string[] {
    const values: string[] = [];
    for (let index = 1; ; index += 1) {
      const value = this.optional(`${name}.member.${index}`);
      if (value === undefined) return values;
      values.push(value);
    }
  }

  tags(): [string, string][] {
    const tags: [string, string][] = [];
    for (let index = 1; ; index += 1) {
      const key = this.optional(`Tags.member.${index}.Key`);
      if (key === undefined) return tags;
      tags.push([key, this.optional(`Tags.member.${index}.Value`) ?? '']);
    }
  }

  role(): SimRole {
    return iam.roleOf(this.state, this.account, this.required('RoleName'));
  }

  policy(): SimPolicy {
    return iam.policyOf(this.state, this.required('PolicyArn'));
  }

  readablePolicy(): SimPolicy {
    return iam.readablePolicy(this.state, this.required('PolicyArn'));
  }

  user(): SimUser {
    return iam.userOf(this.state, this.account, this.required('UserName'));
  }

  /** One page of `items`. The marker is the position to go on at. */
  page(element: string, items: readonly Xml[]): Xml {
    const start = Number(this.optional('Marker') ?? '0');
    const size = Math.min(this.number('MaxItems') ?? this.state.pageSize, this.state.pageSize);
    if (!Number.isInteger(start) || start < 0 || !(size >= 1)) {
      throw new IamError('ValidationError', 400, 'Invalid Marker or MaxItems.');
    }
    const truncated = start + size < items.length;
    return {
      [element]: items.slice(start, start + size),
      IsTruncated: truncated,
      Marker: truncated ? String(start + size) : undefined,
    };
  }
}

const time = (milliseconds: number) => new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z');

/** As IAM encodes documents: RFC 3986, also `!'()*`. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

const tagList = (tags: ReadonlyMap<string, string>): Xml => [...tags].map(([Key, Value]) => ({ Key, Value }));

function boundaryXml(boundary: string | undefined): Xml {
  return boundary === undefined ? undefined : { PermissionsBoundaryType: 'Policy', PermissionsBoundaryArn: boundary };
}

/** Lists of principals leave tags and boundary out, as IAM does. */
function roleXml({ state, account }: Call, role: SimRole, listed = false): Xml {
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.id,
    Arn: arnOf(state, account, role),
    CreateDate: time(role.createdAt),
    AssumeRolePolicyDocument: encoded(JSON.stringify(shownTrust(state, role.trust))),
    MaxSessionDuration: role.maxSessionSeconds,
    PermissionsBoundary: listed ? undefined : boundaryXml(role.boundary),
    Tags: listed || role.tags.size === 0 ? undefined : tagList(role.tags),
  };
}

function userXml({ state, account }: Call, user: SimUser, listed = false): Xml {
  return {
    Path: user.path,
    UserName: user.name,
    UserId: user.id,
    Arn: arnOf(state, account, user),
    CreateDate: time(user.createdAt),
    PermissionsBoundary: listed ? undefined : boundaryXml(user.boundary),
    Tags: listed || user.tags.size === 0 ? undefined : tagList(user.tags),
  };
}

/** A group is only a name here. */
function groupXml({ state, account }: Call, group: string): Xml {
  const Arn = `arn:${state.partition}:iam::${account}:group/${group}`;
  return { Path: '/', GroupName: group, GroupId: 'AGPASIMULATED', Arn, CreateDate: time(0) };
}

function newPrincipal(call: Call, name: string): iam.NewPrincipal {
  const path = call.optional('Path');
  const boundary = call.optional('PermissionsBoundary');
  return {
    name,
    ...(path === undefined ? {} : { path }),
    ...(boundary === undefined ? {} : { boundary }),
    tags: call.tags(),
  };
}

type Action = (call: Call) => Xml;

const ROLE_ACTIONS: Readonly<Record<string, Action>> = {
  CreateRole: (call) => {
    const maxSessionSeconds = call.number('MaxSessionDuration');
    const role = iam.createRole(call.state, call.account, {
      ...newPrincipal(call, call.required('RoleName')),
      trust: call.required('AssumeRolePolicyDocument'),
      ...(maxSessionSeconds === undefined ? {} : { maxSessionSeconds }),
    });
    return { Role: roleXml(call, role) };
  },
  CreateServiceLinkedRole: (call) => ({
    Role: roleXml(call, iam.createServiceLinkedRole(call.state, call.account, call.required('AWSServiceName'))),
  }),
  GetRole: (call) => ({ Role: roleXml(call, call.role()) }),
  ListRoles: (call) => {
    const prefix = call.optional('PathPrefix') ?? '/';
    const roles = [...iam.accountOf(call.state, call.account).roles.values()].filter((role) =>
      role.path.startsWith(prefix),
    );
    return call.page(
      'Roles',
      roles.map((role) => roleXml(call, role, true)),
    );
  },
  UpdateRole: (call) => {
    const seconds = call.number('MaxSessionDuration');
    if (seconds === undefined) call.role();
    else iam.updateRole(call.state, call.account, call.required('RoleName'), seconds);
    return {};
  },
  UpdateAssumeRolePolicy: (call) => {
    iam.updateTrust(call.state, call.account, call.required('RoleName'), call.required('PolicyDocument'));
    return {};
  },
  DeleteRole: (call) => {
    iam.deleteRole(call.state, call.account, call.required('RoleName'));
    return {};
  },
};

const USER_ACTIONS: Readonly<Record<string, Action>> = {
  CreateUser: (call) => ({
    User: userXml(call, iam.createUser(call.state, call.account, newPrincipal(call, call.required('UserName')))),
  }),
  GetUser: (call) => ({ User: userXml(call, call.user()) }),
  ListUsers: (call) => {
    const prefix = call.optional('PathPrefix') ?? '/';
    const users = [...iam.accountOf(call.state, call.account).users.values()].filter((user) =>
      user.path.startsWith(prefix),
    );
    return call.page(
      'Users',
      users.map((user) => userXml(call, user, true)),
    );
  },
  DeleteUser: (call) => {
    iam.deleteUser(call.state, call.account, call.required('UserName'));
    return {};
  },
  CreateAccessKey: (call) => {
    const user = call.user();
    const key = iam.createAccessKey(call.state, call.account, user.name);
    return {
      AccessKey: {
        UserName: user.name,
        AccessKeyId: key.id,
        Status: 'Active',
        SecretAccessKey: key.secret,
        CreateDate: time(key.createdAt),
      },
    };
  },
  ListAccessKeys: (call) => {
    const user = call.user();
    const keys = [...user.keys.values()].map((key) => ({
      UserName: user.name,
      AccessKeyId: key.id,
      Status: key.active ? 'Active' : 'Inactive',
      CreateDate: time(key.createdAt),
    }));
    return call.page('AccessKeyMetadata', keys);
  },
  UpdateAccessKey: (call) => {
    const status = call.required('Status');
    if (status !== 'Active' && status !== 'Inactive') {
      throw new IamError('ValidationError', 400, `Value '${status}' at 'status' failed to satisfy constraint.`);
    }
    const keyId = call.required('AccessKeyId');
    iam.updateAccessKey(call.state, call.account, call.required('UserName'), keyId, status === 'Active');
    return {};
  },
  DeleteAccessKey: (call) => {
    iam.deleteAccessKey(call.state, call.account, call.required('UserName'), call.required('AccessKeyId'));
    return {};
  },
  ListGroupsForUser: (call) =>
    call.page(
      'Groups',
      [...call.user().groups].map((group) => groupXml(call, group)),
    ),
  ListGroups: (call) =>
    call.page(
      'Groups',
      [...iam.accountOf(call.state, call.account).groups].map((group) => groupXml(call, group)),
    ),
  ListAccountAliases: (call) => call.page('AccountAliases', []),
  CreateGroup: (call) => {
    const group = call.required('GroupName');
    iam.createGroup(call.state, call.account, group);
    return { Group: groupXml(call, group) };
  },
  AddUserToGroup: (call) => {
    iam.addToGroup(call.state, call.account, call.required('UserName'), call.required('GroupName'));
    return {};
  },
  RemoveUserFromGroup: (call) => {
    iam.removeFromGroup(call.state, call.account, call.required('UserName'), call.required('GroupName'));
    return {};
  },
  CreateLoginProfile: (call) => {
    const user = call.user();
    iam.createLoginProfile(call.state, call.account, user.name);
    return { LoginProfile: { UserName: user.name, CreateDate: time(call.state.now()) } };
  },
  DeleteLoginProfile: (call) => {
    iam.deleteLoginProfile(call.state, call.account, call.required('UserName'));
    return {};
  },
};

function policyXml({ state, account }: Call, policy: SimPolicy, listed = false): Xml {
  const arn = policyArnOf(state, account, policy);
  const { attached, bounding } = iam.attachments(state, account, arn);
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: arn,
    Path: policy.path,
    DefaultVersionId: policy.version,
    AttachmentCount: attached,
    PermissionsBoundaryUsageCount: bounding,
    IsAttachable: true,
    CreateDate: time(policy.createdAt),
    UpdateDate: time(policy.createdAt),
    Tags: listed || policy.tags.size === 0 ? undefined : tagList(policy.tags),
  };
}

function versionXml(policy: SimPolicy, version: string, text?: string): Xml {
  return {
    VersionId: version,
    IsDefaultVersion: policy.version === version,
    CreateDate: time(policy.createdAt),
    Document: text === undefined ? undefined : encoded(text),
  };
}

const POLICY_ACTIONS: Readonly<Record<string, Action>> = {
  CreatePolicy: (call) => {
    const path = call.optional('Path');
    const policy = iam.createPolicy(call.state, call.account, {
      name: call.required('PolicyName'),
      ...(path === undefined ? {} : { path }),
      document: call.required('PolicyDocument'),
      tags: call.tags(),
    });
    return { Policy: policyXml(call, policy) };
  },
  GetPolicy: (call) => ({ Policy: policyXml(call, call.readablePolicy()) }),
  // https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicies.html: tags are left out.
  ListPolicies: (call) => {
    const prefix = call.optional('PathPrefix') ?? '/';
    const onlyAttached = call.optional('OnlyAttached') === 'true';
    const bounding = call.optional('PolicyUsageFilter') === 'PermissionsBoundary';
    const own = call.optional('Scope') === 'AWS' ? [] : iam.readablePolicies(call.state, call.account);
    const listed = own.filter((policy) => {
      const uses = iam.attachments(call.state, call.account, policyArnOf(call.state, call.account, policy));
      return policy.path.startsWith(prefix) && (!onlyAttached || (bounding ? uses.bounding : uses.attached) > 0);
    });
    return call.page(
      'Policies',
      listed.map((policy) => policyXml(call, policy, true)),
    );
  },
  GetPolicyVersion: (call) => {
    const version = call.required('VersionId');
    const text = iam.policyVersion(call.state, call.required('PolicyArn'), version);
    return { PolicyVersion: versionXml(call.readablePolicy(), version, text) };
  },
  ListPolicyVersions: (call) => {
    const policy = call.readablePolicy();
    const versions = [...policy.versions.keys()].reverse();
    return call.page(
      'Versions',
      versions.map((version) => versionXml(policy, version)),
    );
  },
  CreatePolicyVersion: (call) => {
    const text = call.required('PolicyDocument');
    const isDefault = call.optional('SetAsDefault') === 'true';
    const version = iam.createPolicyVersion(call.state, call.required('PolicyArn'), text, isDefault);
    return { PolicyVersion: versionXml(call.policy(), version) };
  },
  DeletePolicyVersion: (call) => {
    iam.deletePolicyVersion(call.state, call.required('PolicyArn'), call.required('VersionId'));
    return {};
  },
  TagPolicy: (call) => {
    iam.tagPolicy(call.state, call.required('PolicyArn'), call.tags());
    return {};
  },
  DeletePolicy: (call) => {
    iam.deleteManagedPolicy(call.state, call.account, call.required('PolicyArn'));
    return {};
  },
};

const PROVIDER_ACTIONS: Readonly<Record<string, Action>> = {
  CreateOpenIDConnectProvider: (call) => {
    const provider = { url: call.required('Url'), clientIds: call.list('ClientIDList') };
    return { OpenIDConnectProviderArn: iam.createOidcProvider(call.state, call.account, provider) };
  },
  GetOpenIDConnectProvider: (call) => {
    const found = iam.oidcProviderOf(call.state, call.account, call.required('OpenIDConnectProviderArn'));
    return { Url: found.provider, ClientIDList: [...found.clientIds], CreateDate: time(found.createdAt) };
  },
  ListOpenIDConnectProviders: (call) => ({
    OpenIDConnectProviderList: [...iam.accountOf(call.state, call.account).oidcProviders.keys()].map((Arn) => ({
      Arn,
    })),
  }),
  DeleteOpenIDConnectProvider: (call) => {
    iam.deleteOidcProvider(call.state, call.account, call.required('OpenIDConnectProviderArn'));
    return {};
  },
};

/** What exists for roles and for users alike; `Kind` is how IAM spells it in the action. */
function sharedActions(kind: iam.PrincipalKind): Record<string, Action> {
  const Kind = kind === 'role' ? 'Role' : 'User';
  const named = (call: Call) => call.required(`${Kind}Name`);
  const found = (call: Call) => (kind === 'role' ? call.role() : call.user());
  return {
    [`Put${Kind}Policy`]: (call) => {
      const policy = call.required('PolicyName');
      iam.putPolicy(call.state, call.account, kind, named(call), policy, call.required('PolicyDocument'));
      return {};
    },
    [`Get${Kind}Policy`]: (call) => {
      const policy = call.required('PolicyName');
      const text = iam.getPolicy(call.state, call.account, kind, named(call), policy);
      return { [`${Kind}Name`]: named(call), PolicyName: policy, PolicyDocument: encoded(text) };
    },
    [`Delete${Kind}Policy`]: (call) => {
      iam.deletePolicy(call.state, call.account, kind, named(call), call.required('PolicyName'));
      return {};
    },
    [`List${Kind}Policies`]: (call) => call.page('PolicyNames', [...found(call).inline.keys()]),
    [`Attach${Kind}Policy`]: (call) => {
      iam.attachPolicy(call.state, call.account, kind, named(call), call.required('PolicyArn'));
      return {};
    },
    [`Detach${Kind}Policy`]: (call) => {
      iam.detachPolicy(call.state, call.account, kind, named(call), call.required('PolicyArn'));
      return {};
    },
    [`ListAttached${Kind}Policies`]: (call) => {
      const attached = [...found(call).attached];
      return call.page(
        'AttachedPolicies',
        attached.map((PolicyArn) => ({ PolicyName: PolicyArn.split('/').at(-1)!, PolicyArn })),
      );
    },
    [`Tag${Kind}`]: (call) => {
      iam.tag(call.state, call.account, kind, named(call), call.tags());
      return {};
    },
    [`Untag${Kind}`]: (call) => {
      iam.untag(call.state, call.account, kind, named(call), call.list('TagKeys'));
      return {};
    },
    [`List${Kind}Tags`]: (call) =>
      call.page(
        'Tags',
        [...found(call).tags].map(([Key, Value]) => ({ Key, Value })),
      ),
    [`Put${Kind}PermissionsBoundary`]: (call) => {
      iam.putBoundary(call.state, call.account, kind, named(call), call.required('PermissionsBoundary'));
      return {};
    },
    [`Delete${Kind}PermissionsBoundary`]: (call) => {
      iam.deleteBoundary(call.state, call.account, kind, named(call));
      return {};
    },
  };
}

const ACTIONS: ReadonlyMap<string, Action> = new Map(
  Object.entries({
    ...ROLE_ACTIONS,
    ...USER_ACTIONS,
    ...POLICY_ACTIONS,
    ...PROVIDER_ACTIONS,
    ...sharedActions('role'),
    ...sharedActions('user'),
  }),
);

/** The actions that the simulator knows, sorted. */
export function knownIamActions(): readonly string[] {
  return [...ACTIONS.keys()].sort();
}

/**
 * Answers one call of the AWS Query protocol (form POST, XML answers) as IAM of this account would. An action it does not
 * know is refused by its name. Authentication and the caller's own permissions are not checked here.
 */
export function handleIam(state: IamState, account: string, params: URLSearchParams): XmlAnswer {
  const name = params.get('Action') ?? '';
  try {
    const action = ACTIONS.get(name);
    if (!action) throw new IamError('InvalidAction', 400, `The IAM simulator does not know the action "${name}".`);
    const result = action(new Call(state, account, params));
    return { status: 200, xml: document(`${name}Response`, { [`${name}Result`]: result }) };
  } catch (error) {
    if (!(error instanceof IamError)) throw error;
    const Type = error.status >= 500 ? 'Receiver' : 'Sender';
    return {
      status: error.status,
      xml: document('ErrorResponse', { Error: { Type, Code: error.code, Message: error.message } }, false),
    };
  }
}

function document(root: string, content: { readonly [element: string]: Xml }, metadata = true): string {
  const request = metadata ? { ResponseMetadata: { RequestId: 'simulated' } } : { RequestId: 'simulated' };
  return `<${root} xmlns="https://iam.amazonaws.com/doc/2010-05-08/">${render({ ...content, ...request })}</${root}>`;
}
