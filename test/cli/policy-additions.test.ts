import { readPolicy } from '@gatehouse/core/policy/read';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Found } from '../../cli/src/aws/found-clusters.ts';
import { type Addition, commentText, flow, newDocument, withAdditions } from '../../cli/src/policy/additions.ts';
import { firstPolicy } from '../../cli/src/policy/first.ts';

const ACCOUNT = '111122223333';
const CLUSTER: Addition = { section: 'clusters', text: `new: { account: "${ACCOUNT}", region: eu-west-1 }` };
const LEVEL: Addition = { section: 'levels', text: 'viewer: { clusterRole: view }' };
const GRANT: Addition = {
  section: 'grants',
  comments: ['why'],
  text: '{ name: g, to: { machine: ci }, on: { clusters: "*" }, level: viewer, through: user }',
};
const GUARDED: Addition = { section: 'protected', text: `"arn:aws:iam::${ACCOUNT}:role/r"` };
const ALL = [CLUSTER, LEVEL, GRANT, GUARDED];
const old = `old: { account: "${ACCOUNT}", region: eu-west-1 }`;
const oldGrant = '{ name: o, to: { machine: ci }, on: { clusters: "*" }, level: cluster-admin, through: user }';

describe('a document that is added to', () => {
  it.each<[string, string]>([
    ['has nothing but clusters', `apiVersion: gatehouse/v1\nclusters:\n  ${old}\n`],
    ['does not end in a line break', `apiVersion: gatehouse/v1\nclusters:\n  ${old}`],
    ['is written in flow style', `apiVersion: gatehouse/v1\nclusters: { ${old} }\ngrants: [ ${oldGrant} ]\n`],
    ['has a comma before the bracket', `apiVersion: gatehouse/v1\nclusters: { ${old}, }\n`],
    ['has empty sections', `apiVersion: gatehouse/v1\nclusters: { ${old} }\ngrants: []\nlevels: {}\n`],
    [
      'does not indent its lists',
      `apiVersion: gatehouse/v1\nclusters:\n  ${old}\ngrants:\n- ${oldGrant}\n\n# the end\n`,
    ],
    [
      'has comments and blank lines between everything',
      `# ours\napiVersion: gatehouse/v1\n\ngrants:\n    # first\n    - ${oldGrant} # last\n\n    # nothing below\n\nclusters:\n    # old\n    ${old}\n\n\nprotected:\n    principals:\n        - "arn:aws:iam::${ACCOUNT}:role/x"   # safe\n`,
    ],
    [
      'has grants over several lines',
      `apiVersion: gatehouse/v1\nclusters:\n  ${old}\ngrants:\n  - name: o\n    to:\n      machine: ci\n    on: { clusters: "*" }\n    level: cluster-admin\n    through: user\nprotected: { principals: [] }\n`,
    ],
  ])('that %s keeps every line, and has it all', (_what, base) => {
    const text = withAdditions(base, ALL, { tail: ['left out'] });
    const flowing = /^(clusters|grants|levels|protected): [[{]/;
    for (const line of base.split('\n').filter((one) => !flowing.test(one))) expect(text.split('\n')).toContain(line);
    const reading = readPolicy(text);
    expect(reading.ok ? [] : reading.errors).toEqual([]);
    const before = parse(base) as Record<string, object>;
    expect(parse(text)).toEqual({
      ...before,
      clusters: { ...before.clusters, new: expect.anything() },
      levels: { ...before.levels, viewer: expect.anything() },
      grants: [...((before.grants ?? []) as unknown[]), expect.objectContaining({ name: 'g' })],
      protected: {
        principals: [...((before.protected as { principals?: string[] })?.principals ?? []), expect.any(String)],
      },
    });
  });

  it('is refused where it is one line of JSON', () => {
    expect(() => withAdditions('{ "apiVersion": "gatehouse/v1" }', ALL)).toThrow('no map in block style');
  });
});

describe('a text from outside', () => {
  it.each(['a\nb: c', 'a\r# b', '\u2028', '\u0085x', 'é'])('%j stays in its line of a comment', (text) => {
    expect(commentText(text)).toMatch(/^[\x20-\x7e]*$/);
    expect(parse(newDocument([], { head: [text] }))).toEqual({ apiVersion: 'gatehouse/v1' });
  });

  it.each(['yes', 'null', '1e3', '0x1', 'a: b', '- a', '"', '', '*x', '&x', '#', 'a #b', '~', 'é'])(
    '%j is the same text as a value',
    (text) => {
      expect(parse(`x: ${flow({ [text]: [text] })}`)).toEqual({ x: { [text]: [text] } });
    },
  );
});

describe('a first policy', () => {
  const cluster = (over: Partial<Found['clusters'][number]> = {}): Found['clusters'][number] => ({
    ...{ name: 'prod-eu', arn: 'a', region: 'eu-west-1', status: 'ACTIVE', version: '1.34', tags: {} },
    authenticationMode: 'API_AND_CONFIG_MAP',
    ...over,
  });
  const found = (over: Partial<Found> = {}): Found => ({
    ...{ account: ACCOUNT, clusters: [cluster()], permissionSets: [], unasked: [] },
    ...over,
  });

  it.each<[string, Found, Parameters<typeof firstPolicy>[1], string]>([
    [
      'of one cluster',
      found(),
      { source: 'okta' },
      'prod-eu: { account: "111122223333", region: eu-west-1, mode: observe }',
    ],
    ['of none', found({ clusters: [] }), { source: 'okta' }, 'apiVersion: gatehouse/v1'],
    ['with a group', found(), { source: 'okta', group: '00g1' }, 'level: cluster-admin, through: role'],
    [
      'with a permission set',
      found({ permissionSets: ['Ops'] }),
      { source: 'okta', group: 'g', permissionSet: 'Ops' },
      'session: "{login}"',
    ],
    [
      'whose cluster says what it is',
      found({ clusters: [cluster({ tags: { Environment: 'prod' } })] }),
      { source: 'okta' },
      'labels: { env: prod }',
    ],
    [
      'whose tag is no label',
      found({ clusters: [cluster({ tags: { env: 'a b\n' } })] }),
      { source: 'okta' },
      'region: eu-west-1, mode: observe',
    ],
    [
      'of a cluster without aws-auth',
      found({ clusters: [cluster({ authenticationMode: 'API' })] }),
      { source: 'okta' },
      '# Kubernetes 1.34; people come in by access entries alone: aws-auth, which Gatehouse writes, is not read there',
    ],
    [
      'of a cluster elsewhere',
      found({ clusters: [cluster({ connector: { provider: 'OTHER', roleArn: 'r' } })] }),
      { source: 'okta' },
      '# prod-eu runs elsewhere: gatehouse register-cluster prod-eu',
    ],
  ])('%s is right in itself, and observes', (_what, there, choices, line) => {
    const text = firstPolicy(there, choices);
    const reading = readPolicy(text);
    expect(
      reading.ok
        ? reading.policy.clusters.map(({ mode }) => mode).filter((mode) => mode !== 'observe')
        : reading.errors,
    ).toEqual([]);
    expect(text).toContain(line);
  });
});
