import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Operation } from '@gatehouse/core/operations/operation';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCommand } from './terminal.ts';

/* The verbs `mode` and `who-can` over a Lambda that answers what a test says. */

const ARN = 'arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu';
const DOCUMENT = `apiVersion: gatehouse/v1
clusters: # ours
  prod-eu: { account: "111122223333", region: eu-west-1 }
`;
const NOW = {
  cluster: 'prod-eu',
  arn: ARN,
  mode: 'observe',
  place: { in: 'clusters', field: 'clusters.prod-eu.mode' },
  version: 3,
  grants: ['ops'],
  newest: { version: 3, digest: 'd', text: DOCUMENT, by: 'me', state: 'active' },
  would: {
    asked: { create: 3, update: 1, delete: 0, blocked: 1 },
    enforced: { create: 3, update: 1, delete: 0, blocked: 1 },
  },
};

let server: Server;
let asked: Operation[] = [];
let answers: Partial<Record<Operation['operation'], (operation: Operation) => unknown>> = {};
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-mode-'));
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const operation = JSON.parse(Buffer.concat(chunks).toString()) as Operation;
      asked.push(operation);
      const outcome = answers[operation.operation]?.(operation);
      const error = outcome === undefined ? { code: 'unreachable', message: 'it does not answer' } : undefined;
      response.end(JSON.stringify(error ? { ok: false, error } : { ok: true, outcome }));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  asked = [];
  answers = {
    'cluster-mode': () => NOW,
    'upload-policy': () => ({ version: 4, digest: 'e', state: 'proposed', widens: [], narrows: [] }),
    'activate-policy': () => ({ version: 4, digest: 'e', state: 'active' }),
  };
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  vi.stubEnv('AWS_REGION', 'eu-west-1');
});
afterEach(() => void vi.unstubAllEnvs());
const gatehouse = (typed: readonly string[], ask?: (question: string) => Promise<string>) => {
  const env = { AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  return runCommand(typed, ask ? { env, ask } : { env });
};
const operations = () => asked.map(({ operation }) => operation);

describe('gatehouse mode', () => {
  it('shows the mode and where it stands', async () => {
    const { code, out } = await gatehouse(['mode', 'prod-eu']);
    expect(code).toBe(0);
    expect(out).toContain('clusters.prod-eu.mode of the access policy, version 3');
    expect(operations()).toEqual(['cluster-mode']);
  });

  it('shows what it means, asks, uploads what was made from the newest, and activates it', async () => {
    const { code, err, out } = await gatehouse(['mode', 'prod-eu', 'enforce', '--by', 'me'], async () => 'yes');
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining('by policy version 4') });
    expect(err).toContain('3 to make, 1 to change, 0 to delete; 1 finding in the way');
    expect(asked.slice(1)).toEqual([
      {
        operation: 'upload-policy',
        document: DOCUMENT.replace('{ account', '{ mode: enforce, account'),
        by: 'me',
        after: 3,
      },
      { operation: 'activate-policy', version: 4, by: 'me' },
    ]);
  });

  it.each([
    ['nobody is there to ask', undefined],
    ['the answer is not yes', async () => 'y'],
  ])('uploads nothing where %s', async (_title, ask) => {
    const { code, err } = await gatehouse(['mode', 'prod-eu', 'enforce', '--by', 'me'], ask);
    expect(code).toBe(1);
    expect(err).toContain('gatehouse mode prod-eu enforce --yes');
    expect(operations()).toEqual(['cluster-mode']);
  });

  it('uploads nothing in a dry run, nor where nothing changes', async () => {
    expect((await gatehouse(['mode', 'prod-eu', 'enforce', '--dry-run'])).code).toBe(0);
    expect((await gatehouse(['mode', 'prod-eu', 'enforce', '--dry-run', '--detailed-exitcode'])).code).toBe(2);
    expect((await gatehouse(['mode', 'prod-eu', 'observe'])).out).toContain('already: nothing was changed');
    expect(operations()).toEqual(['cluster-mode', 'cluster-mode', 'cluster-mode']);
  });

  it('asks nobody for what narrows, and leaves to the next person what a version before widens', async () => {
    const text = DOCUMENT.replace('eu-west-1 }', 'eu-west-1, mode: enforce }');
    answers['cluster-mode'] = () => ({ ...NOW, mode: 'enforce', newest: { ...NOW.newest, text, state: 'proposed' } });
    const { code, err } = await gatehouse(['mode', 'prod-eu', 'paused', '--by', 'me']);
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining('new members of ops') });
    expect(operations()).toEqual(['cluster-mode', 'upload-policy']);
  });

  it('widens nothing while a version waits for a person', async () => {
    answers['cluster-mode'] = () => ({ ...NOW, newest: { ...NOW.newest, state: 'proposed' } });
    const { code, err } = await gatehouse(['mode', 'prod-eu', 'enforce', '--yes', '--by', 'me']);
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('gatehouse activate-policy 3') });
    expect(operations()).toEqual(['cluster-mode']);
  });

  it.each([
    ['registration', /gatehouse register-cluster prod-eu --mode enforce/],
    ['discover', /add to clusters: prod-eu: \{ account: "111122223333", region: eu-west-1, mode: enforce \}/],
    ['onboarding', /add to clusters: prod-eu:/],
  ])('says where it stands if it is not its own: %s', async (place, remedy) => {
    answers['cluster-mode'] = () => ({ ...NOW, place: { in: place, field: 'x.mode' } });
    const { code, err } = await gatehouse(['mode', 'prod-eu', 'enforce', '--yes']);
    expect(code).toBe(1);
    expect(err).toMatch(remedy);
  });

  it('changes a file in place, and nothing else in it or beside it', async () => {
    const file = join(folder, 'policy.yaml');
    writeFileSync(file, DOCUMENT, { mode: 0o640 });
    const { code, out } = await gatehouse(['mode', 'prod-eu', 'paused', '--policy', file]);
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining('from observe to paused') });
    expect(readFileSync(file, 'utf8')).toBe(DOCUMENT.replace('{ account', '{ mode: paused, account'));
    expect(statSync(file).mode & 0o777).toBe(0o640);
    const typed = ['mode', 'prod-eu', 'enforce', '--policy', file, '--dry-run'];
    expect((await gatehouse(typed)).code).toBe(0);
    expect((await gatehouse([...typed, '--detailed-exitcode'])).code).toBe(2);
    expect(readFileSync(file, 'utf8')).toContain('mode: paused');
    expect((await gatehouse(['mode', 'nope', 'enforce', '--policy', file])).err).toContain('[not-found]');
    expect((await gatehouse(['mode', 'nope', '--policy', file])).err).toContain('[not-found]');
    expect(operations()).toEqual([]);
  });
});

describe('gatehouse who-can', () => {
  const CLUSTERS = Array.from({ length: 20 }, (_, index) => ({
    name: `c${index}`,
    arn: `${ARN}${index}`,
    mode: 'enforce',
  }));
  const answerOf = (operation: Operation, somebody = true) => {
    const { cluster } = operation as { cluster: string };
    const holders = [
      { kind: 'User', name: 'mallory\u001b[31m', arn: 'arn:x', binding: 'b', role: 'r', by: 'somebody-else' },
    ];
    return {
      cluster,
      arn: cluster,
      holders: somebody ? holders : [],
      left: 0,
      somebody,
      alsoIn: ['pay'],
      alsoNamed: [],
      troubles: [],
    };
  };
  beforeEach(() => {
    answers = { status: () => ({ clusters: CLUSTERS }), 'who-can': (operation) => answerOf(operation) };
  });

  it('asks every cluster once, and keeps their order', async () => {
    const { code, out } = await gatehouse(['who-can', 'get', 'secrets', 'tls', '-A', '-n', 'pay', '-o', 'json']);
    expect(code).toBe(0);
    const { clusters, question } = JSON.parse(out) as { clusters: { arn: string }[]; question: object };
    expect(question).toEqual({ verb: 'get', group: '', resource: 'secrets', name: 'tls', namespace: 'pay' });
    expect(clusters.map(({ arn }) => arn)).toEqual(CLUSTERS.map(({ arn }) => arn));
    expect(asked.filter(({ operation }) => operation === 'who-can')).toHaveLength(CLUSTERS.length);
  });

  it('lists what could not be read in a block of its own, and fails only where nothing could', async () => {
    answers['who-can'] = (operation) =>
      (operation as { cluster: string }).cluster === `${ARN}3` ? undefined : answerOf(operation);
    const { code, out } = await gatehouse(['who-can', 'get', 'pods', '-A']);
    expect(code).toBe(0);
    expect(out).toMatch(/\nNot read\n {2}\S+cluster\/prod-eu3 {2}unreachable: it does not answer\n/);
    expect(out).toContain('mallory\\u{1b}');
    answers['who-can'] = () => undefined;
    expect((await gatehouse(['who-can', 'get', 'pods', '-A'])).code).toBe(1);
  });

  it('is an error where the only one that is asked could not be', async () => {
    answers['who-can'] = () => undefined;
    const { code, out, err } = await gatehouse(['who-can', 'get', 'pods', '--cluster', 'c1']);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^error \[unreachable\] it does not answer\n/);
  });

  it('answers 3 where nobody may, and says where more may', async () => {
    answers['who-can'] = (operation) => answerOf(operation, false);
    const { code, out } = await gatehouse(['who-can', 'get', 'pods', '--cluster', 'c1']);
    expect(code).toBe(3);
    expect(out).toContain('nobody can get pods in the whole cluster');
    expect(out).toContain('ask with -n pay');
  });

  it('takes a path, a subresource, and csv; and wants a cluster', async () => {
    await gatehouse(['who-can', 'get', '/healthz', '--cluster', 'c1']);
    await gatehouse(['who-can', 'create', 'pods', '--subresource', 'exec', '--cluster', 'c1']);
    expect(asked.map((one) => (one as { question?: object }).question)).toEqual([
      { verb: 'get', path: '/healthz' },
      { verb: 'create', group: '', resource: 'pods', subresource: 'exec' },
    ]);
    const { out } = await gatehouse(['who-can', 'get', 'pods', '--cluster', 'c1', '-o', 'csv']);
    expect(out.split('\n')[0]).toBe('cluster,who,person,principal,grant,level,scope,by,binding,role');
    expect((await gatehouse(['who-can', 'get', 'pods'])).err).toContain('--cluster');
  });
});
