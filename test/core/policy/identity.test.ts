import type { IdentityRule } from '@gatehouse/core/access/policy';
import { type KnownUser, principalOf } from '@gatehouse/core/policy/identity';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const ARN = (name: string) => `arn:aws:iam::111122223333:user/${name}`;
const alice: KnownUser = { source: 'okta', id: '00u1', login: 'alice@example.com', email: 'a.smith@example.com' };

const GIVEN: readonly (readonly [string, readonly IdentityRule[], Partial<KnownUser>, string])[] = [
  ['a map', [{ source: 'okta', map: { '00u1': ARN('a') } }], {}, ARN('a')],
  ['an attribute', [{ source: 'okta', attribute: 'arn' }], { attributes: { arn: ARN('path/a') } }, ARN('path/a')],
  ['the local part', [{ source: 'okta', template: ARN('people/{localPart}') }], {}, ARN('people/alice')],
  ['a login without @ as local part', [{ source: 'okta', template: ARN('{localPart}') }], { login: 'bob' }, ARN('bob')],
  ['the login', [{ source: 'okta', template: ARN('{login}') }], {}, ARN('alice@example.com')],
  ['email and id', [{ source: 'okta', template: ARN('{id}/{email}') }], {}, ARN('00u1/a.smith@example.com')],
  [
    'the first rule that knows the user',
    [
      { source: 'cognito', template: ARN('{id}') },
      { source: 'okta', map: { other: ARN('other') } },
      { source: 'okta', attribute: 'arn' },
      { source: 'okta', template: ARN('{id}') },
      { source: 'okta', map: { '00u1': ARN('late') } },
    ],
    {},
    ARN('00u1'),
  ],
  [
    'an empty attribute is none',
    [
      { source: 'okta', attribute: 'arn' },
      { source: 'okta', template: ARN('{id}') },
    ],
    { attributes: { arn: '' } },
    ARN('00u1'),
  ],
];

test.each(GIVEN)('an ARN by %s', (_name, rules, user, arn) => {
  expect(principalOf(rules, { ...alice, ...user })).toEqual({ arn });
});

const ROLE = 'arn:aws:iam::111122223333:role/r';
const NOT_GIVEN: readonly (readonly [string, readonly IdentityRule[], Partial<KnownUser>, RegExp])[] = [
  ['no rule', [], {}, /no rule under identities/],
  ['a rule of another source', [{ source: 'cognito', template: ARN('{id}') }], {}, /no rule/],
  ['a map with inherited names', [{ source: 'okta', map: {} }], { id: 'constructor' }, /no rule/],
  ['an inherited attribute', [{ source: 'okta', attribute: 'toString' }], { attributes: {} }, /no rule/],
  ['a role in an attribute', [{ source: 'okta', attribute: 'a' }], { attributes: { a: ROLE } }, /role cannot stand/],
  ['a wildcard in an attribute', [{ source: 'okta', attribute: 'a' }], { attributes: { a: ARN('*') } }, /wildcard/],
  [
    'root in an attribute',
    [{ source: 'okta', attribute: 'a' }],
    { attributes: { a: 'arn:aws:iam::111122223333:root' } },
    /not an IAM user/,
  ],
  [
    'a template in an attribute',
    [{ source: 'okta', attribute: 'a' }],
    { attributes: { a: ARN('{{SessionName}}') } },
    /name of an IAM user/,
  ],
  ['a protected user', [{ source: 'okta', template: ARN('{id}') }], { id: 'Breakglass' }, /protected/],
  [
    'an unusable attribute does not fall through',
    [
      { source: 'okta', attribute: 'a' },
      { source: 'okta', template: ARN('{id}') },
    ],
    { attributes: { a: 'x' } },
    /not the ARN/,
  ],
  ...['a/b', '../x', 'a*', 'a:b', 'a{id}', 'a b', 'a\nb', 'ä', '', 'x'.repeat(65), 'auth0|1'].map(
    (id) =>
      [
        `the id ${JSON.stringify(id)}`,
        [{ source: 'okta', template: ARN('{id}') }],
        { id },
        /cannot be part of an IAM user name/,
      ] as const,
  ),
  [
    'an empty local part',
    [{ source: 'okta', template: ARN('{localPart}') }],
    { login: '@example.com' },
    /localPart "" cannot/,
  ],
];

describe('no ARN, with a reason and a remedy', () => {
  test.each(NOT_GIVEN)('%s', (_name, rules, user, problem) => {
    const found = principalOf(rules, { ...alice, ...user }, [ARN('somewhere/breakglass')]);
    expect(found).toEqual({ problem: expect.stringMatching(problem), remedy: expect.stringMatching(/./) });
  });
});

test('whatever a source says of a user, a template gives a user of its own account and path, or nothing', () => {
  const rules: IdentityRule[] = [{ source: 'okta', template: ARN('people/{login}') }];
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 70 }), (login) => {
      const found = principalOf(rules, { ...alice, login });
      if ('arn' in found) expect(found.arn).toBe(ARN(`people/${login}`));
      if ('arn' in found) expect(login).toMatch(/^[\w+=,.@-]+$/);
    }),
    { numRuns: 300 },
  );
});
