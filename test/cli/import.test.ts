import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runCommand } from './terminal.ts';

/*
 * What kubectl wrote, without any Gatehouse. Through Gatehouse: person.test.ts.
 */

const CLUSTER = 'arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu';
const AWS_AUTH = `apiVersion: v1
kind: ConfigMap
metadata: { name: aws-auth, namespace: kube-system }
data:
  mapRoles: |
    - { rolearn: "arn:aws:iam::111122223333:role/ops", username: ops, groups: [viewers] }
    - { rolearn: "arn:aws:iam::111122223333:role/nodes", username: "system:node:{{EC2PrivateDNSName}}", groups: [system:nodes] }
`;
const BINDING = {
  kind: 'ClusterRoleBinding',
  metadata: { name: 'viewers' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
  subjects: [{ kind: 'Group', name: 'viewers' }],
};
const RBAC = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [{ ...BINDING, subjects: null }, BINDING] });

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-import-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const gatehouse = (...typed: string[]) => runCommand(['import', ...typed]);

describe('gatehouse import of what kubectl wrote', () => {
  const [awsAuth, rbac] = [file('aws-auth.yaml', AWS_AUTH), file('rbac.json', RBAC)];

  it('prints a document, and tells beside it what was left out', async () => {
    const { code, out, err } = await gatehouse(CLUSTER, '--aws-auth', awsAuth, '--rbac', rbac);
    expect(code).toBe(0);
    expect(out).toContain(
      '  - { name: ops, to: { principal: "arn:aws:iam::111122223333:role/ops" }, on: { clusters: prod-eu }, level: view, through: role }\n',
    );
    expect(out).toContain('# - mapRoles[1] arn:aws:iam::111122223333:role/nodes: nodes, or pods on Fargate');
    expect(err).toMatch(/^imported {2}1 grant, 0 protected, 1 left out\n/);
  });

  it.each([
    ['csv', 'grant,principal,level,namespaces,from\nops,arn:aws:iam::111122223333:role/ops,view,,"mapRoles[0], Clust'],
    [
      'json',
      '{"schemaVersion":1,"cluster":{"region":"eu-west-1","account":"111122223333","name":"prod-eu"},"document":"',
    ],
    ['yaml', 'schemaVersion: 1\ncluster:\n'],
  ])('is %s for programs', async (format, begins) => {
    const { out } = await gatehouse(CLUSTER, '--aws-auth', awsAuth, '--rbac', rbac, '-o', format);
    expect(out.startsWith(begins)).toBe(true);
  });

  it('writes over a file only where that was said, and adds nothing twice', async () => {
    const out = join(folder, 'policy.yaml');
    const once = [
      'prod-eu',
      '--account',
      '111122223333',
      '--region',
      'eu-west-1',
      '--aws-auth',
      awsAuth,
      '--rbac',
      rbac,
    ];
    expect((await gatehouse(...once, '--out', out)).code).toBe(0);
    const text = readFileSync(out, 'utf8');
    expect(await gatehouse(...once, '--out', out)).toMatchObject({ code: 1, err: expect.stringContaining('--force') });
    const again = ['prod-eu', '--policy', out, '--aws-auth', awsAuth, '--rbac', rbac, '--out', out, '--force'];
    expect(await gatehouse(...again)).toMatchObject({
      code: 0,
      err: expect.stringContaining('the document grants it already'),
    });
    expect(readFileSync(out, 'utf8')).toBe(text);
  });

  it('adds to no document of which it could not keep every byte', async () => {
    const latin = join(folder, 'latin1.yaml');
    const text = 'apiVersion: gatehouse/v1 # caf\u00e9\nclusters: {}\n';
    writeFileSync(latin, text, 'latin1');
    const { code, err } = await gatehouse(
      ...[CLUSTER, '--aws-auth', awsAuth, '--rbac', rbac, '--policy', latin, '--out', latin, '--force'],
    );
    expect(code).toBe(1);
    expect(err).toContain('latin1.yaml is no UTF-8');
    expect(readFileSync(latin, 'latin1')).toBe(text);
  });

  it.each<[string, readonly string[], string]>([
    ['no cluster that could be found', ['prod-eu', '--aws-auth', awsAuth], 'nothing tells in which account'],
    ['RBAC without aws-auth', [CLUSTER, '--rbac', rbac], '--rbac goes with --aws-auth'],
    ['both from standard input', [CLUSTER, '--aws-auth', '-', '--rbac', '-'], 'only one of'],
    ['no ConfigMap', [CLUSTER, '--aws-auth', rbac], 'there is no ConfigMap in'],
    ['no bindings', [CLUSTER, '--aws-auth', awsAuth, '--rbac', awsAuth], 'there are no bindings in'],
    [
      'a binding that is cut',
      [CLUSTER, '--aws-auth', awsAuth, '--rbac', file('cut.yaml', 'kind: RoleBinding')],
      'is not as kubectl writes it',
    ],
    ['no YAML', [CLUSTER, '--aws-auth', file('no.yaml', 'a: [')], 'is no YAML'],
    [
      'a policy that is wrong',
      [CLUSTER, '--aws-auth', awsAuth, '--policy', file('wrong.yaml', 'x: 1')],
      'gatehouse validate',
    ],
    ['a file that is not there', [CLUSTER, '--aws-auth', join(folder, 'none')], 'there is no file'],
  ])('refuses %s', async (_what, typed, says) => {
    const { code, out, err } = await gatehouse(...typed);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(says);
  });
});
