import { readAwsAuth } from '@gatehouse/core/effective-access/aws-auth';
import { editList, type ListEdit } from '@gatehouse/core/resources/aws-auth/edit';
import { type ListDocument, readList } from '@gatehouse/core/resources/aws-auth/list';
import { describe, expect, it } from 'vitest';
import { FIXTURES, fixture } from './fixtures.ts';

const OURS = 'arn:aws:iam::111122223333:role/gatehouse-payments';
const USERNAME = 'gatehouse:payments:{{SessionNameRaw}}';
const NEW = 'arn:aws:iam::111122223333:role/gatehouse-new';

function parsed(text: string | undefined): ListDocument {
  const document = readList('mapRoles', text);
  if ('refused' in document) throw new Error(document.reason);
  return document;
}

function edited(text: string | undefined, ...edits: ListEdit[]): string {
  const result = editList(parsed(text), edits);
  if (typeof result !== 'string') throw new Error(result.reason);
  return result;
}

const roles = (text: string) =>
  readAwsAuth({ mapRoles: text }).roles.map(({ arn, username, groups }) => [arn, username, groups]);
const isOurs = ([arn, username]: unknown[]) => arn === OURS && String(username).startsWith('gatehouse:');
function isWithin(part: string, whole: string): boolean {
  let at = 0;
  return [...part].every((character) => {
    at = whole.indexOf(character, at) + 1;
    return at > 0;
  });
}

const BROKEN = FIXTURES.filter(({ text }) => 'refused' in readList('mapRoles', text)).map(({ name }) => name);
const WHOLE = FIXTURES.filter(({ name }) => !BROKEN.includes(name));
const PINNED = ['alias-to-our-entry', 'foreign-entry-for-our-arn'];

describe('a list that cannot be read', () => {
  it('is refused, with a line, and exactly these fixtures are', () => {
    expect(BROKEN).toEqual([
      'broken-bad-indent',
      'broken-infinite-number',
      'broken-mapping-instead-of-list',
      'broken-missing-colon-space',
      'broken-null-key',
      'broken-scalar-instead-of-list',
      'broken-tab-indent',
      'broken-unclosed-bracket',
      'broken-unclosed-quote',
      'broken-unknown-alias',
      'broken-unquoted-template',
      'second-document-is-broken',
    ]);
    for (const name of BROKEN)
      expect(readList('mapRoles', fixture(name).text)).toMatchObject({ line: expect.any(Number) });
  });

  it.each([
    ['a directive', '%YAML 1.2\n---\n- rolearn: a\n', 1],
    ['an end marker before the list', '...\n- rolearn: a\n', 1],
    ['an indented marker', '- rolearn: a\n ---\n', 2],
    ['a tab after a dash', '- rolearn: a\n-\t- b\n', 2],
    ['a tab in an empty line', '- rolearn: a\n\t\n', 2],
    ['a control character', '- rolearn: a\u0007\n', 1],
    ['a line separator', '- rolearn: a\u2028b\n', 1],
    ['an alias within what it names', '- &x\n  a: *x\n', 2],
    ['a merge of text', '- rolearn: a\n  <<: x\n', 2],
    ['a null key', '- ~: a\n', 1],
    ['a list as a key', '- ? [a]\n  : b\n', 1],
    ['a key of two lines', '[{"role\narn": a}]\n', 1],
    ['a key apart from its colon', '[{"rolearn"\n: a}]\n', 1],
    ['a mapping on the line of its key', '- a: !!map b: c\n', 1],
    ['a question mark between brackets', '[{rolearn: a?b}]\n', 1],
    ['a colon at the start between brackets', '[{rolearn: :a}]\n', 1],
    ['an odd anchor', '- &a"b c\n', 1],
    ['a tag without name', '- !! a\n', 1],
  ])('is refused where the authenticator would drop it: %s', (_what, text, line) => {
    expect(readList('mapRoles', text)).toMatchObject({ refused: 'does-not-parse', line });
  });

  it('names the line', () => {
    expect(readList('mapRoles', fixture('broken-unquoted-template').text)).toMatchObject({
      refused: 'does-not-parse',
      line: 7,
    });
  });
});

describe.each(WHOLE)('$name', ({ name, text }) => {
  const before = roles(text);

  it('takes a new entry, and gives back the very bytes when it goes', () => {
    const added = edited(text, { arn: NEW, username: USERNAME });
    expect(roles(added).filter(([arn]) => arn !== NEW)).toEqual(before);
    expect(roles(added).filter(([arn]) => arn === NEW)).toEqual([[NEW, USERNAME, []]]);
    const removed = edited(added, { arn: NEW });
    if (before.length > 0) expect(removed).toBe(text);
    expect(roles(removed)).toEqual(before);
  });

  it('keeps every other line when ours goes, and is left alone by the same edit again', () => {
    if (name === 'alias-to-our-entry') {
      expect(editList(parsed(text), [{ arn: OURS }])).toMatchObject({ refused: 'cannot-be-edited' });
      return;
    }
    const removed = edited(text, { arn: OURS });
    expect(roles(removed)).toEqual(before.filter((role) => !isOurs(role)));
    expect(edited(removed, { arn: OURS })).toBe(removed);
    // Nothing is written anew: what is left are the old characters in the old order.
    expect(isWithin(removed.replace(/^ *#$/m, ''), text)).toBe(true);
  });

  it('replaces ours in place, and nothing else', () => {
    if (PINNED.includes(name)) return;
    const replaced = edited(text, { arn: OURS, username: 'gatehouse:other' });
    expect(roles(replaced).filter((role) => !isOurs(role))).toEqual(before.filter((role) => !isOurs(role)));
    expect(roles(replaced).filter(isOurs)).toEqual([[OURS, 'gatehouse:other', []]]);
    expect(edited(replaced, { arn: OURS, username: 'gatehouse:other' })).toBe(replaced);
  });
});

describe('where and how entries are written', () => {
  it.each([
    ['the absent key', undefined, '- rolearn: R\n  username: "gatehouse:u"\n'],
    ['empty text', '', '- rolearn: R\n  username: "gatehouse:u"\n'],
    ['two quotes', '""', '- rolearn: R\n  username: "gatehouse:u"\n'],
    ['two backticks', '``', '- rolearn: R\n  username: "gatehouse:u"\n'],
    ['null', 'null\n', '- rolearn: R\n  username: "gatehouse:u"\n'],
    ['[]', '[]', '- rolearn: R\n  username: "gatehouse:u"\n'],
    ['a marker and null', '--- null\n', '--- [{"rolearn": "R", "username": "gatehouse:u"}]\n'],
    ['an unindented list', '- rolearn: a\n', '- rolearn: a\n- rolearn: R\n  username: "gatehouse:u"\n'],
    ['an indented list', '  - rolearn: a\n', '  - rolearn: a\n  - rolearn: R\n    username: "gatehouse:u"\n'],
    ['a list without final newline', '- rolearn: a', '- rolearn: a\n- rolearn: R\n  username: "gatehouse:u"'],
    ['CRLF', '- rolearn: a\r\n', '- rolearn: a\r\n- rolearn: R\r\n  username: "gatehouse:u"\r\n'],
    ['a closing comment', '- rolearn: a\n# end\n', '- rolearn: a\n# end\n- rolearn: R\n  username: "gatehouse:u"\n'],
    ['an end marker', '- rolearn: a\n...\n', '- rolearn: a\n- rolearn: R\n  username: "gatehouse:u"\n...\n'],
    ['JSON', '[{"rolearn":"a"}]', '[{"rolearn":"a"}, {"rolearn": "R", "username": "gatehouse:u"}]'],
    [
      'a last scalar that a newline would change',
      '- rolearn: a\n  username: |\n    x',
      '- rolearn: R\n  username: "gatehouse:u"\n- rolearn: a\n  username: |\n    x',
    ],
  ])('%s', (_what, text, expected) => {
    expect(edited(text, { arn: 'R', username: 'gatehouse:u' })).toBe(expected);
  });

  it('writes userarn in mapUsers', () => {
    const document = readList('mapUsers', '') as ListDocument;
    expect(editList(document, [{ arn: 'U', username: 'gatehouse:u' }])).toBe(
      '- userarn: U\n  username: "gatehouse:u"\n',
    );
  });

  it('quotes the template, which unquoted would break the whole list', () => {
    const text = edited('', { arn: 'R', username: USERNAME });
    expect(text).toContain(`username: "${USERNAME}"`);
    expect(readAwsAuth({ mapRoles: text }).problems).toEqual([]);
  });

  it('replaces a drifted entry where it stands and leaves the comments around it', () => {
    const text = `# a\n- rolearn: x\n# b\n- rolearn: ${OURS}\n  username: "${USERNAME}"\n  groups: [system:masters]\n# c\n- rolearn: y\n`;
    expect(edited(text, { arn: OURS, username: USERNAME })).toBe(
      `# a\n- rolearn: x\n# b\n- rolearn: ${OURS}\n  username: "${USERNAME}"\n# c\n- rolearn: y\n`,
    );
  });

  it('keeps the last of duplicates, the one in force', () => {
    const one = (username: string) => `- rolearn: ${OURS}\n  username: ${username}\n`;
    const text = `${one('gatehouse:old')}- rolearn: x\n${one('gatehouse:new')}`;
    expect(edited(text, { arn: OURS, username: 'gatehouse:new' })).toBe(`- rolearn: x\n${one('gatehouse:new')}`);
  });

  it.each([
    ['first of three', '[{"rolearn": "R", "username": "gatehouse:u"}, a, b]', '[a, b]'],
    ['middle of three', '[a, {"rolearn": "R", "username": "gatehouse:u"}, b]', '[a, b]'],
    ['last of three', '[a, b, {"rolearn": "R", "username": "gatehouse:u"}]', '[a, b]'],
    ['alone', '[ {"rolearn": "R", "username": "gatehouse:u"} ]', '[  ]'],
    ['alone with a trailing comma', '[{rolearn: R, username: gatehouse:u},]', '[]'],
    ['all of two', '[{rolearn: R, username: gatehouse:u}, {rolearn: r, username: gatehouse:v}]', '[]'],
    ['before a comment', '[{rolearn: R, username: gatehouse:u}, # ours\n a]', '[ # ours\n a]'],
  ])('removes from a flow list: %s', (_what, text, expected) => {
    expect(edited(text, { arn: 'R' })).toBe(expected);
  });

  it('never removes an entry whose username is not marked, nor one that names a second principal', () => {
    const text = '- rolearn: R\n  username: gatehouseX\n- rolearn: R\n  roleARN: S\n  username: gatehouse:u\n';
    expect(edited(text, { arn: 'R' })).toBe(text);
  });

  it('is not kept busy by aliases that multiply', () => {
    const bases = Array.from(
      { length: 60 },
      (_, i) => `- &a${i + 1}\n  <<: [*a${i}, *a${i}]\n  list: [*a${i}, *a${i}]\n`,
    ).join('');
    const text = `- &a0\n  team: x\n${bases}`;
    expect(edited(edited(text, { arn: 'R', username: 'gatehouse:u' }), { arn: 'R' })).toBe(text);
  });

  it('refuses what has more aliases than anybody writes', () => {
    const text = `- &a x\n${'- *a\n'.repeat(1001)}`;
    expect(readList('mapRoles', text)).toMatchObject({ refused: 'does-not-parse', line: 1002 });
  });

  it('edits hundreds of entries of a thousand in one call', () => {
    const text = Array.from(
      { length: 1000 },
      (_, i) => `- rolearn: arn:aws:iam::111122223333:role/r${i}\n  username: "gatehouse:g${i}:x"\n  groups: []\n`,
    ).join('');
    const edits = Array.from({ length: 500 }, (_, i) => ({ arn: `arn:aws:iam::111122223333:role/r${2 * i}` }));
    const result = edited(text, ...edits);
    expect(parsed(result).entries).toHaveLength(500);
  });
});
