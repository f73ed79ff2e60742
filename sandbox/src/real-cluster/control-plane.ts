import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { awsAuthArn, parsePrincipalArn } from '@gatehouse/core/access/arn';
import { systemClock } from '@gatehouse/core/aws/clock';
import type { SeedObject } from '../kubernetes/api-state.ts';
import { CertificateAuthority, type KeyPair, type ServerCertificates } from '../kubernetes/certificates.ts';
import { kubeconfig } from '../kubernetes/kubeconfig.ts';
import type { SeenRequest } from '../kubernetes/server.ts';
import { authenticationText, type BelievedProvider, reloadAuthentication } from './authentication.ts';
import type { AwsFront } from './aws-front.ts';
import type { Components } from './components.ts';
import { freePort, GuardedProcess } from './guarded-process.ts';

/** What one real cluster is started with. */
export interface ControlPlaneOptions {
  readonly components: Components;
  /** For its files, etcd's data among them; it must exist. */
  readonly folder: string;
  /** The cluster's name: what tokens must be signed for. */
  readonly name: string;
  readonly region: string;
  /** STS and EC2 for its authenticator. */
  readonly front: AwsFront;
  /** ARN of whoever made the cluster: its administrator, whatever aws-auth says. */
  readonly administrator?: string;
  /** What it had when it ran before: with the same folder it is the same cluster. */
  readonly identity?: ClusterIdentity;
  /** Port of the API server, where it is still free. */
  readonly port?: number;
  /** Users who are known by a bearer token of their own, by that token; for tests. */
  readonly users?: Readonly<Record<string, { readonly username: string; readonly groups: readonly string[] }>>;
  /** Proxy by which the API server reaches the internet. */
  readonly egress?: string;
  /** Told of every request that the API server answered, but those of the control plane itself. */
  readonly onRequest?: (seen: SeenRequest) => void;
  /** Told of every line that the authenticator logs. */
  readonly onAuthenticatorLine?: (line: string) => void;
}

/** What a cluster keeps over a restart. Holds keys. */
export interface ClusterIdentity {
  readonly apiServer: ServerCertificates;
  readonly authenticator: KeyPair;
  /** RSA key with which service account tokens are signed, PEM. */
  readonly serviceAccountKey: string;
  /** Bearer tokens of users in `system:masters`: for whoever sets the cluster up, and for its controllers. */
  readonly operatorToken: string;
  readonly controllerToken: string;
}

/** A real cluster that runs. */
export interface ControlPlane {
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  readonly identity: ClusterIdentity;
  /** Path of a kubeconfig of a user in `system:masters`. */
  readonly operatorKubeconfig: string;
  /** `https://127.0.0.1:PORT/authenticate`: the token webhook, for whoever wants to ask it directly. */
  readonly authenticatorUrl: string;
  /** `http://127.0.0.1:PORT`: etcd, for whoever wants to put the cluster's state back to what it was. */
  readonly etcdUrl: string;
  /** Has the API server believe an identity provider beside IAM, or none. @throws Failure where it does not take it. */
  believe(provider: BelievedProvider | undefined): Promise<void>;
  /** Makes objects of any kind, in their order, as the operator. */
  create(objects: readonly SeedObject[]): Promise<void>;
  /** Ends all programs. */
  stop(): Promise<void>;
}

/** Who is in `system:masters` by the operator's token. */
export const OPERATOR = 'sandbox-operator';
const CONTROLLER_MANAGER = 'system:kube-controller-manager';
/** Who writes to a cluster that nobody uses. */
const CONTROL_PLANE: ReadonlySet<string> = new Set([CONTROLLER_MANAGER, 'system:apiserver']);

/** Controllers without which RBAC and workloads would not be what they are on EKS; nothing here runs a pod. */
const CONTROLLERS = [
  'clusterrole-aggregation-controller',
  'namespace-controller',
  'serviceaccount-controller',
  'deployment-controller',
  'replicaset-controller',
];

const READY_SECONDS = 60;

/**
 * Starts etcd, kube-apiserver, kube-controller-manager and aws-iam-authenticator, all on 127.0.0.1, and waits until they
 * answer. Everything ends with this process, also where it is killed.
 * @throws Failure with a program's last lines, where one does not come up.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const running: { stop(): Promise<void> }[] = [];
  const stop = async () => void (await Promise.all(running.reverse().map((each) => each.stop())));
  try {
    return await start(options, running, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  options: ControlPlaneOptions,
  running: { stop(): Promise<void> }[],
  stop: () => Promise<void>,
): Promise<ControlPlane> {
  const { components, folder, name, front } = options;
  const identity = options.identity ?? (await newIdentity(name));
  const [etcdPort, peerPort, authenticatorPort] = [await freePort(), await freePort(), await freePort()];
  const files = writeFiles(options, identity, authenticatorPort);

  const etcd = new GuardedProcess({
    name: `etcd of ${name}`,
    program: components.etcd,
    arguments: etcdArguments(folder, etcdPort, peerPort),
    env: {},
  });
  running.push(etcd);
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  await etcd.until(async () => (await fetch(`${etcdUrl}/readyz`)).ok, READY_SECONDS);

  const port = await portFor(options.port);
  const url = `https://127.0.0.1:${port}`;
  const audit = auditReader(options.onRequest);
  const apiServer = new GuardedProcess({
    name: `kube-apiserver of ${name}`,
    program: components.kubeApiserver,
    arguments: apiServerArguments(files, port, etcdPort),
    env: options.egress === undefined ? {} : { HTTPS_PROXY: options.egress },
    ...(audit === undefined ? {} : { onLine: audit }),
  });
  running.push(apiServer);
  const asOperator = (path: string) => get(new URL(path, url), identity.apiServer.ca, identity.operatorToken);
  await apiServer.until(async () => (await asOperator('/readyz')).status === 200, READY_SECONDS);

  const cluster = { name, server: url, ca: identity.apiServer.ca };
  const configOf = (who: string, token: string) =>
    writeFile(join(folder, `${who}.kubeconfig`), kubeconfig(cluster, { token }));
  const operatorKubeconfig = configOf('operator', identity.operatorToken);
  const controllers = new GuardedProcess({
    name: `kube-controller-manager of ${name}`,
    program: components.kubeControllerManager,
    arguments: controllerArguments(files, configOf('controllers', identity.controllerToken)),
    env: {},
  });
  running.push(controllers);

  running.push(await holdHealthPort());
  const authenticator = new GuardedProcess({
    name: `aws-iam-authenticator of ${name}`,
    program: components.authenticator,
    arguments: authenticatorArguments(files, authenticatorPort, operatorKubeconfig),
    env: { HOME: folder, AWS_REGION: options.region, ...front.env(files.frontAuthority) },
    ...(options.onAuthenticatorLine ? { onErrorLine: options.onAuthenticatorLine } : {}),
  });
  running.push(authenticator);
  const authenticatorUrl = `https://127.0.0.1:${authenticatorPort}/authenticate`;
  const health = new URL('/healthz', authenticatorUrl);
  await Promise.all([
    authenticator.until(async () => (await get(health, identity.apiServer.ca)).status === 200, READY_SECONDS),
    controllers.until(async () => isAggregated((await asOperator(VIEW)).body), READY_SECONDS),
  ]);
  const create = (objects: readonly SeedObject[]) => createAll(components.kubectl, operatorKubeconfig, objects);
  const believe = (provider: BelievedProvider | undefined) =>
    reloadAuthentication(files.authentication, provider, async () => (await asOperator('/metrics')).body);
  return { url, port, identity, operatorKubeconfig, authenticatorUrl, etcdUrl, believe, create, stop };
}

async function createAll(kubectl: string, kubeconfigFile: string, items: readonly SeedObject[]): Promise<void> {
  if (items.length === 0) return;
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  await new Promise<void>((resolve, reject) => {
    // Its cache goes beside its kubeconfig, not into the user's.
    const env = { PATH: process.env.PATH ?? '', HOME: dirname(kubeconfigFile) };
    const child = execFile(kubectl, ['--kubeconfig', kubeconfigFile, 'create', '-f', '-'], { env }, (error) =>
      error === null ? resolve() : reject(error),
    );
    child.stdin!.end(list);
  });
}

/** A ClusterRole whose rules the aggregation controller fills in. */
const VIEW = '/apis/rbac.authorization.k8s.io/v1/clusterroles/view';

function isAggregated(body: string): boolean {
  return ((JSON.parse(body) as { rules?: readonly unknown[] | null }).rules ?? []).length > 0;
}

async function newIdentity(name: string): Promise<ClusterIdentity> {
  const authority = await CertificateAuthority.create(name, systemClock);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    apiServer: { ca: authority.ca, ...(await authority.issue('kube-apiserver')) },
    authenticator: await authority.issue('aws-iam-authenticator'),
    serviceAccountKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    operatorToken: randomBytes(24).toString('hex'),
    controllerToken: randomBytes(24).toString('hex'),
  };
}

/** The port of the last time where it is still free: kubeconfigs name it. */
async function portFor(wanted: number | undefined): Promise<number> {
  if (wanted === undefined) return await freePort();
  const probe = createServer();
  const free = await new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(wanted, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
  return free ? wanted : await freePort();
}

interface Files {
  readonly folder: string;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly serviceAccountKey: string;
  readonly tokens: string;
  readonly webhook: string;
  readonly audit: string;
  readonly authentication: string;
  readonly frontAuthority: string;
  readonly authenticatorConfig: string;
  readonly authenticatorState: string;
}

function writeFile(path: string, text: string): string {
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

function writeFiles(
  { folder, name, administrator, front, users = {} }: ControlPlaneOptions,
  identity: ClusterIdentity,
  authenticatorPort: number,
): Files {
  const file = (name_: string, text: string) => writeFile(join(folder, name_), text);
  const authenticatorState = join(folder, 'authenticator');
  mkdirSync(authenticatorState, { recursive: true, mode: 0o700 });
  // It would make its own, which the API server's configuration could not name before it runs.
  file('authenticator/cert.pem', identity.authenticator.cert);
  file('authenticator/key.pem', identity.authenticator.key);
  const known = {
    [identity.operatorToken]: { username: OPERATOR, groups: ['system:masters'] },
    [identity.controllerToken]: { username: CONTROLLER_MANAGER, groups: ['system:masters'] },
    ...users,
  };
  const tokens = Object.entries(known).map(([token, { username, groups }]) =>
    [token, username, username, `"${groups.join(',')}"`].join(','),
  );
  const server = `https://127.0.0.1:${authenticatorPort}/authenticate`;
  return {
    folder,
    cert: file('apiserver.crt', identity.apiServer.cert),
    key: file('apiserver.key', identity.apiServer.key),
    ca: file('ca.crt', identity.apiServer.ca),
    serviceAccountKey: file('service-accounts.key', identity.serviceAccountKey),
    tokens: file('tokens.csv', `${tokens.join('\n')}\n`),
    webhook: file('webhook.kubeconfig', kubeconfig({ name, server, ca: identity.apiServer.ca }, { token: 'none' })),
    audit: file('audit-policy.yaml', JSON.stringify(AUDIT_POLICY)),
    authentication: file('authentication.yaml', authenticationText(undefined)),
    frontAuthority: file('aws-ca.crt', front.authority),
    authenticatorConfig: file('authenticator.yaml', JSON.stringify(authenticatorConfig(name, administrator))),
    authenticatorState,
  };
}

/** Everything once, when it is answered; bodies never. */
const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted'],
  rules: [{ level: 'Metadata' }],
};

/** EKS admits whoever made a cluster without an entry of aws-auth; here it is an entry of the authenticator's own file. */
function authenticatorConfig(clusterID: string, administrator: string | undefined): object {
  const mapping = { username: 'kubernetes-admin', groups: ['system:masters'] };
  const arn = administrator === undefined ? undefined : awsAuthArn(administrator);
  const isRole = administrator !== undefined && parsePrincipalArn(administrator).type === 'role';
  return {
    clusterID,
    server: {
      mapRoles: arn !== undefined && isRole ? [{ rolearn: arn, ...mapping }] : [],
      mapUsers: arn !== undefined && !isRole ? [{ userarn: arn, ...mapping }] : [],
    },
  };
}

function etcdArguments(folder: string, port: number, peerPort: number): readonly string[] {
  const peer = `http://127.0.0.1:${peerPort}`;
  const client = `http://127.0.0.1:${port}`;
  return [
    '--name=cluster',
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=cluster=${peer}`,
    // The address of the last time is in its data, and another one is right.
    '--force-new-cluster=true',
    '--log-level=warn',
    // A crash of the machine may cost the sandbox's data; a crash of etcd does not.
    '--unsafe-no-fsync=true',
  ];
}

function apiServerArguments(files: Files, port: number, etcdPort: number): readonly string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    `--secure-port=${port}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--tls-cert-file=${files.cert}`,
    `--tls-private-key-file=${files.key}`,
    `--cert-dir=${files.folder}`,
    '--authorization-mode=Node,RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${files.serviceAccountKey}`,
    `--service-account-signing-key-file=${files.serviceAccountKey}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    `--token-auth-file=${files.tokens}`,
    `--authentication-config=${files.authentication}`,
    `--authentication-token-webhook-config-file=${files.webhook}`,
    `--audit-policy-file=${files.audit}`,
    '--audit-log-path=-',
    '--endpoint-reconciler-type=none',
    // Pods here are only looked at, and their service accounts come a moment after their namespace.
    '--disable-admission-plugins=ServiceAccount',
    '--allow-privileged=true',
    '--v=0',
  ];
}

function controllerArguments(files: Files, kubeconfigFile: string): readonly string[] {
  return [
    `--kubeconfig=${kubeconfigFile}`,
    `--authentication-kubeconfig=${kubeconfigFile}`,
    `--authorization-kubeconfig=${kubeconfigFile}`,
    `--controllers=${CONTROLLERS.join(',')}`,
    `--service-account-private-key-file=${files.serviceAccountKey}`,
    `--root-ca-file=${files.ca}`,
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
    '--secure-port=0',
  ];
}

function authenticatorArguments(files: Files, port: number, kubeconfigFile: string): readonly string[] {
  return [
    'server',
    `--config=${files.authenticatorConfig}`,
    // The file first: whoever made the cluster cannot be locked out.
    '--backend-mode=MountedFile,EKSConfigMap',
    '--address=127.0.0.1',
    `--port=${port}`,
    `--kubeconfig=${kubeconfigFile}`,
    '--kubeconfig-pregenerated=true',
    `--state-dir=${files.authenticatorState}`,
  ];
}

/** The port on which the authenticator also answers health checks, of all addresses; it cannot be told not to. */
const HEALTH_PORT = 21363;

/**
 * Listens on that port of 127.0.0.1 first: then the authenticator cannot, says so in its log, and goes on. Where somebody else
 * listens there, that is as good.
 */
async function holdHealthPort(): Promise<{ stop(): Promise<void> }> {
  const holder: Server = createServer((socket) => socket.destroy());
  const held = await new Promise<boolean>((resolve) => {
    holder.once('error', () => resolve(false));
    holder.listen({ port: HEALTH_PORT, host: '127.0.0.1' }, () => resolve(true));
  });
  return { stop: () => (held ? new Promise((resolve) => holder.close(() => resolve())) : Promise.resolve()) };
}

/** Reads the audit log, an event a line. Undefined where nobody wants to know. */
function auditReader(onRequest: ControlPlaneOptions['onRequest']): ((line: string) => void) | undefined {
  if (onRequest === undefined) return undefined;
  return (line) => {
    if (!line.startsWith('{"kind":"Event"')) return;
    const { user, verb, requestURI, responseStatus } = JSON.parse(line) as AuditEvent;
    const username = user?.username;
    if (CONTROL_PLANE.has(username ?? '')) return;
    onRequest({ username, method: METHODS[verb] ?? 'GET', path: requestURI, status: responseStatus?.code ?? 0 });
  };
}

interface AuditEvent {
  readonly user?: { readonly username?: string };
  readonly verb: string;
  readonly requestURI: string;
  readonly responseStatus?: { readonly code?: number };
}

const METHODS: Readonly<Record<string, string>> = {
  create: 'POST',
  post: 'POST',
  update: 'PUT',
  put: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
};

function get(url: URL, ca: string, token?: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const sent = request(url, { ca, headers, agent: false, signal: AbortSignal.timeout(5_000) }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}
