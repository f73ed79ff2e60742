import * as https from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { Failure } from '../access/failure.ts';
import type { ApiRequest, ApiResponse, Exchange } from './exchange.ts';

/** How to reach an API server. */
export interface ApiServer {
  /** `https://host[:port]`, as DescribeCluster names it. */
  readonly server: string;
  /** PEM, base64. Without it the system's roots are trusted. */
  readonly certificateAuthority?: string;
  /** Gives a bearer token; asked once a request, so it should remember its own. Absent: the client certificate does. */
  readonly token?: () => Promise<string>;
  /** PEM, base64, both. */
  readonly client?: { readonly certificate: string; readonly key: string };
  /** Whom to act as, which takes the right to impersonate them. */
  readonly impersonated?: { readonly user: string; readonly groups: readonly string[] };
  /** For one request from start to last byte; {@link CALL_TIMEOUT_MS} unless told. */
  readonly timeoutMs?: number;
}

/** How long a request may take, in milliseconds, unless told: the last one of a turn must end before its function does. */
export const CALL_TIMEOUT_MS = 3_000;

/** An answer larger than this is not a thing that Gatehouse works with: a page of 500 bindings of 1,000 subjects is smaller. */
const MAX_ANSWER_BYTES = 128 * 1024 * 1024;

/**
 * Sends requests to one API server: TLS and credentials by the KubeConfig of `@kubernetes/client-node`, the body as it is
 * (docs/decisions/0020-kubernetes-client.md). Redirects are not followed, so the token goes to no other host.
 *
 * @throws Failure `invalid` where `server` is not https; the returned function throws `unreachable` where no whole answer
 * came, and the Failure that `token` throws, `unauthorized` for its other errors.
 */
export function transportTo(api: ApiServer): Exchange {
  const base = baseOf(api.server);
  const config = kubeConfig(api);
  const agent = new https.Agent({ keepAlive: true, maxSockets: 8 });
  const timeout = api.timeoutMs ?? CALL_TIMEOUT_MS;
  const impersonation = impersonationOf(api);

  return async (request) => {
    const options: https.RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const send = () =>
      exchange(
        {
          ...options,
          agent,
          host: base.hostname.replace(/^\[|\]$/g, ''),
          port: base.port === '' ? 443 : Number(base.port),
          method: request.method,
          path: `${base.pathname.replace(/\/$/, '')}${request.path}`,
          headers: { ...options.headers, ...headersFor(body), ...impersonation },
          signal: AbortSignal.timeout(timeout),
        },
        body,
      );
    try {
      // A connection that was kept may have been closed while this process was frozen. Every request of the port is safe
      // to repeat: writes carry the version they replace.
      return await send().catch((error: unknown) => (isStaleConnection(error) ? send() : Promise.reject(error)));
    } catch (error) {
      if (error instanceof Failure) throw error;
      throw unreachable(error, request, base, timeout);
    }
  };
}

function baseOf(server: string): URL {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol !== 'https:') {
    throw new Failure('invalid', `the API server "${server}" is not an https address, and a token goes nowhere else`);
  }
  return url;
}

function kubeConfig(api: ApiServer): KubeConfig {
  const config = new KubeConfig();
  config.addAuthenticator({
    isAuthProvider: (user) => user.name === 'gatehouse',
    applyAuthentication: async (_user, options) => {
      if (api.token) options.headers = { ...options.headers, Authorization: `Bearer ${await tokenOf(api, api.token)}` };
    },
  });
  config.loadFromOptions({
    clusters: [
      {
        name: 'cluster',
        server: api.server,
        skipTLSVerify: false,
        ...(api.certificateAuthority === undefined ? {} : { caData: api.certificateAuthority }),
      },
    ],
    users: [
      { name: 'gatehouse', ...(api.client ? { certData: api.client.certificate, keyData: api.client.key } : {}) },
    ],
    contexts: [{ name: 'gatehouse', cluster: 'cluster', user: 'gatehouse' }],
    currentContext: 'gatehouse',
  });
  return config;
}

async function tokenOf(api: ApiServer, token: () => Promise<string>): Promise<string> {
  try {
    return await token();
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure('unauthorized', `there is no token for the API server ${api.server}`, { cause: error });
  }
}

/** https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation */
function impersonationOf({ impersonated }: ApiServer): https.RequestOptions['headers'] {
  if (impersonated === undefined) return {};
  const { user, groups } = impersonated;
  return { 'Impersonate-User': user, ...(groups.length === 0 ? {} : { 'Impersonate-Group': [...groups] }) };
}

function headersFor(body: string | undefined): https.RequestOptions['headers'] {
  const accept = { Accept: 'application/json', 'User-Agent': 'gatehouse' };
  if (body === undefined) return accept;
  return { ...accept, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
}

function exchange(options: https.RequestOptions, body: string | undefined): Promise<ApiResponse> {
  return new Promise((resolve, reject) => {
    const request = https.request(options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES)
          response.destroy(new Failure('too-large', 'the answer of Kubernetes is too large'));
        else chunks.push(chunk);
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      );
      response.on('error', reject);
    });
    request.on('error', (error) => reject(request.reusedSocket ? new ReusedSocketError(error) : error));
    request.end(body);
  });
}

class ReusedSocketError extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

function isStaleConnection(error: unknown): boolean {
  if (!(error instanceof ReusedSocketError)) return false;
  return ['ECONNRESET', 'EPIPE'].includes(String((error.cause as NodeJS.ErrnoException).code));
}

function unreachable(error: unknown, request: ApiRequest, base: URL, timeout: number): Failure {
  const root = error instanceof ReusedSocketError ? error.cause : error;
  const { name, code, message } = root as NodeJS.ErrnoException;
  const why = name === 'AbortError' || name === 'TimeoutError' ? `no answer within ${timeout} ms` : (code ?? message);
  return new Failure('unreachable', `the API server ${base.host} did not answer ${request.method}: ${why}`, {
    cause: root,
    remedy:
      "check that the endpoint can be reached from where Gatehouse runs, and that its certificate is the cluster's",
  });
}
