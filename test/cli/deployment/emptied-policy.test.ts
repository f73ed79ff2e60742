import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPolicy } from '@gatehouse/core/policy/read';
import { describe, expect, it } from 'vitest';
import { emptiedPolicy } from '../../../cli/src/deployment/emptied-policy.ts';

const FOLDER = join(import.meta.dirname, '../../fixtures/policies');
const FILES = readdirSync(FOLDER);
const TEXT = `# head
apiVersion: gatehouse/v1
clusters:
  prod-eu:   { account: "111122223333", region: eu-west-1 }   # odd   blanks
  edge:
    account: "111122223333"
    region: eu-west-1
    kind: connected
    provider: OTHER
  dev-eu: { account: "111122223333", region: eu-west-1, mode: enforce }

levels:
  viewer: { clusterRole: view }
# people
grants:
  - name: a
    to: { group: g, source: okta }
    on: { clusters: prod-eu }
    level: viewer
    through: role
protected:
  principals: ["arn:aws:iam::111122223333:role/break-glass"]   # ours
`;

describe('a policy without grants', () => {
  it.each(FILES)('of %s is one, names its clusters, and gives nobody anything', (file) => {
    const text = readFileSync(join(FOLDER, file), 'utf8');
    const was = readPolicy(text);
    const is = readPolicy(emptiedPolicy(text));
    if (!was.ok || !is.ok) throw new Error(`${file} is no policy`);
    expect(is.policy.grants).toEqual([]);
    expect(is.policy.clusters).toEqual(was.policy.clusters.filter(({ connected }) => !connected));
    expect(is.policy.protected).toEqual(was.policy.protected);
  });

  it('keeps every other byte, and takes clusters elsewhere out', () => {
    const [head = '', rest = ''] = TEXT.split('grants:\n');
    const connected = / {2}edge:\n( {4}.*\n)+/;
    const after = rest.slice(rest.indexOf('protected:'));
    expect(emptiedPolicy(TEXT)).toBe(`${head.replace(connected, '')}grants: []\n${after}`);
  });

  it.each([
    ['as JSON', JSON.stringify({ apiVersion: 'gatehouse/v1', clusters: {}, grants: [] })],
    ['without a line break at its end', TEXT.trimEnd()],
    ['whose grants stand last', TEXT.slice(0, TEXT.indexOf('protected:'))],
    ['that has none already', emptiedPolicy(TEXT)],
  ])('is made of one %s', (_how, text) => {
    const reading = readPolicy(emptiedPolicy(text));
    expect(reading).toMatchObject({ ok: true, policy: { grants: [] } });
  });

  it('takes out what onboards and what associates identity providers', () => {
    const text = `${TEXT}onboarding:
  environments: { accounts: ["111122223333"], grants: [] }
`;
    const emptied = emptiedPolicy(text);
    expect(emptied).not.toContain('onboarding');
    expect(emptied).toContain('# ours');
  });
});
