import { isFailure } from '@gatehouse/core/access/failure';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AuthenticatorOptions,
  createAuthenticator,
  type FetchIdentity,
} from '../../../sandbox/src/kubernetes/authenticator.ts';
import { fixedClock } from '../../fakes/clock.ts';
import { countingRandom } from '../../fakes/random.ts';

const STS = 'https://sts.eu-west-1.amazonaws.com';
const OWN_STS = 'http://127.0.0.1:8787';
const ROLE = {
  Account: '111122223333',
  Arn: 'arn:aws:sts::111122223333:assumed-role/gatehouse-ops/ann@example.com',
  UserId: 'AROAEXAMPLE:ann@example.com',
};
const USER = { Account: '111122223333', Arn: 'arn:aws:iam::111122223333:user/gatehouse/ci', UserId: 'AIDAEXAMPLE' };
const PARAMETERS = {
  Action: 'GetCallerIdentity',
  Version: '2011-06-15',
  'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
  'X-Amz-Credential': 'ASIAEXAMPLE/20260115/eu-west-1/sts/aws4_request',
  'X-Amz-Date': '20260115T115900Z',
  'X-Amz-Expires': '60',
  'X-Amz-Security-Token': 'session',
  'X-Amz-SignedHeaders': 'host;x-k8s-aws-id',
  'X-Amz-Signature': 'abc',
};
type Parameters = Record<string, string | undefined>;

const query = (changes: Parameters = {}) =>
  Object.entries({ ...PARAMETERS, ...changes })
    .filter((pair): pair is [string, string] => pair[1] !== undefined)
    .map((pair) => pair.map(encodeURIComponent).join('='))
    .join('&');
const tokenOf = (url: string) => `k8s-aws-v1.${Buffer.from(url).toString('base64url')}`;
const token = (changes: Parameters = {}) => tokenOf(`${STS}/?${query(changes)}`);

const MAPPED = {
  mapRoles: `
- rolearn: arn:aws:iam::111122223333:role/gatehouse-ops
  username: gatehouse:ops:{{SessionNameRaw}}
- rolearn: arn:aws:iam::111122223333:role/deployer
  username: deployer
  groups: [team:deploy]
`,
  mapUsers: `
- userarn: arn:aws:iam::111122223333:user/gatehouse/ci
  username: gatehouse:iam-user:111122223333:ci
`,
};

function authenticator(more: Partial<AuthenticatorOptions> = {}) {
  const asked: { url: string; headers: Readonly<Record<string, string>> }[] = [];
  const answer: FetchIdentity = async () => ROLE;
  const options = {
    clusterName: 'prod',
    stsEndpoint: OWN_STS,
    clock: fixedClock(),
    random: countingRandom(),
    awsAuth: () => MAPPED,
    fetchIdentity: answer,
    ...more,
  };
  const fetchIdentity: FetchIdentity = (url, headers) => {
    asked.push({ url, headers });
    return options.fetchIdentity(url, headers);
  };
  return { ...createAuthenticator({ ...options, fetchIdentity }), asked };
}

const refusal = async (bearer: string, more: Partial<AuthenticatorOptions> = {}) => {
  const one = authenticator(more);
  const error = await one.identify(bearer).catch((thrown: unknown) => thrown);
  expect(isFailure(error, 'unauthorized') && !error.retryable).toBe(true);
  const asked = one.asked.length;
  expect(await one.authenticate(bearer)).toBeUndefined();
  return { message: (error as Error).message, asked };
};

describe('a token', () => {
  it('makes a user of a session, by the live aws-auth', async () => {
    const { identify, asked } = authenticator();
    expect(await identify(token())).toEqual({
      username: 'gatehouse:ops:ann@example.com',
      uid: 'aws-iam-authenticator:111122223333:AROAEXAMPLE',
      groups: ['system:authenticated'],
      extra: {
        accessKeyId: ['ASIAEXAMPLE'],
        arn: [ROLE.Arn],
        canonicalArn: ['arn:aws:iam::111122223333:role/gatehouse-ops'],
        principalId: ['AROAEXAMPLE'],
        sessionName: ['ann@example.com'],
        'sigs.k8s.io/aws-iam-authenticator/principalId': ['AROAEXAMPLE'],
      },
    });
    expect(asked).toEqual([
      { url: `${STS}/?${query()}`, headers: { 'x-k8s-aws-id': 'prod', accept: 'application/json' } },
    ]);
  });

  it('makes a user of an IAM user', async () => {
    const { identify } = authenticator({ fetchIdentity: async () => USER });
    expect(await identify(token({ 'X-Amz-Security-Token': undefined }))).toMatchObject({
      username: 'gatehouse:iam-user:111122223333:ci',
      uid: 'aws-iam-authenticator:111122223333:AIDAEXAMPLE',
      groups: ['system:authenticated'],
      extra: { sessionName: [''], canonicalArn: [USER.Arn] },
    });
  });

  it('gives the groups of its entry', async () => {
    const Arn = 'arn:aws:sts::111122223333:assumed-role/deployer/x1';
    const { identify } = authenticator({ fetchIdentity: async () => ({ ...ROLE, Arn }) });
    expect(await identify(token())).toMatchObject({
      username: 'deployer',
      groups: ['team:deploy', 'system:authenticated'],
    });
  });

  it('is judged by aws-auth as it is at that moment', async () => {
    let data: Record<string, string> | undefined = MAPPED;
    const { authenticate } = authenticator({ awsAuth: () => data });
    expect(await authenticate(token())).toBeDefined();
    data = undefined;
    expect(await authenticate(token())).toBeUndefined();
  });

  it('of whoever made the cluster is an administrator’s, whatever aws-auth says', async () => {
    const bootstrapAdmin = 'arn:aws:iam::111122223333:role/some/path/gatehouse-ops';
    const { identify } = authenticator({ bootstrapAdmin, awsAuth: () => undefined });
    expect(await identify(token())).toMatchObject({
      username: 'kubernetes-admin',
      groups: ['system:masters', 'system:authenticated'],
    });
    expect(
      (await refusal(token(), { bootstrapAdmin: 'arn:aws:iam::111122223333:role/other', awsAuth: () => undefined }))
        .message,
    ).toContain('not mapped');
  });

  it.each<[string, string]>([
    ['the longest there may be', token({ 'X-Amz-Security-Token': 's'.repeat(2600) })],
    [
      'parameters in any case',
      tokenOf(
        `${STS}/?${query()
          .toLowerCase()
          .replace('getcalleridentity', 'GetCallerIdentity')
          .replace(/\d{8}t\d{6}z/, (date) => date.toUpperCase())}`,
      ),
    ],
    ['a header in any case', token({ 'X-Amz-SignedHeaders': 'host;X-K8s-Aws-Id' })],
    ['no version', token({ Version: undefined })],
    ['15 minutes of life', token({ 'X-Amz-Expires': '900', 'X-Amz-Date': '20260115T114500Z' })],
    ['no life that it states', token({ 'X-Amz-Expires': '0' })],
    ['another Region of STS', tokenOf(`https://sts.us-east-2.amazonaws.com/?${query()}`)],
    ['STS of the whole world', tokenOf(`https://sts.amazonaws.com/?${query()}`)],
    ['STS by FIPS', tokenOf(`https://sts-fips.us-east-1.amazonaws.com/?${query()}`)],
    ['STS in two stacks', tokenOf(`https://sts.eu-west-1.api.aws/?${query()}`)],
    ["the sandbox's own STS", tokenOf(`${OWN_STS}/?${query()}`)],
  ])('is accepted with %s', async (_title, bearer) => {
    expect(await authenticator().authenticate(bearer)).toBeDefined();
  });

  it.each<[string, string, string | RegExp]>([
    ['empty', '', 'missing expected "k8s-aws-v1." prefix'],
    ['of another version', token().replace('v1.', 'v2.'), 'missing expected "k8s-aws-v1." prefix'],
    ['too large', token({ 'X-Amz-Security-Token': 's'.repeat(4096) }), 'token is too large'],
    ['padded', `${tokenOf(`${STS}/?a`)}=`, 'illegal base64 data'],
    ['of another alphabet', 'k8s-aws-v1.a+b/', 'illegal base64 data'],
    ['cut off', 'k8s-aws-v1.abcde', 'illegal base64 data'],
    ['no URL', tokenOf('hello'), 'cannot be parsed'],
    ['a URL with a fragment', tokenOf(`${STS}/?${query()}#x`), 'cannot be parsed'],
    ['of another scheme', tokenOf(`http://sts.eu-west-1.amazonaws.com/?${query()}`), 'unexpected scheme "http"'],
    ['for another host', tokenOf(`https://evil.example/?${query()}`), 'unexpected hostname "evil.example"'],
    ['for a host that begins alike', tokenOf(`${STS}.evil.example/?${query()}`), 'unexpected hostname'],
    ['for a host that ends alike', tokenOf(`https://evil-${STS.slice(8)}/?${query()}`), 'unexpected hostname'],
    ['for STS of China', tokenOf(`https://sts.cn-north-1.amazonaws.com.cn/?${query()}`), 'unexpected hostname'],
    ['for a Region with a dot', tokenOf(`https://sts.a.b.amazonaws.com/?${query()}`), 'unexpected hostname'],
    ['for a port', tokenOf(`${STS}:443/?${query()}`), 'unexpected hostname "sts.eu-west-1.amazonaws.com:443"'],
    ['for another port of the own STS', tokenOf(`http://127.0.0.1:8788/?${query()}`), 'unexpected scheme "http"'],
    ['for a host with a user', tokenOf(`${STS}@evil.example/?${query()}`), 'unexpected hostname'],
    ['for a user at the host', tokenOf(`https://u:p@${STS.slice(8)}/?${query()}`), 'unexpected hostname'],
    ['for another path', tokenOf(`${STS}/x?${query()}`), 'unexpected path'],
    ['for a path that resolves to /', tokenOf(`${STS}/./?${query()}`), 'unexpected path'],
    ['for no path', tokenOf(`${STS}?${query()}`), 'unexpected path'],
    ['with another action', token({ Action: 'GetSessionToken' }), 'unexpected action parameter'],
    ['without action', token({ Action: undefined }), 'unexpected action parameter'],
    ['with a second action', tokenOf(`${STS}/?${query()}&action=x`), 'duplicate query parameter found: "action"'],
    [
      'with the same action twice',
      tokenOf(`${STS}/?${query()}&Action=GetCallerIdentity`),
      'duplicate query parameter found: "Action"',
    ],
    [
      'with a second action, escaped',
      tokenOf(`${STS}/?${query()}&%41ction=x`),
      'duplicate query parameter found: "Action"',
    ],
    ['with a parameter more', token({ RoleArn: 'x' }), 'non-whitelisted query parameter "RoleArn"'],
    ['with a semicolon', tokenOf(`${STS}/?${query()};x=1`), 'malformed query parameter'],
    ['wrongly escaped', tokenOf(`${STS}/?${query()}&a=%zz`), 'malformed query parameter'],
    [
      'without the signed cluster',
      token({ 'X-Amz-SignedHeaders': 'host' }),
      'client did not sign the x-k8s-aws-id header',
    ],
    [
      'with the cluster in a name',
      token({ 'X-Amz-SignedHeaders': 'host;x-k8s-aws-id2' }),
      'client did not sign the x-k8s-aws-id header',
    ],
    [
      'without signed headers',
      token({ 'X-Amz-SignedHeaders': undefined }),
      'client did not sign the x-k8s-aws-id header',
    ],
    ['that lives too long', token({ 'X-Amz-Expires': '901' }), 'invalid X-Amz-Expires parameter'],
    ['that lives less than nothing', token({ 'X-Amz-Expires': '-1' }), 'invalid X-Amz-Expires parameter'],
    ['that lives for a word', token({ 'X-Amz-Expires': '1e2' }), 'invalid X-Amz-Expires parameter'],
    ['without life', token({ 'X-Amz-Expires': undefined }), 'invalid X-Amz-Expires parameter'],
    ['without date', token({ 'X-Amz-Date': undefined }), 'X-Amz-Date parameter must be present'],
    ['with no date', token({ 'X-Amz-Date': '2026-01-15T11:59:00Z' }), 'error parsing X-Amz-Date'],
    ['of a day that is none', token({ 'X-Amz-Date': '20260231T115900Z' }), 'error parsing X-Amz-Date'],
    ['too old', token({ 'X-Amz-Date': '20260115T114459Z' }), 'X-Amz-Date parameter is expired'],
    ['of tomorrow', token({ 'X-Amz-Date': '20260116T115900Z' }), 'is in the future'],
  ])('is refused, and STS is not asked, if it is %s', async (_title, bearer, why) => {
    const { message, asked } = await refusal(bearer);
    expect(message).toMatch(/^input token was not properly formatted: /);
    expect(message).toContain(why);
    expect(asked).toBe(0);
  });

  it.each<[string, Partial<AuthenticatorOptions>, string]>([
    [
      'STS refuses',
      { fetchIdentity: async () => ({ refusal: 'SignatureDoesNotMatch' }) },
      'sts getCallerIdentity failed: SignatureDoesNotMatch',
    ],
    ['nobody is mapped', { awsAuth: () => undefined }, 'not mapped'],
    ['the list does not parse', { awsAuth: () => ({ mapRoles: '- rolearn: {{x}}: y' }) }, 'not mapped'],
    ['the ARN is of no principal', { fetchIdentity: async () => ({ ...ROLE, Arn: 'arn:aws:s3:::x' }) }, 'is invalid'],
    [
      'the user id names no session',
      { fetchIdentity: async () => ({ ...ROLE, UserId: 'AROAEXAMPLE' }) },
      'malformed UserID',
    ],
    [
      'the role is of another account',
      { fetchIdentity: async () => ({ ...ROLE, Arn: ROLE.Arn.replace('1111', '2222'), Account: '222222223333' }) },
      'not mapped',
    ],
  ])('is refused where %s', async (_title, options, why) => {
    const { message, asked } = await refusal(token(), options);
    expect(message).toContain(why);
    expect(asked).toBe(1);
  });

  it('never throws anything but its refusal, whatever is sent', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.string().map(tokenOf),
          fc.string().map((text) => tokenOf(`${STS}/?${text}`)),
        ),
        async (bearer) => {
          expect(await authenticator().authenticate(bearer)).toBeUndefined();
        },
      ),
      { numRuns: 200 },
    );
  });
});
