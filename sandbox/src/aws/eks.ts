import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { clusterArn } from '@gatehouse/core/access/arn';
import { digest } from '@gatehouse/core/access/digest';
import { CONNECTOR_PROVIDERS } from '@gatehouse/core/access/policy';
import type { AssociatedIdentityProvider } from '@gatehouse/core/ports/eks';
import * as z from 'zod';
import { AwsError, notPlayed } from './aws-error.ts';
import { ClusterSettings, type SettingsOf, type SettingsSnapshot, type UpdateRecord } from './eks-settings.ts';
import type { EventBuses } from './event-bus.ts';
import { type AwsRequest, type AwsResponse, jsonResponse } from './request.ts';

/** A cluster as EKS keeps it. */
export interface ClusterRecord {
  readonly name: string;
  readonly arn: string;
  readonly account: string;
  readonly region: string;
  readonly version: string;
  readonly roleArn: string;
  readonly authenticationMode: 'CONFIG_MAP' | 'API_AND_CONFIG_MAP' | 'API';
  readonly createdAt: number;
  tags: Record<string, string>;
  status: 'CREATING' | 'PENDING' | 'ACTIVE' | 'DELETING' | 'FAILED';
  endpoint?: string;
  /** PEM, base64. */
  certificateAuthority?: string;
  /** Set where it is only registered and runs elsewhere: EKS starts and stops nothing then. */
  readonly connector?: Registration;
}

/** What EKS keeps of a cluster that was registered. */
export interface Registration {
  readonly provider: string;
  readonly roleArn: string;
  readonly activationId: string;
  readonly activationCode: string;
  /** Milliseconds UTC. */
  readonly activationExpiry: number;
}

/** What EKS asks IAM about roles that are passed to it. */
export interface PassedRoles {
  /** Whether the account has the role of this ARN. */
  has(account: string, roleArn: string): boolean;
  /** Whether the role trusts a service to assume it. */
  trusts(account: string, roleArn: string, service: string): boolean;
}

/** https://docs.aws.amazon.com/eks/latest/APIReference/API_RegisterCluster.html */
const ACTIVATION_MS = 3 * 24 * 3600 * 1000;
/** https://docs.aws.amazon.com/eks/latest/userguide/service-quotas.html */
const MOST_REGISTERED = 10;
/** The role without which EKS registers nothing. */
const LINKED_ROLE = 'role/aws-service-role/eks-connector.amazonaws.com/AWSServiceRoleForAmazonEKSConnector';

/** Makes and removes what is behind a cluster: its API server. */
export interface ControlPlanes {
  start(cluster: ClusterRecord): Promise<{ readonly endpoint: string; readonly certificateAuthority: string }>;
  stop(cluster: ClusterRecord): Promise<void>;
  /** Has the API server believe an identity provider, or none. @throws Error what keeps it from doing so. */
  believe(cluster: ClusterRecord, provider: AssociatedIdentityProvider | undefined): Promise<void>;
}

/** What a new cluster is given. */
export interface NewCluster {
  readonly account: string;
  readonly region: string;
  readonly name: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly version?: string;
  readonly roleArn?: string;
  readonly authenticationMode?: ClusterRecord['authenticationMode'];
}

const createInput = z.strictObject({
  name: z.string().regex(/^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/),
  roleArn: z.string().startsWith('arn:'),
  resourcesVpcConfig: z.record(z.string(), z.unknown()),
  version: z.string().default('1.34'),
  tags: z.record(z.string(), z.string()).default({}),
  clientRequestToken: z.string().optional(),
  accessConfig: z
    .strictObject({
      authenticationMode: z.enum(['CONFIG_MAP', 'API_AND_CONFIG_MAP', 'API']).default('CONFIG_MAP'),
      bootstrapClusterCreatorAdminPermissions: z.boolean().optional(),
    })
    .optional(),
});

const registerInput = z.strictObject({
  name: z.string().regex(/^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/),
  connectorConfig: z.strictObject({ roleArn: z.string().startsWith('arn:'), provider: z.enum(CONNECTOR_PROVIDERS) }),
  clientRequestToken: z.string().optional(),
  tags: z.record(z.string(), z.string()).default({}),
});

const associateInput = z.strictObject({
  oidc: z.strictObject({
    identityProviderConfigName: z.string(),
    issuerUrl: z.string(),
    clientId: z.string(),
    usernameClaim: z.string().optional(),
    usernamePrefix: z.string().optional(),
    groupsClaim: z.string().optional(),
    groupsPrefix: z.string().optional(),
    requiredClaims: z.record(z.string(), z.string()).default({}),
  }),
  tags: z.record(z.string(), z.string()).default({}),
  clientRequestToken: z.string().optional(),
});

const namedInput = z.strictObject({
  identityProviderConfig: z.strictObject({ type: z.literal('oidc'), name: z.string() }),
  clientRequestToken: z.string().optional(),
});

const loggingInput = z.strictObject({
  logging: z.strictObject({
    clusterLogging: z.array(z.strictObject({ types: z.array(z.string()).min(1), enabled: z.boolean() })).length(1),
  }),
  clientRequestToken: z.string().optional(),
});

/** Milliseconds that an update takes at least: minutes on EKS. */
const UPDATE_MS = 300;

/** EKS: clusters that are CREATING, ACTIVE, DELETING and gone. */
export class EksClusters {
  readonly #clusters = new Map<string, ClusterRecord>();
  readonly #settings = new Map<string, ClusterSettings>();
  readonly #events: EventBuses;
  readonly #planes: ControlPlanes;
  readonly #roles: PassedRoles;
  readonly #now: () => number;
  readonly #working = new Set<Promise<void>>();

  constructor(events: EventBuses, planes: ControlPlanes, roles: PassedRoles, now: () => number = Date.now) {
    this.#events = events;
    this.#planes = planes;
    this.#roles = roles;
    this.#now = now;
  }

  /** All clusters. */
  list(): readonly ClusterRecord[] {
    return [...this.#clusters.values()];
  }

  /** A cluster, where it exists. */
  get(account: string, region: string, name: string): ClusterRecord | undefined {
    return this.#clusters.get(keyOf(account, region, name));
  }

  /** The issuer of the tokens of a cluster's own service accounts. */
  ownIssuer(account: string, region: string, name: string): string {
    return ownIssuer({ arn: clusterArn(account, region, name), region });
  }

  /** Makes a cluster; it is ACTIVE once the promise settles. */
  async create(input: NewCluster): Promise<ClusterRecord> {
    const cluster = this.#record(input);
    await this.#start(cluster);
    return cluster;
  }

  /** Starts the API servers of all clusters again, after a restart. */
  async resume(): Promise<void> {
    await Promise.all(this.#run().map((cluster) => this.#start(cluster)));
  }

  /** Those that EKS runs itself. */
  #run(): readonly ClusterRecord[] {
    return this.list().filter(({ connector }) => connector === undefined);
  }

  /**
   * An agent connects with what it was given. A registration becomes ACTIVE by its own activation, in time, and by no other.
   * @returns whether the agent was let in.
   */
  activate(account: string, region: string, name: string, activation: { id: string; code: string }): boolean {
    const cluster = this.get(account, region, name);
    const { connector } = cluster ?? {};
    if (!cluster || !connector) return false;
    const isRight = activation.id === connector.activationId && activation.code === connector.activationCode;
    if (!isRight || (cluster.status === 'PENDING' && this.#now() >= connector.activationExpiry)) return false;
    cluster.status = 'ACTIVE';
    return true;
  }

  /** Waits for what is under way, and stops all API servers. */
  async stop(): Promise<void> {
    await Promise.all(this.#working);
    await Promise.all(this.#run().map((cluster) => this.#planes.stop(cluster)));
  }

  /** Everything, as JSON. */
  snapshot(): unknown {
    return this.list().map((cluster) => ({ ...cluster, settings: this.settings(cluster).snapshot() }));
  }

  /** Takes a snapshot back. */
  restore(snapshot: unknown): void {
    for (const { settings, ...cluster } of snapshot as (ClusterRecord & { settings?: SettingsSnapshot })[]) {
      const { account, region, name, connector } = cluster;
      this.#settings.set(cluster.arn, new ClusterSettings(settings));
      this.#clusters.set(keyOf(account, region, name), connector ? cluster : { ...cluster, status: 'CREATING' });
    }
  }

  /** The API: REST with JSON. */
  handle(request: AwsRequest): AwsResponse {
    const segments = request.path.split('/').slice(1).map(decodeURIComponent);
    const [collection, name = '', ...more] = segments;
    if (collection === 'cluster-registrations' && more.length === 0) {
      if (request.method === 'POST' && name === '') return this.#registerCluster(request);
      if (request.method === 'DELETE' && name !== '') return this.#deregisterCluster(request, name);
    }
    if (collection === 'clusters' && name !== '' && more.length > 0) {
      return this.#settingsCall(request, name, more) ?? refuse(request);
    }
    if (collection !== 'clusters' || more.length > 0) throw notPlayed(`EKS ${request.method} ${request.path}`);
    if (name === '') {
      if (request.method === 'GET') return this.#listClusters(request);
      if (request.method === 'POST') return this.#createCluster(request);
    } else {
      if (request.method === 'GET') return this.#describeCluster(request, name);
      if (request.method === 'DELETE') return this.#deleteCluster(request, name);
    }
    throw notPlayed(`EKS ${request.method} ${request.path}`);
  }

  /** What of a cluster is changed by updates. */
  settings({ arn }: Pick<ClusterRecord, 'arn'>): ClusterSettings {
    const known = this.#settings.get(arn) ?? new ClusterSettings();
    this.#settings.set(arn, known);
    return known;
  }

  #settingsCall(request: AwsRequest, name: string, [what, which]: readonly string[]): AwsResponse | undefined {
    const { method, caller, region } = request;
    const call = `${method} ${what}${which === undefined ? '' : what === 'updates' ? '/' : `/${which}`}`;
    const cluster = this.get(caller.account, region, name);
    const allow = (action: string, context: Record<string, string> = {}) =>
      request.authorize(`eks:${action}`, clusterArn(caller.account, region, name), {
        ...tagContext(cluster),
        ...context,
      });
    const found = () => cluster ?? missing(name);
    switch (call) {
      case 'GET identity-provider-configs': {
        allow('ListIdentityProviderConfigs');
        const provider = this.settings(found()).provider;
        return jsonResponse({ identityProviderConfigs: provider ? [{ type: 'oidc', name: provider.name }] : [] });
      }
      // There are no machines here: https://docs.aws.amazon.com/eks/latest/APIReference/API_ListNodegroups.html
      case 'GET node-groups':
        return this.#listNothing(found, () => allow('ListNodegroups'), 'nodegroups');
      case 'GET fargate-profiles':
        return this.#listNothing(found, () => allow('ListFargateProfiles'), 'fargateProfileNames');
      case 'GET addons':
        return this.#listNothing(found, () => allow('ListAddons'), 'addons');
      // https://docs.aws.amazon.com/eks/latest/userguide/setting-up-access-entries.html
      case 'GET access-entries': {
        allow('ListAccessEntries');
        if (found().authenticationMode !== 'CONFIG_MAP') throw notPlayed('EKS access entries');
        const modes = '[API, API_AND_CONFIG_MAP]';
        const why = `The cluster's authentication mode must be set to one of ${modes} to perform this operation.`;
        throw new AwsError('InvalidRequestException', why);
      }
      case 'POST identity-provider-configs/describe': {
        const { name: config } = bodyOf(request, namedInput).identityProviderConfig;
        this.#allowOnProvider(request, 'DescribeIdentityProviderConfig', name, config);
        const provider = this.settings(found()).named(found(), config);
        return jsonResponse({ identityProviderConfig: { oidc: describeProvider(name, provider) } });
      }
      case 'POST identity-provider-configs/associate': {
        const { oidc, tags } = bodyOf(request, associateInput);
        const asked = Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:RequestTag/${key}`, value]));
        allow('AssociateIdentityProviderConfig', asked);
        if (Object.keys(tags).length > 0) {
          const made = providerArn(caller.account, region, name, oidc.identityProviderConfigName);
          request.authorize('eks:TagResource', made, asked);
        }
        const { identityProviderConfigName, issuerUrl: issuer, ...config } = oidc;
        const settings = this.settings(found());
        const given = withoutUndefined({ name: identityProviderConfigName, issuer, ...config });
        const update = settings.associate(settingsOf(found()), given, tags);
        this.#carryOut(found(), update, () => this.#planes.believe(found(), settings.provider));
        return jsonResponse({ update: describeUpdate(update), tags });
      }
      case 'POST identity-provider-configs/disassociate': {
        const { name: config } = bodyOf(request, namedInput).identityProviderConfig;
        this.#allowOnProvider(request, 'DisassociateIdentityProviderConfig', name, config);
        const update = this.settings(found()).disassociate(settingsOf(found()), config);
        this.#carryOut(found(), update, () => this.#planes.believe(found(), undefined));
        return jsonResponse({ update: describeUpdate(update) });
      }
      case 'GET updates/':
        allow('DescribeUpdate');
        return jsonResponse({ update: describeUpdate(this.settings(found()).update(found(), which ?? '')) });
      case 'POST update-config': {
        const [logging] = bodyOf(request, loggingInput).logging.clusterLogging;
        allow('UpdateClusterConfig');
        const update = this.settings(found()).switchLogs(settingsOf(found()), logging!.types, logging!.enabled);
        this.#carryOut(found(), update, async () => undefined);
        return jsonResponse({ update: describeUpdate(update) });
      }
      default:
        return undefined;
    }
  }

  #listNothing(found: () => ClusterRecord, allow: () => void, member: string): AwsResponse {
    allow();
    found();
    return jsonResponse({ [member]: [] });
  }

  #allowOnProvider(request: AwsRequest, action: string, name: string, config: string): void {
    const { caller, region } = request;
    const cluster = this.get(caller.account, region, name);
    const provider = cluster && this.settings(cluster).provider;
    const tags = provider?.name === config ? provider.tags : {};
    request.authorize(`eks:${action}`, providerArn(caller.account, region, name, config), tagContext({ tags }));
  }

  /** Does what an update is about, and ends it. */
  #carryOut(cluster: ClusterRecord, update: UpdateRecord, work: () => Promise<void>): void {
    const settings = this.settings(cluster);
    this.#inBackground(
      Promise.all([work(), pause(UPDATE_MS)]).then(
        () => settings.complete(update),
        (error: Error) => settings.fail(update, error.message),
      ),
    );
  }

  #listClusters(request: AwsRequest): AwsResponse {
    const { caller, region, query } = request;
    request.authorize('eks:ListClusters', `arn:aws:eks:${region}:${caller.account}:cluster/*`);
    const names = this.list()
      .filter((cluster) => cluster.account === caller.account && cluster.region === region)
      .map(({ name }) => name)
      .sort();
    const size = Number(query.get('maxResults') ?? 100);
    if (!(size >= 1 && size <= 100))
      throw new AwsError('InvalidParameterException', 'maxResults must be between 1 and 100');
    const token = query.get('nextToken');
    const start = token === null ? 0 : names.findIndex((name) => name > token);
    const page = start < 0 ? [] : names.slice(start, start + size);
    const isLast = start < 0 || start + size >= names.length;
    return jsonResponse({ clusters: page, nextToken: isLast ? null : page.at(-1) });
  }

  #describeCluster(request: AwsRequest, name: string): AwsResponse {
    const { caller, region } = request;
    const cluster = this.get(caller.account, region, name);
    request.authorize('eks:DescribeCluster', clusterArn(caller.account, region, name), tagContext(cluster));
    const found = cluster ?? missing(name);
    return jsonResponse({ cluster: describe(found, this.settings(found).logs) });
  }

  #createCluster(request: AwsRequest): AwsResponse {
    const { caller, region } = request;
    const input = createInput.safeParse(JSON.parse(request.body.toString()));
    if (!input.success) throw new AwsError('InvalidParameterException', z.prettifyError(input.error));
    const { name, roleArn, version, tags, accessConfig } = input.data;
    request.authorize('eks:CreateCluster', clusterArn(caller.account, region, name));
    if (this.get(caller.account, region, name)) {
      throw new AwsError('ResourceInUseException', `Cluster already exists with name: ${name}`, 409);
    }
    const authenticationMode = accessConfig?.authenticationMode ?? 'CONFIG_MAP';
    const cluster = this.#record({ account: caller.account, region, name, tags, version, roleArn, authenticationMode });
    this.#inBackground(this.#start(cluster));
    const answer = { cluster: describe(cluster) };
    const parameters = { name, roleArn, version, tags };
    this.#events.apiCall('eks', { name: 'CreateCluster', region, caller, account: caller.account, parameters, answer });
    return jsonResponse(answer);
  }

  #deleteCluster(request: AwsRequest, name: string): AwsResponse {
    const { caller, region } = request;
    const cluster = this.get(caller.account, region, name);
    request.authorize('eks:DeleteCluster', clusterArn(caller.account, region, name), tagContext(cluster));
    if (!cluster) missing(name);
    if (cluster!.connector) {
      throw new AwsError('InvalidRequestException', `Cluster ${name} is a connected cluster: deregister it`);
    }
    if (cluster!.status === 'CREATING' || cluster!.status === 'DELETING') {
      throw new AwsError('ResourceInUseException', `Cluster ${name} is ${cluster!.status}`, 409);
    }
    cluster!.status = 'DELETING';
    this.#inBackground(
      this.#planes.stop(cluster!).then(() => {
        this.#clusters.delete(keyOf(caller.account, region, name));
        this.#settings.delete(cluster!.arn);
      }),
    );
    const answer = { cluster: describe(cluster!) };
    this.#events.apiCall('eks', {
      name: 'DeleteCluster',
      region,
      caller,
      account: caller.account,
      parameters: { name },
      answer,
    });
    return jsonResponse(answer);
  }

  #registerCluster(request: AwsRequest): AwsResponse {
    const { caller, region } = request;
    const input = registerInput.safeParse(JSON.parse(request.body.toString()));
    if (!input.success) throw new AwsError('InvalidParameterException', z.prettifyError(input.error));
    const { name, connectorConfig, tags } = input.data;
    const { provider, roleArn } = connectorConfig;
    const tagged = Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:RequestTag/${key}`, value]));
    // None of these names a resource in its permissions, but the role that is passed.
    request.authorize('eks:RegisterCluster', '*', tagged);
    if (Object.keys(tags).length > 0) {
      request.authorize('eks:TagResource', clusterArn(caller.account, region, name), tagged);
    }
    request.authorize('ssm:CreateActivation', '*');
    request.authorize('iam:PassRole', roleArn);
    if (this.get(caller.account, region, name)) {
      throw new AwsError('ResourceInUseException', `Cluster already exists with name: ${name}`, 409);
    }
    this.#checkRoles(caller.account, roleArn);
    const here = this.list().filter(
      (cluster) => cluster.connector && cluster.account === caller.account && cluster.region === region,
    );
    if (here.length >= MOST_REGISTERED) {
      throw new AwsError('ResourceLimitExceededException', `${MOST_REGISTERED} clusters are registered in ${region}`);
    }
    const cluster: ClusterRecord = {
      name,
      arn: clusterArn(caller.account, region, name),
      account: caller.account,
      region,
      version: '',
      roleArn: '',
      authenticationMode: 'CONFIG_MAP',
      createdAt: Math.floor(this.#now() / 1000),
      tags: { ...tags },
      status: 'PENDING',
      connector: {
        provider,
        roleArn,
        activationId: randomUUID(),
        activationCode: randomBytes(15).toString('base64url'),
        activationExpiry: this.#now() + ACTIVATION_MS,
      },
    };
    this.#clusters.set(keyOf(caller.account, region, name), cluster);
    this.#tell(request, 'RegisterCluster', { name, connectorConfig, tags });
    return jsonResponse({ cluster: describeRegistered(cluster, cluster.connector!, true) });
  }

  /** EKS tells by words alone that it does not see the agent's role; IAM may have made it a moment ago. */
  #checkRoles(account: string, roleArn: string): void {
    if (!this.#roles.has(account, `arn:aws:iam::${account}:${LINKED_ROLE}`)) {
      const message = 'The service-linked role AWSServiceRoleForAmazonEKSConnector does not exist in this account';
      throw new AwsError('InvalidRequestException', message);
    }
    if (!this.#roles.has(account, roleArn)) {
      throw new AwsError('InvalidRequestException', `Not existing role: ${roleArn}`);
    }
    if (!this.#roles.trusts(account, roleArn, 'ssm.amazonaws.com')) {
      throw new AwsError('InvalidRequestException', `The role ${roleArn} does not trust ssm.amazonaws.com`);
    }
  }

  #deregisterCluster(request: AwsRequest, name: string): AwsResponse {
    const { caller, region } = request;
    const cluster = this.get(caller.account, region, name);
    request.authorize('eks:DeregisterCluster', clusterArn(caller.account, region, name), tagContext(cluster));
    request.authorize('ssm:DeleteActivation', '*');
    if (!cluster) return missing(name);
    if (!cluster.connector) {
      throw new AwsError('InvalidRequestException', `Cluster ${name} is not a connected cluster`);
    }
    this.#clusters.delete(keyOf(caller.account, region, name));
    this.#tell(request, 'DeregisterCluster', { name });
    return jsonResponse({ cluster: describe(cluster) });
  }

  /** CloudTrail hides the activation. */
  #tell({ caller, region }: AwsRequest, name: string, parameters: unknown): void {
    this.#events.apiCall('eks', { name, region, caller, account: caller.account, parameters });
  }

  #record({
    account,
    region,
    name,
    tags = {},
    version = '1.34',
    roleArn,
    authenticationMode = 'CONFIG_MAP',
  }: NewCluster): ClusterRecord {
    const cluster: ClusterRecord = {
      name,
      arn: clusterArn(account, region, name),
      account,
      region,
      version,
      roleArn: roleArn ?? `arn:aws:iam::${account}:role/eks-cluster`,
      authenticationMode,
      createdAt: Math.floor(Date.now() / 1000),
      tags: { ...tags },
      status: 'CREATING',
    };
    this.#clusters.set(keyOf(account, region, name), cluster);
    return cluster;
  }

  async #start(cluster: ClusterRecord): Promise<void> {
    try {
      Object.assign(cluster, await this.#planes.start(cluster), { status: 'ACTIVE' });
      await this.#goOn(cluster);
    } catch (error) {
      cluster.status = 'FAILED';
      throw error;
    }
  }

  /** What a cluster believed before a restart it believes again, and what was cut off is carried out. */
  async #goOn(cluster: ClusterRecord): Promise<void> {
    const settings = this.settings(cluster);
    const cutOff = settings.underWay();
    const provider = settings.provider?.status === 'DELETING' ? undefined : settings.provider;
    if (cutOff) this.#carryOut(cluster, cutOff, () => this.#planes.believe(cluster, provider));
    else if (provider) await this.#planes.believe(cluster, provider);
  }

  #inBackground(work: Promise<void>): void {
    const settled: Promise<void> = work.catch(() => {}).finally(() => this.#working.delete(settled));
    this.#working.add(settled);
  }
}

const keyOf = (account: string, region: string, name: string): string => `${account}/${region}/${name}`;

function missing(name: string): never {
  throw new AwsError('ResourceNotFoundException', `No cluster found for name: ${name}.`, 404);
}

function refuse({ method, path }: AwsRequest): never {
  throw notPlayed(`EKS ${method} ${path}`);
}

function bodyOf<T>(request: AwsRequest, schema: z.ZodType<T>): T {
  const input = schema.safeParse(JSON.parse(request.body.toString()));
  if (!input.success) throw new AwsError('InvalidParameterException', z.prettifyError(input.error));
  return input.data;
}

/** EKS gives each an id of its own at the end. */
function providerArn(account: string, region: string, cluster: string, name: string): string {
  const id = digest([account, region, cluster, name]).slice(0, 32);
  return `arn:aws:eks:${region}:${account}:identityproviderconfig/${cluster}/oidc/${name}/${id}`;
}

function describeProvider(clusterName: string, provider: AssociatedIdentityProvider): unknown {
  const { name, issuer, ...oidc } = provider;
  return { ...oidc, clusterName, identityProviderConfigName: name, issuerUrl: issuer };
}

function describeUpdate({ errors, ...update }: UpdateRecord): unknown {
  return { ...update, errors: errors.map((errorMessage) => ({ errorCode: 'Unknown', errorMessage })) };
}

function settingsOf(cluster: ClusterRecord): SettingsOf {
  const { name, version, status } = cluster;
  return { name, version, status, ownIssuer: ownIssuer(cluster) };
}

function ownIssuer({ arn, region }: Pick<ClusterRecord, 'arn' | 'region'>): string {
  return `https://oidc.eks.${region}.amazonaws.com/id/${digest(arn).slice(0, 32).toUpperCase()}`;
}

function withoutUndefined<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never;
}

function tagContext(cluster: Pick<ClusterRecord, 'tags'> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(cluster?.tags ?? {}).map(([key, value]) => [`aws:ResourceTag/${key}`, value]),
  );
}

/** A cluster that is being created has neither endpoint nor CA yet. */
function describe(cluster: ClusterRecord, logs: readonly string[] = []): unknown {
  if (cluster.connector) return describeRegistered(cluster, cluster.connector, false);
  const { name, arn, version, roleArn, status, tags, createdAt, endpoint, certificateAuthority, authenticationMode } =
    cluster;
  const ready = status !== 'CREATING';
  return {
    name,
    arn,
    version,
    roleArn,
    status,
    tags,
    createdAt,
    platformVersion: 'eks.1',
    accessConfig: { authenticationMode },
    identity: { oidc: { issuer: ownIssuer(cluster) } },
    ...(logs.length === 0 ? {} : { logging: { clusterLogging: [{ types: logs, enabled: true }] } }),
    ...(ready && endpoint !== undefined ? { endpoint, certificateAuthority: { data: certificateAuthority } } : {}),
  };
}

/** The code is told once, to whoever registers. */
function describeRegistered(
  { name, arn, status, tags, createdAt }: ClusterRecord,
  { activationCode, activationExpiry, ...connectorConfig }: Registration,
  withCode: boolean,
): unknown {
  const config = { ...connectorConfig, activationExpiry: activationExpiry / 1000 };
  return {
    name,
    arn,
    status,
    tags,
    createdAt,
    connectorConfig: withCode ? { ...config, activationCode } : config,
  };
}
