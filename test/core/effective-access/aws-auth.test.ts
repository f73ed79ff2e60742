import { type AwsAuthMappings, type Caller, identify, readAwsAuth } from '@gatehouse/core/effective-access/aws-auth';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const ACCOUNT = '111122223333';
const ROLE = `arn:aws:iam::${ACCOUNT}:role/dev`;
const USER = `arn:aws:iam::${ACCOUNT}:user/team/ana`;

function session(role = 'dev', name = 'ana@corp.example'): Caller {
  return {
    arn: `arn:aws:sts::${ACCOUNT}:assumed-role/${role}/${name}`,
    accountId: ACCOUNT,
    userId: `AROAEXAMPLE:${name}`,
  };
}
const user: Caller = { arn: USER, accountId: ACCOUNT, userId: 'AIDAEXAMPLE', accessKeyId: 'AKIAEXAMPLE' };

const entry = (key: string, arn: string, username = 'x', more = '') =>
  `- ${key}: ${arn}\n  username: ${username}\n${more}`;
const roles = (...entries: string[]) => readAwsAuth({ mapRoles: entries.join('') });
const role = (arn: string, username?: string, more?: string) => entry('rolearn', arn, username, more);
const userEntry = (arn: string, username?: string) => entry('userarn', arn, username);
const arns = (mappings: AwsAuthMappings) => [...mappings.roles, ...mappings.users].map(({ arn }) => arn);

describe('parsing', () => {
  it('takes the top-level keys exactly as spelt', () => {
    expect(readAwsAuth({ maproles: role(ROLE), MapUsers: userEntry(USER), mapaccounts: '- 1' })).toEqual({
      roles: [],
      users: [],
      accounts: [],
      problems: [],
    });
  });

  it('takes the keys of an entry in any case, and ignores unknown ones', () => {
    const read = roles(`- ROLEARN: ${ROLE}\n  userName: x\n  Groups: [a]\n  team: b\n`);
    expect(read).toEqual({
      roles: [{ arn: ROLE, username: 'x', groups: ['a'], index: 0 }],
      users: [],
      accounts: [],
      problems: [],
    });
  });

  it.each(['', ' \n', '""', "''", '``', 'null', '[]', '~', '# nothing'])(
    'takes %j for an empty list without an error',
    (text) => {
      expect(readAwsAuth({ mapRoles: text, mapUsers: text, mapAccounts: text })).toEqual({
        roles: [],
        users: [],
        accounts: [],
        problems: [],
      });
    },
  );

  it('reads an absent ConfigMap and absent keys as nothing', () => {
    expect(readAwsAuth(undefined)).toEqual(readAwsAuth({}));
  });

  it.each([
    ['a tab', `${role(ROLE)}-\trolearn: x\n\tusername: y\n`],
    ['a bad indent', `- rolearn: ${ROLE}\n username: x\n`],
    ['an unquoted template', `- rolearn: ${ROLE}\n  username: {{SessionName}}\n`],
  ])('%s drops the whole key, and the others survive', (_what, text) => {
    const read = readAwsAuth({ mapRoles: text, mapUsers: userEntry(USER), mapAccounts: '- 1' });
    expect(read).toMatchObject({
      roles: [],
      users: [{ arn: USER }],
      accounts: ['1'],
      problems: [{ key: 'mapRoles', severity: 'error' }],
    });
    expect(read.problems).toHaveLength(1);
  });

  it.each(['5', 'yes', '0123', '1e3', '[a]', '{a: b}'])(
    'a username that is %s becomes empty and keeps its entry',
    (value) => {
      expect(roles(role(ROLE, value))).toMatchObject({
        roles: [{ arn: ROLE, username: '' }],
        problems: [{ severity: 'warning', index: 0 }],
      });
    },
  );

  it('a numeric group becomes empty, scalar groups become none', () => {
    expect(roles(role(ROLE, 'x', '  groups: [1, a]\n')).roles[0]!.groups).toEqual(['', 'a']);
    expect(roles(role(ROLE, 'x', '  groups: a\n')).roles[0]!.groups).toEqual([]);
  });

  it('an entry without an ARN is dropped alone', () => {
    expect(arns(roles('- username: x\n- 5\n- null\n', role(ROLE)))).toEqual([ROLE]);
  });

  it('does not validate ARNs', () => {
    expect(arns(roles(role('nonsense')))).toEqual(['nonsense']);
  });

  it('rejects rolearn together with sso, and sso alone while its gate is off', () => {
    const sso = '  sso: {permissionSetName: P, accountID: "111122223333"}\n';
    expect(roles(role(ROLE, 'x', sso), `- username: z\n${sso}`)).toMatchObject({
      roles: [],
      problems: [{ index: 0 }, { index: 1 }],
    });
  });

  it('the last of duplicate keys wins, and rolearn over roleARN', () => {
    expect(arns(roles(`- rolearn: a\n  rolearn: b\n- rolearn: c\n  roleARN: d\n`))).toEqual(['b', 'c']);
  });

  it('reads only the first document', () => {
    expect(arns(roles(`${role(ROLE)}---\n- rolearn: {{ broken\n`))).toEqual([ROLE]);
  });

  it('follows anchors and merges, and takes JSON', () => {
    expect(roles(`- &a {rolearn: r, username: u}\n- <<: *a\n  rolearn: s\n`).roles).toMatchObject([
      { arn: 'r' },
      { arn: 's', username: 'u' },
    ]);
    expect(arns(roles('[{"rolearn":"r"}]'))).toEqual(['r']);
  });

  it('mapAccounts keeps the digits of unquoted numbers', () => {
    expect(readAwsAuth({ mapAccounts: '- 012345678901\n- "111122223333"\n- 0x10\n' }).accounts).toEqual([
      '012345678901',
      '111122223333',
      '0x10',
    ]);
  });

  it.each(['111122223333', '{a: b}'])('mapAccounts: %s is an error', (text) => {
    expect(readAwsAuth({ mapAccounts: text })).toMatchObject({
      accounts: [],
      problems: [{ key: 'mapAccounts', severity: 'error' }],
    });
  });

  it('is JSON-able, and no name from outside becomes a member', () => {
    const read = roles('- __proto__: {rolearn: x}\n  constructor: y\n', role(ROLE));
    expect(JSON.parse(JSON.stringify(read))).toEqual(read);
    expect(arns(read)).toEqual([ROLE]);
    expect(readAwsAuth(JSON.parse('{"__proto__": {"mapRoles": "- rolearn: x"}}')).roles).toEqual([]);
  });
});

describe('matching', () => {
  it('a session becomes its role, without the path', () => {
    expect(identify(roles(role(ROLE)), session())).toMatchObject({
      username: 'x',
      canonicalArn: ROLE,
      sessionName: 'ana@corp.example',
    });
  });

  it.each([
    ['a user', user],
    ['the root', { arn: `arn:aws:iam::${ACCOUNT}:root`, accountId: ACCOUNT, userId: ACCOUNT }],
    [
      'a federated user',
      { arn: `arn:aws:sts::${ACCOUNT}:federated-user/bo`, accountId: ACCOUNT, userId: `${ACCOUNT}:bo` },
    ],
  ])('%s stays as it is', (_who, caller) => {
    const identity = identify(readAwsAuth({ mapUsers: userEntry(caller.arn) }), caller);
    expect(identity).toEqual({
      username: 'x',
      groups: [],
      canonicalArn: caller.arn,
      by: { list: 'mapUsers', index: 0 },
    });
  });

  it.each([
    ['with a path', `arn:aws:iam::${ACCOUNT}:role/team/dev`],
    ['of a session', session().arn],
    ['with a wildcard', `arn:aws:iam::${ACCOUNT}:role/*`],
    ['with a trailing space', `"${ROLE} "`],
    ['of another account', 'arn:aws:iam::444455556666:role/dev'],
    ['of another partition', `arn:aws-cn:iam::${ACCOUNT}:role/dev`],
  ])('a role ARN %s never matches', (_what, arn) => {
    expect(identify(roles(role(arn)), session())).toEqual({ denied: `${ROLE} is not mapped` });
  });

  it('a user ARN must keep its path', () => {
    expect(identify(readAwsAuth({ mapUsers: userEntry(`arn:aws:iam::${ACCOUNT}:user/ana`) }), user)).toHaveProperty(
      'denied',
    );
    expect(identify(readAwsAuth({ mapUsers: userEntry(USER) }), user)).toHaveProperty('username', 'x');
  });

  it('compares without case', () => {
    expect(identify(roles(role(ROLE.toUpperCase())), session('DEV'))).toHaveProperty('username', 'x');
    expect(identify(roles(role(`arn:aws:iam::${ACCOUNT}:role/\u017fre`)), session('SRE'))).toHaveProperty(
      'username',
      'x',
    );
  });

  it('asks mapRoles before mapUsers, and does not look at the kind in the ARN', () => {
    const both = readAwsAuth({
      mapRoles: role(USER, 'by-roles'),
      mapUsers: userEntry(USER, 'by-users') + userEntry(ROLE, 'role-in-users'),
    });
    expect(identify(both, user)).toMatchObject({ username: 'by-roles', by: { list: 'mapRoles', index: 0 } });
    expect(identify(both, session())).toMatchObject({ username: 'role-in-users', by: { list: 'mapUsers', index: 1 } });
  });

  it('the last duplicate of a role wins in any case, and nothing is merged', () => {
    const twice = roles(role(ROLE, 'first', '  groups: [a]\n'), role(ROLE.toUpperCase(), 'last'));
    expect(identify(twice, session())).toMatchObject({ username: 'last', groups: [], by: { index: 1 } });
  });

  it('the last exact duplicate of a user wins; users that differ only in case are ambiguous', () => {
    const exact = readAwsAuth({ mapUsers: userEntry(USER, 'first') + userEntry(USER, 'last') });
    expect(identify(exact, user)).toMatchObject({ username: 'last' });
    const cases = readAwsAuth({ mapUsers: userEntry(USER, 'one') + userEntry(USER.toUpperCase(), 'two') });
    expect(identify(cases, user)).toMatchObject({ ambiguous: [{ username: 'one' }, { username: 'two' }] });
  });

  it('mapAccounts applies only where nothing else matched: the canonical ARN, without groups', () => {
    const read = readAwsAuth({ mapRoles: role(ROLE), mapAccounts: `- ${ACCOUNT}` });
    expect(identify(read, session())).toMatchObject({ username: 'x' });
    expect(identify(read, session('Other', 'me'))).toEqual({
      username: `arn:aws:iam::${ACCOUNT}:role/Other`,
      groups: [],
      canonicalArn: `arn:aws:iam::${ACCOUNT}:role/Other`,
      sessionName: 'me',
      by: { list: 'mapAccounts', account: ACCOUNT },
    });
  });

  it.each([
    ['no ARN', { arn: 'x', accountId: ACCOUNT, userId: 'x' }],
    ['an unknown partition', { ...session(), arn: session().arn.replace('arn:aws:', 'arn:mars:') }],
    ['another service', { ...session(), arn: `arn:aws:s3::${ACCOUNT}:assumed-role/a/b` }],
    ['an STS user', { ...session(), arn: `arn:aws:sts::${ACCOUNT}:user/a` }],
    ['a session without a role', { ...session(), arn: `arn:aws:sts::${ACCOUNT}:assumed-role/dev` }],
    ['a user id without a session', { ...session(), userId: 'AROAEXAMPLE' }],
  ])('denies %s', (_what, caller) => {
    expect(identify(roles(role(ROLE)), caller)).toHaveProperty('denied');
  });
});

describe('rendering', () => {
  const become = (template: string, caller = session()) =>
    identify(roles(role(ROLE, `"${template}"`, `  groups: ["g:${template}"]\n`)), caller);

  it.each([
    ['{{AccountID}}', ACCOUNT],
    ['{{SessionName}}', 'ana-corp.example'],
    ['{{SessionNameRaw}}', 'ana@corp.example'],
    ['{{AccessKeyID}}', 'ASIA1'],
    ['{{Unknown}} {{ SessionName }}', '{{Unknown}} {{ SessionName }}'],
    ['{{SessionName}}/{{SessionName}}', 'ana-corp.example/ana-corp.example'],
  ])('renders %s in username and groups', (template, expected) => {
    expect(become(template, { ...session(), accessKeyId: 'ASIA1' })).toMatchObject({
      username: expected,
      groups: [`g:${expected}`],
    });
  });

  it('does not take a session name for a pattern of replacement', () => {
    expect(become('{{SessionNameRaw}}', session('dev', 'a$&b'))).toMatchObject({ username: 'a$&b' });
  });

  it('EC2PrivateDNSName needs a session named after an instance, and its name', () => {
    const node = roles(role(ROLE, '"system:node:{{EC2PrivateDNSName}}"'));
    const instance = session('dev', 'i-0123456789abcdef0');
    const resolve = (id: string) => `${id}.internal`;
    expect(identify(node, instance, resolve)).toMatchObject({ username: 'system:node:i-0123456789abcdef0.internal' });
    expect(identify(node, session(), resolve)).toHaveProperty('denied');
    expect(identify(node, instance)).toHaveProperty('denied');
    expect(
      identify(roles(role(ROLE, 'x', '  groups: ["{{EC2PrivateDNSName}}"]\n')), session(), resolve),
    ).toHaveProperty('denied');
  });
});

it('never throws, whatever aws-auth holds', () => {
  const piece = fc.constantFrom(
    '- ',
    'rolearn: ',
    'a',
    '\n',
    '  ',
    '{{',
    '}}',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '&x',
    '*x',
    '<<: ',
    '|',
    '>',
    '---',
    '\t',
    '!',
    '%',
    '#',
    ': ',
    '? ',
    '\u2028',
    '\0',
    '\ud800',
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
  );
  fc.assert(
    fc.property(text, text, text, fc.string(), fc.string(), (mapRoles, mapUsers, mapAccounts, arn, userId) => {
      const read = readAwsAuth({ mapRoles, mapUsers, mapAccounts });
      identify(read, { arn, accountId: '', userId });
      identify(read, session());
    }),
    { numRuns: 2000 },
  );
});
