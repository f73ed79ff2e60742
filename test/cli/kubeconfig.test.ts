import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { changeKubeconfig, kubeconfigPath } from '../../cli/src/kubeconfig/file.ts';
import { createAccessKey, createUser } from '../../sandbox/src/aws/iam/operations.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/sandbox.ts';
import { ROOT } from './spawned.ts';
import { runCommand } from './terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const fresh = () => mkdtempSync(join(folder, 'x-'));
const mode = (path: string) => statSync(path).mode & 0o777;

describe('which file', () => {
  it.each([
    { what: 'the one that is named', named: 'mine', env: { KUBECONFIG: 'a:b', HOME: '/h' }, path: 'mine' },
    { what: 'the first of KUBECONFIG', named: undefined, env: { KUBECONFIG: ':a:b' }, path: 'a' },
    { what: 'the one of KUBECONFIG that has it', named: undefined, env: { KUBECONFIG: 'a:WITH' }, path: 'WITH' },
    { what: "the person's own", named: undefined, env: { HOME: '/h' }, path: '/h/.kube/config' },
  ])('$what', ({ named, env, path }) => {
    const with_ = join(fresh(), 'config');
    writeFileSync(with_, 'it');
    const real = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, value.replace('WITH', with_)]));
    expect(kubeconfigPath(named, real, (text) => text === 'it')).toBe(path.replace('WITH', with_));
  });
});

describe('the file', () => {
  const change = (path: string, text: string) => changeKubeconfig(path, async () => text);

  it('is made with its folder, for its owner alone', async () => {
    const path = join(fresh(), '.kube', 'config');
    await change(path, 'new');
    expect([readFileSync(path, 'utf8'), mode(path), mode(join(path, '..'))]).toEqual(['new', 0o600, 0o700]);
  });

  it('is replaced whole, leaves nothing beside it, and is closed to others from then on', async () => {
    const path = join(fresh(), 'config');
    writeFileSync(path, 'old');
    chmodSync(path, 0o644);
    await change(path, 'new');
    expect([readFileSync(path, 'utf8'), mode(path), readdirSync(join(path, '..'))]).toEqual(['new', 0o600, ['config']]);
  });

  it('stays a link', async () => {
    const place = fresh();
    mkdirSync(join(place, 'real'));
    writeFileSync(join(place, 'real', 'config'), 'old');
    symlinkSync(join(place, 'real', 'config'), join(place, 'link'));
    await change(join(place, 'link'), 'new');
    expect(readFileSync(join(place, 'real', 'config'), 'utf8')).toBe('new');
  });

  it("is left alone under somebody else's lock, and where the change fails", async () => {
    const path = join(fresh(), 'config');
    writeFileSync(path, 'old');
    writeFileSync(`${path}.lock`, '');
    await expect(change(path, 'new')).rejects.toMatchObject({ code: 'conflict' });
    rmSync(`${path}.lock`);
    await expect(
      changeKubeconfig(path, () => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect([readFileSync(path, 'utf8'), readdirSync(join(path, '..'))]).toEqual(['old', ['config']]);
  });

  it('loses nothing of those who write at the same time and wait for the lock', async () => {
    const path = join(fresh(), 'config');
    const add = async (line: string): Promise<void> => {
      for (;;) {
        try {
          return await changeKubeconfig(path, async (before) => {
            await new Promise(setImmediate);
            return `${before}${line}\n`;
          });
        } catch {
          await new Promise(setImmediate);
        }
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, index) => add(String(index))));
    expect(
      readFileSync(path, 'utf8')
        .trim()
        .split('\n')
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });
});

describe('gatehouse kubeconfig, with a sandbox', () => {
  const POLICY = `apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "111122223333", region: eu-west-1, mode: enforce }
identities:
  - source: standard
    map: { mia: "arn:aws:iam::111122223333:user/mia" }
grants:
  - { name: listers, to: { user: mia, source: standard }, on: { clusters: "*", namespaces: [pay] }, level: pod-lister, through: role }
  - { name: developers, to: { user: mia, source: standard }, on: { clusters: "*", namespaces: [pay] }, level: developer, through: role }
  - { name: more, to: { user: mia, source: standard }, on: { clusters: "*" }, level: developer, through: role }
  - { name: adopted, to: { principal: "arn:aws:iam::111122223333:role/ours" }, on: { clusters: "*" }, level: console-viewer, through: role }
`;
  let sandbox: Sandbox;
  let keys: { accessKeyId: string; secretAccessKey: string };
  let policyFile: string;

  beforeAll(async () => {
    policyFile = join(folder, 'policy.yaml');
    writeFileSync(policyFile, POLICY);
    const clusterObjects = {
      'prod-eu': [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'pay' } }],
    };
    sandbox = await startSandbox({ port: 0, policyFile, clusterObjects });
    const { iam } = sandbox.endpoint;
    const user =
      iam.accounts.get(sandbox.account)!.users.get('mia') ?? createUser(iam, sandbox.account, { name: 'mia' });
    const key = [...user.keys.values()][0] ?? createAccessKey(iam, sandbox.account, 'mia');
    keys = { accessKeyId: key.id, secretAccessKey: key.secret };
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    writeFileSync(
      join(bin, 'gatehouse'),
      `#!/bin/sh\nexec '${process.execPath}' -C source '${ROOT}/cli/src/main.ts' "$@"\n`,
      {
        mode: 0o755,
      },
    );
  }, 60_000);
  afterAll(() => sandbox?.stop());
  beforeEach(() => as(keys));
  afterEach(() => void vi.unstubAllEnvs());

  function as({ accessKeyId, secretAccessKey }: { accessKeyId: string; secretAccessKey: string }): void {
    vi.stubEnv('AWS_ENDPOINT_URL', sandbox.awsEndpointUrl);
    vi.stubEnv('AWS_REGION', 'eu-west-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
  }
  const kubeconfig = (...typed: string[]) =>
    runCommand(['kubeconfig', ...typed], { env: { AWS_ENDPOINT_URL: sandbox.awsEndpointUrl } });
  const listPods = async (path: string) => {
    const config = new KubeConfig();
    config.loadFromFile(path);
    vi.stubEnv('PATH', `${join(folder, 'bin')}:${process.env.PATH}`);
    return config
      .makeApiClient(CoreV1Api)
      .listNamespacedPod({ namespace: config.getContextObject(config.currentContext)?.namespace ?? 'default' });
  };
  /** The role takes its member in as soon as its turn is done. */
  const written = async (...typed: string[]) => {
    let ran = await kubeconfig(...typed);
    await expect
      .poll(
        async () => {
          ran = await kubeconfig(...typed);
          return ran.code === 0 ? 'written' : ran.err;
        },
        { timeout: 20_000, interval: 200 },
      )
      .toBe('written');
    return ran;
  };

  it('leads in by the role of a level, with the namespace of its grant', async () => {
    const path = join(fresh(), 'config');
    await written('prod-eu', '--level', 'pod-lister', '--policy', policyFile, '--kubeconfig', path);
    expect(mode(path)).toBe(0o600);
    await expect
      .poll(
        () =>
          listPods(path).then(
            ({ items }) => items,
            (error: Error) => error.message,
          ),
        { timeout: 20_000 },
      )
      .toEqual([]);
    const config = new KubeConfig();
    config.loadFromFile(path);
    expect(config.currentContext).toBe('prod-eu-listers');
    await expect(config.makeApiClient(CoreV1Api).listNamespacedSecret({ namespace: 'pay' })).rejects.toMatchObject({
      code: 403,
    });
    const again = await kubeconfig('prod-eu', '--grant', 'listers', '--policy', policyFile, '--kubeconfig', path);
    expect(again.out).toBe(`unchanged  ${path}: context prod-eu-listers\n`);
  }, 60_000);

  it('shows with --dry-run what would change, without a line of what stands there, and writes nothing', async () => {
    const path = join(fresh(), 'config');
    writeFileSync(path, 'apiVersion: v1\nusers:\n- name: other\n  user:\n    token: hush\n');
    const { out } = await written(
      'prod-eu',
      '--grant',
      'listers',
      '--policy',
      policyFile,
      '--kubeconfig',
      path,
      '--dry-run',
    );
    expect(out).toContain('+current-context: prod-eu-listers');
    expect(out).not.toContain('hush');
    expect(readFileSync(path, 'utf8')).not.toContain('current-context');
    const missing = join(fresh(), 'none');
    await written('prod-eu', '--kubeconfig', missing, '--dry-run', '--grant', 'listers', '--policy', policyFile);
    expect(existsSync(missing)).toBe(false);
  }, 60_000);

  it('says the same as JSON', async () => {
    as(sandbox.administrator);
    const path = join(fresh(), 'config');
    const { out, code } = await kubeconfig('prod-eu', '--kubeconfig', path, '-o', 'json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      schemaVersion: 1,
      file: path,
      context: 'arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu',
      changed: true,
      written: true,
    });
  });

  it('asks the Gatehouse in force for a level, where no file is named', async () => {
    as(sandbox.administrator);
    const { code, err } = await kubeconfig('prod-eu', '--level', 'nonsense');
    expect(code).toBe(1);
    expect(err).toContain('[not-found] no level "nonsense" leads into prod-eu');
    expect(err).toContain('listers (pod-lister)');
  });

  it('asks it as the caller, where the profile for the AWS CLI does not exist yet', async () => {
    as(sandbox.administrator);
    const path = join(fresh(), 'config');
    const typed = ['--grant', 'listers', '--plugin', 'aws', '--profile', 'not-yet', '--kubeconfig', path];
    const { code, err } = await kubeconfig('prod-eu', ...typed);
    // An administrator of the account is no member, whatever the profile would be.
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('user/administrator may not assume') });
  });

  it('tells a member, who may not ask it, how to do without', async () => {
    const { code, err } = await kubeconfig('prod-eu', '--grant', 'listers', '--kubeconfig', join(fresh(), 'config'));
    expect(code).toBe(1);
    expect(err).toMatch(
      /\[forbidden\][\s\S]*try +name the policy document with --policy FILE, or the role with --role-arn/,
    );
  });

  it('prints the profile that the AWS CLI needs, with the name that the trust took', async () => {
    const path = join(fresh(), 'config');
    const { err } = await written(
      ...['prod-eu', '--grant', 'listers', '--policy', policyFile, '--kubeconfig', path],
      ...['--plugin', 'aws', '--profile', 'lister'],
    );
    expect(err).toContain(
      '[profile lister]\nrole_arn = arn:aws:iam::111122223333:role/gatehouse/gatehouse-listers\nrole_session_name = mia\n',
    );
    expect(readFileSync(path, 'utf8')).not.toMatch(/--role/);
  }, 60_000);

  it.each([
    {
      typed: ['--level', 'developer'],
      says: '2 grants with the level "developer"',
      remedy: '--grant developers or --grant more',
    },
    { typed: ['--grant', 'nobody'], says: 'no grant "nobody"', remedy: 'listers (pod-lister)' },
    { typed: ['--grant', 'listers', '--plugin', 'aws'], says: 'only by a profile', remedy: '--profile' },
    { typed: ['--role-arn', 'arn:aws:iam::111122223333:role/none'], says: 'may not assume', remedy: 'membership' },
  ])('refuses $typed', async ({ typed, says, remedy }) => {
    const path = join(fresh(), 'config');
    const file = typed[0] === '--role-arn' ? [] : ['--policy', policyFile];
    const { code, err } = await kubeconfig('prod-eu', ...typed, ...file, '--kubeconfig', path);
    expect({ code, there: existsSync(path) }).toEqual({ code: 1, there: false });
    expect(err).toContain(says);
    expect(err).toContain(remedy);
  });

  it('refuses a cluster that EKS does not know', async () => {
    as(sandbox.administrator);
    const { code, err } = await kubeconfig('nope', '--kubeconfig', join(fresh(), 'config'));
    expect(code).toBe(1);
    expect(err).toContain('[not-found] there is no cluster "nope" in this account and in eu-west-1');
  });

  it('is found by a shell that has the command', async () => {
    const { stdout } = await promisify(execFile)(join(folder, 'bin', 'gatehouse'), ['kubeconfig', '--help']);
    expect(stdout).toContain('--dry-run');
  });
});
