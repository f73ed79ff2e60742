import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { FORMATS } from '../../cli/src/terminal/answer.ts';
import { runCommand, silentProgram } from './terminal.ts';

/** What takes fewer formats, or none, because it is read by one program and no other, or is a story. */
const FEWER: Readonly<Record<string, readonly string[]>> = {
  bootstrap: ['yaml', 'json'],
  completion: [],
  demo: [],
  sandbox: ['table', 'json'],
  'sign-webhook': ['table', 'json'],
  token: [],
};

/** Every verb that does something, with the words before it. */
function verbsOf(command: Command, path: readonly string[] = []): readonly (readonly string[])[] {
  const own = command.commands.filter((one) => !('_hidden' in one && one._hidden === true));
  return own.length === 0 ? [path] : own.flatMap((one) => verbsOf(one, [...path, one.name()]));
}

const program = silentProgram();
const VERBS = verbsOf(program).map((path) => ({
  verb: path.join(' '),
  path,
  formats: FEWER[path.join(' ')] ?? FORMATS,
  arguments_: argumentsOf(path),
}));

/** Something for each argument and option that a verb must have, so that only the format is wrong. */
function argumentsOf(path: readonly string[]): readonly string[] {
  const verb = path.reduce((command, name) => command.commands.find((one) => one.name() === name)!, program as Command);
  const options = verb.options.filter(({ mandatory }) => mandatory);
  return [...verb.registeredArguments.map(() => '1'), ...options.flatMap(({ long }) => [long ?? '', 'x'])];
}

describe('every verb', () => {
  it.each(VERBS)('$verb says in its help how its answer is written, and with which exit code it ends', async (one) => {
    const { out } = await runCommand([...one.path, '--help']);
    const choices = one.formats.map((format) => `"${format}"`).join(', ');
    if (one.formats.length === 0) expect(out).not.toContain('--output');
    else expect(out.replace(/\s+/g, ' ')).toContain(`how the answer is written (choices: ${choices}, default:`);
    expect(out).toMatch(/^Exit codes: 0 fine; 1 error/m);
    expect(out).toMatch(/^Examples:\n {2}#/m);
  });

  it.each(VERBS)('$verb refuses a format that it does not have', async ({ path, arguments_, formats }) => {
    const { code, out, err } = await runCommand([...path, ...arguments_, '-o', 'xml']);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(formats.length === 0 ? "unknown option '-o'" : `Allowed choices are ${formats.join(', ')}`);
    expect(err.replace(/\s+/g, ' ')).toContain(`"gatehouse ${path.join(' ')} --help" explains`);
  });

  it.each(VERBS)('$verb has options in kebab-case, each explained', ({ path }) => {
    const verb = path.reduce((at, name) => at.commands.find((one) => one.name() === name)!, program as Command);
    for (const { long, description } of verb.options) {
      expect(long).toMatch(/^--[a-z]+(-[a-z]+)*$/);
      expect(description).not.toBe('');
    }
  });

  it.each(VERBS)('$verb says of --detailed-exitcode what exit code 2 is', async ({ path }) => {
    const { out } = await runCommand([...path, '--help']);
    expect(/^Exit codes:.* 2 /m.test(out)).toBe(out.includes('--detailed-exitcode'));
  });
});

describe('an error', () => {
  const typed = ['validate', '/none'];
  const error = { code: 'enoent', message: 'there is no file /none', remedy: 'check the path' };

  it('is written in the format of the answer', async () => {
    const json = await runCommand([...typed, '-o', 'json']);
    expect({ code: json.code, out: json.out, told: JSON.parse(json.err) }).toEqual({
      code: 1,
      out: '',
      told: { error },
    });
    const yaml = await runCommand([...typed, '--output=yaml']);
    expect(parse(yaml.err)).toEqual({ error });
    expect((await runCommand(typed)).err).toBe('error [enoent] there is no file /none\n  try   check the path\n');
  });

  it.each([
    ['status', '--none', '-o', 'json'],
    ['status', '-ojson', '--none'],
    ['status', '--output=json', 'more'],
    ['none', '--output', 'json'],
  ])('of the arguments is, too: %s %s %s', async (...arguments_) => {
    const { code, err } = await runCommand(arguments_);
    expect(code).toBe(1);
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'usage', remedy: expect.stringContaining('--help') } });
  });

  it('takes no format from what only looks like the option', async () => {
    const { err } = await runCommand(['validate', '--', '-ojson']);
    expect(err).toMatch(/^error \[enoent\] there is no file -ojson\n/);
  });
});
