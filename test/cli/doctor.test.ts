import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { VERSION } from '@gatehouse/core/access/version';
import type { Check } from '@gatehouse/core/operations/doctor/check';
import type { Operation } from '@gatehouse/core/operations/operation';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { boundaryArn, judgeBoundary } from '../../cli/src/doctor/boundary.ts';
import { judgeClock, judgeReceiver } from '../../cli/src/doctor/caller-side.ts';
import { bridgedSources, judgeRule } from '../../cli/src/doctor/event-rules.ts';
import { runCommand } from './terminal.ts';

describe('the caller`s side', () => {
  it.each<[string, Check, Check['verdict']]>([
    ['clocks that agree', judgeClock('AWS', 10_000, [10_200, 10_400]), 'ok'],
    ['a Date header without milliseconds', judgeClock('AWS', 10_000, [10_999, 11_000]), 'ok'],
    ['a clock that lags a minute', judgeClock('AWS', 70_000, [10_000, 10_100]), 'warn'],
    ['a clock that is ahead by an hour', judgeClock('AWS', 0, [3_600_000, 3_600_100]), 'fail'],
    ['a server without Date', judgeClock('AWS', undefined, [0, 1]), 'not-checked'],
    ['a receiver that refuses', judgeReceiver('okta', 'u', 401), 'ok'],
    ['a receiver without a secret', judgeReceiver('okta', 'u', 404), 'fail'],
    ['a receiver that takes everything', judgeReceiver('okta', 'u', 204), 'fail'],
    ['a receiver in trouble', judgeReceiver('okta', 'u', 503), 'fail'],
    ['nobody at the URL', judgeReceiver('okta', 'u', undefined), 'fail'],
  ])('%s', (_title, check, verdict) => {
    expect(check.verdict).toBe(verdict);
    if (verdict !== 'ok') expect(check.fix).toBeTruthy();
  });

  it.each([
    [true, 'ok'],
    [false, 'fail'],
    ['forbidden', 'not-checked'],
  ] as const)('a boundary that is %s', (found, verdict) => {
    expect(judgeBoundary(boundaryArn('111122223333', 'eu-west-1'), found)).toMatchObject({
      verdict,
      of: 'arn:aws:iam::111122223333:policy/gatehouse-system/gatehouse-boundary',
    });
  });

  const rule = { name: 'r', enabled: true, sources: ['aws.eks'], targets: 1 };
  it.each<[string, readonly (typeof rule)[], Check['verdict'], RegExp]>([
    ['is there', [rule], 'ok', /^$/],
    ['is disabled', [{ ...rule, enabled: false }], 'fail', /^aws events enable-rule --name r$/],
    ['has no target', [{ ...rule, targets: 0 }], 'fail', /deploy/],
    ['is another', [{ ...rule, sources: ['aws.iam'] }], 'fail', /deploy/],
    ['is there beside a disabled one', [{ ...rule, enabled: false }, rule], 'ok', /^$/],
  ])('a rule that %s', (_title, rules, verdict, fix) => {
    const check = judgeRule('aws.eks', 'clusters', rules);
    expect(check.verdict).toBe(verdict);
    expect(check.fix ?? '').toMatch(fix);
  });

  it('asks for Cognito`s rule only where the policy speaks of it', () => {
    expect(Object.keys(bridgedSources(['okta']))).not.toContain('aws.cognito-idp');
    expect(Object.keys(bridgedSources(['cognito']))).toContain('aws.cognito-idp');
  });
});

describe('gatehouse doctor', () => {
  let server: Server;
  let url: string;
  let inside: unknown;
  let unsigned = 401;
  beforeAll(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (request.url?.startsWith('/webhooks/')) return response.writeHead(unsigned).end();
        if (!request.url?.endsWith('/invocations')) return response.writeHead(400).end('<Error/>');
        const { cluster } = JSON.parse(Buffer.concat(chunks).toString()) as Operation & { cluster?: string };
        const checks = [
          {
            check: 'reachable',
            of: cluster,
            verdict: cluster?.endsWith('bad') ? 'fail' : 'ok',
            saw: 's',
            fix: 'mend it',
          },
        ];
        response.end(JSON.stringify(cluster ? { ok: true, outcome: { checks } } : inside));
      });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());
  beforeEach(() => {
    unsigned = 401;
    inside = {
      ok: true,
      outcome: {
        now: Date.now(),
        account: '111122223333',
        version: VERSION,
        checks: [{ check: 'policy', verdict: 'ok', saw: 'version 1' }],
        sources: ['okta', 'cognito'],
        clusters: [{ name: 'good', arn: 'good' }],
      },
    };
    for (const [name, value] of Object.entries({
      AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 's',
      AWS_REGION: 'eu-west-1',
      AWS_ENDPOINT_URL: url,
    }))
      vi.stubEnv(name, value);
  });
  afterEach(() => void vi.unstubAllEnvs());
  const doctor = async (...typed: string[]) => {
    const env = { AWS_ENDPOINT_URL: url, GATEHOUSE_WEBHOOK_URL: `${url}/webhooks` };
    const { code, out } = await runCommand(['doctor', ...typed, '-o', 'json'], { env });
    const { checks } = JSON.parse(out) as { checks: readonly Check[] };
    return { code, of: (check: string) => checks.filter((one) => one.check === check) };
  };

  it('knocks without a signature at the door of each source that signs, and asks each cluster', async () => {
    const { of } = await doctor();
    expect(of('receiver')).toMatchObject([{ of: 'okta', verdict: 'ok' }]);
    expect(of('reachable')).toMatchObject([{ of: 'good', verdict: 'ok' }]);
    expect(of('clock')).toMatchObject([
      { of: 'AWS', verdict: 'ok' },
      { of: 'Lambda', verdict: 'ok' },
    ]);
  });

  it('answers 3 where a check fails, and shows all the others', async () => {
    unsigned = 204;
    const { code, of } = await doctor('bad', 'good');
    expect(code).toBe(3);
    expect(of('receiver')).toMatchObject([{ verdict: 'fail' }]);
    expect(of('reachable')).toMatchObject([
      { of: 'bad', verdict: 'fail' },
      { of: 'good', verdict: 'ok' },
    ]);
    expect(of('policy')).toMatchObject([{ verdict: 'ok' }]);
  });

  it('warns where the function is of another version', async () => {
    (inside as { outcome: { version: string } }).outcome.version = '0.0.1';
    const { of } = await doctor();
    expect(of('function')).toMatchObject([{ verdict: 'warn', saw: expect.stringContaining('version 0.0.1') }]);
  });

  it('answers 3 where the function does not answer, and says so', async () => {
    inside = { ok: false, error: { code: 'unreachable', message: 'no table' } };
    const { code, of } = await doctor();
    expect(code).toBe(3);
    expect(of('function')).toMatchObject([{ verdict: 'fail', saw: 'no table' }]);
  });
});
