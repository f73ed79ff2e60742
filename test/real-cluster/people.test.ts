import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { AwsCredentials } from '@gatehouse/core/aws/cluster-token';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { CLUSTER_OBJECTS } from '../../cli/src/demo/clusters.ts';
import { Stage } from '../../cli/src/demo/stage.ts';
import { until } from '../../cli/src/demo/until.ts';
import { membership, send } from '../../cli/src/demo/webhooks.ts';
import { runCommand } from '../cli/terminal.ts';
import { kubectl } from './kubectl.ts';

/*
 * A limited person with real tools: the real kubectl, the kubeconfig that the command wrote, the command as its credential
 * plugin, a real authenticator and API server. Then the same seen by an administrator who impersonates.
 */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PEOPLE = { mia: 'newcomers', noor: 'onlookers', ola: 'developers' } as const;
type Name = keyof typeof PEOPLE;
const NAMES = Object.keys(PEOPLE) as Name[];

let folder: string;
let policyFile: string;
let stage: Stage;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-people-'));
  policyFile = join(folder, 'policy.yaml');
  const example = readFileSync(join(ROOT, 'docs/examples/limited.yaml'), 'utf8');
  writeFileSync(policyFile, example.replace(/^( +)mia: .*$/m, '$&\n$1ola: "arn:aws:iam::111122223333:user/ola"'));
  mkdirSync(join(folder, 'bin'));
  const main = join(ROOT, 'cli/src/main.ts');
  writeFileSync(join(folder, 'bin', 'gatehouse'), `#!/bin/sh\nexec '${process.execPath}' -C source '${main}' "$@"\n`, {
    mode: 0o755,
  });
  stage = await Stage.open({
    patience: 60,
    policyFile,
    clusterObjects: CLUSTER_OBJECTS,
    components: inject('components'),
    listener: () => undefined,
  });
  for (const [id, group] of Object.entries(PEOPLE)) {
    expect(await send(stage.sandbox, membership('joins', { id, login: `${id}@example.com` }, group))).toBe(204);
  }
  for (const name of NAMES) {
    as(stage.sandbox.administrator);
    await until(`${name} may list pods`, 60, async () => {
      const asked = ['can-i', 'list', 'pods', '--cluster', 'prod-eu', '-n', 'pay', '--as', name];
      return (await gatehouse(...asked)).code === 0 ? true : undefined;
    });
    as(stage.keysOf(name));
    await until(`${name} has a kubeconfig`, 60, async () => {
      const typed = ['--grant', PEOPLE[name], '--policy', policyFile, '--kubeconfig', configOf(name)];
      return (await gatehouse('kubeconfig', 'prod-eu', ...typed)).code === 0 ? true : undefined;
    });
  }
  await stage.rest();
}, 180_000);
afterAll(async () => {
  await stage?.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => as(stage.sandbox.administrator));
afterEach(() => void vi.unstubAllEnvs());

const configOf = (name: Name) => join(folder, `${name}.kubeconfig`);
const environment = ({ accessKeyId, secretAccessKey }: AwsCredentials): Record<string, string> => ({
  AWS_ENDPOINT_URL: stage.sandbox.awsEndpointUrl,
  AWS_REGION: 'eu-west-1',
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
});
function as(credentials: AwsCredentials): void {
  for (const [name, value] of Object.entries(environment(credentials))) vi.stubEnv(name, value);
}
const gatehouse = (...typed: string[]) =>
  runCommand(typed, { env: { AWS_ENDPOINT_URL: stage.sandbox.awsEndpointUrl } });

/** kubectl as somebody has it: their keys, their kubeconfig, the command on their path. */
function kubectlOf(name: Name, ...typed: string[]): Promise<string> {
  const PATH = [join(folder, 'bin'), dirname(process.execPath), process.env.PATH].join(delimiter);
  const env = { ...environment(stage.keysOf(name)), PATH, HOME: folder, KUBECONFIG: configOf(name) };
  return promisify(execFile)(inject('components').kubectl, typed, { env }).then(
    ({ stdout }) => stdout.trim(),
    ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout.trim() || stderr.trim(),
  );
}

describe('kubectl, with the kubeconfig that the command wrote', () => {
  it.each(NAMES)('knows who %s is', async (name) => {
    const review = JSON.parse(await kubectlOf(name, 'auth', 'whoami', '-o', 'json')) as {
      status: { userInfo: { username: string; groups: string[] } };
    };
    expect(review.status.userInfo).toMatchObject({
      username: `gatehouse:${PEOPLE[name]}:${name}`,
      groups: ['system:authenticated'],
    });
  });

  it.each<[Name, string, 'yes' | 'no']>([
    ['mia', 'list pods', 'yes'],
    ['mia', 'get pods', 'no'],
    ['mia', 'get pods --subresource=log', 'no'],
    ['mia', 'list secrets', 'no'],
    ['noor', 'get pods --subresource=log', 'yes'],
    ['noor', 'watch deployments.apps', 'yes'],
    ['noor', 'create pods --subresource=exec', 'no'],
    ['noor', 'get secrets', 'no'],
    ['ola', 'create pods --subresource=exec', 'yes'],
    ['ola', 'delete secrets', 'yes'],
    ['ola', 'update deployments.apps', 'yes'],
    ['ola', 'patch deployments.apps', 'no'],
    ['ola', 'create rolebindings.rbac.authorization.k8s.io', 'no'],
    ['ola', '* *', 'no'],
  ])('%s: %s is %s', async (name, what, answer) => {
    expect(await kubectlOf(name, 'auth', 'can-i', ...what.split(' '), '-n', 'pay')).toBe(answer);
  });

  it('does what the developer may, from beginning to end, and nothing elsewhere', async () => {
    expect(await kubectlOf('ola', 'get', 'pods', '-o', 'name')).toContain('pod/ledger-');
    expect(await kubectlOf('ola', 'create', 'configmap', 'settings', '--from-literal=a=b')).toBe(
      'configmap/settings created',
    );
    expect(await kubectlOf('ola', 'delete', 'configmap', 'settings', '--wait=false')).toBe(
      'configmap "settings" deleted from pay namespace',
    );
    expect(await kubectlOf('ola', 'get', 'secret', 'card-processor', '-o', 'name')).toBe('secret/card-processor');
    expect(await kubectlOf('ola', 'get', 'pods', '-n', 'shop')).toContain('pods is forbidden');
    expect(await kubectlOf('ola', 'get', 'configmap', 'aws-auth', '-n', 'kube-system')).toContain('is forbidden');
    expect(await kubectlOf('mia', 'get', 'pod', 'ledger-6d4cf56db6-x7k2p')).toContain('is forbidden');
  });
});

describe('an administrator of the cluster who impersonates', () => {
  it.each(NAMES)('sees of %s with auth can-i --list what gatehouse verify reports', async (name) => {
    const user = `gatehouse:${PEOPLE[name]}:${name}`;
    const { operatorList, report } = {
      operatorList: await kubectl(
        stage.sandbox.clusters['prod-eu']!.kubeconfig,
        ...['auth', 'can-i', '--list', '-n', 'pay', `--as=${user}`, '--no-headers'],
      ),
      report: await gatehouse('verify', name, '--cluster', 'prod-eu', '--impersonate', '-o', 'json'),
    };
    expect(report.code, report.out + report.err).toBe(0);
    const [first] = (JSON.parse(report.out) as { reports: Record<string, never>[] }).reports;
    const { rights, impersonated, administrator, ok } = first as unknown as {
      rights: { rules: { verbs: string[]; apiGroups: string[]; resources: string[] }[] }[];
      impersonated: { agrees: boolean; whoAmI: { username: string } }[];
      administrator: object;
      ok: boolean;
    };
    expect({ ok, administrator }).toEqual({ ok: true, administrator: { allowed: false, expected: false } });
    expect(impersonated).toMatchObject([{ agrees: true, whoAmI: { username: user } }]);
    const listed = rowsOf(operatorList);
    const reported = rights.flatMap(({ rules }) =>
      rules.flatMap(({ verbs, apiGroups, resources }) =>
        apiGroups.flatMap((group) =>
          resources.map((resource) => {
            const [type = '', sub] = resource.split('/');
            return `${type}${group === '' ? '' : `.${group}`}${sub === undefined ? '' : `/${sub}`} ${[...verbs].sort()}`;
          }),
        ),
      ),
    );
    // Beside these, every login may ask about itself, and read what the server is.
    expect(listed.filter((row) => !/^(selfsubject\w+\.|clustertrustbundles)/.test(row)).sort()).toEqual(
      reported.sort(),
    );
  });

  it('is told the same by can-i and by kubectl', async () => {
    for (const [verb, resource] of [
      ['list', 'pods'],
      ['get', 'secrets'],
      ['delete', 'deployments.apps'],
    ] as const) {
      for (const name of NAMES) {
        const { code } = await gatehouse(
          ...['can-i', verb, resource, '--cluster', 'prod-eu', '-n', 'pay', '--as', name],
        );
        const said = await kubectlOf(name, 'auth', 'can-i', verb, resource, '-n', 'pay');
        expect([name, verb, resource, code === 0 ? 'yes' : 'no']).toEqual([name, verb, resource, said]);
      }
    }
  });
});

/** `kubectl auth can-i --list` as `resource verbs`: what is about resources. */
function rowsOf(list: string): string[] {
  return list.split('\n').flatMap((line) => {
    const [, resource = '', verbs = ''] = /^(\S+)\s.*\[([^\]]*)\]\s*$/.exec(line) ?? [];
    return resource === '' || resource.startsWith('[') ? [] : [`${resource} ${verbs.split(' ').sort()}`];
  });
}
