import { grantSubject } from '@gatehouse/core/access/subject';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { diff } from '@gatehouse/core/resources/aws-auth/diff';
import { AWS_AUTH_OBJECT, type AwsAuthClaim, type AwsAuthObserved } from '@gatehouse/core/resources/aws-auth/model';
import type { ObjectClaims, OwnedClaim } from '@gatehouse/core/resources/resource';
import { describe, expect, it } from 'vitest';
import { fixture } from './fixtures.ts';

const ROLE = 'arn:aws:iam::111122223333:role/gatehouse-payments';
const USER = 'arn:aws:iam::111122223333:user/gatehouse/ci';
const USERNAME = 'gatehouse:payments:{{SessionNameRaw}}';
const ENTRY = `- rolearn: ${ROLE}\n  username: "${USERNAME}"\n`;
const NODE = '- rolearn: arn:aws:iam::111122223333:role/node\n  username: node\n';

function claim(overrides: Partial<AwsAuthClaim> = {}): OwnedClaim<AwsAuthClaim> {
  return {
    subject: grantSubject('payments'),
    claim: { kind: 'aws-auth', object: AWS_AUTH_OBJECT, list: 'mapRoles', arn: ROLE, username: USERNAME, ...overrides },
  };
}

function observed(data?: Record<string, string>, rest: Partial<KubernetesObject> = {}): AwsAuthObserved {
  const metadata = { name: 'aws-auth', namespace: 'kube-system', resourceVersion: '7' };
  return {
    present: true,
    configMap: { apiVersion: 'v1', kind: 'ConfigMap', metadata, ...(data ? { data } : {}), ...rest },
  };
}

type Sides = Partial<Record<keyof ObjectClaims, readonly OwnedClaim<AwsAuthClaim>[]>>;
const run = (state: AwsAuthObserved, claims: Sides) =>
  diff(AWS_AUTH_OBJECT, state, { wanted: [], unwanted: [], recorded: [], ...claims });
const dataAfter = (state: AwsAuthObserved, claims: Sides) => {
  const after = run(state, claims).change?.after;
  return after?.present ? after.configMap.data : undefined;
};
const codes = (state: AwsAuthObserved, claims: Sides) =>
  run(state, claims).findings.map(({ code, severity }) => `${code} ${severity}`);

describe('what is wanted', () => {
  it('is added, and told', () => {
    const { change, findings } = run(observed({ mapRoles: NODE }), { wanted: [claim()] });
    expect(change?.after).toEqual(observed({ mapRoles: NODE + ENTRY }));
    expect(change).toMatchObject({ kind: 'aws-auth', object: AWS_AUTH_OBJECT, action: 'update' });
    expect(change?.lines).toEqual([
      { sign: '+', text: `mapRoles: ${ROLE} becomes ${USERNAME}`, subject: 'grant/payments' },
    ]);
    expect(findings).toEqual([]);
  });

  it('creates the ConfigMap where there is none, and not for a removal', () => {
    const { change } = run({ present: false }, { wanted: [claim()] });
    expect(change).toMatchObject({ action: 'create', before: { present: false } });
    expect(change?.after).toMatchObject({
      configMap: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'aws-auth', namespace: 'kube-system' },
        data: { mapRoles: ENTRY },
      },
    });
    expect(run({ present: false }, { unwanted: [claim()] })).toEqual({ findings: [] });
  });

  it('makes no change where it is in force already, however it is written', () => {
    for (const name of ['unindented-as-eksctl-writes', 'json-pretty', 'folded-scalars', 'keys-in-any-case', 'crlf']) {
      expect(run(observed({ mapRoles: fixture(name).text }), { wanted: [claim()], recorded: [claim()] })).toEqual({
        findings: [],
      });
    }
  });

  it('is replaced in place where groups were added to it', () => {
    const text = fixture('our-entry-with-groups-added').text;
    const claims = { wanted: [claim()], recorded: [claim()] };
    const after = dataAfter(observed({ mapRoles: text }), claims)?.mapRoles;
    expect(after).toBe(text.replace(`${ENTRY}  groups:\n  - system:masters\n`, ENTRY));
    expect(run(observed({ mapRoles: text }), claims).change?.lines[0]?.sign).toBe('~');
  });

  it('is written once where it stands twice', () => {
    const state = observed({ mapRoles: ENTRY + NODE + ENTRY });
    expect(dataAfter(state, { wanted: [claim()], recorded: [claim()] })).toEqual({ mapRoles: NODE + ENTRY });
  });

  it('replaces an older username of the same principal in the same turn', () => {
    const old = claim({ username: 'gatehouse:old:x' });
    const state = observed({ mapRoles: ENTRY.replace(USERNAME, 'gatehouse:old:x') + NODE });
    expect(dataAfter(state, { wanted: [claim()], unwanted: [old] })).toEqual({ mapRoles: ENTRY + NODE });
  });

  it('is blocked where two claims make one principal two users, and the recorded one stays', () => {
    const rival = { ...claim({ username: 'gatehouse:other:{{SessionNameRaw}}' }), subject: grantSubject('other') };
    expect(codes(observed({}), { wanted: [claim(), rival] })).toEqual([
      'conflicting-claims blocks',
      'conflicting-claims blocks',
    ]);
    const state = observed({ mapRoles: ENTRY });
    const { change, findings } = run(state, { wanted: [claim(), rival], recorded: [claim()] });
    expect(change).toBeUndefined();
    expect(findings).toMatchObject([{ code: 'conflicting-claims', subject: 'grant/other' }]);
  });

  describe('with a username that the policy gives', () => {
    const given = claim({ list: 'mapUsers', arn: USER, username: 'eks-cicd-user' });
    const entry = (arn: string, username: string, more = '') =>
      `- userarn: ${arn}\n  username: ${JSON.stringify(username)}\n${more}`;
    const stranger = (username: string) => entry(`${USER}-2`, username, '  groups: [x]\n');

    it('is added, and taken away by its record alone', () => {
      const state = observed({ mapUsers: stranger('other') });
      const { change, findings } = run(state, { wanted: [given] });
      expect(findings).toEqual([]);
      const after = change!.after as typeof state;
      expect(run(after, { wanted: [given], recorded: [given] })).toEqual({ findings: [] });
      expect(run(after, { unwanted: [given] }).change!.after).toEqual(state);
      // Nobody recorded it: then it is somebody else's, though it says the same.
      expect(run(after, { wanted: [given] })).toMatchObject({
        findings: [{ code: 'foreign-entry', severity: 'blocks' }],
      });
      expect(
        run(after, { unwanted: [claim({ list: 'mapUsers', arn: USER, username: 'gatehouse:x:y' })] }).change,
      ).toBeUndefined();
    });

    it('is put right where somebody gave it a group', () => {
      const drifted = observed({ mapUsers: entry(USER, 'eks-cicd-user', '  groups: [system:masters]\n') });
      const { change } = run(drifted, { wanted: [given], recorded: [given] });
      expect(JSON.stringify(change!.after)).not.toContain('system:masters');
    });

    it('changes to another, derived or given, in place', () => {
      const state = observed({ mapUsers: entry(USER, 'eks-cicd-user') + stranger('other') });
      for (const username of ['eks-deployer', 'gatehouse:iam-user:111122223333:ci']) {
        const next = claim({ list: 'mapUsers', arn: USER, username });
        const { change, findings } = run(state, { wanted: [next], unwanted: [given] });
        expect(findings).toEqual([]);
        expect(JSON.stringify(change!.after)).toContain(username);
        expect(JSON.stringify(change!.after)).not.toContain('eks-cicd-user');
      }
    });

    it.each([
      ['has it', 'eks-cicd-user'],
      ['may call its session so', '{{SessionNameRaw}}'],
      ['may call its session so, in part', 'eks-{{SessionName}}'],
    ])('is not added where another principal %s', (_what, username) => {
      for (const data of [
        { mapUsers: stranger(username) },
        { mapRoles: `- rolearn: ${ROLE}\n  username: "${username}"\n` },
      ]) {
        const { change, findings } = run(observed(data), { wanted: [given] });
        expect(change).toBeUndefined();
        expect(findings).toMatchObject([{ code: 'username-taken', severity: 'blocks', subject: given.subject }]);
      }
    });

    it.each(['EKS-CICD-USER', 'eks-cicd-user2', 'system:node:{{EC2PrivateDNSName}}', 'gatehouse:x:{{SessionNameRaw}}'])(
      'is another than %s',
      (username) => {
        expect(run(observed({ mapUsers: stranger(username) }), { wanted: [given] }).change).toBeDefined();
      },
    );

    it('that somebody takes later stays, and is told', () => {
      const state = observed({ mapUsers: entry(USER, 'eks-cicd-user') + stranger('eks-cicd-user') });
      expect(run(state, { wanted: [given], recorded: [given] })).toMatchObject({
        findings: [{ code: 'username-taken', severity: 'notice' }],
      });
      expect(run(state, { wanted: [given], recorded: [given] }).change).toBeUndefined();
      expect(JSON.stringify(run(state, { unwanted: [given] }).change!.after)).toContain(`${USER}-2`);
    });
  });

  it.each(['system:masters', 'eks:x', 'a{{SessionName}}'])('never has the reserved username %s', (username) => {
    expect(() => run(observed({}), { wanted: [claim({ username })] })).toThrow(/which is reserved/);
  });

  it('stays below 900 KiB, and removals go through above it', () => {
    const big = `# ${'x'.repeat(900 * 1024)}\n`;
    const state = observed({ mapRoles: big + ENTRY });
    const other = claim({ arn: `${ROLE}-2` });
    const { change, findings } = run(state, { wanted: [other], unwanted: [claim()] });
    expect(findings).toMatchObject([{ code: 'too-large', severity: 'blocks' }]);
    expect(change?.after).toEqual(observed({ mapRoles: big }));
    const elsewhere = observed({ mapRoles: '', unknown: big });
    expect(codes(elsewhere, { wanted: [other] })).toEqual(['too-large blocks']);
  });
});

describe('foreign entries', () => {
  const mapUsers = `- userarn: ${ROLE.toUpperCase()}\n  username: x\n`;
  it.each([
    ['in the same list', { mapRoles: `- rolearn: ${ROLE}\n  username: x\n` }],
    ['in the other list, in another case', { mapUsers }],
    ['marked, but not recorded', { mapRoles: ENTRY }],
    ['behind an alias', { mapRoles: `- team: &a ${ROLE}\n- rolearn: *a\n  username: x\n` }],
    ['by a merge', { mapRoles: `- &a\n  rolearn: ${ROLE}\n  username: x\n- <<: *a\n  groups: [y]\n` }],
    ['as the first of duplicate keys', { mapRoles: `- rolearn: ${ROLE}\n  rolearn: other\n  username: x\n` }],
  ])('block a wanted claim on their ARN and are left alone: %s', (_where, data) => {
    const { change, findings } = run(observed(data), { wanted: [claim()] });
    expect(change).toBeUndefined();
    expect(findings).toMatchObject([{ code: 'foreign-entry', severity: 'blocks', subject: 'grant/payments' }]);
    expect(findings[0]!.message).toMatch(/line \d+/);
  });

  it('do not stop the other claims of the turn', () => {
    const state = observed({ mapRoles: `- rolearn: ${ROLE}\n  username: x\n` });
    const other = claim({ list: 'mapUsers', arn: USER, username: 'gatehouse:iam-user:111122223333:ci' });
    expect(dataAfter(state, { wanted: [claim(), other] })).toEqual({
      mapRoles: `- rolearn: ${ROLE}\n  username: x\n`,
      mapUsers: `- userarn: ${USER}\n  username: "gatehouse:iam-user:111122223333:ci"\n`,
    });
  });

  it('that remain after a removal are told, with ours gone', () => {
    const foreign = `- rolearn: ${ROLE}\n  username: x\n`;
    const state = observed({ mapRoles: foreign + ENTRY });
    expect(dataAfter(state, { unwanted: [claim()] })).toEqual({ mapRoles: foreign });
    expect(codes(state, { unwanted: [claim()] })).toEqual(['still-admitted notice']);
    expect(codes(observed({ mapRoles: foreign }), { unwanted: [claim()] })).toEqual(['still-admitted notice']);
  });

  it('still admit through mapAccounts', () => {
    const state = observed({ mapRoles: ENTRY, mapAccounts: '- 111122223333\n' });
    expect(codes(state, { unwanted: [claim()] })).toEqual(['still-admitted notice']);
    expect(codes(state, { wanted: [claim()], recorded: [claim()] })).toEqual([]);
  });

  it('may still admit through a mapAccounts that only the cluster can read', () => {
    const state = observed({ mapRoles: ENTRY, mapAccounts: '- "\n- 111122223333"\n- 111122223333\n' });
    expect(codes(state, { unwanted: [claim()] })).toEqual(['still-admitted notice']);
    expect(codes(state, { wanted: [claim()], recorded: [claim()] })).toEqual([]);
  });
});

describe('what other tools get wrong', () => {
  it('unknown keys, comments, order, mapAccounts, userid, labels and annotations travel back unchanged', () => {
    const data = {
      mapAccounts: '- "012345678901"\n',
      mapUsers: '# people\n- userarn: x\n  userid: AIDA\n  team: a\n',
      mapRoles: NODE + ENTRY,
      notes: 'keep me',
    };
    const rest = {
      immutable: false,
      binaryData: { a: 'AA==' },
      metadata: {
        name: 'aws-auth',
        labels: { a: 'b' },
        annotations: { c: 'd' },
        resourceVersion: '9',
        managedFields: [{ x: 1 }],
      },
    };
    const after = run(observed(data, rest), { unwanted: [claim()] }).change?.after;
    expect(after).toEqual(observed({ ...data, mapRoles: NODE }, rest));
  });

  it.each(['broken-tab-indent', 'broken-bad-indent', 'broken-unquoted-template', 'broken-mapping-instead-of-list'])(
    'nothing is written after a failed parse: %s',
    (name) => {
      const state = observed({ mapRoles: fixture(name).text });
      const { change, findings } = run(state, { wanted: [claim()], unwanted: [claim({ arn: `${ROLE}-2` })] });
      expect(change).toBeUndefined();
      expect(findings.map(({ code, severity }) => `${code} ${severity}`)).toEqual([
        'does-not-parse blocks',
        'does-not-parse blocks',
      ]);
      expect(findings[0]!.message).toMatch(/line \d/);
      expect(findings[0]!.remedy).toContain('kubectl -n kube-system edit configmap aws-auth');
    },
  );

  it('a broken list does not stop the other one, and is told', () => {
    const state = observed({ mapRoles: fixture('broken-tab-indent').text });
    const user = claim({ list: 'mapUsers', arn: USER, username: 'gatehouse:iam-user:111122223333:ci' });
    expect(dataAfter(state, { wanted: [user] })?.mapUsers).toContain(USER);
    expect(codes(state, { wanted: [user] })).toEqual(['does-not-parse notice']);
  });

  it('nobody knows what a list that is read by the cluster alone makes of the principals of the other one', () => {
    // The authenticator takes brackets at the margin, our reader does not.
    const entry = (key: string) => `- {\n"${key}": ${USER}, username: x\n}\n`;
    const user = claim({ list: 'mapUsers', arn: USER, username: 'gatehouse:iam-user:111122223333:ci' });
    const told = (state: AwsAuthObserved, claims: Sides) =>
      run(state, claims).findings.map(({ code, severity, subject }) => `${code} ${severity} ${subject}`);
    const roles = observed({ mapRoles: entry('rolearn') });
    expect(told(roles, { wanted: [user] })).toEqual(['does-not-parse notice grant/payments']);
    expect(told(roles, { unwanted: [user] })).toEqual(['does-not-parse notice grant/payments']);
    const users = observed({ mapUsers: entry('userarn') });
    expect(told(users, { unwanted: [claim()] })).toEqual(['does-not-parse notice grant/payments']);
    // mapRoles is asked first, whatever mapUsers says.
    expect(told(users, { wanted: [claim()] })).toEqual(['does-not-parse notice undefined']);
  });

  it('a removal takes every duplicate of ours, so that none is left in force', () => {
    const upper = ENTRY.replace(ROLE, ROLE.toUpperCase());
    const state = observed({ mapRoles: ENTRY + NODE + upper + ENTRY });
    expect(dataAfter(state, { unwanted: [claim()] })).toEqual({ mapRoles: NODE });
  });

  it('a removal finds an ARN in a block that ends with the list, without a newline', () => {
    const last = `- username: "${USERNAME}"\n  rolearn: |\n    ${ROLE}`;
    expect(dataAfter(observed({ mapRoles: NODE + last }), { unwanted: [claim()] })).toEqual({
      mapRoles: NODE.trimEnd(),
    });
  });

  it('the role of another account with the same name is somebody else', () => {
    const other = ENTRY.replace('111122223333', '444455556666').replace('gatehouse:payments', 'x');
    const state = observed({ mapRoles: other + ENTRY });
    expect(dataAfter(state, { unwanted: [claim()] })).toEqual({ mapRoles: other });
    expect(codes(state, { unwanted: [claim()] })).toEqual([]);
  });

  it('a node role is never removed, though two node groups share it and one is gone', () => {
    const state = observed({ mapRoles: NODE + NODE });
    const node = claim({ arn: 'arn:aws:iam::111122223333:role/node' });
    expect(run(state, { unwanted: [node] }).change).toBeUndefined();
  });

  it('the same run again adds nothing', () => {
    const first = run(observed({ mapRoles: NODE }), { wanted: [claim()] });
    expect(run(first.change!.after, { wanted: [claim()], recorded: [claim()] })).toEqual({ findings: [] });
  });

  it('an update changes username and groups together, in place, without deleting first', () => {
    const drifted = `- rolearn: ${ROLE}\n  username: gatehouse:wrong:x\n  groups: [system:masters]\n`;
    const { change } = run(observed({ mapRoles: drifted + NODE }), { wanted: [claim()], recorded: [claim()] });
    expect(change?.after).toEqual(observed({ mapRoles: ENTRY + NODE }));
    expect(change?.action).toBe('update');
  });

  it('what was granted is removed from flow style, too', () => {
    const state = observed({ mapRoles: fixture('json-on-one-line').text });
    expect(dataAfter(state, { unwanted: [claim()] })?.mapRoles).not.toContain(ROLE);
  });

  it('the ConfigMap is never deleted, not even with its last entry', () => {
    const { change } = run(observed({ mapRoles: ENTRY }), { unwanted: [claim()] });
    expect(change).toMatchObject({ action: 'update', after: observed({ mapRoles: '' }) });
  });
});

it('one edit that cannot be made does not stop the others', () => {
  const state = observed({ mapRoles: fixture('alias-to-our-entry').text });
  const other = claim({ arn: `${ROLE}-2`, username: 'gatehouse:second:{{SessionNameRaw}}' });
  const { change, findings } = run(state, { unwanted: [claim()], wanted: [other] });
  expect(findings).toMatchObject([{ code: 'cannot-be-edited', severity: 'blocks' }]);
  expect(change?.after).toEqual(
    observed({
      mapRoles: `${fixture('alias-to-our-entry').text}- rolearn: ${ROLE}-2\n  username: "gatehouse:second:{{SessionNameRaw}}"\n`,
    }),
  );
});
