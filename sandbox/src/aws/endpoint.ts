import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { PolicyDocument } from '@gatehouse/core/ports/iam';
import { AwsError, notPlayed } from './aws-error.ts';
import { DynamoDb } from './dynamodb.ts';
import { type ControlPlanes, EksClusters, type PassedRoles } from './eks.ts';
import { EventBuses } from './event-bus.ts';
import { identityPolicies } from './iam/assume.ts';
import { evaluate, type RequestContext } from './iam/evaluate.ts';
import {
  type IamSnapshot,
  type IamState,
  managedDocument,
  newAccount,
  newIamState,
  principalByArn,
  principalOfKey,
  restoreIam,
  snapshotIam,
} from './iam/state.ts';
import { IamService } from './iam-service.ts';
import { handleLambda, type InvokableFunctions } from './lambda-service.ts';
import { type AwsRequest, type AwsResponse, type Caller, type ContextValues, escapeXml } from './request.ts';
import { ObjectStore } from './s3.ts';
import { SecretsManager } from './secrets.ts';
import { readSignature, type Signature, type SignedRequest, verifySignature } from './signature.ts';
import { SqsQueues } from './sqs.ts';
import { SecurityTokens, sessionArn } from './sts.ts';

/** What an endpoint plays, and where. */
export interface EndpointOptions {
  /** The account and Region of Gatehouse itself: where its tables, queues, buckets and functions are. */
  readonly home: { readonly account: string; readonly region: string };
  /** All accounts there are. */
  readonly accounts: readonly string[];
  /** Event buses beside `default`. */
  readonly buses?: readonly string[];
  readonly planes: ControlPlanes;
  /** 0: any free port. */
  readonly port?: number;
  /** Folder of the tables; in memory without it. */
  readonly tables?: string;
  /** What `snapshot` gave. */
  readonly snapshot?: EndpointSnapshot;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** Everything behind an endpoint but tables and queues, as JSON. */
export interface EndpointSnapshot {
  readonly iam: IamSnapshot;
  readonly sessions: unknown;
  readonly clusters: unknown;
  readonly secrets: unknown;
  readonly objects: unknown;
}

/** A call that was answered. */
export interface CallRecord {
  readonly service: string;
  /** As in a policy: `PutItem`, `CreateRole`; of REST services the method and path. */
  readonly action: string;
  readonly caller: string;
  readonly status: number;
}

/** What was asked of a caller's own policies, and what they said. */
export interface Verdict {
  /** ARN of the user, or of the role behind the session. */
  readonly principal: string;
  /** As in a policy: `iam:CreateRole`. */
  readonly action: string;
  readonly resource: string;
  readonly context: RequestContext;
  readonly allowed: boolean;
}

const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** How a service writes its errors, and what it calls those that all services share. */
type Protocol = 'query' | 'json' | 'rest' | 's3';
const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  iam: 'query',
  sts: 'query',
  dynamodb: 'json',
  sqs: 'json',
  secretsmanager: 'json',
  events: 'json',
  eks: 'rest',
  lambda: 'rest',
  s3: 's3',
};
const JSON_NAMES: Readonly<Record<string, string>> = {
  AccessDenied: 'AccessDeniedException',
  InvalidClientTokenId: 'UnrecognizedClientException',
  SignatureDoesNotMatch: 'InvalidSignatureException',
  ExpiredToken: 'ExpiredTokenException',
  IncompleteSignature: 'IncompleteSignatureException',
  MissingAuthenticationToken: 'MissingAuthenticationTokenException',
};

/**
 * One HTTP server on loopback that plays AWS. The service follows from the credential scope of the request, its signature is
 * computed again with the caller's secret, and every call must be allowed by the caller's own IAM policies.
 */
export class AwsEndpoint {
  readonly events: EventBuses;
  readonly sessions: SecurityTokens;
  readonly clusters: EksClusters;
  readonly secrets = new SecretsManager();
  readonly objects: ObjectStore;
  readonly queues: SqsQueues;
  readonly home: EndpointOptions['home'];
  /** The functions that Invoke reaches. */
  functions: InvokableFunctions | undefined;
  /** Answers what is no call of AWS, and says whether it did: a page for browsers. */
  page: ((incoming: IncomingMessage, outgoing: ServerResponse) => boolean) | undefined;

  readonly #iamState: IamState;
  readonly #iam: IamService;
  readonly #tables: DynamoDb;
  readonly #now: () => number;
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  #port = 0;
  readonly #observers = new Set<(call: CallRecord) => void>();
  readonly #judges = new Set<(verdict: Verdict) => void>();

  private constructor({ home, accounts, buses = [], planes, tables, snapshot, now = Date.now }: EndpointOptions) {
    this.home = home;
    this.#now = now;
    this.#iamState = snapshot ? restoreIam(snapshot.iam, { now }) : newIamState(accounts, { now });
    for (const id of accounts) {
      if (!this.#iamState.accounts.has(id)) this.#iamState.accounts.set(id, newAccount(id));
    }
    this.events = new EventBuses(home.account, buses);
    this.sessions = new SecurityTokens(() => this.#iamState, now);
    this.clusters = new EksClusters(
      this.events,
      planes,
      passedRoles(() => this.#iamState),
      now,
    );
    this.objects = new ObjectStore(this.events);
    this.queues = new SqsQueues(home);
    this.#iam = new IamService(() => this.#iamState, this.events);
    this.#tables = new DynamoDb(home, tables);
    if (snapshot) {
      this.sessions.restore(snapshot.sessions);
      this.clusters.restore(snapshot.clusters);
      this.secrets.restore(snapshot.secrets);
      this.objects.restore(snapshot.objects);
    }
  }

  /** Starts an endpoint. */
  static async start(options: EndpointOptions): Promise<AwsEndpoint> {
    const endpoint = new AwsEndpoint(options);
    await endpoint.queues.ready();
    try {
      await new Promise<void>((done, failed) => {
        endpoint.#server.once('error', failed);
        endpoint.#server.listen(options.port ?? 0, '127.0.0.1', done);
      });
    } catch (error) {
      await Promise.all([endpoint.queues.stop(), endpoint.#tables.stop()]);
      throw error;
    }
    endpoint.#port = (endpoint.#server.address() as AddressInfo).port;
    return endpoint;
  }

  /** `http://127.0.0.1:PORT` */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** IAM of all accounts. */
  get iam(): IamState {
    return this.#iamState;
  }

  /** Calls `observer` after every answered call; the answer stops that. */
  observe(observer: (call: CallRecord) => void): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  /** Calls `judge` with every answer of a caller's policies, but those of AssumeRole; the answer stops that. */
  observeVerdicts(judge: (verdict: Verdict) => void): () => void {
    this.#judges.add(judge);
    return () => void this.#judges.delete(judge);
  }

  /** Everything but tables and queues, as JSON; secrets included. */
  snapshot(): EndpointSnapshot {
    return {
      iam: snapshotIam(this.#iamState),
      sessions: this.sessions.snapshot(),
      clusters: this.clusters.snapshot(),
      secrets: this.secrets.snapshot(),
      objects: this.objects.snapshot(),
    };
  }

  /** Answers no more calls; API servers of clusters are stopped, tables closed. */
  async stop(): Promise<void> {
    await this.queues.stop();
    await this.clusters.stop();
    await new Promise<void>((done) => {
      this.#server.close(() => done());
      this.#server.closeAllConnections();
    });
    await this.#tables.stop();
  }

  /**
   * Who signed a request: its signature is verified. For whoever takes presigned URLs of this endpoint, like the clusters.
   * @throws AwsError what STS would answer.
   */
  authenticate(request: SignedRequest): { readonly caller: Caller; readonly signature: Signature } {
    const signature = readSignature(request);
    const { caller, secret } = this.#callerOf(signature);
    verifySignature(request, signature, secret, this.#now());
    return { caller, signature };
  }

  #callerOf({ accessKeyId, sessionToken }: Signature): { caller: Caller; secret: string } {
    const unknown = () =>
      new AwsError('InvalidClientTokenId', 'The security token included in the request is invalid.', 403);
    const session = this.sessions.session(accessKeyId);
    if (session) {
      if (sessionToken !== session.sessionToken) throw unknown();
      if (session.expiresAt <= this.#now()) {
        throw new AwsError('ExpiredToken', 'The security token included in the request is expired', 403);
      }
      const role = this.sessions.roleOf(session);
      const caller: Caller = {
        account: session.account,
        arn: sessionArn(this.#iamState, session),
        userId: `${session.roleId}:${session.session}`,
        accessKeyId,
        ...(role ? { roleArn: role.arn } : {}),
        policies: () => this.#policiesOf(this.sessions.roleOf(session)?.arn),
      };
      return { caller, secret: session.secretAccessKey };
    }
    const owner = principalOfKey(this.#iamState, accessKeyId);
    if (!owner?.active || sessionToken !== undefined) throw unknown();
    const { account, arn, userId, userName, secret } = owner;
    return { caller: { account, arn, userId, accessKeyId, userName, policies: () => this.#policiesOf(arn) }, secret };
  }

  #policiesOf(arn: string | undefined): ReturnType<Caller['policies']> {
    const principal = arn === undefined ? undefined : principalByArn(this.#iamState, arn);
    const identity = identityPolicies(this.#iamState, principal);
    if (principal?.boundary === undefined) return { identity };
    // A boundary that does not exist allows nothing.
    const boundary = managedDocument(this.#iamState, principal.boundary);
    return { identity, boundary: boundary ? [boundary] : [] };
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    if (this.page?.(incoming, outgoing)) return;
    let service = '';
    let arn = '-';
    try {
      const received = await receive(incoming);
      const token = tokenRequest(received);
      if (token) {
        service = 'sts';
        outgoing.once('finish', () =>
          this.#tell({ service, action: 'AssumeRoleWithWebIdentity', caller: arn, status: outgoing.statusCode }),
        );
        this.#send(outgoing, await this.sessions.assumeWithToken(token, received.headers.accept));
        return;
      }
      const { caller, signature } = this.authenticate(received);
      service = signature.service;
      arn = caller.arn;
      const request = this.#authenticated(received, caller, signature);
      outgoing.once('finish', () =>
        this.#tell({ service, action: actionOf(request), caller: arn, status: outgoing.statusCode }),
      );
      if (service === 'dynamodb') this.#tables.handle(request, outgoing);
      else this.#send(outgoing, await this.#answer(service, request));
    } catch (error) {
      if (outgoing.headersSent) outgoing.destroy();
      else this.#send(outgoing, failure(error, service || guessService(incoming), incoming));
    }
  }

  #send(response: ServerResponse, { status, headers = {}, body }: AwsResponse): void {
    response.writeHead(status, {
      'x-amzn-requestid': 'simulated',
      'content-length': Buffer.byteLength(body),
      // The SDK's clients sign by the clock of whom they ask.
      date: new Date(this.#now()).toUTCString(),
      ...headers,
    });
    response.end(body);
  }

  async #answer(service: string, request: AwsRequest): Promise<AwsResponse> {
    const params = () => (request.method === 'GET' ? request.query : new URLSearchParams(request.body.toString()));
    switch (service) {
      case 'sts':
        return this.sessions.handle(request, params());
      case 'iam':
        return this.#iam.handle(request, params());
      case 'eks':
        return this.clusters.handle(request);
      case 'sqs':
        return await this.queues.handle(request);
      case 'secretsmanager':
        return this.secrets.handle(request);
      case 'events':
        return this.events.handle(request);
      case 's3':
        return this.objects.handle(request);
      case 'lambda':
        return await handleLambda(request, this.functions, this.home);
      default:
        throw notPlayed(`the service ${service}`);
    }
  }

  #authenticated(received: Received, caller: Caller, { region, presigned }: Signature): AwsRequest {
    if (presigned && !received.query.has('Action')) throw notPlayed('presigned requests but those of STS');
    const allows = (action: string, resource: string, values: ContextValues = {}) =>
      this.#allows(caller, action, resource, values);
    const request: AwsRequest = {
      ...received,
      region,
      caller,
      allows,
      authorize: (action, resource, values) => {
        if (allows(action, resource, values)) return;
        const why = `User: ${caller.arn} is not authorized to perform: ${action} on resource: ${resource}`;
        throw new AwsError('AccessDenied', `${why} because no identity-based policy allows the ${action} action`, 403);
      },
    };
    return request;
  }

  #allows(caller: Caller, action: string, resource: string, values: ContextValues): boolean {
    const context = new Map<string, string | readonly string[]>([
      ['aws:principalarn', caller.roleArn ?? caller.arn],
      ['aws:principalaccount', caller.account],
      ['aws:userid', caller.userId],
      ['aws:securetransport', 'true'],
      ...(caller.userName === undefined ? [] : [['aws:username', caller.userName] as const]),
    ]);
    for (const [key, value] of Object.entries(values)) if (value !== undefined) context.set(key.toLowerCase(), value);
    const { identity, boundary } = caller.policies();
    const allows = (documents: readonly PolicyDocument[]) =>
      evaluate(documents, action, resource, context) === 'allowed';
    const allowed = allows(identity) && (boundary === undefined || allows(boundary));
    const principal = caller.roleArn ?? caller.arn;
    for (const judge of this.#judges) judge({ principal, action, resource, context, allowed });
    return allowed;
  }

  #tell(call: CallRecord): void {
    for (const observer of this.#observers) observer(call);
  }
}

type Received = SignedRequest & Pick<AwsRequest, 'base'>;

async function receive(incoming: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new AwsError('RequestEntityTooLarge', 'the request is too large', 413);
    chunks.push(chunk);
  }
  const [path = '/', query = ''] = splitOnce(incoming.url ?? '/', '?');
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(',') : (value ?? ''),
    ]),
  );
  return {
    method: incoming.method ?? 'GET',
    path,
    // A plus sign in a query of AWS is a plus sign, not a blank.
    query: new URLSearchParams(query.replaceAll('+', '%2B')),
    headers,
    body: Buffer.concat(chunks),
    base: `http://${headers.host}`,
  };
}

/** The parameters of AssumeRoleWithWebIdentity, which is not signed; undefined for any other request. */
function tokenRequest({ method, query, body, headers }: Received): URLSearchParams | undefined {
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded');
  if (method !== 'GET' && !isForm) return undefined;
  const params = method === 'GET' ? query : new URLSearchParams(body.toString());
  return params.get('Action') === 'AssumeRoleWithWebIdentity' ? params : undefined;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function actionOf(request: AwsRequest): string {
  const target = request.headers['x-amz-target']?.split('.')[1];
  if (target) return target;
  const form = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded');
  const action = (form ? new URLSearchParams(request.body.toString()) : request.query).get('Action');
  return action ?? `${request.method} ${request.path}`;
}

/** For the error of a request whose signature could not be read. */
function guessService({ headers }: IncomingMessage): string {
  const scope = /Credential=[^/]*\/\d{8}\/[^/]*\/([a-z0-9-]+)\//.exec(headers.authorization ?? '');
  if (scope) return scope[1]!;
  return headers['x-amz-target'] ? 'dynamodb' : 'sts';
}

/** The protocol in which a service is spoken to that is not played: its client is to read why. */
function spokenProtocol(headers: IncomingMessage['headers']): Protocol {
  if (headers['x-amz-target'] !== undefined) return 'json';
  return headers['content-type']?.startsWith('application/x-www-form-urlencoded') ? 'query' : 'rest';
}

/** An error in the service's own form. What was not foreseen is a fault of the sandbox: 500 with its text. */
function failure(error: unknown, service: string, { headers: sent }: IncomingMessage): AwsResponse {
  const malformed = error instanceof SyntaxError ? new AwsError('SerializationException', error.message) : undefined;
  const known = error instanceof AwsError ? error : malformed;
  const code = known?.code ?? 'InternalFailure';
  const message = error instanceof Error ? error.message : String(error);
  const status = known?.status ?? 500;
  const protocol = PROTOCOLS[service] ?? spokenProtocol(sent);
  if (protocol === 'query' || protocol === 's3') {
    const type = status >= 500 ? 'Receiver' : 'Sender';
    const inner = `<Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message>`;
    const body =
      protocol === 's3'
        ? `<?xml version="1.0" encoding="UTF-8"?><Error>${inner}<RequestId>simulated</RequestId></Error>`
        : `<ErrorResponse><Error><Type>${type}</Type>${inner}</Error><RequestId>simulated</RequestId></ErrorResponse>`;
    return { status, headers: { 'content-type': 'text/xml' }, body };
  }
  const name = JSON_NAMES[code] ?? code;
  if (protocol === 'rest') {
    return {
      status,
      headers: { 'content-type': 'application/json', 'x-amzn-errortype': name },
      body: JSON.stringify({ message }),
    };
  }
  const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-errortype': name };
  return {
    status: status === 403 ? 400 : status,
    headers,
    body: JSON.stringify({ __type: name, message, Message: message }),
  };
}

/** What EKS sees of the roles in IAM. */
function passedRoles(state: () => IamState): PassedRoles {
  const find = (account: string, arn: string) => {
    const role = principalByArn(state(), arn);
    return role?.kind === 'role' && arn.split(':')[4] === account ? role : undefined;
  };
  return {
    has: (account, arn) => find(account, arn) !== undefined,
    trusts: (account, arn, service) => {
      const role = find(account, arn);
      return role !== undefined && JSON.stringify(role.trust).includes(`"${service}"`);
    },
  };
}
