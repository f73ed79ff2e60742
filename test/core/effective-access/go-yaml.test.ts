import { readAwsAuth } from '@gatehouse/core/effective-access/aws-auth';
import { resolvePlain } from '@gatehouse/core/effective-access/go-yaml';
import { describe, expect, it } from 'vitest';

/** ARN, username and groups, as far as they are not empty. */
type Row = readonly [string, string?, (readonly string[])?];
const VOID: readonly Row[] = [];

const BOMB = `- rolearn: r
- &a0 [x,x,x,x,x,x,x,x,x]
${Array.from({ length: 8 }, (_, at) => `- &a${at + 1} [${Array(9).fill(`*a${at}`).join()}]\n`).join('')}`;

function rowsOf(text: string): readonly Row[] {
  return readAwsAuth({ mapRoles: text }).roles.map(({ arn, username, groups }) => {
    if (groups.length > 0) return [arn, username, groups];
    return username === '' ? [arn] : [arn, username];
  });
}

/** What YAML 1.2, YAML 1.1 and Go disagree about. The answers are those of aws-iam-authenticator v0.7.10. */
describe('the authenticator reads', () => {
  it.each<[string, string, readonly Row[]]>([
    ['brackets that end at the margin', '- {\n"rolearn": r\n}\n', [['r']]],
    ['a bracketed value that goes on at the margin', '- rolearn: r\n  groups: [a,\nb]\n', [['r', '', ['a', 'b']]]],
    ['a quoted text that goes on at the margin', '- rolearn: "a\nb"\n', [['a b']]],
    ['a comment right behind a quote', '- rolearn: "r"# note\n', [['r']]],
    ['a comment right behind the mark of a block', '- rolearn: |# note\n    r\n', [['r\n']]],
    ['what stands behind the list', '[{rolearn: r}]] }', [['r']]],
    ['what stands behind the list, if it cannot be told from a token', '[{rolearn: r}] "x', VOID],
    ['a mark of the end with something behind it', '- rolearn: r\n...x\n', VOID],
    ['a tab alone on a line', '- rolearn: r\n\t\n- rolearn: s\n', VOID],
    ['a tab alone on the first line', '\t\n- rolearn: r\n', VOID],
    ['a tab alone on a line of a flow list', '[\n\t\n{rolearn: r}]', [['r']]],
    ['a tab behind a value', '- rolearn: r\t\n', [['r']]],
    ['a tab as indentation', '- rolearn: r\n\tusername: x\n', VOID],
    ['a tab behind a dash', '-\trolearn: r\n', VOID],
    ['a tab behind a colon', '- rolearn:\tr\n', [['r']]],
    ['an unknown directive', '%FOO bar\n---\n- rolearn: r\n', VOID],
    ['a version with a note', '%YAML 1.1#note\n---\n- rolearn: r\n', [['r']]],
    ['a version with a leading zero', '%YAML 01.1\n---\n- rolearn: r\n', [['r']]],
    ['another version', '%YAML 1.2\n---\n- rolearn: r\n', VOID],
    ['a directive without a document', '%YAML 1.1\n- rolearn: r\n', VOID],
    ['a directive behind the list', '- rolearn: r\n%YAML 1.2\n', [['r']]],
    ['a tag of a handle that is declared', '%TAG !e! tag:yaml.org,2002:\n---\n- rolearn: !e!str 5\n', [['5']]],
    ['a tag of a handle that is not declared', '- rolearn: !e!str 5\n', VOID],
    ['a tag without a name', '- rolearn: !! r\n', VOID],
    ['a tag with a comma', '- rolearn: !a,b r\n', [['r']]],
    ['a tag that is escaped', '- rolearn: !!%73tr 5\n', [['5']]],
    ['a number that is no integer, tagged as one', '- rolearn: !!int 1.5\n', VOID],
    ['a text tagged as a number', '- rolearn: r\n  team: !!int x\n', VOID],
    ['a day tagged as a time', '- rolearn: !!timestamp 2001-02-28\n', [['2001-02-28']]],
    ['no day of a calendar tagged as a time', '- rolearn: !!timestamp 2001-02-30\n', VOID],
    ['base64', '- rolearn: !!binary cg==\n', [['r']]],
    ['base64 with a space', '- rolearn: !!binary c g==\n', VOID],
    ['base64 without its end', '- rolearn: !!binary cg\n', VOID],
    ['bytes that are no text', '- rolearn: r\n  username: !!binary 8J+Y\n', [['r', '\ufffd\ufffd\ufffd']]],
    ['an escape that JSON has and YAML 1.1 has not', '- rolearn: "a\\/b"\n', VOID],
    ['half of a pair of surrogates', '- rolearn: "\\ud83d"\n', VOID],
    ['a tab escaped by itself', '- rolearn: "a\\\tb"\n', [['a\tb']]],
    ['a question mark within brackets', '- rolearn: r\n  groups: [a?b, c]\n', VOID],
    ['a colon at the end within brackets', '- rolearn: r\n  groups: [x:]\n', [['r', '', ['x:']]]],
    ['a dash within brackets', '- rolearn: r\n  groups: [-]\n', [['r', '', ['-']]]],
    ['a colon without a key within brackets', '- rolearn: r\n  groups: [: x]\n', VOID],
    ['a single pair within brackets', '- rolearn: r\n  groups: [a: b, c]\n', [['r', '', ['', 'c']]]],
    ['an empty list as a key', '- rolearn: r\n  []: x\n', VOID],
    ['an empty list as a key within brackets', '- {rolearn: r, []: x}\n', VOID],
    ['a key with an anchor on the line of its own key', '- rolearn: r\n  username: &a a: b\n', VOID],
    ['an alias in a name', '- &a rolearn: r\n- *a : s\n', [['r'], ['s']]],
    ['an alias right before its colon', '- &a rolearn: r\n- *a: s\n', [['r'], ['s']]],
    ['an anchor with another letter', '- rolearn: &\u00e9 r\n', VOID],
    ['an alias within its own anchor', '- rolearn: r\n  team: &a [*a]\n', VOID],
    ['an integer beyond 64 bits as a key', '- rolearn: r\n  18446744073709551615: x\n', VOID],
    ['the largest integer as a key', '- rolearn: r\n  9223372036854775807: x\n', [['r']]],
    ['a true key and a yes key, of which the last counts', '- rolearn: r\n  true: .inf\n  yes: x\n', [['r']]],
    [
      'a negative integer beyond 64 bits',
      '- rolearn: r\n  groups: [-0x8000000000000001, -0x8000000000000000]\n',
      [['r', '', ['-0x8000000000000001', '']]],
    ],
    [
      'numbers that only Go knows',
      '- rolearn: r\n  groups: [0b-1, 089, 0b12, 0o17, 1__0, .5e400]\n',
      [['r', '', ['', '', '0b12', '', '', '.5e400']]],
    ],
    ['a key of more than 1024 characters', `- rolearn: r\n  ${'k'.repeat(1025)}: x\n`, VOID],
    ['a key on two lines', '- rolearn: r\n  "a\n  b": x\n', VOID],
    ['a marker that is indented', '  ---\n  - rolearn: r\n', VOID],
    ['a marker within a quoted text', '- rolearn: "a\n--- b"\n', VOID],
    ['a marker of other letters within a quoted text', '- rolearn: "a\n---b"\n', [['a ---b']]],
    [
      'lines that end as in other days',
      '- rolearn: a\u2028    b\u0085- rolearn: c\r- rolearn: d',
      [['a\u2028b'], ['c'], ['d']],
    ],
    ['a control character', '- rolearn: r\n  username: "\u0080"\n', VOID],
    ['a character that is none', '- rolearn: r\n  username: \ufffe\n', VOID],
    ['a byte order mark', '\ufeff- rolearn: r\n', [['r']]],
    [
      'a merge that is tagged',
      '- {! <<: {rolearn: r}}\n- {!!merge <<: {rolearn: s}}\n- {"<<": {rolearn: t}}\n',
      [['r'], ['s']],
    ],
    ['a merge of what is no mapping', '- rolearn: r\n  <<: [{username: x}, y]\n', VOID],
    ['aliases of aliases of aliases', BOMB, VOID],
  ])('%s', (_what, text, rows) => {
    expect(rowsOf(text)).toEqual(rows);
  });
});

/** The answers are those of aws-iam-authenticator v0.7.10. */
describe('accounts', () => {
  it.each<[string, string, string[], number]>([
    [
      'are read by their text, whatever their type',
      '- 012\n- 0x10\n- yes\n- 1_2\n- .inf\n- 2001-02-30\n',
      ['012', '0x10', 'yes', '1_2', '.inf', '2001-02-30'],
      0,
    ],
    ['are empty where nothing is', '- ~\n-\n- ""\n', ['', '', ''], 0],
    ['are counted without lists and mappings, also one whose key is a mapping', '- {{a}}\n- [b]\n- 1\n', ['1'], 2],
    ['before an error count, and the others are empty', '- 1\n- !!int x\n- 2\n', ['1', '', ''], 1],
    ['behind a list are moved up, and an error counts them all', '- [1]\n- 2\n- !!int x\n', ['2', '', ''], 2],
    ['are decoded', '- !!binary MQ==\n', ['1'], 0],
    ['may be aliases', '- &a 1\n- *a\n- &b [1]\n- *b\n', ['1', '1'], 2],
    ['are none in a mapping', 'a: 1', [], 1],
    ['are none in a text that is no YAML', '- 1\n- "', [], 1],
  ])('%s', (_what, mapAccounts, accounts, problems) => {
    const read = readAwsAuth({ mapAccounts });
    expect(read.accounts).toEqual(accounts);
    expect(read.problems).toHaveLength(problems);
  });
});

it.each<[string, bigint | number]>([
  ['0', 0n],
  ['-0x1F', -31n],
  ['017', 15n],
  ['0o17', 15n],
  ['0b11', 3n],
  ['0b-11', -3n],
  ['1_000', 1000n],
  ['18446744073709551615', 18446744073709551615n],
  ['18446744073709551616', 18446744073709552000],
  ['089', 89],
  ['.5', 0.5],
  ['-1e3', -1000],
  ['-.inf', Number.NEGATIVE_INFINITY],
])('a plain %s is the number %s', (text, value) => {
  expect(resolvePlain(text)).toEqual({ type: 'number', value });
});

it.each(['0x', '_1', '0b12', '-0b-1', '+0xFFFFFFFFFFFFFFFF', '1e400', '.5_0', '-.nan', '1.2.3', '190:20:30'])(
  'a plain %s is a text',
  (text) => {
    expect(resolvePlain(text)).toEqual({ type: 'string', text });
  },
);
