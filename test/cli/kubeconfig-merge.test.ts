import { KubeConfig } from '@kubernetes/client-node';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { entryFor, type KubeconfigEntry, type WayToCluster } from '../../cli/src/kubeconfig/entry.ts';
import { mergeKubeconfig } from '../../cli/src/kubeconfig/merge.ts';

const ARN = 'arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu';
const ROLE = 'arn:aws:iam::111122223333:role/gatehouse/gatehouse-ops';
const WAY: WayToCluster = {
  name: 'prod-eu',
  arn: ARN,
  region: 'eu-west-1',
  server: 'https://A.gr7.eu-west-1.eks.amazonaws.com',
  certificateAuthority: 'Q0E=',
  plugin: 'gatehouse',
};
const PLAIN = entryFor(WAY);
const OPS = entryFor({ ...WAY, grant: 'ops', role: { arn: ROLE }, namespace: 'pay' });

const merged = (text: string, entry: KubeconfigEntry = PLAIN) => mergeKubeconfig(text, entry, 'config');
// biome-ignore lint/suspicious/noExplicitAny: whatever stands in a file
const asRead = (text: string) => parse(text) as Record<string, any>;

describe('an entry', () => {
  it.each([
    {
      what: 'as aws eks update-kubeconfig writes it, for the AWS CLI',
      way: { ...WAY, plugin: 'aws' as const, profile: 'ops' },
      context: ARN,
      user: ARN,
      command: 'aws',
      args: ['--region', 'eu-west-1', 'eks', 'get-token', '--cluster-name', 'prod-eu', '--output', 'json'],
      env: [{ name: 'AWS_PROFILE', value: 'ops' }],
    },
    {
      what: 'by gatehouse token',
      way: WAY,
      context: ARN,
      user: ARN,
      command: 'gatehouse',
      args: ['token', 'prod-eu', '--region', 'eu-west-1'],
      env: undefined,
    },
    {
      what: 'of a role, under the name of whoever calls',
      way: { ...WAY, grant: 'ops', role: { arn: ROLE } },
      context: 'prod-eu-ops',
      user: `${ARN}/ops`,
      command: 'gatehouse',
      args: ['token', 'prod-eu', '--region', 'eu-west-1', '--role-arn', ROLE],
      env: undefined,
    },
    {
      what: 'of a role, under a name of its own',
      way: { ...WAY, alias: 'ci', grant: 'ci', role: { arn: ROLE, sessionName: 'ci' } },
      context: 'ci',
      user: `${ARN}/ci`,
      command: 'gatehouse',
      args: ['token', 'prod-eu', '--region', 'eu-west-1', '--role-arn', ROLE, '--session-name', 'ci'],
      env: undefined,
    },
  ])('$what', ({ way, context, user, command, args, env }) => {
    const config = asRead(merged('', entryFor(way)));
    expect(config).toEqual({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: ARN, cluster: { server: WAY.server, 'certificate-authority-data': 'Q0E=' } }],
      users: [
        {
          name: user,
          user: {
            exec: {
              apiVersion: 'client.authentication.k8s.io/v1beta1',
              command,
              args,
              interactiveMode: 'IfAvailable',
              ...(env && { env }),
            },
          },
        },
      ],
      contexts: [{ name: context, context: { cluster: ARN, user } }],
      'current-context': context,
    });
  });

  it('never lets the AWS CLI assume a role: its session name is fixed', () => {
    for (const plugin of ['aws', 'gatehouse'] as const) {
      const { exec } = entryFor({ ...WAY, plugin, profile: 'p', role: { arn: ROLE } }).user;
      expect(exec.command === 'aws' && exec.args.some((one) => one.startsWith('--role'))).toBe(false);
    }
  });

  it('is read by the client of Kubernetes', () => {
    const config = new KubeConfig();
    config.loadFromString(merged('', OPS));
    expect(config.getCurrentContext()).toBe('prod-eu-ops');
    expect(config.getContextObject('prod-eu-ops')).toMatchObject({ namespace: 'pay', cluster: ARN });
  });
});

const FOREIGN = `# kept by the platform team
apiVersion: v1
kind: Config
preferences: {colors: true}
clusters:
- cluster: # behind the proxy
    proxy-url: http://proxy.example.com:3128
    server: https://other.example.com
  name: other
contexts:
- context:
    cluster: other
    namespace: shop   # mine
    user: somebody
  name: other
current-context: other
users:
- name: somebody
  user:
    token: "a-token-that-is-nobodys-business"
extensions:
- extension: {x: 1}
  name: of-a-tool
`;

describe('what is in the file already', () => {
  it('keeps its lines, but for the current context', () => {
    const after = merged(FOREIGN, OPS);
    const gone = FOREIGN.split('\n').filter((line) => !after.split('\n').includes(line));
    // The library gives a comment that follows a dash a line of its own, and one blank before every other.
    expect(gone).toEqual(['- cluster: # behind the proxy', '    namespace: shop   # mine', 'current-context: other']);
    const [before, now] = [asRead(FOREIGN), asRead(after)];
    for (const section of ['clusters', 'contexts', 'users'] as const)
      expect(now[section][0]).toEqual(before[section][0]);
    expect(now.extensions).toEqual(before.extensions);
    for (const comment of FOREIGN.match(/#.*/g) ?? []) expect(after).toContain(comment);
  });

  it('is the same after the same entry once more', () => {
    const once = merged(FOREIGN, OPS);
    expect(merged(once, OPS)).toBe(once);
  });

  it('keeps namespace, proxy, plugin environment and extensions of its own entries, and drops other credentials', () => {
    const config = asRead(
      merged(`
clusters:
  - name: ${ARN}
    cluster: { server: https://old, proxy-url: http://proxy, insecure-skip-tls-verify: true, certificate-authority: /old.pem }
contexts:
  - name: ${ARN}
    context: { cluster: ${ARN}, user: old, namespace: mine, extensions: [{ name: x }] }
users:
  - name: ${ARN}
    user:
      token: old
      exec: { command: aws, args: [old], env: [{ name: AWS_PROFILE, value: old }, { name: HTTPS_PROXY, value: p }] }
`),
    );
    expect(config.clusters[0].cluster).toEqual({
      server: WAY.server,
      'proxy-url': 'http://proxy',
      'certificate-authority-data': 'Q0E=',
    });
    expect(config.contexts[0].context).toEqual({
      cluster: ARN,
      user: ARN,
      namespace: 'mine',
      extensions: [{ name: 'x' }],
    });
    expect(config.users[0].user).toEqual({
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1beta1',
        command: 'gatehouse',
        args: PLAIN.user.exec.args,
        interactiveMode: 'IfAvailable',
        env: [{ name: 'HTTPS_PROXY', value: 'p' }],
      },
    });
  });

  it.each([
    { what: 'nothing', text: '' },
    { what: 'blanks', text: ' \n\n' },
    { what: 'a comment', text: '# mine\n' },
    { what: 'null', text: 'null\n' },
    {
      what: 'empty lists, as kubectl leaves them',
      text: 'apiVersion: v1\nclusters: null\ncontexts: null\nusers: null\n',
    },
    { what: 'JSON', text: '{"apiVersion":"v1","kind":"Config","clusters":[],"users":[],"contexts":[]}' },
    { what: 'CRLF', text: 'apiVersion: v1\r\nkind: Config\r\n' },
  ])('$what is added to', ({ text }) => {
    const config = asRead(merged(text, OPS));
    expect(config).toMatchObject({ apiVersion: 'v1', 'current-context': 'prod-eu-ops' });
    expect([config.clusters, config.users, config.contexts].map((list) => list.length)).toEqual([1, 1, 1]);
    if (text.includes('# mine')) expect(merged(text, OPS)).toContain('# mine');
  });

  it('takes two ways into one cluster side by side', () => {
    const config = asRead(merged(merged('', PLAIN), OPS));
    expect(config.clusters).toHaveLength(1);
    expect(config.contexts.map(({ name }: { name: string }) => name)).toEqual([ARN, 'prod-eu-ops']);
  });
});

describe('refused, with nothing written', () => {
  it.each([
    { what: 'broken YAML', text: 'a: [', says: 'is no kubeconfig' },
    { what: 'a list', text: '- a\n', says: 'it is not a mapping' },
    { what: 'two documents', text: 'a: 1\n---\nb: 2\n', says: 'more than one document' },
    { what: 'a section that is no list', text: 'contexts: {}\n', says: '"contexts" is no list' },
    {
      what: "another cluster's context of the name",
      text: 'contexts: [{ name: prod-eu-ops, context: { cluster: other, user: x } }]\n',
      says: 'the context "prod-eu-ops" leads to other',
    },
    {
      what: 'an entry twice',
      text: `users: [{ name: ${ARN}/ops, user: {} }, { name: ${ARN}/ops, user: {} }]\n`,
      says: '2 times',
    },
  ])('$what', ({ text, says }) => {
    expect(() => merged(text, OPS)).toThrow(says);
  });
});

it('keeps any entries of others, whatever they are called', () => {
  const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { maxLength: 6 });
  fc.assert(
    fc.property(names, names, fc.boolean(), (clusters, users, json) => {
      const config = {
        apiVersion: 'v1',
        clusters: clusters.map((name) => ({ name, cluster: { server: `https://${name}`, [name]: name } })),
        users: users.map((name) => ({ name, user: { token: name } })),
        contexts: users.map((name) => ({ name, context: { cluster: 'x', user: name, __proto__: null } })),
      };
      const text = json ? JSON.stringify(config, null, 2) : JSON.stringify(config);
      const after = asRead(merged(text, OPS));
      const before = asRead(text);
      for (const section of ['clusters', 'users', 'contexts'] as const) {
        expect(after[section].slice(0, before[section].length)).toEqual(before[section]);
        expect(after[section]).toHaveLength(before[section].length + 1);
      }
    }),
  );
});
