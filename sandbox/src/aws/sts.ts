import { randomBytes } from 'node:crypto';
import { parsePrincipalArn } from '@gatehouse/core/access/arn';
import type { JSONWebKeySet } from 'jose';
import { AwsError, notPlayed } from './aws-error.ts';
import { assumable, assumableWithToken } from './iam/assume.ts';
import { type IamState, principalByArn, principalById, type SimRole } from './iam/state.ts';
import { type AwsRequest, type AwsResponse, escapeXml, jsonResponse, xmlResponse } from './request.ts';
import { verifiedToken } from './web-identity.ts';

/** Temporary credentials that were given out, with all that they stand for. */
export interface Session {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly account: string;
  readonly roleId: string;
  readonly roleName: string;
  readonly session: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

const HOUR_SECONDS = 3600;

/**
 * STS: sessions of roles, and who a caller is. A session lives until it expires, whatever becomes of the trust that let it
 * begin; what it may do follows the role's policies as they are.
 */
export class SecurityTokens {
  readonly #iam: () => IamState;
  readonly #now: () => number;
  readonly #sessions = new Map<string, Session>();
  readonly #issuers = new Map<string, JSONWebKeySet>();

  constructor(iam: () => IamState, now: () => number) {
    this.#iam = iam;
    this.#now = now;
  }

  /** The session with this access key, expired or not. */
  session(accessKeyId: string): Session | undefined {
    return this.#sessions.get(accessKeyId);
  }

  /** Plays an issuer of tokens: from now on these are its public keys. AWS would fetch them. */
  playIssuer(issuer: string, keys: JSONWebKeySet): void {
    this.#issuers.set(issuer, keys);
  }

  /** Begins a session of a role, asking nobody. */
  issue(account: string, role: SimRole, session: string, seconds: number): Session {
    const key = randomBytes(30);
    const issued: Session = {
      accessKeyId: `ASIA${base32(key.subarray(0, 16))}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(96).toString('base64'),
      account,
      roleId: role.id,
      roleName: role.name,
      session,
      expiresAt: this.#now() + seconds * 1000,
    };
    this.#sessions.set(issued.accessKeyId, issued);
    return issued;
  }

  /** The role of a session, as long as it is the same one: a role made again is another. */
  roleOf(session: Session): { readonly arn: string; readonly role: SimRole } | undefined {
    const found = principalById(this.#iam(), session.roleId);
    const role = found && principalByArn(this.#iam(), found.arn);
    return role?.kind === 'role' ? { arn: found!.arn, role } : undefined;
  }

  /** Everything that still lives, as JSON; without what only the sandbox itself can begin, longer than STS gives. */
  snapshot(): unknown {
    const now = this.#now();
    return [...this.#sessions.values()].filter(
      ({ expiresAt }) => expiresAt > now && expiresAt <= now + 12 * HOUR_SECONDS * 1000,
    );
  }

  /** Takes a snapshot back. */
  restore(snapshot: unknown): void {
    for (const session of snapshot as Session[]) this.#sessions.set(session.accessKeyId, session);
  }

  /** The API, by form POST or by GET. */
  handle(request: AwsRequest, params: URLSearchParams): AwsResponse {
    const action = params.get('Action') ?? '';
    const version = params.get('Version');
    if (version !== '2011-06-15')
      throw new AwsError('InvalidAction', `Could not find operation ${action} for version ${version}`);
    switch (action) {
      case 'GetCallerIdentity':
        return answer(action, whoIs(request), request.headers.accept);
      case 'AssumeRole':
        return answer(action, this.#assumeRole(request, params), request.headers.accept);
      default:
        throw notPlayed(`STS ${action}`);
    }
  }

  /** AssumeRoleWithWebIdentity, the one call that nobody signs: the token says who asks. */
  async assumeWithToken(params: URLSearchParams, accept?: string): Promise<AwsResponse> {
    const action = 'AssumeRoleWithWebIdentity';
    refuseStrange(action, params, ['WebIdentityToken', 'RoleArn', 'RoleSessionName', 'DurationSeconds']);
    const { roleArn, sessionName, seconds } = readRequest(params);
    const token = params.get('WebIdentityToken') ?? '';
    const now = this.#now();
    const who = await verifiedToken(this.#iam(), this.#issuers, { token, roleArn, now });
    const verdict = assumableWithToken(this.#iam(), roleArn, who, sessionName);
    if (!verdict.allowed) throw new AwsError('AccessDenied', verdict.reason, 403);
    const begun = this.#begin(roleArn, sessionName, seconds, false);
    const { sub, aud } = who.claims;
    const told = { SubjectFromWebIdentityToken: String(sub), Audience: [aud].flat().join(','), Provider: who.provider };
    return answer(action, { ...begun, ...told }, accept);
  }

  #assumeRole({ caller }: AwsRequest, params: URLSearchParams): Xml {
    refuseStrange('AssumeRole', params, ['RoleArn', 'RoleSessionName', 'ExternalId', 'DurationSeconds']);
    const { roleArn, sessionName, seconds } = readRequest(params);
    const externalId = params.get('ExternalId');
    if (externalId !== null && !/^[\w+=,.@:/-]{2,1224}$/.test(externalId)) throw invalid('externalId', externalId);

    const who = { arn: caller.arn, ...(externalId === null ? {} : { externalId }) };
    const verdict = assumable(this.#iam(), roleArn, who, sessionName);
    if (!verdict.allowed) throw new AwsError('AccessDenied', verdict.reason, 403);
    return this.#begin(roleArn, sessionName, seconds, caller.roleArn !== undefined);
  }

  /** Begins the session that was found to be allowed. `isChained`: whoever asks has a role already. */
  #begin(
    roleArn: string,
    sessionName: string,
    seconds: number,
    isChained: boolean,
  ): { readonly [element: string]: Xml } {
    const role = principalByArn(this.#iam(), roleArn) as SimRole;
    const longest = isChained ? HOUR_SECONDS : role.maxSessionSeconds;
    if (seconds > longest) {
      const why = 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.';
      throw new AwsError(
        'ValidationError',
        !isChained
          ? why
          : 'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
      );
    }
    const { account, partition } = parsePrincipalArn(roleArn);
    const session = this.issue(account, role, sessionName, seconds);
    return {
      AssumedRoleUser: {
        AssumedRoleId: `${role.id}:${sessionName}`,
        Arn: `arn:${partition}:sts::${account}:assumed-role/${role.name}/${sessionName}`,
      },
      Credentials: {
        AccessKeyId: session.accessKeyId,
        SecretAccessKey: session.secretAccessKey,
        SessionToken: session.sessionToken,
        Expiration: new Date(session.expiresAt).toISOString().replace(/\.\d+Z$/, 'Z'),
      },
    };
  }
}

function refuseStrange(action: string, params: URLSearchParams, known: readonly string[]): void {
  const strange = [...params.keys()].find((name) => !['Action', 'Version', ...known].includes(name));
  if (strange) throw notPlayed(`${action} with ${strange}`);
}

const invalid = (name: string, value: string) =>
  new AwsError(
    'ValidationError',
    `1 validation error detected: Value '${value}' at '${name}' failed to satisfy constraint`,
  );

/** What both ways to a session are asked with. */
function readRequest(params: URLSearchParams): { roleArn: string; sessionName: string; seconds: number } {
  const roleArn = params.get('RoleArn') ?? '';
  const sessionName = params.get('RoleSessionName') ?? '';
  if (!/^[\w+=,.@-]{2,64}$/.test(sessionName)) throw invalid('roleSessionName', sessionName);
  if (!/^arn:[\w-]+:iam::\d{12}:role\/[\x21-\x7e]+$/.test(roleArn)) throw invalid('roleArn', roleArn);
  const seconds = Number(params.get('DurationSeconds') ?? HOUR_SECONDS);
  if (!Number.isInteger(seconds) || seconds < 900 || seconds > 12 * HOUR_SECONDS)
    throw invalid('durationSeconds', String(seconds));
  return { roleArn, sessionName, seconds };
}

type Xml = { readonly [element: string]: string | Xml };

/** Who signed the request; no permission is needed, and no policy can deny it. */
function whoIs({ caller }: AwsRequest): Xml {
  return { Arn: caller.arn, UserId: caller.userId, Account: caller.account };
}

/** The same answer as XML or, where it is asked for, as JSON. */
function answer(action: string, result: Xml, accept = ''): AwsResponse {
  const ResponseMetadata = { RequestId: 'simulated' };
  if (accept.includes('application/json')) {
    return jsonResponse({ [`${action}Response`]: { [`${action}Result`]: result, ResponseMetadata } });
  }
  const body = render({ [`${action}Result`]: result, ResponseMetadata });
  return xmlResponse(
    `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${body}</${action}Response>`,
  );
}

const render = (value: string | Xml): string =>
  typeof value === 'string'
    ? escapeXml(value)
    : Object.entries(value)
        .map(([name, member]) => `<${name}>${render(member)}</${name}>`)
        .join('');

const base32 = (bytes: Buffer): string =>
  [...bytes].map((byte) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[byte % 32]).join('');

/** The caller behind an access key of a user or a session. */
export const sessionArn = (state: IamState, session: Session): string =>
  `arn:${state.partition}:sts::${session.account}:assumed-role/${session.roleName}/${session.session}`;
