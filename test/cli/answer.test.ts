import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Answer, FORMATS, type Format, rowWriter, writeAnswer } from '../../cli/src/terminal/answer.ts';
import { PLAIN } from '../../cli/src/terminal/style.ts';

interface Row {
  readonly name: string;
  readonly size: number;
}

const ROWS: readonly Row[] = [
  { name: 'alpha', size: 1_200 },
  { name: '=cmd("x")', size: 7 },
];

const answer = (rows: readonly Row[]): Answer<Row> => ({
  value: { things: rows },
  listing: {
    columns: [
      { head: 'NAME', cell: ({ name }) => name },
      { head: 'SIZE', cell: ({ size }) => size.toLocaleString('en-US'), value: ({ size }) => size, right: true },
      { head: 'NOTE', cell: ({ size }) => (size > 1_000 ? 'large, "very"' : ''), wide: true },
    ],
    rows,
    none: 'There are no things.',
  },
});

async function written(format: Format, rows = ROWS): Promise<string> {
  const texts: string[] = [];
  const output = { write: (text: string) => void texts.push(text), style: PLAIN, width: undefined };
  await writeAnswer(output, format, answer(rows));
  return texts.join('');
}

describe('an answer', () => {
  it.each<{ format: Format; says: string }>([
    { format: 'table', says: 'NAME        SIZE\nalpha      1,200\n=cmd("x")      7\n' },
    { format: 'wide', says: 'NAME        SIZE  NOTE\nalpha      1,200  large, "very"\n=cmd("x")      7\n' },
    { format: 'csv', says: 'name,size,note\nalpha,1200,"large, ""very"""\n"\'=cmd(""x"")",7,\n' },
  ])('as $format', async ({ format, says }) => expect(await written(format)).toBe(says));

  it('is the same value in JSON and YAML, with its version', async () => {
    expect(JSON.parse(await written('json'))).toEqual({ schemaVersion: 1, things: ROWS });
    expect(parse(await written('yaml'))).toEqual({ schemaVersion: 1, things: ROWS });
  });

  it('says in words that there is nothing, and to programs an empty list', async () => {
    expect(await written('table', [])).toBe('There are no things.\n');
    expect(await written('csv', [])).toBe('name,size,note\n');
    expect(JSON.parse(await written('json', []))).toEqual({ schemaVersion: 1, things: [] });
  });

  it('ends in a line break in every format', async () => {
    for (const format of FORMATS) expect(await written(format)).toMatch(/\n$/);
  });
});

describe('rows as they come', () => {
  it.each<{ format: Format; says: string }>([
    { format: 'table', says: 'NAME    SIZE\nalpha  1,200\n=cmd("x")  7\n' },
    { format: 'csv', says: 'name,size,note\nalpha,1200,"large, ""very"""\n"\'=cmd(""x"")",7,\n' },
    { format: 'json', says: '{"name":"alpha","size":1200}\n{"name":"=cmd(\\"x\\")","size":7}\n' },
    { format: 'yaml', says: '---\nname: alpha\nsize: 1200\n---\nname: =cmd("x")\nsize: 7\n' },
  ])('are one $format', async ({ format, says }) => {
    const texts: string[] = [];
    const output = { write: (text: string) => void texts.push(text), style: PLAIN, width: undefined };
    const write = rowWriter(output, format, answer(ROWS).listing.columns);
    for (const row of ROWS) await write([row]);
    expect(texts.join('')).toBe(says);
  });
});
