import { stripVTControlCharacters } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columns } from '../../cli/src/terminal/columns.ts';
import { PLAIN, styleFor } from '../../cli/src/terminal/style.ts';
import { duration, printable, widthOf, wrapped } from '../../cli/src/terminal/text.ts';

const colours = styleFor(true, {});

describe('columns', () => {
  it('align, without blanks at the ends of lines', () => {
    const rows = [
      ['a', '1', 'first'],
      ['bbb', '22', ''],
    ];
    expect(columns(rows, { head: ['X', 'N', 'TEXT'], style: PLAIN, right: [1], indent: 2 })).toBe(
      '  X     N  TEXT\n  a     1  first\n  bbb  22\n',
    );
  });

  it('count wide characters as two places, combining ones as none', () => {
    expect(
      columns(
        [
          ['日本', '|'],
          ['e\u0301', '|'],
        ],
        { style: PLAIN },
      ),
    ).toBe('日本  |\ne\u0301     |\n');
  });

  it('wrap the last column on a terminal, and nothing in a pipe', () => {
    const text = 'one two three four five six seven eight';
    expect(columns([['x', text]], { style: PLAIN, width: 40 })).toBe(
      'x  one two three four five six seven\n   eight\n',
    );
    expect(columns([['x', text]], { style: PLAIN })).toBe(`x  ${text}\n`);
  });

  it('put the last column below the others where these leave it little room', () => {
    const rows = [
      ['a-long-name', 'one two three four five six seven eight nine ten'],
      ['b', 'short'],
      ['c', ''],
    ];
    expect(columns(rows, { head: ['NAME', 'TEXT'], style: PLAIN, width: 40, indent: 2 })).toBe(
      [
        '  NAME',
        '          TEXT',
        '  a-long-name',
        '          one two three four five six',
        '          seven eight nine ten',
        '  b',
        '          short',
        '  c',
        '',
      ].join('\n'),
    );
    const fitting = [['a-long-name', 'fits well enough']];
    expect(columns(fitting, { style: PLAIN, width: 40 })).toBe('a-long-name  fits well enough\n');
  });

  it('let one row of many be too long, and put only its last column below', () => {
    const rows = [
      ['a', 'one two three four five six seven eight'],
      ['bb', 'x'],
      ['a-name-that-is-longer-than-others', 'y'],
      ['c', 'z'],
    ];
    expect(columns(rows, { style: PLAIN, width: 44 })).toBe(
      [
        'a   one two three four five six seven eight',
        'bb  x',
        'a-name-that-is-longer-than-others',
        '    y',
        'c   z',
        '',
      ].join('\n'),
    );
  });

  it('give each row a block where even the other columns do not fit', () => {
    const rows = [
      ['prod-eu', '', 'arn:aws:iam::111122223333:role/one', 'pay'],
      ['staging', 'mia', 'arn:aws:iam::111122223333:role/two', ''],
    ];
    const head = ['CLUSTER', 'WHO', 'PRINCIPAL', 'WHERE'];
    expect(columns(rows, { head, style: PLAIN, width: 46 })).toBe(
      [
        'CLUSTER    prod-eu',
        'PRINCIPAL  arn:aws:iam::111122223333:role/one',
        'WHERE      pay',
        '',
        'CLUSTER    staging',
        'WHO        mia',
        'PRINCIPAL  arn:aws:iam::111122223333:role/two',
        '',
      ].join('\n'),
    );
    expect(columns(rows, { head, style: PLAIN })).toMatch(/^CLUSTER {2}WHO {2}PRINCIPAL {27}WHERE\n/);
  });

  it('are the same with colours and without, once these are taken off', () => {
    const text = fc.string({ unit: 'binary', maxLength: 12 });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 5 }), (rows) => {
        const painted = rows.map((row) => row.map((cell) => ({ text: cell, paint: colours.bad })));
        expect(stripVTControlCharacters(columns(painted, { style: colours }))).toBe(columns(rows, { style: PLAIN }));
      }),
      { numRuns: 200 },
    );
  });

  it('keep every name in its line, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const line = columns([[name, 'x']], { style: PLAIN });
        expect(line.match(/\n/g)).toHaveLength(1);
        expect(line.slice(0, -1)).not.toMatch(/\p{Cc}/u);
      }),
      { numRuns: 200 },
    );
  });
});

describe('colours', () => {
  it.each([
    { terminal: true, env: {}, coloured: true },
    { terminal: false, env: {}, coloured: false },
    { terminal: true, env: { NO_COLOR: '1' }, coloured: false },
    { terminal: true, env: { NO_COLOR: '' }, coloured: true },
    { terminal: true, env: { TERM: 'dumb' }, coloured: false },
    { terminal: false, env: { FORCE_COLOR: '1' }, coloured: true },
    { terminal: false, env: { FORCE_COLOR: '1', NO_COLOR: '1' }, coloured: false },
  ])('terminal $terminal, $env: $coloured', ({ terminal, env, coloured }) => {
    expect(styleFor(terminal, env).good('x') !== 'x').toBe(coloured);
  });
});

describe('texts', () => {
  it.each([
    [240.4, '240 ms'],
    [3_210, '3.2 s'],
    [240_000, '4 min'],
    [3 * 3_600_000, '3 h'],
    [72 * 3_600_000, '3 d'],
  ])('%d ms are %s', (milliseconds, text) => expect(duration(milliseconds)).toBe(text));

  it('are printable, and say what was hidden in them', () => {
    expect(printable('a\u001b[31mb\u202ec\n')).toBe('a\\u{1b}[31mb\\u{202e}c\\u{a}');
  });

  it('are wrapped without losing a word', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 40 }), (text, width) => {
        expect(wrapped(text, width).join(' ')).toBe(text);
      }),
      { numRuns: 200 },
    );
    expect(wrapped('aa bb cc', 5).every((line) => widthOf(line) <= 5)).toBe(true);
  });
});
