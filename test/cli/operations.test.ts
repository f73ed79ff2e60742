import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventEntry } from '@gatehouse/core/directory/event-log';
import { appendEntry, type LedgerEntry, readChain } from '@gatehouse/core/ledger/ledger';
import type { Events } from '@gatehouse/core/operations/events';
import type { Operation } from '@gatehouse/core/operations/operation';
import { webhookSources } from '@gatehouse/core/sources/sources';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { type AskedSpan, followEvents } from '../../cli/src/events/follow-events.ts';
import { STANDARD_SECRET, webhookRequest } from '../builders/webhook-events.ts';
import { fixedClock } from '../fakes/clock.ts';
import { memoryTable } from '../fakes/table.ts';
import { runCommand } from './terminal.ts';

const PROD = 'arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu';
const FINDING = {
  target: `cluster/${PROD}`,
  since: 0,
  code: 'foreign-entry',
  severity: 'blocks',
  object: 'kube-system/aws-auth',
  subject: 'user/okta/00u1',
  message: 'somebody else mapped it',
  remedy: 'take it out',
};
const STATUS = {
  policy: { version: 3, digest: '0123456789abcdef', partial: false },
  clusters: [
    { name: 'prod-eu', arn: PROD, mode: 'enforce' },
    { name: 'twin', arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/twin', mode: 'observe' },
    { name: 'twin', arn: 'arn:aws:eks:us-east-1:111122223333:cluster/twin', mode: 'observe' },
  ],
  waiting: [],
  findings: [FINDING],
};
const CHANGE = {
  kind: 'role-binding',
  object: 'RoleBinding/pay/gatehouse:ops:role:0',
  action: 'create',
  lines: [{ sign: '+', text: 'gatehouse:ops:mia', subject: 'user/standard/mia' }],
};

/** Plays Lambda: keeps what was asked, answers what a test gave. */
let server: Server;
let asked: { path: string; authorization: string; operation: Operation }[] = [];
let answer: (operation: Operation) => unknown;
let status = 200;
/** Whether the function itself fails. */
let fails = false;

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const operation = JSON.parse(Buffer.concat(chunks).toString()) as Operation;
      asked.push({ path: request.url ?? '', authorization: request.headers.authorization ?? '', operation });
      const failed = fails ? { 'x-amz-function-error': 'Unhandled' } : {};
      response.writeHead(status, { 'x-amzn-errortype': 'ResourceNotFoundException', ...failed });
      response.end(JSON.stringify(status === 200 ? answer(operation) : { message: 'Function not found' }));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterAll(() => void server.close());
beforeEach(() => {
  asked = [];
  status = 200;
  fails = false;
  answer = ({ operation }) => ({ ok: true, outcome: operation === 'status' ? STATUS : {} });
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'a-secret-that-is-never-shown');
  vi.stubEnv('AWS_REGION', 'eu-west-1');
});
afterEach(() => void vi.unstubAllEnvs());

const gatehouse = (...typed: string[]) =>
  runCommand(typed, { env: { AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } });
const outcome = (of: Operation['operation'], value: unknown) => {
  answer = ({ operation }) => ({ ok: true, outcome: operation === of ? value : STATUS });
};

describe('the way to run-operation', () => {
  it('is one signed request', async () => {
    expect((await gatehouse('status')).code).toBe(0);
    expect(asked).toEqual([
      {
        path: '/2015-03-31/functions/gatehouse-run-operation/invocations',
        authorization: expect.stringMatching(
          /^AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE\/\d{8}\/eu-west-1\/lambda\/aws4_request/,
        ),
        operation: { operation: 'status' },
      },
    ]);
  });

  it('brings back what Gatehouse refuses, with code and remedy', async () => {
    answer = () => ({ ok: false, error: { code: 'not-found', message: 'no such version', remedy: 'list them' } });
    const { code, out, err } = await gatehouse('activate-policy', '9', '--yes', '--by', 'me');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toBe('error [not-found] no such version\n  try   list them\n');
  });

  it('writes an error for people where a verb writes YAML without being asked', async () => {
    answer = () => ({ ok: false, error: { code: 'not-found', message: 'no such cluster' } });
    expect((await gatehouse('bootstrap', 'nope')).err).toBe('error [not-found] no such cluster\n');
    expect((await gatehouse('bootstrap', 'nope', '-o', 'yaml')).err).toContain('error:\n  code: not-found\n');
  });

  it('breaks the lines of an error where the terminal ends', async () => {
    const message = `the first words of a sentence ${'that goes on '.repeat(8)}and ends`;
    answer = () => ({ ok: false, error: { code: 'not-found', message } });
    const env = { AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    const { err } = await runCommand(['status'], { env, width: 80 });
    const lines = err.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.every((line) => line.length <= 80)).toBe(true);
    expect(lines.map((line) => line.trim()).join(' ')).toBe(`error [not-found] ${message}`);
  });

  it('says what to do where there is no Gatehouse', async () => {
    status = 404;
    const { code, err } = await gatehouse('status');
    expect(code).toBe(1);
    expect(err).toContain('[not-found]');
    expect(err).toContain('check --profile and --region');
  });

  it('names the log where a function fails: it is one group for all', async () => {
    fails = true;
    answer = () => ({ errorMessage: 'Runtime exited' });
    const { code, err } = await gatehouse('status');
    expect(code).toBe(1);
    expect(err).toContain('gatehouse-run-operation failed: Runtime exited');
    expect(err).not.toContain('/aws/lambda');
    const template = readFileSync(new URL('../../template.yaml', import.meta.url), 'utf8');
    const [, name] = / ([A-Za-z]+):\n {4}Description: The log group of all functions/.exec(template)!;
    expect(err).toContain(`the output ${name} of the stack`);
  });

  it('says what to do where nothing answers', async () => {
    const { code, err } = await runCommand(['status', '-o', 'json'], {
      env: { AWS_ENDPOINT_URL: 'http://127.0.0.1:9' },
    });
    expect(code).toBe(1);
    expect(JSON.parse(err)).toMatchObject({
      error: { code: 'unreachable', remedy: expect.stringContaining('start the sandbox') },
    });
  });

  it('shows the secret key nowhere', async () => {
    for (const typed of [['status'], ['plan', 'prod-eu'], ['nonsense']]) {
      const { out, err } = await gatehouse(...typed);
      expect(out + err).not.toContain('a-secret-that-is-never-shown');
    }
  });
});

describe('gatehouse status', () => {
  it('shows policy, clusters, what waits and what must be mended', async () => {
    const { out } = await gatehouse('status');
    expect(out).toContain('policy    version 3, 0123456789ab\n');
    expect(out).toContain('clusters  prod-eu (enforce), twin (observe), twin (observe)\n');
    expect(out).toContain('waiting   nothing\n');
    expect(out).toMatch(/^foreign-entry {2}prod-eu \(eu-west-1\) {2}user\/okta\/00u1 {2}for /m);
    expect(out).toContain('  try  take it out\n');
  });

  it('says why what waits has failed, each reason once a cluster', async () => {
    const failure = { code: 'unreachable', message: 'the API server did not answer', remedy: 'check the endpoint' };
    const mark = { target: `cluster/${PROD}`, urgency: 'grant', since: 0, attempts: 2, notBefore: 0 };
    const waiting = [
      { ...mark, subject: 'user/okta/00u1', failure },
      { ...mark, subject: 'user/okta/00u2', failure },
      { ...mark, subject: 'user/okta/00u3' },
    ];
    outcome('status', { ...STATUS, findings: [], waiting });
    const { out } = await gatehouse('status');
    expect(out).toMatch(
      /\nunreachable {2}prod-eu \(eu-west-1\), 2 marks {2}is tried again\n {2}why {2}the API server did not answer\n {2}try {2}check the endpoint\n$/,
    );
  });

  it('does not count as waiting what is written and only to be seen', async () => {
    const at = Date.UTC(2100, 0, 2, 3, 4, 5);
    const look = { subject: 'user/okta/00u1', urgency: 'grant', since: 0, attempts: 0, notBefore: 0 };
    const failure = { code: 'unreachable', message: 'no answer' };
    const waiting = [
      { ...look, target: 'iam/111122223333/role/ops', confirming: true, notBefore: at },
      { ...look, target: `verify/${PROD}` },
      { ...look, target: `verify/${PROD}`, subject: 'user/okta/00u2', failure },
    ];
    outcome('status', { ...STATUS, findings: [], waiting });
    const { out } = await gatehouse('status');
    expect(out).toContain('waiting   1 mark\n');
    expect(out).toContain(
      'to see    2 second looks, the last at 2100-01-02T03:04:05Z: all is written, and is only to be seen\n',
    );
    expect(out).not.toContain('role ops');
    expect((await gatehouse('status', '-o', 'wide')).out).toMatch(/^Second look\n.*\n {2}role ops /m);
    const kinds = (await gatehouse('status', '-o', 'csv')).out.match(/^[a-z-]+/gm);
    expect(kinds).toEqual(['kind', 'second-look', 'second-look', 'mark']);
    outcome('status', { ...STATUS, findings: [], waiting: waiting.slice(0, 2) });
    expect((await gatehouse('status')).out).toContain('waiting   nothing\n');
  });

  it('tells why the last upload is refused, also where no line of it could be read', async () => {
    const wrong = { line: 3, column: 7, field: 'grants', message: 'is no list', remedy: 'write one' };
    const refused = { at: 0, errors: [wrong, { message: 's3://policies/access-policy.yaml is over 1 MiB' }] };
    outcome('status', { ...STATUS, findings: [], refused });
    const { code, out } = await gatehouse('status');
    expect(code).toBe(0);
    expect(out).toContain('  3:7 is no list; write one\n  s3://policies/access-policy.yaml is over 1 MiB\n');
    const rows = (await gatehouse('status', '-o', 'csv')).out.trimEnd().split('\n');
    expect(rows.slice(1)).toEqual([
      'policy-error,3:7,,,,,,,is no list,write one',
      'policy-error,,,,,,,,s3://policies/access-policy.yaml is over 1 MiB,',
    ]);
  });

  it('is wide with the whole digest, the ARNs and the time of each finding', async () => {
    const { out } = await gatehouse('status', '-o', 'wide');
    expect(out).toContain('policy    version 3, 0123456789abcdef\n');
    expect(out).toContain(`  prod-eu  enforce  ${PROD}\n`);
    expect(out).toContain(`  since 1970-01-01T00:00:00Z, cluster/${PROD}\n`);
  });

  it('is marks and findings in CSV, told apart by their kind', async () => {
    const failure = { code: 'unreachable', message: 'no answer', remedy: 'check it' };
    const mark = { target: `cluster/${PROD}`, subject: 'user/okta/00u1', urgency: 'grant', since: 60_000 };
    outcome('status', { ...STATUS, waiting: [{ ...mark, attempts: 2, notBefore: 120_000, failure }] });
    expect((await gatehouse('status', '-o', 'csv')).out).toBe(
      [
        'kind,target,subject,code,since,urgency,tries,next,message,remedy',
        `mark,cluster/${PROD},user/okta/00u1,unreachable,1970-01-01T00:01:00Z,grant,2,1970-01-01T00:02:00Z,no answer,check it`,
        `finding,cluster/${PROD},user/okta/00u1,foreign-entry,,,,,somebody else mapped it,take it out`,
        '',
      ].join('\n'),
    );
  });

  it('is one line of versioned JSON in a pipe', async () => {
    const { out } = await gatehouse('status', '-o', 'json');
    expect(out.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(out)).toEqual({ schemaVersion: 1, ...STATUS });
  });
});

/** What the operation `plan` answers for a target. */
const planned = (target: string, over: object = {}) => ({
  ...{ target, mode: 'enforce', changes: [], findings: [], held: [], subjects: [] },
  policyVersion: { version: 3, digest: '0123456789abcdef' },
  ...over,
});
const CAUSE = { source: 'okta', type: 'group.user_membership.add', event: 'evt-7', receivedAt: Date.UTC(2026, 0, 2) };
const change = (over: object = {}) => ({
  pass: 'add',
  change: { ...CHANGE, lines: [{ ...CHANGE.lines[0], grants: ['ops'], ...over }] },
});
const MIA = { subject: 'user/standard/mia', name: 'mia@example.com', cause: CAUSE };
const WITH_MIA = { changes: [change()], subjects: [MIA], findings: [FINDING] };
const IAM = 'iam/111122223333/role/gatehouse-ops';

describe('gatehouse plan', () => {
  it.each([
    { text: 'prod-eu', target: `cluster/${PROD}` },
    { text: PROD, target: `cluster/${PROD}` },
    { text: `cluster/${PROD}`, target: `cluster/${PROD}` },
    { text: 'iam/111122223333/role/x', target: 'iam/111122223333/role/x' },
  ])('takes $text for $target', async ({ text, target }) => {
    outcome('plan', planned(target));
    const { code, out } = await gatehouse('plan', text, '--detailed-exitcode');
    expect({ code, out }).toEqual({ code: 0, out: 'Nothing to do. It is as the policy says.\n' });
    expect(asked.at(-1)?.operation).toEqual({ operation: 'plan', target });
  });

  it('shows each line with whom, grant and event, who gets more, what stands in the way, and a summary', async () => {
    outcome('plan', planned(`cluster/${PROD}`, WITH_MIA));
    const { code, out } = await gatehouse('plan', 'prod-eu');
    expect(code).toBe(0);
    expect(out).toBe(`prod-eu (eu-west-1)

  + role-binding RoleBinding/pay/gatehouse:ops:role:0
      + gatehouse:ops:mia
          mia@example.com, by ops, because of okta group.user_membership.add

  blocked foreign-entry kube-system/aws-auth
      why  somebody else mapped it
      try  take it out

Widens  whom, by which grant, where:
  +  mia@example.com  ops  prod-eu (eu-west-1)

Plan: 1 to make, 0 to change, 0 to remove on 1 cluster; 1 blocked.
`);
  });

  it('with -o wide shows ids and times', async () => {
    outcome('plan', planned(`cluster/${PROD}`, WITH_MIA));
    const { out } = await gatehouse('plan', 'prod-eu', '-o', 'wide');
    expect(out).toContain(
      'mia@example.com (user/standard/mia), by ops, because of okta group.user_membership.add evt-7 at 2026-01-02T00:00:00Z\n',
    );
  });

  it('sets apart what was changed outside of Gatehouse', async () => {
    outcome('plan', planned(`cluster/${PROD}`, { changes: [change({ drifted: true })], subjects: [MIA] }));
    const { out } = await gatehouse('plan', 'prod-eu');
    expect(out).toMatch(/^Changed outside of Gatehouse/);
    expect(out).toContain('          mia@example.com, by ops\n');
    expect(out).toMatch(/Plan: 1 to make, 0 to change, 0 to remove on 1 cluster; 1 drifted\.\n$/);
  });

  it('without a target plans all of them; one that cannot be planned keeps no other from it', async () => {
    answer = (operation) => {
      if (operation.operation === 'plan-targets')
        return {
          ok: true,
          outcome: { policyVersion: { version: 3, digest: 'd' }, targets: [IAM, `cluster/${PROD}`], clusters: [] },
        };
      return operation.operation === 'plan' && operation.target === IAM
        ? { ok: false, error: { code: 'forbidden', message: 'no way into the account', remedy: 'ask for one' } }
        : { ok: true, outcome: planned(`cluster/${PROD}`, { ...WITH_MIA, mode: 'observe' }) };
    };
    const { code, out } = await gatehouse('plan', '--detailed-exitcode');
    expect(code).toBe(1);
    expect(out).toContain('prod-eu (eu-west-1)  observe: nothing of this is done\n');
    expect(out).toContain('unknown role gatehouse-ops (111122223333) forbidden\n  why  no way into the account\n');
    expect(out).toContain('1 blocked; 1 only observed; 1 target unknown.\n');
    const rows = (await gatehouse('plan', '-o', 'csv')).out.trimEnd().split('\n');
    expect(rows.slice(2)).toEqual([
      `cluster/${PROD},observe,blocks,,kube-system/aws-auth,,somebody else mapped it,user/okta/00u1,,,,,,foreign-entry,take it out`,
      `${IAM},,unknown,,,,no way into the account,,,,,,,forbidden,ask for one`,
    ]);
    expect(JSON.parse((await gatehouse('plan', '-o', 'json')).out)).toMatchObject({
      schemaVersion: 1,
      plans: [{ target: `cluster/${PROD}` }],
      unplanned: [{ target: IAM, code: 'forbidden' }],
      summary: { create: 1, observed: 1, unplanned: 1 },
    });
  });

  it('exits with 2 where changes are pending and that was asked', async () => {
    outcome('plan', planned(`cluster/${PROD}`, WITH_MIA));
    expect((await gatehouse('plan', 'prod-eu', '--detailed-exitcode')).code).toBe(2);
  });

  it.each([
    { text: 'nope', says: 'names no cluster "nope"', remedy: 'it names prod-eu, twin, twin' },
    {
      text: 'twin',
      says: '"twin" is the name of 2 clusters',
      remedy: 'arn:aws:eks:us-east-1:111122223333:cluster/twin',
    },
    { text: 'foo/bar', says: '"foo/bar" is not a target', remedy: 'cluster/<arn>' },
    { text: 'arn:aws:iam::111122223333:role/x', says: 'is not the ARN of an EKS cluster', remedy: '' },
  ])('refuses $text', async ({ text, says, remedy }) => {
    const { code, err } = await gatehouse('plan', text);
    expect(code).toBe(1);
    expect(err).toContain(says);
    expect(err).toContain(remedy);
  });
});

describe('gatehouse apply', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-plan-'));
  const file = join(folder, 'prod.plan.json');
  afterAll(() => rmSync(folder, { recursive: true }));
  /** Plays a Gatehouse whose plan is empty once it was told to reconcile, unless something is `stuck`. */
  const play = (over: object, stuck = false) => {
    let done = false;
    answer = (operation) => {
      if (operation.operation === 'reconcile') done = !stuck;
      const findings = stuck ? [{ ...FINDING, subject: 'user/standard/mia' }] : [];
      const outcomes: Record<string, unknown> = {
        plan: planned(`cluster/${PROD}`, done ? {} : over),
        reconcile: { marked: 1 },
        status: { ...STATUS, waiting: [], findings },
      };
      return { ok: true, outcome: outcomes[operation.operation] };
    };
  };
  const reconciled = () => asked.map(({ operation }) => operation).filter((one) => one.operation === 'reconcile');
  const MINE = { changes: [change()], subjects: [MIA] };
  const TAKEN = { changes: [change({ sign: '-' })], subjects: [MIA] };
  const FOR_MIA = { operation: 'reconcile', target: `cluster/${PROD}`, subjects: ['user/standard/mia'] };

  it('widens nothing where nobody can agree', async () => {
    play(MINE);
    const { code, err } = await gatehouse('apply', 'prod-eu');
    expect(code).toBe(1);
    expect(err).toContain('[forbidden] it widens, and nobody is there to agree, so nothing was applied');
    expect(reconciled()).toEqual([]);
  });

  it.each([
    { typed: 'yes', code: 0 },
    { typed: 'y', code: 1 },
    { typed: '', code: 1 },
  ])('where "$typed" is typed, ends with $code', async ({ typed, code }) => {
    play(MINE);
    const env = { AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    const ran = await runCommand(['apply', 'prod-eu'], { env, ask: async () => typed });
    expect(ran.code).toBe(code);
    expect(reconciled()).toEqual(code === 0 ? [FOR_MIA] : []);
  });

  it('applies nothing that became something else while somebody was asked', async () => {
    play(MINE);
    const env = { AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    const later = {
      ...MINE,
      changes: [change(), change({ text: 'gatehouse:ops:noor', subject: 'user/standard/noor' })],
    };
    const ask = async () => {
      play(later);
      return 'yes';
    };
    const { code, err } = await runCommand(['apply', 'prod-eu'], { env, ask });
    expect(code).toBe(1);
    expect(err).toContain('what would be done is not what was shown any more');
    expect(err).toContain('+ gatehouse:ops:noor (user/standard/noor)');
    expect(reconciled()).toEqual([]);
  });

  it('takes away without being asked, and tells what came of it', async () => {
    play(TAKEN);
    const { code, out } = await gatehouse('apply', 'prod-eu');
    expect(code).toBe(0);
    expect(out).toMatch(/\ndone {2}1 line applied \(\d+\.\d s\)\n$/);
    expect(reconciled()).toEqual([FOR_MIA]);
  });

  it('with --dry-run does nothing, and says whether it would ask', async () => {
    play(MINE);
    const { code, err } = await gatehouse('apply', 'prod-eu', '--dry-run');
    expect({ code, err }).toEqual({
      code: 0,
      err: 'dry run: nothing was applied; it would ask first, because something widens\n',
    });
    expect(reconciled()).toEqual([]);
  });

  it('applies nothing on a cluster that is only observed, and says so', async () => {
    play({ ...MINE, mode: 'observe' });
    const { code, err } = await gatehouse('apply', 'prod-eu', '--yes');
    expect(code).toBe(0);
    expect(err).toContain('prod-eu (eu-west-1) is in mode observe, so nothing is applied there');
    expect(reconciled()).toEqual([]);
  });

  it('fails where something stands in the way, with the finding', async () => {
    play(MINE, true);
    const { code, out } = await gatehouse('apply', 'prod-eu', '--yes', '--timeout', '1');
    expect(code).toBe(1);
    expect(out).toContain('foreign-entry  prod-eu (eu-west-1)\n  why  somebody else mapped it\n  try  take it out\n');
    expect(out).toContain('not done  0 lines applied, 1 left');
  });

  const NOTICE = { ...FINDING, severity: 'notice' };
  it.each([
    { what: 'a finding that stood there before', over: { findings: [FINDING] }, code: 1 },
    { what: 'a notice', over: { findings: [NOTICE] }, code: 0 },
    { what: 'a finding where it is only observed', over: { findings: [FINDING], mode: 'observe' }, code: 0 },
  ])('where nothing is to be done, with $what, ends with $code', async ({ over, code }) => {
    play(over);
    const ran = await gatehouse('apply', 'prod-eu');
    expect(ran.code).toBe(code);
    const last = ran.out.trimEnd().split('\n').at(-1);
    expect(last).toMatch(code === 1 ? /^not done {2}0 lines applied, 1 finding in the way \(/ : /^Nothing to do\./);
    expect(ran.out.match(/somebody else mapped it/g)).toHaveLength(1);
    expect(JSON.parse((await gatehouse('apply', 'prod-eu', '-o', 'json')).out)).toMatchObject({
      findings: code === 1 ? [{ target: `cluster/${PROD}`, code: 'foreign-entry' }] : [],
    });
  });

  it('does what it can where a finding stands in the way of somebody else, and does not say that all is well', async () => {
    play({ ...TAKEN, findings: [FINDING] });
    const before = answer;
    answer = (operation) => {
      const played = before(operation) as { outcome: object };
      return operation.operation === 'plan'
        ? { ok: true, outcome: { ...played.outcome, findings: [FINDING] } }
        : played;
    };
    const { code, out } = await gatehouse('apply', 'prod-eu');
    expect(code).toBe(1);
    expect(out).toMatch(/\nnot done {2}1 line applied, 1 finding in the way \(/);
  });

  it('applies a saved plan unprompted, as long as it is true', async () => {
    play(MINE);
    expect((await gatehouse('plan', 'prod-eu', '--out', file)).code).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { code } = await gatehouse('apply', file);
    expect(code).toBe(0);
    expect(reconciled()).toEqual([FOR_MIA]);
    const again = await gatehouse('apply', file);
    expect(again).toMatchObject({ code: 0, out: 'done  nothing of the plan is left to do\n' });
  });

  it('saves a plan over another one and over an empty file, but over nothing else', async () => {
    play(MINE);
    const there = join(folder, 'there.yaml');
    writeFileSync(there, '');
    for (let time = 0; time < 2; time++) expect((await gatehouse('plan', 'prod-eu', '--out', there)).code).toBe(0);
    for (const text of ['apiVersion: gatehouse/v1\n', '{"kind":"something"}', 'null']) {
      writeFileSync(there, text);
      const { code, err } = await gatehouse('plan', 'prod-eu', '--out', there);
      expect(code).toBe(1);
      expect(err).toContain('[already-exists]');
      expect(readFileSync(there, 'utf8')).toBe(text);
    }
  });

  it('names a saved plan so that "apply" takes it for a file', async () => {
    play(MINE);
    const bare = `bare-${process.pid}`;
    try {
      const { err } = await gatehouse('plan', 'prod-eu', '--out', bare);
      expect(err).toContain(`apply ./${bare}\n`);
    } finally {
      rmSync(bare, { force: true });
    }
  });

  it('refuses a saved plan of which nothing is left because something stands in the way now', async () => {
    play(MINE);
    await gatehouse('plan', 'prod-eu', '--out', file);
    play({ findings: [FINDING] });
    const { code, out, err } = await gatehouse('apply', file);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('blocked: foreign-entry');
  });

  it('refuses a saved plan that is stale, and shows the difference', async () => {
    play(MINE);
    await gatehouse('plan', 'prod-eu', '--out', file);
    play({ ...MINE, changes: [change(), change({ text: 'gatehouse:ops:noor', subject: 'user/standard/noor' })] });
    const { code, err } = await gatehouse('apply', file, '--yes');
    expect(code).toBe(1);
    expect(err).toContain('  +  prod-eu (eu-west-1)  + gatehouse:ops:noor (user/standard/noor)\n');
    expect(err).toContain('[conflict]');
    expect(reconciled()).toEqual([]);
  });

  describe('a document', () => {
    const policy = join(folder, 'policy.yaml');
    const WIDER = [{ about: 'grant/ops', text: 'the grant is new' }];
    const playPolicy = (widens: readonly object[], unseen: readonly object[] = []) => {
      writeFileSync(policy, 'a document');
      let inForce = false;
      answer = (operation) => {
        if (operation.operation === 'activate-policy') inForce = true;
        const outcomes: Record<string, unknown> = {
          'plan-targets': {
            ...{ policyVersion: null, targets: [`cluster/${PROD}`], clusters: [] },
            proposed: { digest: 'd', widens, narrows: [] },
          },
          plan: planned(`cluster/${PROD}`, inForce ? {} : MINE),
          'upload-policy': { version: 4, digest: 'd', state: 'proposed', widens: [...widens, ...unseen], narrows: [] },
          'activate-policy': { version: 4, digest: 'd', state: 'active' },
          status: { ...STATUS, waiting: [], findings: [] },
        };
        return { ok: true, outcome: outcomes[operation.operation] };
      };
    };
    const operations = () => asked.map(({ operation }) => operation.operation);
    const applied = (...typed: string[]) => gatehouse('apply', '--policy', policy, ...typed);

    it('is not uploaded where nobody agrees', async () => {
      playPolicy(WIDER);
      expect((await applied()).code).toBe(1);
      expect(operations()).toEqual(['plan-targets', 'plan']);
    });

    const NOOR = 'user/standard/noor';
    const DRIFTED = { changes: [change({ sign: '-', subject: NOOR, drifted: true })] };
    it.each([
      { state: 'unchanged', says: 'is in force already', over: DRIFTED, subjects: [[NOOR]] },
      { state: 'unchanged', says: 'is in force already', over: TAKEN, subjects: [['user/standard/mia']] },
      { state: 'active', says: 'is in force\n', over: TAKEN, subjects: [] },
      {
        state: 'active',
        says: 'is in force\n',
        over: { changes: [...TAKEN.changes, ...DRIFTED.changes] },
        subjects: [[NOOR]],
      },
    ])('that is $state has looked at what it does not plan by itself: $subjects', async (one) => {
      writeFileSync(policy, 'a document');
      let looked = false;
      answer = (operation) => {
        const { operation: name } = operation;
        if (name === (one.subjects.length > 0 ? 'reconcile' : 'upload-policy')) looked = true;
        const outcomes: Record<string, unknown> = {
          'plan-targets': { targets: [`cluster/${PROD}`], proposed: { digest: 'd', widens: [], narrows: [] } },
          'upload-policy': { version: 4, digest: 'd', state: one.state, widens: [], narrows: [] },
          plan: planned(`cluster/${PROD}`, looked ? {} : one.over),
          reconcile: { marked: 1 },
          status: { ...STATUS, waiting: [], findings: [] },
        };
        return { ok: true, outcome: outcomes[name] };
      };
      const { code, out } = await applied('--by', 'me');
      expect(code).toBe(0);
      expect(out).toContain(`done  policy version 4 ${one.says}`);
      expect(reconciled().map(({ subjects }) => subjects)).toEqual(one.subjects);
    });

    it('takes no targets: it is put in force as a whole', async () => {
      playPolicy(WIDER);
      const { code, err } = await applied('prod-eu', '--yes');
      expect(code).toBe(1);
      expect(err).toContain('a document is put in force as a whole');
      expect(asked).toEqual([]);
    });

    it('is uploaded, activated and followed', async () => {
      playPolicy(WIDER);
      const { code, out } = await applied('--yes', '--by', 'me');
      expect(out).toMatch(/done {2}policy version 4 is in force\n\ndone {2}1 line applied/);
      expect(code).toBe(0);
      expect(operations().filter((one) => /policy/.test(one))).toEqual(['upload-policy', 'activate-policy']);
    });

    it.each([{ limited: ['prod-eu'] }, { limited: ['--subject', 'user/standard/mia'] }])(
      'is not saved with a plan of a part of it: $limited',
      async ({ limited }) => {
        playPolicy(WIDER);
        const part = join(folder, 'part.plan.json');
        const { code, err } = await gatehouse('plan', ...limited, '--policy', policy, '--out', part);
        expect(code).toBe(1);
        expect(err).toContain('a document is put in force as a whole');
        expect(existsSync(part)).toBe(false);
      },
    );

    it.each<{ what: string; edit: (plan: { targets: object[] }) => object }>([
      {
        what: 'says nothing of a target of the document',
        edit: (plan) => ({ ...plan, targets: plan.targets.slice(1) }),
      },
      { what: 'is limited to somebody', edit: (plan) => ({ ...plan, subjects: ['user/standard/noor'] }) },
    ])('is not put in force by a plan that $what', async ({ edit }) => {
      playPolicy(WIDER);
      const STAGING = PROD.replace('prod-eu', 'staging');
      const before = answer;
      answer = (operation) => {
        if (operation.operation === 'plan' && operation.target === `cluster/${STAGING}`) {
          return { ok: true, outcome: planned(`cluster/${STAGING}`, {}) };
        }
        if (operation.operation === 'plan' && operation.subjects !== undefined) {
          return { ok: true, outcome: planned(`cluster/${PROD}`, {}) };
        }
        const played = before(operation) as { outcome: object };
        if (operation.operation !== 'plan-targets') return played;
        return { ok: true, outcome: { ...played.outcome, targets: [`cluster/${PROD}`, `cluster/${STAGING}`] } };
      };
      const whole = join(folder, 'whole.plan.json');
      expect((await gatehouse('plan', '--policy', policy, '--out', whole)).code).toBe(0);
      const edited = edit(JSON.parse(readFileSync(whole, 'utf8')));
      writeFileSync(whole, JSON.stringify('subjects' in edited ? { ...edited, targets: [] } : edited));
      const { code, err } = await gatehouse('apply', whole, '--by', 'me');
      expect(code).toBe(1);
      expect(err).toContain('is stale');
      expect(operations()).not.toContain('upload-policy');
    });

    it('is not activated where it widens what was not shown, because another policy came in between', async () => {
      playPolicy(WIDER, [{ about: 'grant/other', text: 'the grant is new' }]);
      const { code, err } = await applied('--yes', '--by', 'me');
      expect(code).toBe(1);
      expect(err).toContain('another policy came into force meanwhile, so version 4 was not activated');
      expect(operations()).not.toContain('activate-policy');
    });
  });

  it.each([
    ['no JSON', 'plan', 'holds no JSON'],
    ['another file', '{"kind":"something"}', 'holds no plan of this version'],
    ['a plan of another version', '{"kind":"gatehouse-plan","schemaVersion":2}', 'schemaVersion'],
  ])('refuses %s', async (_what, text, says) => {
    const other = join(folder, 'other.json');
    writeFileSync(other, text);
    const { code, err } = await gatehouse('apply', other);
    expect(code).toBe(1);
    expect(err).toContain(says);
    expect(asked).toEqual([]);
  });
});

describe('gatehouse reconcile', () => {
  it('marks what was asked for', async () => {
    outcome('reconcile', { marked: 1 });
    const { code, out } = await gatehouse('reconcile', PROD, '--subject', 'user/okta/00u1');
    expect(code).toBe(0);
    expect(out).toContain('prod-eu (eu-west-1): 1 subject to be looked at now\n');
    expect(asked.at(-1)?.operation).toEqual({
      operation: 'reconcile',
      target: `cluster/${PROD}`,
      subjects: ['user/okta/00u1'],
    });
  });

  it.each([
    { changes: [{ pass: 'add', change: CHANGE }], more: ['--detailed-exitcode'], code: 2 },
    { changes: [{ pass: 'add', change: CHANGE }], more: [], code: 0 },
    { changes: [], more: ['--detailed-exitcode'], code: 0 },
  ])('with --dry-run $more plans and marks nothing: $changes.length changes, exit code $code', async (one) => {
    outcome('plan', planned(`cluster/${PROD}`, { changes: one.changes }));
    const { code } = await gatehouse('reconcile', PROD, '--dry-run', ...one.more);
    expect(code).toBe(one.code);
    expect(asked.map(({ operation }) => operation.operation)).toEqual(['plan']);
  });
});

describe('gatehouse activate-policy', () => {
  const version = { version: 7, digest: 'd', uploadedAt: 0, by: 'ann', state: 'proposed' };
  const activate = async (ask?: (question: string) => Promise<string>) => {
    const outcomes: Record<string, unknown> = {
      'list-policies': { versions: [version] },
      'compare-policy': {
        widens: [{ about: 'grant operators', text: 'may also delete pods' }],
        narrows: [{ about: 'grant readers', text: 'is gone' }],
      },
    };
    answer = ({ operation }) => ({
      ok: true,
      outcome: outcomes[String(operation)] ?? { version: 7, digest: 'd', state: 'active' },
    });
    const env = { AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    return runCommand(['activate-policy', '7', '--by', 'me'], ask ? { env, ask } : { env });
  };
  const activated = () => asked.some(({ operation }) => operation.operation === 'activate-policy');

  it.each([
    { more: [], code: 0 },
    { more: ['--detailed-exitcode'], code: 2 },
  ])('with --dry-run $more shows what it would widen and narrow: exit code $code', async ({ more, code }) => {
    const widens = [{ about: 'grant operators', text: 'may also delete pods' }];
    outcome('compare-policy', { version: 7, digest: '0123456789abcdef', state: 'proposed', widens, narrows: [] });
    const ran = await gatehouse('activate-policy', '7', '--dry-run', ...more);
    expect(ran).toMatchObject({
      code,
      out: 'Version 7 (proposed, 0123456789ab)\n  + grant operators: may also delete pods\n',
    });
    expect(asked.map(({ operation }) => operation.operation)).toEqual(['compare-policy']);
  });

  it('is refused where nobody can be asked', async () => {
    const { code, err } = await activate();
    expect(code).toBe(1);
    expect(err).toContain('gatehouse activate-policy 7 --yes');
    expect(activated()).toBe(false);
  });

  it('asks about no version that is not there, and of none that is in force already', async () => {
    const versions = [{ ...version, version: 5, state: 'active' }, version];
    answer = ({ operation }) => ({
      ok: true,
      outcome: operation === 'list-policies' ? { versions } : { version: 5, digest: 'd', state: 'unchanged' },
    });
    const missing = await gatehouse('activate-policy', '9', '--by', 'me');
    expect(missing).toMatchObject({
      code: 1,
      err: 'error [not-found] there is no policy version 9\n  try   there are 5, 7\n',
    });
    expect(activated()).toBe(false);
    expect((await gatehouse('activate-policy', '5', '--by', 'me')).code).toBe(0);
    expect(activated()).toBe(true);
  });

  it.each(['y', 'Yes', ''])('is refused for the answer "%s"', async (text) => {
    expect((await activate(async () => text)).code).toBe(1);
    expect(activated()).toBe(false);
  });

  it('goes through for "yes", after saying what it is about', async () => {
    const { code, out, err } = await activate(async () => 'yes');
    expect(code).toBe(0);
    expect(err).toContain('Version 7 (proposed) was uploaded by ann at 1970-01-01T00:00:00Z.');
    expect(err).toContain('  + grant operators: may also delete pods\n  - grant readers: is gone\n');
    expect(out).toContain('policy version 7 is in force');
    expect(asked.at(-1)?.operation).toEqual({ operation: 'activate-policy', version: 7, by: 'me' });
  });
});

describe('gatehouse ledger', () => {
  let entries: LedgerEntry[];
  beforeEach(async () => {
    const ledger = memoryTable();
    const chain = 'iam/111122223333';
    for (let number = 1; number <= 45; number += 1) {
      await appendEntry({ ledger, clock: fixedClock() }, chain, {
        kind: 'outcome',
        run: `run-${number}`,
        target: 'iam/111122223333/role/x',
        policyVersion: { version: 1, digest: 'd' },
        causes: [{ source: 'okta', event: `e${number}`, type: 'group.user_membership.add', receivedAt: 0 }],
        changes: [
          {
            kind: 'iam-role',
            object: 'role-x',
            action: 'update',
            lines: [{ sign: '+', text: `role-x: user-${number}` }],
          },
        ],
      });
    }
    entries = [...(await readChain(ledger, chain))];
    answer = (operation) => {
      if (operation.operation !== 'ledger') return { ok: true, outcome: STATUS };
      const { after = 0, limit = 1000 } = operation;
      return { ok: true, outcome: { entries: entries.filter(({ sequence }) => sequence > after).slice(0, limit) } };
    };
  });

  it('verifies the whole chain and shows its end', async () => {
    const { code, out } = await gatehouse('ledger', 'iam/111122223333', '--last', '2');
    expect(code).toBe(0);
    expect(out).not.toContain('user-43');
    expect(out).toContain('outcome  okta group.user_membership.add  + user-44\n');
    expect(out).toContain('unbroken  iam/111122223333: 45 entries');
  });

  it('exits with 3 where an entry was changed, and says which', async () => {
    entries[30] = { ...entries[30]!, run: 'another' };
    const { code, out } = await gatehouse('ledger', 'iam/111122223333');
    expect(code).toBe(3);
    expect(out).toContain('broken  iam/111122223333: at entry 31: its content does not match its hash');
    const json = await gatehouse('ledger', 'iam/111122223333', '-o', 'json');
    expect(JSON.parse(json.out)).toMatchObject({ verdict: { ok: false, brokenAt: 31 } });
  });

  it('is wide with run, policy and hash, and in CSV with every cause', async () => {
    const wide = await gatehouse('ledger', 'iam/111122223333', '--last', '1', '-o', 'wide');
    expect(wide.out).toContain(`run-45       1  ${entries.at(-1)!.hash}  okta group.user_membership.add  + user-45\n`);
    const csv = await gatehouse('ledger', 'iam/111122223333', '--last', '1', '-o', 'csv');
    expect(csv.out).toMatch(
      /^entry,time,what,because of,changes,run,policy,hash\n45,.*,okta group.user_membership.add e45,/,
    );
  });

  it('says where a chain is empty', async () => {
    entries = [];
    expect((await gatehouse('ledger', 'prod-eu')).out).toBe(`The chain cluster/${PROD} is empty.\n`);
  });
});

describe('rotate-key', () => {
  const user = {
    account: '111122223333',
    user: 'eks-cicd-user',
    secret: 'gatehouse/keys/111122223333/eks-cicd-user',
    replaces: 'AKIAOLD',
    until: Date.UTC(2026, 10, 26, 12),
    state: 'begun',
  };

  it.each([
    [[], 86_400],
    [['--overlap', '30m'], 1_800],
    [['--overlap', '7d'], 604_800],
    [['--overlap', '0'], 0],
  ])('asks for it, with %j', async (more, overlapSeconds) => {
    outcome('rotate-key', { machine: 'ci', users: [user] });
    const { code, out } = await gatehouse('rotate-key', 'ci', ...more);
    expect(code).toBe(0);
    expect(asked.map(({ operation }) => operation)).toEqual([
      { operation: 'rotate-key', machine: 'ci', overlapSeconds },
    ]);
    expect(out).toMatch(/^USER +ROTATION +OLD KEY +WORKS UNTIL +SECRET\n/);
    expect(out).toContain('AKIAOLD  2026-11-26T12:00:00Z  gatehouse/keys/111122223333/eks-cicd-user');
    expect(out).not.toContain('AWS allows two keys');
  });

  it('says what can be done while one is under way', async () => {
    outcome('rotate-key', { machine: 'ci', users: [{ ...user, state: 'under-way' }] });
    const { code, out } = await gatehouse('rotate-key', 'ci');
    expect(code).toBe(0);
    expect(out).toContain('under way already');
    expect(out).toContain('gatehouse rotate-key ci --overlap 0');
  });

  it.each([
    ['begun', 2, 'would begin'],
    ['shortened', 2, 'would end earlier'],
    ['under-way', 0, 'under way already'],
  ])('with --dry-run tells what would become of it: %s, exit code %d', async (state, code, says) => {
    outcome('rotate-key', { machine: 'ci', users: [{ ...user, state }] });
    const ran = await gatehouse('rotate-key', 'ci', '--dry-run', '--detailed-exitcode');
    expect(ran.code).toBe(code);
    expect(ran.out).toContain(says);
    expect(ran.out).toContain('nothing was replaced');
    expect(asked.at(-1)?.operation).toMatchObject({ dryRun: true });
  });

  it('is for scripts, too', async () => {
    outcome('rotate-key', { machine: 'ci', users: [user] });
    const { out } = await gatehouse('rotate-key', 'ci', '-o', 'json');
    expect(JSON.parse(out)).toEqual({ schemaVersion: 1, machine: 'ci', users: [user] });
  });
});

describe('every answer', () => {
  const gives = { grant: 'g', level: 'l', cluster: PROD, namespaces: [], role: 'r', to: ['machine/ci'] };
  const why = {
    ...{ cluster: 'prod-eu', mode: 'enforce', person: 'machine/ci', policyVersion: 3, holds: true, leftover: [] },
    ...{ logins: [], because: [], troubles: [] },
    grants: [
      {
        ...{ grant: 'g', level: 'l', namespaces: ['pay'], holds: true },
        grounds: [{ to: 'the machine ci', holds: true, says: 'the policy names them' }],
        made: [{ kind: 'role', object: 'Role/pay/g' }],
      },
    ],
  };
  const answered = { username: 'u', expected: true, allowed: true, because: 'grant g', verb: 'get', group: '' };
  const report = {
    ...{ cluster: 'prod-eu', person: 'machine/ci', logins: [], rights: [], troubles: [], ok: true },
    administrator: { allowed: false, expected: false },
    answers: [{ ...answered, resource: 'pods', namespace: 'pay' }],
  };
  const login = { arn: 'arn', username: 'u', groups: ['g1', 'g2'], grants: ['g'] };
  const answers = [{ login, allowed: true, reason: 'by it' }];
  const key = { account: '1', user: 'u', secret: 's', replaces: 'AKIAOLD', until: 0, state: 'begun' };

  it.each<{
    typed: readonly string[];
    of: Operation['operation'];
    value: object;
    heads: string;
    row: string;
    wide: string;
  }>([
    {
      typed: ['why', 'ci', 'prod-eu'],
      of: 'why',
      value: { ...why, logins: [login] },
      heads: 'grant,level,namespaces,kind,holds,says,at,source,type,event,run,entry',
      row: 'g,l,pay,ground,true,the machine ci: the policy names them,,,,,,',
      wide: 'groups     g1, g2',
    },
    {
      typed: ['verify', 'ci', '--cluster', 'prod-eu'],
      of: 'verify-access',
      value: report,
      heads: 'cluster,person,username,question,allowed,expected,because',
      row: 'prod-eu,machine/ci,u,get pods in pay,true,true,grant g',
      wide: 'was answered yes',
    },
    {
      typed: ['can-i', 'get', 'pods', '--cluster', 'prod-eu', '-A', '--as', 'ci'],
      of: 'can-i',
      value: { cluster: 'prod-eu', person: 'machine/ci', allowed: true, answers, because: [], troubles: [] },
      heads: 'cluster,question,arn,username,groups,allowed,reason',
      row: 'prod-eu,get pods in the whole cluster,arn,u,g1 g2,true,by it',
      wide: 'by grants  g',
    },
    {
      typed: ['reconcile', PROD, '--dry-run'],
      of: 'plan',
      value: planned(`cluster/${PROD}`, { changes: [change()], subjects: [MIA] }),
      heads: 'target,mode,action,kind,object,line,text,subject,name,grants,drifted,event,at,code,remedy',
      row: `cluster/${PROD},enforce,create,role-binding,RoleBinding/pay/gatehouse:ops:role:0,added,gatehouse:ops:mia,user/standard/mia,mia@example.com,ops,false,evt-7,2026-01-02T00:00:00Z,,`,
      wide: 'mia@example.com (user/standard/mia), by ops, because of okta group.user_membership.add evt-7',
    },
    {
      typed: ['reconcile', PROD],
      of: 'reconcile',
      value: { marked: 2 },
      heads: 'target,marked',
      row: `cluster/${PROD},2`,
      wide: `cluster/${PROD}`,
    },
    {
      typed: ['activate-policy', '7', '--yes', '--by', 'me'],
      of: 'activate-policy',
      value: { version: 7, digest: '0123456789abcdef', state: 'active' },
      heads: 'version,state,digest,by',
      row: '7,active,0123456789abcdef,me',
      wide: '0123456789abcdef, by me',
    },
    {
      typed: ['onboard', 'application', 'pay', '--environment', 'prod-eu'],
      of: 'onboard-application',
      value: { state: 'recorded', gives: [gives], findings: [] },
      heads: 'level,namespaces,role,for,grant,cluster',
      row: `l,*,r,machine/ci,g,${PROD}`,
      wide: PROD,
    },
    {
      typed: ['rotate-key', 'ci'],
      of: 'rotate-key',
      value: { users: [key] },
      heads: 'user,rotation,old key,works until,account,secret',
      row: 'u,begun,AKIAOLD,1970-01-01T00:00:00Z,1,s',
      wide: 'ACCOUNT',
    },
  ])('of $typed.0 is CSV in rows, wide with more, and the same as JSON and YAML', async (one) => {
    outcome(one.of, one.value);
    const [heads, first] = (await gatehouse(...one.typed, '-o', 'csv')).out.split('\n');
    expect([heads, first]).toEqual([one.heads, one.row]);
    expect((await gatehouse(...one.typed, '-o', 'wide')).out).toContain(one.wide);
    const json = JSON.parse((await gatehouse(...one.typed, '-o', 'json')).out);
    expect(json.schemaVersion).toBe(1);
    expect(parse((await gatehouse(...one.typed, '-o', 'yaml')).out)).toEqual(json);
  });
});

const JOINED = {
  ...{ source: 'okta', event: 'e-1', type: 'group.user_membership.add', receivedAt: Date.UTC(2026, 0, 15, 12) },
  outcome: 'recorded',
  facts: [{ type: 'membership', source: 'okta', group: '00g1', user: '00u1', state: 'present', at: 0 }],
};
const UNKNOWN = { ...JOINED, event: 'e-2\u001b[31m', outcome: 'ignored', reason: 'unknown-type', facts: [] };

describe('gatehouse events', () => {
  it('lists what came in, and the reason why nothing is done', async () => {
    outcome('events', { events: [JOINED, UNKNOWN], more: true });
    const { code, out, err } = await gatehouse('events', '--since', '2026-01-15', '--source', 'okta', '--limit', '2');
    expect(code).toBe(0);
    expect(out).toMatch(/^2026-01-15T12:00:00Z +okta +group\.user_membership\.add +e-1 +recorded +00u1 is in 00g1$/m);
    expect(out).toMatch(/ ignored +\(unknown-type\)$/m);
    expect(out).not.toContain('\u001b');
    expect(err).toContain('older ones are left out');
    const since = Date.UTC(2026, 0, 15);
    expect(asked.at(-1)?.operation).toEqual({ operation: 'events', source: 'okta', limit: 2, since });
  });

  it('says how far back it looked, and goes on from there', async () => {
    outcome('events', { events: [JOINED], more: true, lookedBackTo: Date.UTC(2026, 0, 14, 8) });
    const { err } = await gatehouse('events', '--since', '2026-01-10', '--user', 'jo');
    expect(err).toContain('looked through back to 2026-01-14T08:00:00.000Z');
    expect(err).toContain('--until 2026-01-14T08:00:00.000Z');
    await gatehouse('events', '--since', '2026-01-10', '--until', '2026-01-14T08:00:00.000Z');
    expect(asked.at(-1)?.operation).toMatchObject({ until: Date.UTC(2026, 0, 14, 8) });
    expect((await gatehouse('events', '--follow', '--until', '1h')).err).toContain('[invalid]');
  });

  it('asks for what is ignored, or about somebody', async () => {
    outcome('events', { events: [], more: false });
    expect((await gatehouse('events', '--ignored', '--subject', 'user/okta/00u1', '--user', 'jo')).out).toBe(
      'No event came in.\n',
    );
    expect(asked.at(-1)?.operation).toMatchObject({ ignored: true, subject: 'user/okta/00u1', user: 'jo', limit: 50 });
    for (const wrong of [
      ['--since', 'yesterday'],
      ['--limit', '0'],
    ])
      expect((await gatehouse('events', ...wrong)).code).toBe(1);
  });

  it('tells each delivery once when it follows, also one that was written down late', async () => {
    const at = (event: string, receivedAt: number) => ({ ...JOINED, event, receivedAt }) as unknown as EventEntry;
    const looks = [
      [at('a', 1_000)],
      [at('a', 1_000), at('b', 2_500)],
      [at('late', 1_500), at('a', 1_000), at('b', 2_500)],
      [],
    ];
    const asked: number[] = [];
    const told: string[] = [];
    let now = 100_000;
    await followEvents(
      async ({ since }) => ({ events: looks[asked.push(since) - 1]!, more: false }),
      (events) => told.push(...events.map(({ event }) => event)),
      90_000,
      {
        now: () => now,
        pause: async (milliseconds) => {
          now += milliseconds * 10;
          return asked.length < looks.length;
        },
      },
    );
    expect(told).toEqual(['a', 'b', 'late']);
    expect(asked).toEqual([90_000, 90_000, 90_000, 110_000]);
  });

  it('tells all that came in between two looks, however much, the oldest first, and not what came before the first', async () => {
    const came: EventEntry[] = [];
    const come = (many: number, at: number) => {
      for (let index = 0; index < many; index++) {
        came.push({ ...JOINED, event: `e${came.length}`, receivedAt: at + index } as unknown as EventEntry);
      }
    };
    const list = async ({ since, until = Number.POSITIVE_INFINITY, limit = 50 }: AskedSpan): Promise<Events> => {
      const all = came.filter(({ receivedAt }) => receivedAt >= since && receivedAt <= until);
      const left = all.at(-limit - 1);
      return { events: all.slice(-limit), more: left !== undefined, ...(left && { lookedBackTo: left.receivedAt }) };
    };
    come(60, 95_000);
    const told: string[] = [];
    const storms = [1_750, 0, 1];
    await followEvents(list, (events) => told.push(...events.map(({ event }) => event)), 90_000, {
      now: () => 100_000,
      pause: async () => {
        const many = storms.shift();
        if (many !== undefined) come(many, 100_000 + came.length);
        return many !== undefined;
      },
    });
    expect(told).toEqual(came.slice(10).map(({ event }) => event));
  });

  it('says so where more came in at one moment than can be listed', async () => {
    const events = [{ ...JOINED, receivedAt: 95_000 } as unknown as EventEntry];
    const left: number[] = [];
    const list = async ({ until }: AskedSpan): Promise<Events> =>
      until === undefined || until >= 95_000
        ? { events, more: true, lookedBackTo: 95_000 }
        : { events: [], more: false };
    let looks = 2;
    await followEvents(
      list,
      () => {},
      90_000,
      { now: () => 100_000, pause: async () => --looks > 0 },
      (at) => left.push(at),
    );
    expect(left).toEqual([95_000]);
  });
});

describe('gatehouse trace', () => {
  const cause = { source: 'okta', event: 'e-1', type: 't', receivedAt: 0 };
  const entry = {
    sequence: 7,
    at: 1_800,
    changes: [{ action: 'create', object: 'RoleBinding/pay/x' }],
    policyVersion: {},
  };
  it('shows facts, what waits, what was done after how long, and what is missing', async () => {
    outcome('trace', {
      ...{ events: [JOINED], deliveries: 2, causes: [cause], from: 0 },
      facts: [{ event: 'okta/e-1', fact: JOINED.facts[0], now: 'known', by: { ...cause, event: 'e-9' } }],
      waiting: [
        { target: `cluster/${PROD}`, subject: 'user/okta/00u1', urgency: 'grant', since: 500, attempts: 0, cause },
      ],
      runs: [{ target: `cluster/${PROD}`, chain: 'c', run: 'r#1', entries: [{ ...entry, kind: 'outcome' }] }],
      missing: ['user/okta/00u1 waits'],
    });
    const { code, out } = await gatehouse('trace', 'e-1');
    expect(code).toBe(0);
    expect(out).toContain('00u1 is in 00g1  stands as okta/e-9 left it');
    expect(out).toContain('delivered 2 times');
    expect(out).toMatch(/after 500 ms/);
    expect(out).toMatch(/after 1\.8 s {2}outcome {2}create RoleBinding\/pay\/x {2}entry 7/);
    expect(out).toContain('missing\n  user/okta/00u1 waits\n');
    const { out: csv } = await gatehouse('trace', 'e-1', '-o', 'csv');
    expect(csv).toContain(`1970-01-01T00:00:01.800Z,1800,cluster/${PROD},outcome,r#1,create RoleBinding/pay/x\n`);
  });
});

describe('gatehouse trace of a run', () => {
  it('shows the events that caused it, and which of them said what', async () => {
    const other = { ...JOINED, event: 'e-2', outcome: 'unchanged' };
    const cause = { source: 'okta', event: 'e-1', type: 't', receivedAt: 0 };
    outcome('trace', {
      ...{ events: [JOINED, other], deliveries: 2, causes: [cause, { ...cause, event: 'e-2' }], from: 0 },
      facts: ['e-1', 'e-2'].map((event) => ({ event: `okta/${event}`, fact: JOINED.facts[0], now: 'stands' })),
      ...{ waiting: [], runs: [], missing: [] },
    });
    const { out } = await gatehouse('trace', `cluster/${PROD}#1`);
    expect(out).toMatch(/^okta\/e-1 .*\n {2}outcome {2}recorded\s+^okta\/e-2 .*\n {2}outcome {2}unchanged\s/m);
    expect(out).toMatch(/00u1 is in 00g1 {2}stands {2}okta\/e-1\n.*okta\/e-2/);
  });
});

describe('gatehouse replay', () => {
  const replayed = (...outcomes: string[]) => outcomes.map((one) => ({ event: JOINED, outcomes: [one] }));
  const replays = () =>
    asked.filter(({ operation }) => operation.operation === 'replay').map(({ operation }) => operation);
  const answered = (...outcomes: string[]) => {
    answer = (operation) => ({
      ok: true,
      outcome: { dryRun: 'dryRun' in operation && operation.dryRun === true, replayed: replayed(...outcomes) },
    });
  };

  it('replays one event without being asked, and says what was news', async () => {
    answered('unchanged');
    const { code, out } = await gatehouse('replay', 'e-1');
    expect(code).toBe(0);
    expect(out).toMatch(/okta\/e-1 +00u1 is in 00g1 +known already/);
    expect(replays()).toEqual([{ operation: 'replay', event: 'e-1', dryRun: false }]);
  });

  it('refuses several where nobody is there, and asks somebody who is', async () => {
    answered('recorded', 'outdated');
    const refused = await gatehouse('replay', '--since', '2h');
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toContain('--yes');
    const env = { AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    expect((await runCommand(['replay', '--since', '2h'], { env, ask: async () => 'y' })).code).toBe(1);
    expect(replays().every((operation) => 'dryRun' in operation && operation.dryRun)).toBe(true);
    const agreed = await runCommand(['replay', '--since', '2h'], { env, ask: async () => 'yes' });
    expect(agreed.code).toBe(0);
    // What was agreed to is what is replayed: the span does not move in between.
    const [foreseen, done] = replays().slice(-2);
    expect(done).toEqual({ ...foreseen, dryRun: false });
  });

  it('asks nobody for one event, for a dry run, or with --yes', async () => {
    answered('recorded', 'recorded');
    expect((await gatehouse('replay', '--since', '2h', '--dry-run')).out).toContain('dry run');
    const pending = ['replay', '--since', '2h', '--dry-run', '--detailed-exitcode'];
    expect((await gatehouse(...pending)).code).toBe(2);
    expect((await gatehouse('replay', '--since', '2h', '--source', 'okta', '--yes')).code).toBe(0);
    expect(replays().map((operation) => 'dryRun' in operation && operation.dryRun)).toEqual([true, true, false]);
    expect(replays().at(-1)).toMatchObject({ source: 'okta', since: expect.any(Number), until: expect.any(Number) });
    await gatehouse('replay', '--since', '2026-01-14', '--until', '2026-01-15', '--yes');
    expect(replays().at(-1)).toMatchObject({ since: Date.UTC(2026, 0, 14), until: Date.UTC(2026, 0, 15) });
  });

  it.each([[[]], [['e-1', '--since', '1h']], [['e-1', '--source', 'okta']], [['e-1', '--until', '1h']]])(
    'refuses %o',
    async (typed) => {
      expect((await gatehouse('replay', ...typed)).err).toContain('[invalid]');
      expect(replays()).toEqual([]);
    },
  );
});

describe('gatehouse invoke', () => {
  it('lists every function of the stack, and every sample', async () => {
    const { out } = await gatehouse('invoke', '--list', '-o', 'json');
    const { functions, samples } = JSON.parse(out) as Record<'functions' | 'samples', { name: string }[]>;
    const folders = readdirSync(new URL('../../functions/', import.meta.url));
    expect(functions.map(({ name }) => name)).toEqual(folders.toSorted());
    expect(samples.map(({ name }) => name)).toContain('okta/member-added');
  });

  it('hands a sample or a file to a function by its short name, and prints the answer', async () => {
    answer = () => ({ statusCode: 204 });
    const { code, out } = await gatehouse('invoke', 'receive-webhook', '--sample', 'okta/member-added');
    expect({ code, out: JSON.parse(out) }).toEqual({ code: 0, out: { statusCode: 204 } });
    expect(asked.at(-1)).toMatchObject({
      path: '/2015-03-31/functions/gatehouse-receive-webhook/invocations',
      operation: { rawPath: '/webhooks/okta' },
    });
    const file = new URL('../../events/policy/uploaded.json', import.meta.url).pathname;
    await gatehouse('invoke', 'receive-event', '--event', file);
    expect(asked.at(-1)?.operation).toMatchObject({ source: 'aws.s3' });
    for (const name of ['tick', 'gatehouse-tick']) {
      await gatehouse('invoke', name);
      expect(asked.at(-1)).toMatchObject({ path: '/2015-03-31/functions/gatehouse-tick/invocations', operation: {} });
    }
  });

  it('proves a sample of a webhook anew', async () => {
    const env = {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      GATEHOUSE_WEBHOOK_SECRET: STANDARD_SECRET,
    };
    await runCommand(['invoke', 'receive-webhook', '--sample', 'standard/member-added', '--sign'], { env });
    const { headers, body } = asked.at(-1)!.operation as unknown as { headers: Record<string, string>; body: string };
    const request = webhookRequest({ headers, body });
    const standard = webhookSources.get('standard')!;
    expect(standard.receive(request, [STANDARD_SECRET], Date.now())).toMatchObject({ kind: 'accepted' });
  });

  it.each([
    [[], 'no function is named'],
    [['nonsense'], 'there is no function'],
    [['tick', '--sample', 'okta/nonsense'], 'there is no sample'],
    [['tick', '--sign'], '--sign is for a sample'],
    [['receive-event', '--sample', 'aws/role-created', '--sign'], 'nothing to sign'],
  ])('refuses %o', async (typed, why) => {
    const { code, err } = await gatehouse('invoke', ...typed);
    expect(code).toBe(1);
    expect(err).toContain(why);
    expect(asked).toEqual([]);
  });
});
