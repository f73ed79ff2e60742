import { createHash, createHmac } from 'node:crypto';
import { STSClient } from '@aws-sdk/client-sts';
import { clusterToken } from '@gatehouse/core/aws/cluster-token';
import { stsEndpoint } from '@gatehouse/core/aws/sts-endpoint';
import { afterEach, describe, expect, it, vi } from 'vitest';

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI', sessionToken: 'a+b/c==' };
const now = Date.UTC(2026, 0, 15, 12, 34, 56);

const token = (options: Partial<Parameters<typeof clusterToken>[0]> = {}) =>
  clusterToken({
    cluster: 'prod-eu',
    region: 'eu-west-1',
    endpoint: 'https://sts.eu-west-1.amazonaws.com',
    credentials,
    now,
    ...options,
  });
const urlIn = (text: string) => new URL(Buffer.from(text.slice('k8s-aws-v1.'.length), 'base64url').toString());

/** Signature Version 4 of a presigned GET, written from its specification, and not with the SDK. */
function signatureOf(url: URL, cluster: string, secret: string): string {
  const [, date, region, service] = url.searchParams.get('X-Amz-Credential')!.split('/');
  const query = [...url.searchParams]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .sort()
    .join('&');
  const sha = (text: string) => createHash('sha256').update(text).digest('hex');
  const headers = `host:${url.host}\nx-k8s-aws-id:${cluster}\n`;
  const request = ['GET', '/', query, headers, 'host;x-k8s-aws-id', sha('')].join('\n');
  const scope = `${date}/${region}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', url.searchParams.get('X-Amz-Date'), scope, sha(request)].join('\n');
  const hmac = (key: string | Buffer, message: string) => createHmac('sha256', key).update(message).digest();
  const key = [date!, region!, service!, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secret}`);
  return hmac(key, text).toString('hex');
}

describe('clusterToken', () => {
  it('is the presigned URL of GetCallerIdentity, valid for 60 seconds, with the signed name of the cluster', async () => {
    const text = await token();
    expect(text).toMatch(/^k8s-aws-v1\.[\w-]+$/);
    const url = urlIn(text);
    expect(url.origin + url.pathname).toBe('https://sts.eu-west-1.amazonaws.com/');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      Action: 'GetCallerIdentity',
      Version: '2011-06-15',
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Credential': 'AKIDEXAMPLE/20260115/eu-west-1/sts/aws4_request',
      'X-Amz-Date': '20260115T123456Z',
      'X-Amz-Expires': '60',
      'X-Amz-Security-Token': 'a+b/c==',
      'X-Amz-Signature': expect.stringMatching(/^[0-9a-f]{64}$/),
      'X-Amz-SignedHeaders': 'host;x-k8s-aws-id',
    });
  });

  it.each(['https://sts.eu-west-1.amazonaws.com', 'http://127.0.0.1:4566', 'https://localhost:8443/'])(
    'is signed as the specification says, for %s',
    async (endpoint) => {
      const url = urlIn(await token({ endpoint }));
      expect(url.searchParams.get('X-Amz-Signature')).toBe(signatureOf(url, 'prod-eu', credentials.secretAccessKey));
      expect(url.searchParams.get('X-Amz-Signature')).not.toBe(
        signatureOf(url, 'prod-us', credentials.secretAccessKey),
      );
    },
  );

  it('leaves out the session token of credentials that have none', async () => {
    const { accessKeyId, secretAccessKey } = credentials;
    const url = urlIn(await token({ credentials: { accessKeyId, secretAccessKey } }));
    expect(url.searchParams.has('X-Amz-Security-Token')).toBe(false);
    expect(url.searchParams.get('X-Amz-Signature')).toBe(signatureOf(url, 'prod-eu', secretAccessKey));
  });

  it('is the same for the same input, and another one for any other', async () => {
    const first = await token();
    expect(await token()).toBe(first);
    for (const other of [{ cluster: 'prod-us' }, { region: 'eu-west-2' }, { now: now + 1000 }]) {
      expect(await token(other)).not.toBe(first);
    }
  });
});

describe('stsEndpoint', () => {
  afterEach(() => vi.unstubAllEnvs());
  const endpointOf = (region: string, more: object = {}) =>
    stsEndpoint(new STSClient({ region, credentials, ...more }));

  it.each([
    ['eu-west-1', 'https://sts.eu-west-1.amazonaws.com'],
    ['us-east-1', 'https://sts.us-east-1.amazonaws.com'],
    ['cn-north-1', 'https://sts.cn-north-1.amazonaws.com.cn'],
    ['us-gov-west-1', 'https://sts.us-gov-west-1.amazonaws.com'],
  ])('is regional: %s', async (region, endpoint) => {
    expect(await endpointOf(region)).toBe(endpoint);
  });

  it("is AWS's own, whatever the client calls and the environment says: clusters take no other", async () => {
    const own = 'https://sts.eu-west-1.amazonaws.com';
    expect(await endpointOf('eu-west-1', { endpoint: 'http://127.0.0.1:99' })).toBe(own);
    vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:4566');
    vi.stubEnv('AWS_ENDPOINT_URL_STS', 'http://127.0.0.1:4567');
    expect(await endpointOf('eu-west-1')).toBe(own);
  });
});
