import { expect } from 'vitest';

/** Who sends a request, as authentication found out. */
export interface Who {
  readonly username: string;
  readonly groups: readonly string[];
}

export type RequestHeaders = Readonly<Record<string, string | readonly string[]>>;

/** An answer: JSON where it is JSON, else its text. */
export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are compared, not used.
  readonly body: any;
  /** The values of the header `Warning`, one a line; absent where there is none. */
  readonly warning?: string;
}

/** An API server of Kubernetes 1.34 in the state of a new cluster: what the contract works with. */
export interface ApiUnderTest {
  /**
   * Sends one request.
   * @param who somebody of {@link TOKEN_HOLDERS}, or anybody: then the request cannot impersonate.
   * @param url with its query, sent as it is.
   * @param body sent as JSON unless it is a text or bytes.
   */
  request(who: Who, method: string, url: string, body?: unknown, headers?: RequestHeaders): Promise<Answer>;
  close?(): void | Promise<void>;
}

const AUTHENTICATED = 'system:authenticated';
export const ADMIN: Who = { username: 'admin', groups: ['system:masters', AUTHENTICATED] };
/** A user without any rights, until a test gives them some. */
export const user = (username: string, ...groups: string[]): Who => ({ username, groups: [...groups, AUTHENTICATED] });
/** Who has a token: to be sent by them, a request needs nobody's impersonation, so it can impersonate itself. */
export const TOKEN_HOLDERS: readonly Who[] = [ADMIN, user('connector')];

export const GROUP = 'rbac.authorization.k8s.io';
export const RBAC = `/apis/${GROUP}/v1`;
export const REVIEWS = '/apis/authorization.k8s.io/v1';
export const NAMESPACES = '/api/v1/namespaces';
export const CONFIG_MAPS = `${NAMESPACES}/default/configmaps`;
export const SECRETS = `${NAMESPACES}/default/secrets`;
export const ROLES = `${RBAC}/namespaces/default/roles`;
export const ROLE_BINDINGS = `${RBAC}/namespaces/default/rolebindings`;
export const CLUSTER_ROLES = `${RBAC}/clusterroles`;
export const CLUSTER_ROLE_BINDINGS = `${RBAC}/clusterrolebindings`;

export const JSON_PATCH = 'application/json-patch+json';
export const MERGE = 'application/merge-patch+json';
export const STRATEGIC = 'application/strategic-merge-patch+json';
export const APPLY = 'application/apply-patch+yaml';

/** What was written is judged by at once, or within milliseconds: a real authorizer and its controllers follow from caches. */
export const SOON = { interval: 5, timeout: 10_000 };

/** An API as one user sees it. */
export class Caller {
  readonly #api: ApiUnderTest;
  readonly #who: Who;

  constructor(api: ApiUnderTest, who: Who) {
    this.#api = api;
    this.#who = who;
  }

  get(url: string, headers?: RequestHeaders): Promise<Answer> {
    return this.send('GET', url, undefined, headers);
  }

  post(url: string, body: unknown, headers?: RequestHeaders): Promise<Answer> {
    return this.send('POST', url, body, { 'content-type': 'application/json', ...headers });
  }

  put(url: string, body: unknown): Promise<Answer> {
    return this.send('PUT', url, body, { 'content-type': 'application/json' });
  }

  patch(url: string, patch: unknown, type: string): Promise<Answer> {
    return this.send('PATCH', url, patch, { 'content-type': type });
  }

  delete(url: string, options?: object): Promise<Answer> {
    return this.send('DELETE', url, options, options && { 'content-type': 'application/json' });
  }

  send(method: string, url: string, body?: unknown, headers?: RequestHeaders): Promise<Answer> {
    return this.#api.request(this.#who, method, url, body, headers);
  }

  /** Creates an object, which must succeed, and answers it. */
  async made(url: string, body: object): Promise<Answer['body']> {
    const answer = await this.post(url, body);
    expect(answer.status, JSON.stringify(answer.body)).toBe(201);
    return answer.body;
  }
}

/** What a test of the contract works with. */
export class Api {
  readonly #under: ApiUnderTest;
  /** Member of `system:masters`. */
  readonly admin: Caller;

  constructor(under: ApiUnderTest) {
    this.#under = under;
    this.admin = this.as(ADMIN);
  }

  as(who: Who): Caller {
    return new Caller(this.#under, who);
  }

  /** Gives a user rules in a namespace, or in the whole cluster, and waits until they count. */
  async grant(username: string, rules: readonly Rule[], namespace?: string): Promise<void> {
    const name = `of-${username}`;
    const kind = namespace === undefined ? 'ClusterRole' : 'Role';
    const where = namespace === undefined ? `${RBAC}/cluster` : `${RBAC}/namespaces/${namespace}/`;
    await this.admin.made(`${where}roles`, role(name, ...rules));
    await this.admin.made(`${where}rolebindings`, binding(name, kind, name, [{ kind: 'User', name: username }]));
    const [rule] = rules;
    const resourceAttributes = {
      verb: rule?.verbs[0],
      group: rule?.apiGroups?.[0],
      resource: rule?.resources?.[0],
      name: rule?.resourceNames?.[0],
      namespace,
    };
    const review = { spec: { user: username, resourceAttributes } };
    const ask = async () => (await this.admin.post(`${REVIEWS}/subjectaccessreviews`, review)).body.status;
    await expect.poll(ask, SOON).toMatchObject({ allowed: true });
  }
}

/** One rule of a role. */
export interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

export const rule = (group: string, resource: string, ...verbs: string[]): Rule => ({
  apiGroups: [group],
  resources: [resource],
  verbs,
});
export const role = (name: string, ...rules: readonly object[]) => ({ metadata: { name }, rules });
export const binding = (name: string, kind: string, to: string, subjects: readonly object[] = []) => ({
  metadata: { name },
  roleRef: { kind, name: to },
  subjects,
});

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  422: 'Invalid',
};

/** An answer that refuses: a `Status` with this code, the reason that goes with it unless told, and this message. */
export function refused(code: number, message: string | RegExp, reason: string | undefined = REASONS[code]) {
  return {
    status: code,
    body: {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: typeof message === 'string' ? message : expect.stringMatching(message),
      ...(reason === undefined ? {} : { reason }),
      code,
    },
  };
}

/** The names of a list, in its order. */
export const namesIn = ({ body }: Answer): string[] =>
  body.items.map((item: { metadata: { name: string } }) => item.metadata.name);

/** An object without the record of who manages its fields, which no test but those on it looks at. */
export function bare(object: Answer['body']): Answer['body'] {
  const { managedFields: _managedFields, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** The metadata that every object of the namespace `default` has. */
export const METADATA_OF_SERVER = {
  namespace: 'default',
  uid: expect.stringMatching(/./),
  resourceVersion: expect.stringMatching(/^\d+$/),
  creationTimestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
};
