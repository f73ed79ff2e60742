import { randomUUID } from 'node:crypto';
import type { AssociatedIdentityProvider, EksUpdate, OidcConfig } from '@gatehouse/core/ports/eks';
import { AwsError } from './aws-error.ts';

/** An update of a cluster, as EKS keeps it. */
export interface UpdateRecord extends EksUpdate {
  readonly id: string;
  readonly type: 'AssociateIdentityProviderConfig' | 'DisassociateIdentityProviderConfig' | 'LoggingUpdate';
  readonly createdAt: number;
}

/** What of a cluster is changed by updates, as JSON. */
export interface SettingsSnapshot {
  readonly provider: AssociatedIdentityProvider | null;
  readonly logs: readonly string[];
  readonly updates: readonly UpdateRecord[];
}

/** What EKS knows of a cluster that takes an identity provider. */
export interface SettingsOf {
  readonly name: string;
  readonly version: string;
  readonly ownIssuer: string;
  readonly status: string;
}

/** https://docs.aws.amazon.com/eks/latest/APIReference/API_LogSetup.html */
const LOGS = ['api', 'audit', 'authenticator', 'controllerManager', 'scheduler'];

/**
 * The identity provider and the logs of one cluster, by EKS's rules: one provider, changed by association and disassociation
 * alone; one update at a time; what an update came to is told by its id. Who plays EKS says when an update is over.
 */
export class ClusterSettings {
  #provider: AssociatedIdentityProvider | undefined;
  readonly #logs: Set<string>;
  readonly #updates: Map<string, UpdateRecord>;

  constructor({ provider, logs, updates }: SettingsSnapshot = { provider: null, logs: [], updates: [] }) {
    this.#provider = provider ?? undefined;
    this.#logs = new Set(logs);
    this.#updates = new Map(updates.map((update) => [update.id, update]));
  }

  /** The provider, whatever is being done to it. */
  get provider(): AssociatedIdentityProvider | undefined {
    return this.#provider;
  }

  /** The logs that are on. */
  get logs(): readonly string[] {
    return [...this.#logs].sort();
  }

  /** Everything, as JSON. */
  snapshot(): SettingsSnapshot {
    return { provider: this.#provider ?? null, logs: this.logs, updates: [...this.#updates.values()] };
  }

  /** What is being done. */
  underWay(): UpdateRecord | undefined {
    return [...this.#updates.values()].find(({ status }) => status === 'InProgress');
  }

  /** Begins an association. @throws AwsError what EKS has against it. */
  associate(cluster: SettingsOf, config: OidcConfig, tags: Readonly<Record<string, string>>): UpdateRecord {
    this.#requireQuiet(cluster, 'AssociateIdentityProviderConfig');
    checkConfig(cluster, config);
    if (this.#provider) {
      throw new AwsError(
        'ResourceInUseException',
        `Cluster ${cluster.name} already has an identity provider config: ${this.#provider.name}`,
        409,
      );
    }
    this.#provider = { ...config, status: 'CREATING', tags: { ...tags } };
    return this.#begin('AssociateIdentityProviderConfig');
  }

  /** Begins a disassociation. @throws AwsError what EKS has against it. */
  disassociate(cluster: SettingsOf, name: string): UpdateRecord {
    const provider = this.named(cluster, name);
    this.#requireQuiet(cluster, 'DisassociateIdentityProviderConfig');
    this.#provider = { ...provider, status: 'DELETING' };
    return this.#begin('DisassociateIdentityProviderConfig');
  }

  /** The provider of this name. @throws AwsError where the cluster has none. */
  named({ name: cluster }: Pick<SettingsOf, 'name'>, name: string): AssociatedIdentityProvider {
    if (this.#provider?.name === name) return this.#provider;
    throw new AwsError(
      'ResourceNotFoundException',
      `No identity provider config found for name: ${name} in cluster: ${cluster}`,
      404,
    );
  }

  /** Begins to switch logs. @throws AwsError what EKS has against it. */
  switchLogs(cluster: SettingsOf, types: readonly string[], enabled: boolean): UpdateRecord {
    this.#requireQuiet(cluster, 'LoggingUpdate');
    const unknown = types.find((type) => !LOGS.includes(type));
    if (unknown !== undefined) throw invalid(`Unknown log type ${unknown}`);
    if (types.every((type) => this.#logs.has(type) === enabled))
      throw invalid('No changes needed for the logging config provided');
    const update = this.#begin('LoggingUpdate');
    for (const type of types) {
      if (enabled) this.#logs.add(type);
      else this.#logs.delete(type);
    }
    return update;
  }

  /** An update. @throws AwsError where there is none of this id. */
  update({ name }: Pick<SettingsOf, 'name'>, id: string): UpdateRecord {
    const update = this.#updates.get(id);
    if (update) return update;
    throw new AwsError('ResourceNotFoundException', `No update found for id: ${id} in cluster: ${name}`, 404);
  }

  /** Ends what is under way, well. */
  complete({ id, type }: UpdateRecord): void {
    if (type === 'AssociateIdentityProviderConfig') this.#provider = { ...this.#provider!, status: 'ACTIVE' };
    if (type === 'DisassociateIdentityProviderConfig') this.#provider = undefined;
    this.#end(id, { status: 'Successful', errors: [] });
  }

  /** Ends what is under way, badly: then all is as before. */
  fail({ id, type }: UpdateRecord, error: string): void {
    if (type === 'AssociateIdentityProviderConfig') this.#provider = undefined;
    if (type === 'DisassociateIdentityProviderConfig') this.#provider = { ...this.#provider!, status: 'ACTIVE' };
    this.#end(id, { status: 'Failed', errors: [error] });
  }

  #begin(type: UpdateRecord['type']): UpdateRecord {
    const createdAt = Math.floor(Date.now() / 1000);
    const update: UpdateRecord = { id: randomUUID(), type, createdAt, status: 'InProgress', errors: [] };
    this.#updates.set(update.id, update);
    return update;
  }

  #end(id: string, outcome: EksUpdate): void {
    this.#updates.set(id, { ...this.#updates.get(id)!, ...outcome });
  }

  #requireQuiet({ name, status }: SettingsOf, type: UpdateRecord['type']): void {
    if (status !== 'ACTIVE') throw new AwsError('ResourceInUseException', `Cluster ${name} is ${status}`, 409);
    const update = this.underWay();
    if (update) {
      throw new AwsError(
        'ResourceInUseException',
        `Cannot ${type} because cluster ${name} currently has update ${update.id} in progress`,
        409,
      );
    }
  }
}

/** What EKS asks of a configuration (https://docs.aws.amazon.com/eks/latest/userguide/authenticate-oidc-identity-provider.html). */
function checkConfig({ version, ownIssuer }: SettingsOf, config: OidcConfig): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major === 1 && minor < 16) {
    throw new AwsError('InvalidRequestException', `Identity providers need Kubernetes 1.16 or newer, not ${version}`);
  }
  const url = URL.parse(config.issuer);
  if (url?.protocol !== 'https:' || url.search !== '' || url.hash !== '') {
    throw invalid('issuerUrl must be an https URL without a query');
  }
  if (config.issuer.replace(/\/$/, '') === ownIssuer) {
    throw invalid('issuerUrl must not be the OIDC issuer of the cluster');
  }
  if (!/^[0-9A-Za-z][\w-]{0,99}$/.test(config.name)) throw invalid('identityProviderConfigName is not a name');
  if (config.clientId === '') throw invalid('clientId must not be empty');
  for (const prefix of [config.usernamePrefix, config.groupsPrefix]) {
    if (prefix?.startsWith('system:')) throw invalid('prefixes must not begin with system:');
  }
}

const invalid = (message: string): AwsError => new AwsError('InvalidParameterException', message);
