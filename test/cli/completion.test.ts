import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Names } from '@gatehouse/core/operations/names';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { candidatesFor, type Typed } from '../../cli/src/completion/candidates.ts';
import { SCRIPTS, SHELLS } from '../../cli/src/completion/scripts.ts';
import { ROOT } from './spawned.ts';
import { runCommand, silentProgram } from './terminal.ts';

const NAMES: Names = {
  clusters: ['prod-eu', 'staging'],
  grants: ['operators', 'readers'],
  levels: ['namespace-admin', 'view'],
  people: ['machine/ci', 'principal/arn:aws:iam::111122223333:role/x', 'user/okta/00u1'],
  machines: ['ci'],
  environments: ['prod'],
  applications: ['payments'],
  chains: ['prod-eu', 'iam/111122223333'],
  versions: [7, 6],
};

const program = silentProgram();

async function offered(line: string, names: (typed: Typed) => Promise<Names | undefined> = async () => NAMES) {
  const words = line.split(' ');
  const offer = await candidatesFor(program, words.slice(0, -1), words.at(-1) ?? '', names);
  return 'files' in offer ? ['files'] : offer.candidates.map(({ value }) => value);
}

describe('completion', () => {
  it.each([
    { line: 'stat', offers: ['status'] },
    { line: 'register', offers: ['register-cluster'] },
    { line: 'onboard ', offers: ['environment', 'application', 'help'] },
    { line: 'help rec', offers: ['reconcile'] },
    { line: 'help onboard ', offers: [] },
    { line: 'comple', offers: ['completion'] },
    { line: 'completion ', offers: ['bash', 'zsh', 'fish', 'powershell'] },
    { line: 'status --out', offers: ['--output'] },
    { line: 'status -o ', offers: ['table', 'wide', 'json', 'yaml', 'csv'] },
    { line: 'status -o j', offers: ['json'] },
    { line: 'status --output=y', offers: ['--output=yaml'] },
    { line: 'status --output = y', offers: ['yaml'] },
    { line: 'status --output =', offers: ['table', 'wide', 'json', 'yaml', 'csv'] },
    { line: 'status -o json --out', offers: [] },
    { line: 'register-cluster x --mode ', offers: ['observe', 'enforce'] },
    { line: 'plan ', offers: ['prod-eu', 'staging'] },
    { line: 'plan p', offers: ['prod-eu'] },
    { line: 'plan -o json p', offers: ['prod-eu'] },
    { line: 'reconcile prod-eu ', offers: [] },
    { line: 'plan prod-eu s', offers: ['staging'] },
    { line: 'apply ', offers: ['prod-eu', 'staging'] },
    { line: 'plan --out ', offers: ['files'] },
    { line: 'plan prod-eu --subject user/', offers: ['user/okta/00u1'] },
    { line: 'plan prod-eu --subject machine/ci u', offers: ['user/okta/00u1'] },
    { line: 'why ', offers: ['machine/ci', 'user/okta/00u1'] },
    { line: 'why mia s', offers: ['staging'] },
    { line: 'why -- mia s', offers: ['staging'] },
    { line: 'can-i list pods --cluster ', offers: ['prod-eu', 'staging'] },
    { line: 'can-i list pods --as m', offers: ['machine/ci'] },
    { line: 'kubeconfig prod-eu --grant ', offers: ['operators', 'readers'] },
    { line: 'kubeconfig prod-eu --level v', offers: ['view'] },
    { line: 'kubeconfig prod-eu --policy ', offers: ['files'] },
    { line: 'kubeconfig prod-eu --alias ', offers: [] },
    { line: 'kubeconfig --plugin ', offers: ['gatehouse', 'aws'] },
    { line: 'validate ', offers: ['files'] },
    { line: 'rotate-key ', offers: ['ci'] },
    { line: 'activate-policy ', offers: ['7', '6'] },
    { line: 'ledger i', offers: ['iam/111122223333'] },
    { line: 'offboard environment ', offers: ['prod'] },
    { line: 'offboard application pay', offers: ['payments'] },
    { line: 'onboard application ', offers: [] },
    { line: 'onboard application new --environment ', offers: ['prod'] },
    { line: 'statsu ', offers: [] },
  ])('gatehouse $line', async ({ line, offers }) => expect(await offered(line)).toEqual(offers));

  it('asks for names only where one may stand, with what was typed', async () => {
    const asked: Typed[] = [];
    const source = async (typed: Typed) => {
      asked.push(typed);
      return undefined;
    };
    for (const line of ['', 'status -', 'status -o ', 'validate ']) await offered(line, source);
    expect(asked).toEqual([]);
    expect(await offered('bootstrap --policy p.yaml --region=eu-west-1 ', source)).toEqual([]);
    expect(asked).toEqual([
      new Map([
        ['policy', 'p.yaml'],
        ['region', 'eu-west-1'],
      ]),
    ]);
  });

  it.each(SHELLS)('prints the script of %s, and how to load it', async (shell) => {
    expect(await runCommand(['completion', shell])).toMatchObject({ code: 0, out: SCRIPTS[shell], err: '' });
    expect((await runCommand(['completion', '--help'])).out).toContain(`gatehouse completion ${shell}`);
  });
});

describe('names', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-test-'));
  let asked = 0;
  let answers = true;
  /** Plays Lambda. */
  const server = createServer((request, response) => {
    request.resume();
    asked += 1;
    if (answers) response.end(JSON.stringify({ ok: true, outcome: NAMES }));
  });
  let env: Record<string, string>;
  beforeAll(async () => {
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  });
  beforeEach(() => {
    asked = 0;
    answers = true;
    env = {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      XDG_CACHE_HOME: mkdtempSync(join(folder, 'cache-')),
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'secret',
    };
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What bash offers after its script was loaded, for one line after the other. */
  async function inBash(...lines: readonly string[]): Promise<readonly string[]> {
    const presses = lines.map((line) => {
      const words = ['gatehouse', ...line.split(' ')].map((word) => `'${word}'`);
      return `COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _gatehouse; echo "\${COMPREPLY[*]}"`;
    });
    const script = [
      `gatehouse() { '${process.execPath}' -C source '${join(ROOT, 'cli/src/main.ts')}' "$@"; }`,
      SCRIPTS.bash,
      'complete -p gatehouse >&2',
      ...presses,
    ].join('\n');
    const { stdout, stderr } = await promisify(execFile)('bash', ['--norc', '-c', script], { env, cwd: folder });
    expect(stderr).toBe('complete -F _gatehouse gatehouse\n');
    return stdout.trimEnd().split('\n');
  }

  it('are completed in bash, asked for once, and kept for their owner alone', async () => {
    writeFileSync(join(folder, 'policy one.yaml'), '');
    expect(await inBash('plan p', 'status -o = js', 'kubeconfig prod-eu --grant ', 'validate pol')).toEqual([
      'prod-eu',
      'json',
      'operators readers',
      'policy one.yaml',
    ]);
    expect(asked).toBe(1);
    const [kept = ''] = readdirSync(join(env.XDG_CACHE_HOME!, 'gatehouse'));
    const file = join(env.XDG_CACHE_HOME!, 'gatehouse', kept);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ names: NAMES });
  });

  it('are left out within a second or so where nothing answers, without a word', async () => {
    answers = false;
    const began = performance.now();
    expect(await inBash('plan p', 'stat')).toEqual(['', 'status']);
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(asked).toBe(1);
  });

  it('are read from the policy that is typed', async () => {
    const policy = join(ROOT, 'sandbox/policy.yaml');
    const { out } = await runCommand(['complete', '--at=pro', '--', 'bootstrap', '--policy', policy]);
    expect(out).toBe('prod-eu\t\n');
    const none = await runCommand(['complete', '--at=', '--', 'bootstrap', '--policy', '/none']);
    expect(none).toMatchObject({ code: 0, out: '', err: '' });
  });
});
