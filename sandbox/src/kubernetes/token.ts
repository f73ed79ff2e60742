import { Failure } from '@gatehouse/core/access/failure';
import type { Clock } from '@gatehouse/core/ports/clock';

/** A `k8s-aws-v1.` token that keeps every rule that can be checked without asking STS. */
export interface CheckedToken {
  /** The presigned GetCallerIdentity request, exactly as it was signed. */
  readonly url: string;
  readonly accessKeyId: string;
}

/** What a token is checked against. */
export interface TokenRules {
  /** The sandbox's own STS, `http://127.0.0.1:8787`: tokens of tools that follow AWS_ENDPOINT_URL are signed for it. */
  readonly stsEndpoint: string;
  readonly clock: Clock;
}

const PREFIX = 'k8s-aws-v1.';
const LONGEST = 4096;
/** The header that ties a token to one cluster. */
export const CLUSTER_ID_HEADER = 'x-k8s-aws-id';
const LIFETIME = 15 * 60 * 1000;
const PARAMETERS: ReadonlySet<string> = new Set([
  'action',
  'version',
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-security-token',
  'x-amz-signature',
  'x-amz-signedheaders',
]);

/** The regional endpoint of STS for which tokens are signed. */
export const publicSts = (region: string): string => `https://sts.${region}.amazonaws.com`;

/** The hosts of STS in the partition `aws`: regional ones, their FIPS and dual-stack forms, and the global one. */
const STS_HOST = /^(sts\.amazonaws\.com|sts(-fips)?\.[0-9a-z]([0-9a-z-]*[0-9a-z])?\.(amazonaws\.com|api\.aws))$/;

/**
 * Checks a token by the rules of aws-iam-authenticator v0.7.10 (`pkg/token/token.go`, `Verify`), in its order. Two differ on
 * purpose: the sandbox's own STS is taken as well, over the scheme that it has; and a date in the future is refused here,
 * where AWS leaves that to STS.
 * @throws Failure `unauthorized`, with the reason as the message.
 */
export function checkToken(token: string, { stsEndpoint, clock }: TokenRules): CheckedToken {
  if (Buffer.byteLength(token) > LONGEST) throw refused('token is too large');
  if (!token.startsWith(PREFIX)) throw refused(`token is missing expected "${PREFIX}" prefix`);
  const url = decoded(token.slice(PREFIX.length));
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?$/.exec(url);
  if (match === null) throw refused('the pre-signed URL cannot be parsed');
  const [, scheme = '', host = '', path = '', query = ''] = match;
  if (`${scheme}://${host}` !== stsEndpoint) {
    if (scheme.toLowerCase() !== 'https') throw refused(`unexpected scheme "${scheme}" in pre-signed URL`);
    if (!STS_HOST.test(host)) throw refused(`unexpected hostname "${host}" in pre-signed URL`);
  }
  if (path !== '/') throw refused('unexpected path in pre-signed URL');
  const parameters = readParameters(query);
  if (parameters.get('action') !== 'GetCallerIdentity') throw refused('unexpected action parameter in pre-signed URL');
  const signed = (parameters.get('x-amz-signedheaders') ?? '').split(';');
  if (!signed.some((header) => header.toLowerCase() === CLUSTER_ID_HEADER)) {
    throw refused(`client did not sign the ${CLUSTER_ID_HEADER} header in the pre-signed URL`);
  }
  checkTime(parameters, clock.now());
  return { url, accessKeyId: (parameters.get('x-amz-credential') ?? '').split('/')[0]! };
}

const refused = (why: string) =>
  new Failure('unauthorized', `input token was not properly formatted: ${why}`, { retryable: false });

function decoded(text: string): string {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) throw refused('illegal base64 data');
  return Buffer.from(text, 'base64url').toString('utf8');
}

/** Parameters by their lower-case names: each allowed, each once, whatever its case. */
function readParameters(query: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const part of query.split('&').filter((one) => one !== '')) {
    if (part.includes(';')) throw refused('malformed query parameter');
    const [name = '', ...value] = part.split('=').map(unescaped);
    const key = name.toLowerCase();
    if (parameters.has(key)) throw refused(`duplicate query parameter found: "${name}"`);
    if (!PARAMETERS.has(key)) throw refused(`non-whitelisted query parameter "${name}"`);
    parameters.set(key, value.join('='));
  }
  return parameters;
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw refused('malformed query parameter');
  }
}

function checkTime(parameters: ReadonlyMap<string, string>, now: number): void {
  const expires = parameters.get('x-amz-expires') ?? '';
  if (!/^[+-]?\d+$/.test(expires) || Number(expires) < 0 || Number(expires) > 900) {
    throw refused(`invalid X-Amz-Expires parameter in pre-signed URL: ${expires}`);
  }
  const date = parameters.get('x-amz-date') ?? '';
  if (date === '') throw refused('X-Amz-Date parameter must be present in pre-signed URL');
  const time = parseDate(date);
  if (Number.isNaN(time)) throw refused(`error parsing X-Amz-Date parameter ${date}`);
  if (now > time + LIFETIME) throw refused(`X-Amz-Date parameter is expired (15 minute expiration) ${date}`);
  if (now < time - LIFETIME) throw refused(`X-Amz-Date parameter is in the future: ${date}`);
}

/** Milliseconds of `20261123T171500Z`; NaN for anything else, a 31 June included. */
function parseDate(date: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (match === null) return Number.NaN;
  const [, year, month, day, hour, minute, second] = match;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = Date.parse(iso);
  return !Number.isNaN(time) && new Date(time).toISOString() === iso ? time : Number.NaN;
}
