import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { IdentityProviderOutcome } from '@gatehouse/core/operations/identity-provider';
import type { Operation } from '@gatehouse/core/operations/operation';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCommand } from './terminal.ts';

const ARN = 'arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu';
const SUBJECT = 'identity-provider/okta';
const WANTED = {
  name: 'okta',
  clusters: { names: ['prod-eu'], labels: {} },
  issuer: 'https://acme.okta.com',
  clientId: '0oa1',
  usernameClaim: 'email',
  usernamePrefix: 'okta:',
  groupsClaim: 'groups',
  groupsPrefix: 'okta:',
  requiredClaims: { env: 'prod' },
  logs: ['audit'],
} as const;
const ASSOCIATED = {
  ...{ name: 'gatehouse-okta', issuer: 'https://acme.okta.com', clientId: '0oa1', requiredClaims: {} },
  status: 'ACTIVE',
  tags: { 'gatehouse:managed': 'true' },
} as const;

const outcome = (over: Partial<IdentityProviderOutcome> = {}): IdentityProviderOutcome => ({
  cluster: { name: 'prod-eu', arn: ARN, mode: 'enforce' },
  wanted: WANTED,
  associated: null,
  isOwn: false,
  isAsWanted: false,
  subjects: [SUBJECT],
  waiting: [],
  findings: [],
  ...over,
});
const waits = (message: string): IdentityProviderOutcome['waiting'] => [
  { subject: SUBJECT, failure: { code: 'unreachable', message, remedy: 'wait' } },
];
const FINDING = {
  code: 'issuer-not-public',
  severity: 'blocks',
  object: 'identity-provider',
  subject: SUBJECT,
  message: 'acme.okta.com leads to 10.0.0.1',
  remedy: 'give it a public address',
} as const;
const EMPTY_PLAN = {
  ...{ target: `cluster/${ARN}`, mode: 'enforce', policyVersion: { version: 1, digest: 'd' } },
  ...{ changes: [], findings: [], held: [], subjects: [] },
};
const CHANGES = {
  ...EMPTY_PLAN,
  changes: [
    {
      pass: 'add',
      change: {
        ...{ kind: 'identity-provider', object: 'identity-provider', action: 'create', before: null, after: null },
        lines: [{ sign: '+', text: 'issuer https://acme.okta.com', subject: SUBJECT }],
      },
    },
  ],
};

/** Plays Lambda: what each look sees, the last for ever; and what is planned. */
let server: Server;
let looks: IdentityProviderOutcome[] = [];
let plan: unknown = CHANGES;
/** How many plans come too late. */
let late = 0;
let asked: Operation[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const operation = JSON.parse(Buffer.concat(chunks).toString()) as Operation;
      asked.push(operation);
      if (operation.operation === 'plan' && late-- > 0) {
        response.end(
          JSON.stringify({ ok: false, error: { code: 'deadline', message: 'the time of this turn is over' } }),
        );
        return;
      }
      const seen = operation.operation === 'plan' ? plan : looks.length > 1 ? looks.shift() : looks[0];
      response.end(JSON.stringify({ ok: true, outcome: seen }));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterAll(() => void server.close());
beforeEach(() => {
  asked = [];
  plan = CHANGES;
  late = 0;
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  vi.stubEnv('AWS_REGION', 'eu-west-1');
});
afterEach(() => void vi.unstubAllEnvs());

const gatehouse = (...typed: string[]) =>
  runCommand([...typed, '--every', '0.001'], {
    env: { AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
  });
const reconciled = () => asked.filter((one) => one.operation === 'identity-provider' && one.reconcile);

describe('gatehouse associate-idp', () => {
  it('checks first, then follows until the cluster believes it, and says what is new', async () => {
    looks = [
      outcome(),
      outcome({ waiting: [{ subject: SUBJECT }] }),
      outcome({ waiting: [{ subject: SUBJECT }] }),
      outcome({ waiting: waits('EKS is associating it') }),
      outcome({ waiting: waits('EKS is associating it') }),
      outcome({ associated: ASSOCIATED, isOwn: true, isAsWanted: true }),
    ];
    const { code, out, said } = await gatehouse('associate-idp', 'prod-eu');
    expect(code).toBe(0);
    expect(asked.map(({ operation }) => operation).slice(0, 3)).toEqual([
      'identity-provider',
      'plan',
      'identity-provider',
    ]);
    expect(reconciled()).toHaveLength(1);
    expect(said).toEqual(['prod-eu: waiting for its turn', 'prod-eu: EKS is associating it']);
    expect(out).toBe(
      [
        '✓ prod-eu believes https://acme.okta.com',
        '  name    gatehouse-okta',
        '  client  0oa1',
        '  users   okta:<email>',
        '  groups  okta:<groups>',
        '  only    env=prod',
        '  logs    audit',
        '',
      ].join('\n'),
    );
  });

  it.each<[string, IdentityProviderOutcome, unknown, string]>([
    ['the policy gives it none', outcome({ wanted: null }), CHANGES, 'no-identity-provider'],
    [
      'the cluster is only observed',
      outcome({ cluster: { name: 'prod-eu', arn: ARN, mode: 'observe' } }),
      CHANGES,
      'cluster-observe',
    ],
    [
      'the cluster is paused',
      outcome({ cluster: { name: 'prod-eu', arn: ARN, mode: 'paused' } }),
      CHANGES,
      'cluster-paused',
    ],
    ['a precondition says no', outcome(), { ...EMPTY_PLAN, findings: [FINDING] }, 'issuer-not-public'],
  ])('begins nothing where %s: exit code 3, with a remedy', async (_why, seen, planned, finding) => {
    looks = [seen];
    plan = planned;
    const { code, out } = await gatehouse('associate-idp', 'prod-eu');
    expect(code).toBe(3);
    expect(out).toContain(`no ${finding}\n`);
    expect(out).toMatch(/^ {2}why {2}.+\n {2}try {2}.+/m);
    expect(reconciled()).toEqual([]);
    const { out: json } = await gatehouse('associate-idp', 'prod-eu', '-o', 'json');
    expect(JSON.parse(json)).toMatchObject({ schemaVersion: 1, result: 'no', findings: [{ code: finding }] });
  });

  it('tells why EKS could not', async () => {
    const failed = { ...FINDING, code: 'association-failed', message: 'EKS could not associate it' };
    looks = [outcome(), outcome({ waiting: waits('EKS is associating it') }), outcome({ findings: [failed] })];
    const { code, out } = await gatehouse('associate-idp', 'prod-eu');
    expect(code).toBe(3);
    expect(out).toContain('EKS could not associate it');
  });

  it('only looks with --dry-run', async () => {
    looks = [outcome()];
    const { code, out } = await gatehouse('associate-idp', 'prod-eu', '--dry-run');
    expect(code).toBe(0);
    expect(out).toContain('Plan: 1 to make, 0 to change, 0 to remove on 1 cluster.');
    plan = { ...EMPTY_PLAN, findings: [FINDING] };
    expect((await gatehouse('associate-idp', 'prod-eu', '--dry-run')).code).toBe(3);
    expect(reconciled()).toEqual([]);
  });

  it.each([
    [2, 0],
    [3, 1],
  ])('asks again for a plan whose time was over: after %d of them, exit code %d', async (count, expected) => {
    looks = [outcome()];
    late = count;
    expect((await gatehouse('associate-idp', 'prod-eu', '--dry-run')).code).toBe(expected);
  });

  it('has nothing to do where it stands', async () => {
    looks = [outcome({ associated: ASSOCIATED, isOwn: true, isAsWanted: true })];
    const { code, out } = await gatehouse('associate-idp', 'prod-eu', '-o', 'json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ result: 'associated', associated: { status: 'ACTIVE' } });
    expect(asked).toHaveLength(1);
  });

  it('gives up following, not what was begun', async () => {
    looks = [outcome(), outcome({ waiting: waits('EKS is associating it') })];
    const { code, err } = await gatehouse('associate-idp', 'prod-eu', '--timeout', '0.006');
    expect(code).toBe(1);
    expect(err).toContain('[deadline]');
    expect(err).toContain('it goes on by itself');
  });
});

describe.each([['disassociate-idp'], ['associate-idp', '--disassociate']])('gatehouse %s %s', (...verb) => {
  const call = (...more: string[]) => gatehouse(verb[0]!, 'prod-eu', ...verb.slice(1), ...more);

  it('follows until it is gone', async () => {
    const own = { wanted: null, associated: ASSOCIATED, isOwn: true };
    looks = [
      outcome(own),
      outcome({ ...own, waiting: waits('EKS is disassociating it') }),
      outcome({ ...own, waiting: waits('EKS is disassociating it') }),
      outcome({ wanted: null, subjects: [] }),
    ];
    const { code, out, said } = await call();
    expect({ code, out }).toEqual({ code: 0, out: "✓ prod-eu has no identity provider of Gatehouse's\n" });
    expect(said).toEqual(['prod-eu: EKS is disassociating it']);
    expect(reconciled()).toHaveLength(1);
  });

  it.each<[string, Partial<IdentityProviderOutcome>, string]>([
    ['the policy still gives it', {}, 'still-wanted'],
    ['it is somebody else’s', { wanted: null, associated: ASSOCIATED, subjects: [] }, 'identity-provider-taken'],
    ['nobody knows of it', { wanted: null, associated: ASSOCIATED, isOwn: true, subjects: [] }, 'not-recorded'],
    [
      'the cluster is only observed',
      { wanted: null, cluster: { name: 'prod-eu', arn: ARN, mode: 'observe' } },
      'cluster-observe',
    ],
  ])('begins nothing where %s: exit code 3', async (_why, over, finding) => {
    looks = [outcome(over)];
    const { code, out } = await call();
    expect(code).toBe(3);
    expect(out).toContain(`no ${finding}\n`);
    expect(reconciled()).toEqual([]);
  });

  it('has nothing to do where there is none', async () => {
    looks = [outcome({ wanted: null, subjects: [] })];
    expect((await call()).code).toBe(0);
    expect(asked).toHaveLength(1);
  });
});
