import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ROOT } from './spawned.ts';
import { runCommand } from './terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(text: string): string {
  const path = join(folder, 'policy.yaml');
  writeFileSync(path, text);
  return path;
}

const WRONG = `apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: 111122223333, region: eu-west-1 }
grants:
  - { name: readers, to: { group: g, source: okta }, on: { clusters: prod-us }, level: reader, through: role }
`;

describe('gatehouse validate', () => {
  it('is content with the policy of the sandbox', async () => {
    const { code, out } = await runCommand(['validate', join(ROOT, 'sandbox/policy.yaml')]);
    expect(code).toBe(0);
    expect(out).toContain('3 grants on 2 clusters');
  });

  it('says what a level amounts to: whoever deploys can read every secret of the namespace', async () => {
    const path = join(ROOT, 'docs/examples/ci.yaml');
    const { code, out } = await runCommand(['validate', path]);
    expect(code).toBe(0);
    expect(out).toContain('level deployer\n');
    expect(out).toMatch(
      /warning +creates-workloads: .*mounts any secret of the namespace.*any of its service accounts/,
    );
    expect(out).toContain('given by  payments-ci, payments-actions\n');
    const json = JSON.parse((await runCommand(['validate', path, '-o', 'json'])).out);
    expect(json).toMatchObject({
      schemaVersion: 1,
      ok: true,
      warnings: [{ level: 'deployer', grants: ['payments-ci', 'payments-actions'], code: 'creates-workloads' }],
    });
  });

  it('warns of nothing where a level is what it says', async () => {
    const harmless = WRONG.replace('111122223333', '"111122223333"')
      .replace('prod-us', 'prod-eu')
      .replace('level: reader', 'level: pod-lister');
    const { code, out } = await runCommand(['validate', file(harmless)]);
    expect({ code, warns: out.includes('warning') }).toEqual({ code: 0, warns: false });
  });

  it('names line, column, field, error and remedy, and exits with 1', async () => {
    const path = file(WRONG);
    const { code, out, err } = await runCommand(['validate', path]);
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(out).toContain(`${path}:3:23  clusters.prod-eu.account`);
    expect(out).toMatch(/^ {2}error {2}\S/m);
    expect(out).toMatch(/^ {2}try {4}\S/m);
  });

  it('says the same as JSON', async () => {
    const { code, out } = await runCommand(['validate', file(WRONG), '-o', 'json']);
    const answer = JSON.parse(out) as { ok: boolean; errors: { line: number; column: number; field: string }[] };
    expect(code).toBe(1);
    expect(answer).toMatchObject({ schemaVersion: 1, ok: false });
    expect(answer.errors[0]).toMatchObject({ line: 3, column: 23, field: 'clusters.prod-eu.account' });
  });

  it('tells of a file that is not there, in words and as JSON', async () => {
    const path = join(folder, 'none.yaml');
    const { code, out, err } = await runCommand(['validate', path]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toBe(`error [enoent] there is no file ${path}\n  try   check the path\n`);
    const json = await runCommand(['validate', path, '--output=json']);
    expect(JSON.parse(json.err)).toMatchObject({ error: { code: 'enoent', remedy: 'check the path' } });
  });

  it('writes out what would move the cursor', async () => {
    const { out } = await runCommand(['validate', file('apiVersion: "gatehouse/v1\\e[2J"\n')]);
    expect(out).not.toMatch(/\u001b/);
  });
});
