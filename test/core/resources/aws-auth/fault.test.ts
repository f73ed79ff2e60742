import { readAwsAuth } from '@gatehouse/core/effective-access/aws-auth';
import { readList } from '@gatehouse/core/resources/aws-auth/list';
import { describe, expect, it } from 'vitest';

const entry = (value: string) => `- rolearn: r\n  username: ${value}\n`;

describe('a list is not written, because the cluster drops it, for', () => {
  it.each<[string, string, RegExp]>([
    ['a tag that its value does not fit', entry('!!int x'), /the tag !!int/],
    ['the same tag in full', entry('!<tag:yaml.org,2002:int> x'), /the tag !<tag/],
    ['the same tag, escaped', entry('!!%69nt x'), /the tag !!%69nt/],
    ['base64 without its end', entry('!!binary YQ'), /base64/],
    ['base64 with a space', entry('!!binary "Y Q=="'), /base64/],
    ['an escaped slash', entry('"a\\/b"'), /the escape \\\//],
    ['half of a pair of surrogates', entry('"\\ud83d"'), /the escape \\ud83d/],
    ['a character beyond all', entry('"\\U00110000"'), /the escape \\U00110000/],
    ['an escape behind an anchor', entry('&a "\\/"'), /the escape/],
    ['a key that is too long', `- rolearn: r\n  ${'k'.repeat(1100)}: x\n`, /longer than 1000/],
    ['a number as a key that is too large', '- rolearn: r\n  18446744073709551615: x\n', /too large/],
    ['a key right behind a quote', "- groups:\n  - 'x'   rolearn: r\n", /on the line of/],
    ['a bracket right behind a colon', '- {rolearn: r, groups:[]}\n', /apart/],
    ['a directive that is indented', ' %YAML 1.1\n---\n- rolearn: r\n', /before the list/],
    ['a marker that is indented, behind a byte order mark', '\ufeff ---\n- rolearn: r\n', /is indented/],
    ['a tab behind a byte order mark', '\ufeff\t# note\n- rolearn: r\n', /a tab/],
    ['a control character', entry('"\u0081"'), /U\+0081/],
  ])('%s', (_what, text, reason) => {
    expect(readList('mapRoles', text)).toMatchObject({
      refused: 'does-not-parse',
      reason: expect.stringMatching(reason),
    });
    expect(readAwsAuth({ mapRoles: text }).problems).toMatchObject([{ key: 'mapRoles', severity: 'error' }]);
    expect(readAwsAuth({ mapRoles: text }).problems[0]).not.toHaveProperty('index');
  });
});

describe('a list is read, though it has', () => {
  it.each([
    ['a tag of no type', entry('!x y')],
    ['a tag of texts', entry('!!str 5')],
    ['base64', entry('!!binary YQ==')],
    ['escapes that both readers know', entry('"\\\\/ \\u0041 \\U0001F600 \\n"')],
    ['a slash within single quotes', entry("'a\\/b'")],
    ['a long value', entry('x'.repeat(2000))],
    ['an account as a key', '- rolearn: r\n  111122223333: x\n'],
    ['a bracket apart from its colon', '- {rolearn: r, "groups":[], team: {}}\n'],
  ])('%s', (_what, text) => {
    expect(readList('mapRoles', text)).toMatchObject({ entries: [{ arns: ['r'] }] });
    expect(readAwsAuth({ mapRoles: text }).roles).toMatchObject([{ arn: 'r' }]);
  });
});
