import { createHash, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@gatehouse/core/aws/clock';
import { exportJWK, generateKeyPair } from 'jose';
import { type Adapter, type AdapterPayload, type Configuration, Provider } from 'oidc-provider';
import { CertificateAuthority } from '../kubernetes/certificates.ts';
import type { PlayedHost } from './played-internet.ts';

/** Somebody whom an issuer knows. */
export interface IssuerAccount {
  readonly email: string;
  readonly groups: readonly string[];
}

/** How an issuer is started. */
export interface IssuerOptions {
  /** Its host on the played internet, like `id.acme.com`. */
  readonly host: string;
  /** By the name that they sign in with. Nobody is asked for a password. */
  readonly accounts: Readonly<Record<string, IssuerAccount>>;
  /** Ids of the applications that people sign in to. */
  readonly clients: readonly string[];
  /** Seconds that an ID token is good for. */
  readonly tokenSeconds?: (account: string) => number;
}

/** A real OpenID provider on loopback, under a name of the played internet. */
export interface Issuer {
  /** Its URL, as in tokens. */
  readonly issuer: string;
  readonly played: PlayedHost;
  /** Signs somebody in to a client as kubelogin does, by the code flow with PKCE. Answers the ID token. */
  signIn(account: string, client: string): Promise<string>;
  stop(): Promise<void>;
}

/** Where a client of the code flow waits for its code; nobody listens there, the code is read from where it is sent to. */
const REDIRECT = 'http://localhost:8000';
const A_QUARTER = 15 * 60;
/** From the application to the form and back are four. */
const MOST_HOPS = 10;

/** Starts an issuer. */
export async function startIssuer(options: IssuerOptions): Promise<Issuer> {
  const { host } = options;
  const issuer = `https://${host}`;
  const authority = await CertificateAuthority.create(host, systemClock);
  const provider = new Provider(issuer, await configurationOf(options));
  const serve = provider.callback();
  const server = createServer(await authority.issue(host, [host]), (incoming, outgoing) => {
    const uid = /^\/interaction\/([\w-]+)$/.exec(incoming.url ?? '');
    if (uid) void letIn(provider, incoming, outgoing);
    else void serve(incoming, outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const played: PlayedHost = { port: (server.address() as AddressInfo).port, ca: authority.ca };
  return {
    issuer,
    played,
    signIn: (account, client) => new CodeFlow(host, played).run(account, client),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function configurationOf({ accounts, clients, tokenSeconds }: IssuerOptions): Promise<Configuration> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return {
    clients: clients.map((client_id) => ({
      client_id,
      redirect_uris: [REDIRECT],
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code'],
      response_types: ['code'],
    })),
    jwks: { keys: [{ ...(await exportJWK(privateKey)), use: 'sig', alg: 'RS256', kid: 'one' }] },
    adapter: Memory,
    cookies: { keys: [randomBytes(16).toString('hex')] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
    scopes: ['openid', 'email', 'groups'],
    conformIdTokenClaims: false,
    findAccount: (_context, accountId) => {
      const account = Object.hasOwn(accounts, accountId) ? accounts[accountId] : undefined;
      if (!account) return undefined;
      const { email, groups } = account;
      return { accountId, claims: () => ({ sub: accountId, email, email_verified: true, groups: [...groups] }) };
    },
    // Who signs in to an application of the company need not be asked whether they want that.
    loadExistingGrant: async ({ oidc }) => {
      const grant = new oidc.provider.Grant({ clientId: oidc.client!.clientId, accountId: oidc.session!.accountId! });
      grant.addOIDCScope('openid email groups');
      await grant.save();
      return grant;
    },
    ttl: {
      Session: A_QUARTER,
      Interaction: A_QUARTER,
      Grant: A_QUARTER,
      AccessToken: A_QUARTER,
      IdToken: (_context, token) => tokenSeconds?.(String(token.available?.sub ?? '')) ?? A_QUARTER,
    },
  };
}

/** What an issuer keeps, for as long as it runs; one store for each kind of thing. */
class Memory implements Adapter {
  readonly #kept = new Map<string, AdapterPayload>();

  async upsert(id: string, payload: AdapterPayload): Promise<void> {
    this.#kept.set(id, payload);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    return this.#kept.get(id);
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return [...this.#kept.values()].find((payload) => payload.uid === uid);
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return [...this.#kept.values()].find((payload) => payload.userCode === userCode);
  }

  async consume(id: string): Promise<void> {
    const payload = this.#kept.get(id);
    if (payload) this.#kept.set(id, { ...payload, consumed: Math.floor(Date.now() / 1000) });
  }

  async destroy(id: string): Promise<void> {
    this.#kept.delete(id);
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    for (const [id, payload] of this.#kept) if (payload.grantId === grantId) this.#kept.delete(id);
  }
}

/** The form that asks who somebody is: it believes what the application says. */
async function letIn(provider: Provider, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { params } = await provider.interactionDetails(incoming, outgoing);
  const login = { accountId: String(params.login_hint) };
  // Of an application on somebody's own machine it is always asked whether they want that.
  await provider.interactionFinished(incoming, outgoing, { login, consent: {} });
}

/** One sign-in, with the cookies of a browser. */
class CodeFlow {
  readonly #host: string;
  readonly #played: PlayedHost;
  readonly #cookies = new Map<string, string>();

  constructor(host: string, played: PlayedHost) {
    this.#host = host;
    this.#played = played;
  }

  async run(account: string, client: string): Promise<string> {
    const verifier = randomBytes(32).toString('base64url');
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: client,
      redirect_uri: REDIRECT,
      scope: 'openid email groups',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      login_hint: account,
    });
    let next = `/auth?${query}`;
    for (let hops = 0; !next.startsWith(REDIRECT); hops++) {
      if (hops === MOST_HOPS) throw new Error(`signing ${account} in to ${client} comes to no end: ${next}`);
      const { status, headers, body } = await this.#exchange('GET', next);
      const { location } = headers;
      if (location === undefined) throw new Error(`signing ${account} in to ${client}: ${status} ${body}`);
      next = location.replace(`https://${this.#host}`, '');
    }
    const code = new URL(next).searchParams.get('code');
    if (code === null) throw new Error(`signing ${account} in to ${client}: ${next}`);
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      client_id: client,
      redirect_uri: REDIRECT,
      code_verifier: verifier,
    });
    const { status, body } = await this.#exchange('POST', '/token', form.toString());
    if (status !== 200) throw new Error(`the code of ${account} for ${client}: ${status} ${body}`);
    return (JSON.parse(body) as { id_token: string }).id_token;
  }

  #exchange(
    method: 'GET' | 'POST',
    path: string,
    body = '',
  ): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
    return new Promise((resolve, reject) => {
      const headers = {
        host: this.#host,
        cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        'content-length': Buffer.byteLength(body),
        ...(body === '' ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      };
      const { port, ca } = this.#played;
      const sent = request(
        { host: '127.0.0.1', port, ca, servername: this.#host, method, path, headers, agent: false },
        (response) => {
          for (const cookie of response.headers['set-cookie'] ?? []) {
            const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
            this.#cookies.set(name, value);
          }
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks).toString(),
            }),
          );
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }
}
