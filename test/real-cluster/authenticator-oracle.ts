import type { Caller } from '@gatehouse/core/effective-access/aws-auth';
import type { Kubernetes } from '@gatehouse/core/ports/kubernetes';
import type { FetchIdentity } from '../../sandbox/src/kubernetes/authenticator.ts';
import type { AwsAuthData } from './aws-auth-documents.ts';
import { type RealCluster, startRealCluster } from './cluster.ts';
import { type JsonConnection, jsonConnection } from './json-connection.ts';

/** Who the real authenticator takes a caller for. */
export type RealAnswer =
  | {
      readonly username: string;
      readonly groups: readonly string[];
      readonly canonicalArn: string;
      readonly sessionName: string;
    }
  | { readonly denied: true };

/** A real aws-iam-authenticator, with what aws-auth says and what STS answers in the hands of a test. */
export interface AuthenticatorOracle {
  /** Writes aws-auth and returns when it is in force. */
  put(data: AwsAuthData): Promise<void>;
  /** Returns when a change of aws-auth is in force that somebody else has just made, in one write. */
  settle(): Promise<void>;
  /** The cluster's API, as an administrator. */
  readonly operator: Kubernetes;
  /** Who a caller becomes. */
  ask(caller: Caller): Promise<RealAnswer>;
  /** The access key of its tokens. */
  accessKeyOf(caller: Caller): string;
  /** What EC2 answers. */
  privateDnsName(instanceId: string): string;
  stop(): Promise<void>;
}

/** What the authenticator logs when the ConfigMap has changed, before it reads it. */
const EVENT = /level=info msg="Received aws-auth watch event"$/;
/** What makes its answers worthless: events may have been missed, or it denied because it could not ask. */
const TROUBLE = /Watch channel closed|recieved a watch error|re-establish watch|error during GET|querying private DNS/;

/** Starts a real cluster of which only the authenticator matters. */
export async function startAuthenticatorOracle(): Promise<AuthenticatorOracle> {
  const events = new Events();
  const callers = new Callers();
  const cluster = await startRealCluster({
    identity: callers.sts,
    onAuthenticatorLine: (line) => events.read(line),
  });
  const { apiServer, operatorToken } = cluster.identity;
  const api = jsonConnection(cluster.url, apiServer.ca, { authorization: `Bearer ${operatorToken}` });
  const webhook = jsonConnection(cluster.authenticatorUrl, apiServer.ca);
  const aws = new AwsAuthWriter(api, events);
  try {
    await aws.create();
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return {
    put: (data) => aws.put(data),
    settle: () => aws.settle(),
    operator: cluster.operator,
    ask: async (caller) => {
      const answer = await review(webhook, cluster, callers.tokenOf(caller, cluster.name));
      events.assertSound();
      return answer;
    },
    accessKeyOf: (caller) => callers.accessKeyOf(caller),
    privateDnsName: cluster.privateDnsName,
    stop: async () => {
      api.close();
      webhook.close();
      await cluster.stop();
    },
  };
}

/** Counts the changes of aws-auth of which the authenticator has been told. */
class Events {
  #seen = 0;
  #trouble: string | undefined;
  #wake = () => {};

  read(line: string): void {
    if (EVENT.test(line)) this.#seen++;
    else if (TROUBLE.test(line)) this.#trouble ??= line;
    else return;
    this.#wake();
  }

  assertSound(): void {
    if (this.#trouble !== undefined) throw new Error(`the authenticator is in trouble: ${this.#trouble}`);
  }

  async reach(count: number): Promise<void> {
    for (;;) {
      this.assertSound();
      if (this.#seen >= count) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

const COLLECTION = '/api/v1/namespaces/kube-system/configmaps';

/**
 * Knows when a document is in force. The authenticator takes the events of its watch one after the other: it logs one line, parses,
 * replaces what it knows under one lock, and only then takes the next (`startLoadConfigMap` in pkg/mapper/configmap/configmap.go).
 * So each document is written twice, with another annotation: the line of the second event says that the first is in force, and
 * the second says the same once more. The API server sends an event for every change, in order, for as long as the watch stands;
 * where it falls, the authenticator logs that, and the test fails. The first event of all proves that there is a watch: nothing
 * was written before it but one object, so it is the one event that this object causes, however late the watch came.
 */
class AwsAuthWriter {
  readonly #api: JsonConnection;
  readonly #events: Events;
  #written = 0;

  constructor(api: JsonConnection, events: Events) {
    this.#api = api;
    this.#events = events;
  }

  async create(): Promise<void> {
    await this.#write('POST', COLLECTION, {});
    await this.#events.reach(this.#written);
  }

  async put(data: AwsAuthData): Promise<void> {
    for (const _time of ['first', 'second']) await this.#write('PUT', `${COLLECTION}/aws-auth`, data);
    await this.#events.reach(this.#written);
  }

  async settle(): Promise<void> {
    this.#written++;
    await this.#send('PATCH', `${COLLECTION}/aws-auth`, { metadata: { annotations: this.#next() } });
    await this.#events.reach(this.#written);
  }

  async #write(method: 'POST' | 'PUT', path: string, data: AwsAuthData): Promise<void> {
    const metadata = { name: 'aws-auth', namespace: 'kube-system', annotations: this.#next() };
    await this.#send(method, path, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
  }

  #next(): Readonly<Record<string, string>> {
    this.#written++;
    return { written: String(this.#written) };
  }

  async #send(method: 'POST' | 'PUT' | 'PATCH', path: string, object: object): Promise<void> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const { status, body } = await this.#api.send(method, path, object, { 'content-type': type });
    if (status !== 200 && status !== 201)
      throw new Error(`aws-auth was not written: ${status} ${JSON.stringify(body)}`);
  }
}

/** Callers by the access key of their tokens, which is all that this STS looks at. */
class Callers {
  readonly #byKey = new Map<string, Caller>();
  readonly #keys = new Map<string, string>();

  accessKeyOf(caller: Caller): string {
    const text = JSON.stringify(caller);
    const key = this.#keys.get(text) ?? `ASIA${String(this.#keys.size).padStart(16, '0')}`;
    this.#keys.set(text, key);
    this.#byKey.set(key, caller);
    return key;
  }

  tokenOf(caller: Caller, cluster: string): string {
    const url = new URL('https://sts.eu-west-1.amazonaws.com/');
    const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
    const parameters = {
      Action: 'GetCallerIdentity',
      Version: '2011-06-15',
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Credential': `${this.accessKeyOf(caller)}/${date.slice(0, 8)}/eu-west-1/sts/aws4_request`,
      'X-Amz-Date': date,
      'X-Amz-Expires': '60',
      'X-Amz-SignedHeaders': 'host;x-k8s-aws-id',
      'X-Amz-Signature': Buffer.from(cluster).toString('hex'),
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return `k8s-aws-v1.${Buffer.from(url.href).toString('base64url')}`;
  }

  readonly sts: FetchIdentity = async (url) => {
    const credential = new URL(url).searchParams.get('X-Amz-Credential') ?? '';
    const caller = this.#byKey.get(credential.split('/')[0]!);
    if (caller === undefined) return { refusal: `nobody has the credential ${credential}` };
    return { Account: caller.accountId, Arn: caller.arn, UserId: caller.userId };
  };
}

interface TokenReview {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly user?: {
      readonly username?: string;
      readonly groups?: readonly string[];
      readonly extra: Readonly<Record<'canonicalArn' | 'sessionName', readonly [string]>>;
    };
  };
}

async function review(webhook: JsonConnection, { authenticatorUrl }: RealCluster, token: string): Promise<RealAnswer> {
  const apiVersion = 'authentication.k8s.io/v1beta1';
  const question = { apiVersion, kind: 'TokenReview', spec: { token } };
  const { status, body } = await webhook.send('POST', new URL(authenticatorUrl).pathname, question);
  if (status === 403) return { denied: true };
  const { user } = (body as TokenReview | undefined)?.status ?? {};
  if (status !== 200 || user === undefined) throw new Error(`the authenticator answered ${status}`);
  // Go leaves out what is empty.
  const { username = '', groups = [], extra } = user;
  return { username, groups, canonicalArn: extra.canonicalArn[0], sessionName: extra.sessionName[0] };
}
