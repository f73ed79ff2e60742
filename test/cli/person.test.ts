import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KubeConfig, RbacAuthorizationV1Api } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ownSession } from '../../cli/src/cluster/own-session.ts';
import { CLUSTER_OBJECTS } from '../../cli/src/demo/clusters.ts';
import { Stage } from '../../cli/src/demo/stage.ts';
import { until } from '../../cli/src/demo/until.ts';
import { newMessageId, send } from '../../cli/src/demo/webhooks.ts';
import { PLAIN } from '../../cli/src/terminal/style.ts';
import { writeReport } from '../../cli/src/verbs/verify.ts';
import { runCommand } from './terminal.ts';

/*
 * What is found out about a person, against a sandbox: the command, the function, IAM, STS, an authenticator and an API server.
 */

const policyFile = fileURLToPath(new URL('../../docs/examples/limited.yaml', import.meta.url));
const NEWCOMERS = 'arn:aws:iam::111122223333:role/gatehouse/gatehouse-newcomers';
let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open({
    patience: 30,
    policyFile,
    clusterObjects: CLUSTER_OBJECTS,
    listener: () => undefined,
  });
  await joins('mia', 'newcomers');
  await joins('noor', 'onlookers');
  for (const user of ['mia', 'noor']) {
    await until(`${user} may list pods`, 30, async () => ((await may(user, 'list', 'pods')) === 0 ? true : undefined));
  }
  await stage.rest();
}, 90_000);
afterAll(() => stage?.close());
beforeEach(() => as(stage.sandbox.administrator));
afterEach(() => void vi.unstubAllEnvs());

async function joins(user: string, group: string): Promise<void> {
  const body = JSON.stringify({
    type: 'group.member-added',
    timestamp: new Date().toISOString(),
    data: { group: { id: group }, user: { id: user, login: `${user}@example.com` } },
  });
  expect(await send(stage.sandbox, { source: 'standard', type: 'x', event: newMessageId(), body })).toBe(204);
}

function as({ accessKeyId, secretAccessKey }: { accessKeyId: string; secretAccessKey: string }): void {
  vi.stubEnv('AWS_ENDPOINT_URL', stage.sandbox.awsEndpointUrl);
  vi.stubEnv('AWS_REGION', 'eu-west-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
}

const gatehouse = (...typed: string[]) =>
  runCommand(typed, { env: { AWS_ENDPOINT_URL: stage.sandbox.awsEndpointUrl } });
const canI = (verb: string, resource: string, ...more: string[]) =>
  gatehouse('can-i', verb, resource, '--cluster', 'prod-eu', ...more);
async function may(user: string, verb: string, resource: string, namespace = 'pay'): Promise<number> {
  as(stage.sandbox.administrator);
  return (await canI(verb, resource, '-n', namespace, '--as', user)).code;
}

describe('gatehouse can-i --as', () => {
  it.each([
    { user: 'mia', verb: 'list', resource: 'pods', code: 0 },
    { user: 'mia', verb: 'get', resource: 'pods', code: 3 },
    { user: 'mia', verb: 'get', resource: 'pods/log', code: 3 },
    { user: 'noor', verb: 'get', resource: 'pods/log', code: 0 },
    { user: 'noor', verb: 'watch', resource: 'deploy', code: 0 },
    { user: 'noor', verb: 'get', resource: 'deployments.extensions', code: 0 },
    { user: 'noor', verb: 'create', resource: 'pods/exec', code: 3 },
    { user: 'noor', verb: 'get', resource: 'secrets', code: 3 },
  ])('$user: $verb $resource exits with $code', async ({ user, verb, resource, code }) => {
    expect(await may(user, verb, resource)).toBe(code);
  });

  it('says by which binding', async () => {
    const { out } = await canI('list', 'pods', '-n', 'pay', '--as', 'user/standard/mia');
    expect(out).toMatch(/^yes {2}user\/standard\/mia on prod-eu: list pods in pay\n/);
    expect(out).toContain(
      'who  gatehouse:newcomers:mia (arn:aws:sts::111122223333:assumed-role/gatehouse-newcomers/mia)',
    );
    expect(out).toMatch(/why {2}RBAC: allowed by RoleBinding "gatehouse:newcomers:role:0\/pay"/);
  });

  it.each([
    { more: ['get', 'secrets', '-n', 'pay'], says: 'it takes one of: developers (for the standard group developers)' },
    { more: ['list', 'pods', '-n', 'shop'], says: 'the grant newcomers gives it in pay alone' },
    { more: ['get', 'pods', '-n', 'pay'], says: 'the grant newcomers (level pod-lister, pay) does not give it' },
    { more: ['delete', 'nodes'], says: 'no grant of the policy lets anybody delete nodes in the whole cluster' },
  ])('says why not: $more', async ({ more: [verb = '', resource = '', ...rest], says }) => {
    const { code, out } = await canI(verb, resource, ...rest, '--as', 'mia');
    expect(code).toBe(3);
    expect(out).toMatch(/^no /);
    expect(out).toContain(says);
  });

  it('says that nobody lets them in who has no grant, and of whom the policy knows nothing', async () => {
    const { code, out } = await canI('list', 'pods', '--as', 'arn:aws:iam::111122223333:user/stranger');
    expect(code).toBe(3);
    expect(out).toContain('aws-auth does not let them in: arn:aws:iam::111122223333:user/stranger is not mapped');
    expect(out).toContain('no grant of the policy is for them on this cluster');
  });

  it('takes a session by its ARN for whom it was made', async () => {
    const { code, out } = await canI(
      ...(['list', 'pods', '-n', 'pay', '--as'] as const),
      'arn:aws:sts::111122223333:assumed-role/gatehouse-newcomers/mia',
      '-o',
      'json',
    );
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      schemaVersion: 1,
      allowed: true,
      answers: [{ login: { username: 'gatehouse:newcomers:mia', grants: ['newcomers'] } }],
    });
  });

  it.each([
    { typed: ['list', 'pods', '--as', 'nobody'], says: 'nobody of the policy\'s sources is known as "nobody"' },
    { typed: ['list', 'podz', '--as', 'mia'], says: 'no cluster has a resource "podz" by itself' },
    { typed: ['list', 'pods', '--as', 'arn:aws:iam::111122223333:role/x*'], says: 'it holds a wildcard' },
  ])('refuses $typed with exit code 1', async ({ typed: [verb = '', resource = '', ...more], says }) => {
    const { code, err } = await canI(verb, resource, ...more);
    expect(code).toBe(1);
    expect(err).toContain(says);
  });
});

describe('gatehouse can-i, for oneself', () => {
  const mine = (verb: string, resource: string, ...more: string[]) =>
    canI(verb, resource, '-n', 'pay', '--role-arn', NEWCOMERS, ...more);

  it('asks as the person, who needs nothing but their session', async () => {
    as(stage.keysOf('mia'));
    const { code, out } = await mine('list', 'pods');
    expect(code).toBe(0);
    expect(out).toContain('who  gatehouse:newcomers:mia (arn:aws:iam::111122223333:user/mia)');
    expect(out).toContain('RoleBinding "gatehouse:newcomers:role:0/pay"');
  });

  it('answers "why was I denied?" with who one is there, and what one may do instead', async () => {
    as(stage.keysOf('mia'));
    const { code, out } = await mine('get', 'secrets');
    expect(code).toBe(3);
    expect(out).toMatch(/^no {2}you on prod-eu: get secrets in pay\n/);
    expect(out).toContain('no binding gives it. what you may do in pay: list pods\n');
    expect(JSON.parse((await mine('get', 'secrets', '-o', 'json')).out)).toMatchObject({
      allowed: false,
      username: 'gatehouse:newcomers:mia',
      instead: [{ verbs: ['list'], apiGroups: [''], resources: ['pods'] }],
    });
  });

  it('says so where the cluster does not know one, and where the role takes one not in', async () => {
    as(stage.keysOf('mia'));
    const { code, err } = await canI('list', 'pods', '-n', 'pay');
    expect(code).toBe(1);
    expect(err).toMatch(/\[(unauthorized|forbidden)\]/);
    const other = await canI('list', 'pods', '--role-arn', NEWCOMERS.replace('newcomers', 'developers'));
    expect(other.code).toBe(1);
    expect(other.err).toContain('may not assume');
  });
});

describe('gatehouse verify', () => {
  it('says of somebody who does not come in that there was nothing to ask', () => {
    let out = '';
    const write = (text: string) => {
      out += text;
    };
    const output = { write, style: PLAIN, width: undefined };
    const nobody = { logins: [], rights: [], answers: [], troubles: [], ok: true };
    const administrator = { allowed: false, expected: false };
    writeReport(output, { cluster: 'staging', person: 'user/standard/mia', administrator, ...nobody });
    expect(out).toMatch(
      /\nas the policy says: they do not come in, so nothing was asked; no administrator of the cluster\n$/,
    );
  });

  it('says plainly what a person can and cannot do, by which grant', async () => {
    const { code, out } = await gatehouse('verify', 'mia');
    expect(code, out).toBe(0);
    expect(out).toMatch(/^user\/standard\/mia on prod-eu\n/);
    expect(out).toMatch(/is there +gatehouse:newcomers:mia\n/);
    expect(out).toMatch(/pay +grant newcomers +list pods\n/);
    expect(out).toMatch(/get secrets in pay +no grant gives secrets\n/);
    expect(out).toMatch(/\* \*\.\* in the whole cluster +no grant gives this\n/);
    expect(out).toMatch(/^as the policy says: \d+ questions asked; no administrator of the cluster\n/m);
  });

  it('asks as them, too, by impersonation', async () => {
    const { code, out } = await gatehouse('verify', 'noor', '--cluster', 'prod-eu', '--impersonate', '-o', 'json');
    expect(code, out).toBe(0);
    const [report] = (JSON.parse(out) as { reports: Record<string, unknown>[] }).reports;
    expect(report).toMatchObject({
      ok: true,
      administrator: { allowed: false, expected: false },
      impersonated: [
        {
          username: 'gatehouse:onlookers:noor',
          whoAmI: { username: 'gatehouse:onlookers:noor', groups: ['system:authenticated'] },
          agrees: true,
          differences: [],
        },
      ],
    });
  });

  it('is refused to impersonate for whoever may not', async () => {
    as(stage.keysOf('mia'));
    const session = await ownSession('prod-eu', {
      roleArn: NEWCOMERS,
      impersonated: { user: 'kubernetes-admin', groups: ['system:masters'] },
    });
    await expect(session.whoAmI()).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('exits with 3 where somebody gave them more by hand: an administrator above all', async () => {
    const admin = stage.administratorOf('prod-eu');
    const binding = await admin.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'by-hand' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'gatehouse:newcomers:mia' }],
    });
    try {
      const { code, out } = await gatehouse('verify', 'mia', '--cluster', 'prod-eu', '--impersonate');
      expect(code).toBe(3);
      expect(out).toContain('AN ADMINISTRATOR, and not by the policy');
      expect(out).toContain("ClusterRoleBinding by-hand, ClusterRole cluster-admin (not Gatehouse's)");
      expect(out).toContain('may * *.* in the whole cluster');
      expect(out).toContain('as them: may do everything with everything');
    } finally {
      await admin.remove({ kind: 'ClusterRoleBinding', name: binding.metadata.name });
    }
  });

  it('exits with 3 where the cluster has less than the policy gives', async () => {
    const admin = stage.administratorOf('prod-eu');
    const ref = { kind: 'RoleBinding', namespace: 'pay', name: 'gatehouse:onlookers:role:0' } as const;
    const found = (await admin.read(ref))!;
    await admin.remove(ref);
    const { code, out } = await gatehouse('verify', 'noor', '--cluster', 'prod-eu');
    expect(code).toBe(3);
    expect(out).toContain('otherwise than the policy says');
    expect(await may('noor', 'list', 'pods')).toBe(3);
    expect((await canI('list', 'pods', '-n', 'pay', '--as', 'noor')).out).toContain(
      'the policy gives it, and the cluster does not',
    );
    const { uid: _uid, resourceVersion: _version, creationTimestamp: _at, ...metadata } = found.metadata;
    await admin.create({ ...found, metadata });
  });

  it('knows an administrator of somebody else by the entry of aws-auth', async () => {
    const { code, out } = await gatehouse(
      'verify',
      'arn:aws:iam::111122223333:role/break-glass',
      '--cluster',
      'prod-eu',
    );
    expect(code).toBe(3);
    expect(out).toContain('break-glass, system:masters');
    expect(out).toContain('AN ADMINISTRATOR, and not by the policy');
  });

  it('finds nothing for whom there is nothing', async () => {
    const { code, out } = await gatehouse(
      'verify',
      'arn:aws:iam::111122223333:user/stranger',
      '--cluster',
      'prod-eu',
      '-o',
      'json',
    );
    expect(code).toBe(3);
    expect(JSON.parse(out).reports[0]).toMatchObject({
      rights: [],
      administrator: { allowed: false, expected: false },
    });
  });
});

describe('gatehouse why', () => {
  it('prints the chain from the event to the binding', async () => {
    const { code, out } = await gatehouse('why', 'mia', 'prod-eu');
    expect(code).toBe(0);
    expect(out).toMatch(/^yes {2}user\/standard\/mia on prod-eu \(enforce, policy 1\)\n/);
    expect(out).toContain('the standard group newcomers: they are a member since ');
    expect(out).toMatch(/event +standard group\.member-added /);
    expect(out).toMatch(/made +role-binding /);
    expect(out).toMatch(/by +run \S+, ledger entry \d+, .*, policy 1/);
    expect(out).toContain('the standard group developers: no event said that they are a member');
  });

  it('exits with 3 for somebody without access, also as JSON', async () => {
    const { code, out } = await gatehouse('why', 'arn:aws:iam::111122223333:user/stranger', 'prod-eu', '-o', 'json');
    expect(code).toBe(3);
    expect(JSON.parse(out)).toMatchObject({ schemaVersion: 1, holds: false, cluster: 'prod-eu' });
  });
});

describe('what somebody changed by hand', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-plans-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'prod.plan.json');

  it('is planned as drift, saved, and put right by the saved plan', async () => {
    expect((await gatehouse('plan')).out).toMatch(/^Nothing to do\. All \d+ targets are as the policy says\.\n$/);
    const config = new KubeConfig();
    config.loadFromFile(stage.sandbox.clusters['prod-eu']!.kubeconfig);
    const rbac = config.makeApiClient(RbacAuthorizationV1Api);
    const labelSelector = 'app.kubernetes.io/managed-by=gatehouse';
    const { items } = await rbac.listNamespacedRoleBinding({ namespace: 'pay', labelSelector });
    const theirs = items.find(({ subjects }) => subjects?.some(({ name }) => name.includes('mia')));
    await rbac.deleteNamespacedRoleBinding({ namespace: 'pay', name: theirs!.metadata!.name! });

    const planned = await gatehouse('plan', 'prod-eu', '--out', file, '--detailed-exitcode');
    expect(planned.code).toBe(2);
    expect(planned.out).toMatch(/^Changed outside of Gatehouse/);
    expect(planned.out).toContain('mia@example.com, by newcomers\n');
    expect(planned.out).toMatch(/; 1 drifted\.\n$/);
    expect(await gatehouse('apply', 'prod-eu')).toMatchObject({ code: 1, err: expect.stringContaining('[forbidden]') });

    const applied = await gatehouse('apply', file);
    expect(applied.out).toMatch(/\ndone {2}\d+ lines? applied/);
    expect(applied.code).toBe(0);
    expect(await may('mia', 'list', 'pods')).toBe(0);
    expect(await gatehouse('apply', file)).toMatchObject({ code: 0, out: 'done  nothing of the plan is left to do\n' });
  }, 60_000);
});

describe('a policy of what there is', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-import-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const [first, second] = [join(folder, 'policy.yaml'), join(folder, 'imported.yaml')];

  it('is written by init, added to by import, and valid', async () => {
    const { code, out } = await gatehouse('init', '--out', first);
    expect(code).toBe(0);
    expect(out).toMatch(/^prod-eu +eu-west-1 +1\.34 +CONFIG_MAP +ACTIVE$/m);
    expect(await gatehouse('init', '--out', first)).toMatchObject({
      code: 1,
      err: expect.stringContaining('already-exists'),
    });
    const env = { AWS_ENDPOINT_URL: stage.sandbox.awsEndpointUrl };
    const third = join(folder, 'asked.yaml');
    await runCommand(['init', '--out', third], { env, ask: async () => '00g1' });
    expect((await gatehouse('validate', third)).out).toMatch(/^valid .*: 1 grant on 1 cluster/);
    const imported = await gatehouse('import', 'prod-eu', '--policy', first, '--out', second);
    expect(imported.code).toBe(0);
    expect(imported.err).toContain('role/break-glass');
    const { code: valid, out: said } = await gatehouse('validate', second);
    expect(said).toMatch(/^valid /);
    expect(valid).toBe(0);
    expect((await gatehouse('plan', '--policy', second, '-o', 'json')).code).toBe(0);
  }, 60_000);
});
