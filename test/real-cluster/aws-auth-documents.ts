import fc from 'fast-check';
import { HOME, OCTAL, OTHER, role, user } from './callers.ts';
import { EMPTY_TEXTS, ODD_ENTRIES, ODD_HEADS, ODD_LINES, ODD_TAILS, ODD_VALUES, PIECES } from './yaml-oddities.ts';

/** `data` of the ConfigMap aws-auth, as anybody may have written it. */
export type AwsAuthData = Readonly<Record<string, string>>;

const oneOf = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const odds = <T, U>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<U>, weight: number) =>
  fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: odd });

/** ARNs that some caller goes by. */
const metArn = oneOf(
  role('dev'),
  role('node'),
  role('ci'),
  user('team/ana'),
  user('bo'),
  role('dev', OTHER),
  role('dev', OCTAL),
  role('dev').toUpperCase(),
  role('DEV'),
  user('team/ANA'),
  user('ana'),
  role('AWSReservedSSO_Admin_0123456789abcdef'),
  role('dev', HOME, 'aws-cn'),
  `arn:aws:iam::${HOME}:root`,
  `arn:aws:sts::${HOME}:federated-user/ana`,
  role('team/dev'),
  role('sre'),
  role('\u017fRE'),
  role('\u212aube'),
);
/** ARNs that people write and nobody goes by. */
const missedArn = oneOf(
  role('aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef'),
  `arn:aws:sts::${HOME}:assumed-role/dev/ana@corp.example`,
  role('*'),
  `${role('dev')} `,
  ` ${role('dev')}`,
  `${role('dev')}\n`,
  'dev',
  '',
);
/** Usernames and groups. */
const template = oneOf(
  'x',
  'system:node:{{EC2PrivateDNSName}}',
  'gatehouse:dev:{{SessionNameRaw}}',
  '{{SessionName}}',
  '{{AccountID}}:{{AccessKeyID}}',
  '{{Unknown}}{{SessionName}}{{ AccountID }}',
  '{{SessionNameRaw}}{{SessionNameRaw}}',
  '{{sessionname}}',
  'system:masters',
  'two words',
  'née \u{1f600}',
  'a: b',
  'a # b',
  "it's",
  'say "x"',
  '{{{{AccountID}}}}',
);

type Style =
  | 'double'
  | 'single'
  | 'plain'
  | 'escaped'
  | 'folded'
  | 'literal'
  | 'ended'
  | 'split'
  | 'tagged'
  | 'anchored';

/** Writes a text as one of YAML's scalars, which mostly means that text. */
function written(text: string, style: Style): string {
  const block = `\n    ${text.replaceAll('\n', '\n    ')}`;
  switch (style) {
    case 'double':
      return JSON.stringify(text);
    case 'single':
      return `'${text.replaceAll("'", "''")}'`;
    case 'plain':
      return text;
    case 'escaped':
      return `"${[...text].map((one) => `\\U${one.codePointAt(0)!.toString(16).padStart(8, '0')}`).join('')}"`;
    case 'folded':
      return `>-${block}`;
    case 'literal':
      return `|-${block}`;
    case 'ended':
      return `|${block}`;
    case 'split':
      return `"${text.slice(0, 3)}\\\n    ${text.slice(3)}"`;
    case 'tagged':
      return `!!str ${JSON.stringify(text)}`;
    case 'anchored':
      return `&a ${text}`;
  }
}

/**
 * Texts of `mapRoles`.
 * @param calm how seldom something odd happens.
 * @param more entries of another kind among the others, each with the end of its line.
 */
function listOfEntries(calm: number, more?: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const often = <T, U>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<U>, weight: number) => odds(usual, odd, weight * calm);
  const style = often(
    oneOf<Style>('double', 'single', 'double'),
    oneOf<Style>('plain', 'folded', 'literal', 'ended', 'split', 'escaped', 'tagged', 'anchored'),
    3,
  );
  const oddValue = oneOf(...ODD_VALUES);
  const scalarOf = (text: fc.Arbitrary<string>) => fc.tuple(text, style).map((parts) => written(...parts));
  const arn = often(fc.oneof(metArn, scalarOf(often(metArn, missedArn, 3))), oddValue, 12);
  const name = often(scalarOf(template), oddValue, 2);
  const inlineName = often(
    fc.tuple(template, oneOf<Style>('double', 'single')).map((parts) => written(...parts)),
    oddValue,
    3,
  );

  const colon = often(oneOf(': '), oneOf(':', ' : ', ':  ', ':\t', ':\n    ', ' :\n      ', ': &b ', ': !!str '), 12);
  const arnKey = often(
    oneOf('rolearn'),
    oneOf('roleARN', 'ROLEARN', '"rolearn"', "'rolearn'", '!!str rolearn', '? rolearn\n  ', 'rolearns', '*a'),
    3,
  );
  const nameKey = often(oneOf('username'), oneOf('userName', 'USERNAME', 'u\u017fername', '"username"', 'user'), 5);
  const groupsKey = often(oneOf('groups'), oneOf('Groups', 'GROUPS', '"groups"', 'group\u017f', 'group'), 6);
  const groups = fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .tuple(fc.array(name, { maxLength: 3 }), often(oneOf('  ', '    '), oneOf('\t', ' ', ''), 4))
        .map(([items, indent]) => items.map((item) => `\n${indent}- ${item}`).join('')),
    },
    { weight: 2, arbitrary: fc.array(inlineName, { maxLength: 3 }).map((items) => ` [${items.join(', ')}]`) },
    {
      weight: 1,
      arbitrary: fc.oneof(
        oneOf(' [a,]', ' [a, [b]]', ' ~', ' {}', ' [1, null, a]', '\n  -\n  - a', ' [a, , b]', ' [,]'),
        name.map((one) => ` ${one}`),
      ),
    },
  );

  const arnLine = fc.tuple(arnKey, colon, arn).map((parts) => parts.join(''));
  const line = fc.oneof(
    { weight: 3 * calm, arbitrary: fc.tuple(nameKey, colon, name).map((parts) => parts.join('')) },
    { weight: 2 * calm, arbitrary: fc.tuple(groupsKey, groups).map(([key, value]) => `${key}:${value}`) },
    { weight: 1, arbitrary: arnLine },
    { weight: 1, arbitrary: oneOf(...ODD_LINES) },
  );
  const block = fc
    .record({
      arn: arnLine,
      more: fc.array(line, { maxLength: 3 }),
      arnLast: fc.boolean(),
      dash: often(
        oneOf('- '),
        oneOf('-   ', '-\n  ', '-\t', '- &base ', '- !!map ', '- !x\n  ', '-', '- # why\n  '),
        8,
      ),
      ends: often(
        oneOf('\n', '\n', ' # why\n'),
        oneOf('\n\n', '\n# why\n', '\n  # why\n', '  \n', '\n\t\n', '#x\n', ' '),
        8,
      ),
      indent: often(oneOf('  '), oneOf('    ', ' ', '\t', ''), 16),
    })
    .map(({ arn: first, more, arnLast, dash, ends, indent }) => {
      const lines = arnLast ? [...more, first] : [first, ...more];
      const deep = dash === '-   ' && indent === '  ' ? '    ' : indent;
      return `${dash}${lines.join(`${ends}${deep}`)}${ends}`;
    });

  const arnPair = fc
    .tuple(oneOf('"rolearn": ', 'rolearn: ', '"rolearn":', 'roleARN: '), metArn)
    .map(([key, value]) => `${key}"${value}"`);
  const pair = fc.oneof(
    { weight: calm, arbitrary: arnPair },
    {
      weight: calm,
      arbitrary: fc
        .tuple(oneOf('"username": ', 'username: ', '"username":'), inlineName)
        .map((parts) => parts.join('')),
    },
    { weight: calm, arbitrary: oneOf('"groups": ["a", "b"]', 'groups: [a]', 'groups: []') },
    {
      weight: 1,
      arbitrary: oneOf('sso: {}', 'a', '"a"', '? a : b', 'a:', ': b', '<<: *base', '? a', '?', 'a b', '- a', '[a]: b'),
    },
  );
  const flow = fc
    .tuple(
      fc.array(odds(pair, arnPair, 1), { maxLength: 4 }),
      often(oneOf(', ', ','), oneOf(',\n  ', ' , ', ',\n', ', # why\n  ', ',,', ' ', ',\n\t', ',\t'), 4),
      often(oneOf(''), oneOf(','), 3),
      often(oneOf(''), oneOf(' ', '\n  ', '\n', '\t'), 2),
    )
    .map(([pairs, comma, last, inside]) => `{${inside}${pairs.join(comma)}${last}${inside}}`);

  const entry = fc.oneof(
    { weight: 8 * calm, arbitrary: block },
    { weight: 2 * calm, arbitrary: flow.map((map) => `- ${map}\n`) },
    { weight: 2, arbitrary: oneOf(...ODD_ENTRIES) },
    ...(more === undefined ? [] : [{ weight: 8 * calm, arbitrary: more }]),
  );
  const blocks = fc
    .record({
      entries: fc.array(entry, { minLength: 1, maxLength: 4 }),
      head: often(oneOf(''), oneOf(...ODD_HEADS), 2),
      tail: often(oneOf(''), oneOf(...ODD_TAILS), 3),
      indent: often(oneOf('', '', '  '), oneOf('    ', ' ', '\t'), 6),
      newline: oneOf('\n', '\n', ''),
    })
    .map(({ entries, head, tail, indent, newline }) => {
      const body = entries.join('').replace(/^(?=.)/gm, indent);
      return `${head}${body.replace(/\n$/, newline)}${tail}`;
    });
  const flows = fc
    .tuple(
      fc.array(often(flow, oneOf('text', '[]', '~', '"a": 1', 'rolearn: x', '', '? a', '*a'), 4), { maxLength: 3 }),
      often(oneOf(', ', ',\n  '), oneOf(',', ',\n', ',\n# why\n', ' ,', '  ', ',\t\n'), 3),
      often(oneOf(''), oneOf('\n', ' ', '\n  '), 2),
      often(oneOf(']', ']\n'), oneOf('], ', '] x', ']]', '', ',]', '] # tail', ']#', '\n]', ']: x', ']\n---\n"'), 3),
    )
    .map(([items, comma, inside, end]) => `[${inside}${items.join(comma)}${inside}${end}`);
  return odds(blocks, flows, 4);
}

/** Small damage: what a slip of the hand does to a text. */
interface Slip {
  readonly how: 'insert' | 'delete' | 'delete line' | 'indent line' | 'outdent line' | 'repeat line' | 'cut';
  /** Where; more than there is begins anew. */
  readonly at: number;
  readonly what: string;
}
const slip: fc.Arbitrary<Slip> = fc.record({
  how: oneOf('insert', 'insert', 'delete', 'delete line', 'indent line', 'outdent line', 'repeat line', 'cut'),
  at: fc.nat(9_999),
  what: oneOf(' ', '\t', '\n', ...':-#"\'{}[],&*!|>%@?\\\r'),
});

const slips: fc.Arbitrary<readonly Slip[]> = odds(fc.constant([]), fc.array(slip, { minLength: 1, maxLength: 2 }), 5);

function damaged(text: string, { at, how, what }: Slip): string {
  const offset = at % Math.max(text.length, 1);
  const lines = text.split('\n');
  const number = at % lines.length;
  const line = lines[number]!;
  const withLines = (...by: string[]) => lines.toSpliced(number, 1, ...by).join('\n');
  switch (how) {
    case 'insert':
      return text.slice(0, offset) + what + text.slice(offset);
    case 'delete':
      return text.slice(0, offset) + text.slice(offset + 1);
    case 'delete line':
      return withLines();
    case 'indent line':
      return withLines(` ${line}`);
    case 'outdent line':
      return withLines(line.slice(1));
    case 'repeat line':
      return withLines(line, line);
    case 'cut':
      return text.slice(0, offset);
  }
}

/** Go's reader takes 512 bytes at a time, and finds characters that are not allowed when it gets to them, not where it is. */
const FIRST_GULP = 512;
const CONTROLS = /[\u0007\u007f\u009f\ufffe]/g;
/** And it takes byte order marks for what they are not, by where its buffer begins. */
const LATER_MARKS = /(?<=[\s\S])\ufeff/g;

/** A text of `mapRoles`: mostly one that maps somebody, sometimes with something odd, sometimes with nothing but oddities. */
function mapRolesText(more?: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .record({
      text: fc.oneof(
        { weight: 6, arbitrary: listOfEntries(12, more) },
        { weight: 6, arbitrary: listOfEntries(4, more) },
        { weight: 4, arbitrary: listOfEntries(1, more) },
        { weight: 1, arbitrary: oneOf(...EMPTY_TEXTS) },
        { weight: 1, arbitrary: fc.array(oneOf(...PIECES), { maxLength: 14 }).map((pieces) => pieces.join('')) },
      ),
      slips,
      newline: odds(oneOf('\n', '\n', '\r\n'), oneOf('\r', '\u0085'), 8),
    })
    .map(({ text, slips: done, newline }) => {
      // A slip may tear a character in two; neither JSON nor a ConfigMap carries half of one.
      const whole = done.reduce(damaged, text).replaceAll('\n', newline).replace(LATER_MARKS, '').toWellFormed();
      return Buffer.byteLength(whole) > FIRST_GULP ? whole.replace(CONTROLS, '') : whole;
    });
}

/** The same text for `mapUsers`. */
export function forUsers(text: string): string {
  return text.replace(/role(?=arn)/gi, (found) => ({ ROLE: 'USER' })[found] ?? 'user');
}

const account = oneOf(
  HOME,
  OCTAL,
  `"${OTHER}"`,
  `'${OCTAL}'`,
  `${OTHER} # other`,
  'true',
  '1_2',
  '0x10',
  '~',
  '',
  'null',
  `[${HOME}]`,
  `{${HOME}: x}`,
  `!!str ${HOME}`,
  `!!int "${HOME}"`,
  '!!int x',
  `!!float ${HOME}`,
  '!!binary MTExMTIyMjIzMzMz',
  '!!binary x',
  `&a ${HOME}`,
  '*a',
  `|-\n  ${HOME}`,
  `|\n  ${HOME}`,
  `>-\n  ${HOME}\n  `,
  `${HOME}.0`,
  '1.11122223333e11',
  '2001-12-14',
  '.inf',
  '{{AccountID}}',
  `"${HOME} "`,
  `x: ${HOME}`,
  '"',
);
const mapAccountsText = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.array(account, { maxLength: 4 }), oneOf('', '', '---\n', '%YAML 1.1\n---\n'), oneOf('\n', '\n', '\r\n'))
      .map(([items, head, newline]) => head + items.map((item) => `- ${item}${newline}`).join('')),
  },
  { weight: 2, arbitrary: fc.array(account, { maxLength: 3 }).map((items) => `[${items.join(', ')}]`) },
  { weight: 1, arbitrary: account },
  { weight: 1, arbitrary: oneOf(...EMPTY_TEXTS) },
  {
    weight: 1,
    arbitrary: oneOf(`{a: ${HOME}}`, `a: ${HOME}`, `- ${HOME}\n- [a]\n- ${OTHER}`, `- ${HOME}\n---\n- ${OTHER}`),
  },
);

const absent = fc.constant(undefined);

/**
 * A whole `data`: mostly `mapRoles`, often more, sometimes under a key that the authenticator does not know.
 * @param more entries of mapRoles of another kind among the others.
 */
export function awsAuthData(more?: fc.Arbitrary<string>): fc.Arbitrary<AwsAuthData> {
  return fc
    .record({
      mapRoles: odds(mapRolesText(more), absent, 6),
      mapUsers: odds(absent, mapRolesText(more).map(forUsers), 1),
      mapAccounts: odds(absent, mapAccountsText, 2),
      maproles: odds(absent, mapRolesText(), 20),
    })
    .map((data) => Object.fromEntries(Object.entries(data).filter(([, text]) => text !== undefined)) as AwsAuthData);
}
