import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ROOT } from './spawned.ts';

const LAUNCHER = join(ROOT, 'cli/bin/gatehouse.js');
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-test-'));
const env = { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') };
delete (env as NodeJS.ProcessEnv).NODE_COMPILE_CACHE;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the launcher', () => {
  it('runs the command with the Node of the workspace, from anywhere', () => {
    const out = execFileSync(process.execPath, [LAUNCHER, '--version'], { cwd: folder, env, encoding: 'utf8' });
    expect(out).toBe('0.1.0\n');
  });

  it('has Node keep what it compiled in the cache folder of whoever runs it', () => {
    spawnSync(process.execPath, [LAUNCHER, '--version'], { env });
    expect(readdirSync(join(folder, 'cache/gatehouse/node'))).not.toEqual([]);
  });

  it('hands on the exit code', () => {
    expect(spawnSync(process.execPath, [LAUNCHER, 'validate', '/none'], { env }).status).toBe(1);
  });

  it('loads what is heavy only when a verb needs it', () => {
    const watch = `import { registerHooks } from 'node:module';
      registerHooks({ load: (url, context, next) => (process.stderr.write(url + '\\n'), next(url, context)) });`;
    const { stderr } = spawnSync(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(watch)}`, '-C', 'source', 'cli/src/main.ts', '--help'],
      { cwd: ROOT, encoding: 'utf8' },
    );
    const packages = new Set(
      [...stderr.matchAll(/\/node_modules\/(?!.*\/node_modules\/)((?:@[^/]+\/)?[^/]+)/g)].map(([, name]) => name),
    );
    expect([...packages]).toEqual(['commander']);
  });

  it('says in one sentence what to do with a Node that is too old', () => {
    const bin = join(folder, 'cli/bin');
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    copyFileSync(LAUNCHER, join(bin, 'gatehouse.js'));
    const old = `data:text/javascript,${encodeURIComponent("Object.defineProperty(process.versions, 'node', { value: '20.20.2' })")}`;
    const { status, stderr } = spawnSync(process.execPath, ['--import', old, join(bin, 'gatehouse.js')], {
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toBe(
      'error: gatehouse needs Node 24, and this is 20.20.2: run "npm ci" in the project, which brings it, or install Node 24.\n',
    );
  });
});
