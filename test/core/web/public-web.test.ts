import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@gatehouse/core/aws/clock';
import { isPublicAddress } from '@gatehouse/core/web/public-address';
import { publicWeb } from '@gatehouse/core/web/public-web';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../../sandbox/src/kubernetes/certificates.ts';

describe('an address', () => {
  it.each(['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111'])(
    '%s is public',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    // What EC2 and ECS tell an instance about itself.
    '169.254.169.254',
    '169.254.170.2',
    '100.64.0.1',
    '0.0.0.0',
    '198.18.0.1',
    '203.0.113.7',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    '::ffff:8.8.8.8',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001:0:4136:e378::1',
    '2001:db8::1',
    'fe80::1',
    'fd00:ec2::254',
    'ff02::1',
    'localhost',
    '',
    '127.1',
    '0x7f.0.0.1',
  ])('%s is not', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

describe('the public web', () => {
  let server: Server;
  let authority: CertificateAuthority;
  let seen: string[] = [];
  beforeAll(async () => {
    authority = await CertificateAuthority.create('web', systemClock);
    server = createServer(await authority.issue('id', ['id.acme.com']), (request, response) => {
      seen.push(`${request.headers.host} ${request.url}`);
      if (request.url === '/moved') response.writeHead(302, { location: 'https://169.254.169.254/latest' }).end();
      else if (request.url === '/large') response.end('x'.repeat(300 * 1024));
      else if (request.url === '/slow') response.write('{');
      else if (request.url === '/absent') response.writeHead(404).end();
      else response.end('{"hello":1}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const web = (addresses: readonly string[] = ['8.8.8.8'], isTrusted = true) =>
    publicWeb({
      resolve: async () => addresses,
      detour: {
        host: '127.0.0.1',
        port: (server.address() as AddressInfo).port,
        ...(isTrusted ? { ca: authority.ca } : {}),
      },
      timeLimitMs: 500,
    });

  it('gives a page', async () => {
    seen = [];
    expect(await web().get('https://id.acme.com/a?b=c')).toEqual({ ok: true, body: '{"hello":1}' });
    expect(seen).toEqual(['id.acme.com /a?b=c']);
  });

  it.each<[string, string, readonly string[] | undefined, string]>([
    ['without TLS', 'http://id.acme.com/', undefined, 'not-https'],
    ['of no URL', 'id.acme.com', undefined, 'not-https'],
    ['with a name and password', 'https://a:b@id.acme.com/', undefined, 'not-https'],
    ['of a host inside', 'https://id.acme.com/', ['10.0.0.7'], 'not-public'],
    ['of a host that is inside, too', 'https://id.acme.com/', ['8.8.8.8', '127.0.0.1'], 'not-public'],
    ['of an address inside', 'https://169.254.169.254/latest/meta-data/', undefined, 'not-public'],
    ['of an address inside, of IPv6', 'https://[::1]/', undefined, 'not-public'],
    ['of an address inside, written oddly', 'https://2130706433/', undefined, 'not-public'],
    ['of a host without addresses', 'https://id.acme.com/', [], 'unreachable'],
    ['that moved', 'https://id.acme.com/moved', undefined, 'refused'],
    ['that is not there', 'https://id.acme.com/absent', undefined, 'refused'],
    ['that is too large', 'https://id.acme.com/large', undefined, 'refused'],
    ['that never ends', 'https://id.acme.com/slow', undefined, 'unreachable'],
    ['of a host that shows another name', 'https://other.acme.com/', undefined, 'unreachable'],
  ])('gives no page %s', async (_what, url, addresses, problem) => {
    expect(await web(addresses).get(url)).toMatchObject({ ok: false, problem });
  });

  it('asks nothing of an inner host', async () => {
    seen = [];
    await web(['8.8.8.8', '10.0.0.1']).get('https://id.acme.com/');
    expect(seen).toEqual([]);
  });

  it('gives no page of whom no authority vouches for', async () => {
    expect(await web(undefined, false).get('https://id.acme.com/')).toMatchObject({
      ok: false,
      problem: 'unreachable',
    });
  });

  it('gives no page of a name that nobody can look up in time', async () => {
    const slow = publicWeb({ resolve: () => new Promise(() => {}), timeLimitMs: 50 });
    expect(await slow.get('https://id.acme.com/')).toMatchObject({ ok: false, problem: 'unreachable' });
  });
});
