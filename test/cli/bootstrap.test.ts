import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { ROOT } from './spawned.ts';
import { runCommand } from './terminal.ts';

const POLICY = join(ROOT, 'sandbox/policy.yaml');
const ROLE = 'arn:aws:iam::111122223333:role/gatehouse-system/gatehouse-cluster-access';

describe('gatehouse bootstrap, offline', () => {
  it('prints what kubectl applies', async () => {
    const { code, out } = await runCommand(['bootstrap', 'prod-eu', '--policy', POLICY, '--role-arn', ROLE]);
    expect(code).toBe(0);
    const kinds = loadAll(out).map((object) => (object as { kind: string }).kind);
    expect(kinds).toEqual(['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding']);
    expect(out).toContain('role/gatehouse-cluster-access --username gatehouse-controller');
  });

  it.each([
    { typed: ['prod-us', '--role-arn', ROLE], says: 'names no cluster "prod-us"', remedy: 'it names prod-eu, staging' },
    { typed: ['prod-eu'], says: 'does not say by which role', remedy: '--role-arn' },
  ])('refuses $typed: $says', async ({ typed, says, remedy }) => {
    const { code, out, err } = await runCommand(['bootstrap', ...typed, '--policy', POLICY]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(says);
    expect(err).toContain(remedy);
  });

  it('tells what is wrong with the policy once, however much it is', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-test-'));
    const policy = join(folder, 'policy.yaml');
    writeFileSync(policy, 'apiVersion: gatehouse/v1\nextra: 1\ngrants: 5\n');
    try {
      const { code, err } = await runCommand(['bootstrap', 'prod-eu', '--policy', policy, '--role-arn', ROLE]);
      expect(code).toBe(1);
      expect(err.trimEnd().split('\n')).toEqual([
        expect.stringMatching(/^error \[invalid\] .*policy\.yaml:2:1: extra: .+ \(and 1 more\)$/),
        expect.stringMatching(/^ {2}try {3}.+; "gatehouse validate .*policy\.yaml" tells all that is wrong$/),
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
