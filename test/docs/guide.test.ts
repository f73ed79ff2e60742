import { globSync, readFileSync } from 'node:fs';
import { operationSchema } from '@gatehouse/core/operations/operation';
import { readPolicy } from '@gatehouse/core/policy/read';
import { describe, expect, it } from 'vitest';
import { silentProgram } from '../cli/terminal.ts';

const ROOT = new URL('../../', import.meta.url);
const CORE = new URL('layers/core/nodejs/src/', ROOT);
const guide = readFileSync(new URL('docs/guide.md', ROOT), 'utf8');

/** Every literal code of a finding or a failure in the core, and the module it stands in. */
const codesInCore = new Map<string, string>();
for (const module of globSync('**/*.ts', { cwd: CORE })) {
  // What a level amounts to is told in sentences; the codes of these are nowhere shown.
  if (module.startsWith('bootstrap/')) continue;
  const text = readFileSync(new URL(module, CORE), 'utf8');
  const literals = /\b(?:code:|(?:blocked|blocking|blocks|notice|note|finding)\()\s*'([a-z]+(?:-[a-z]+)*)'/g;
  for (const [, code = ''] of text.matchAll(literals)) {
    if (code !== 'blocks' && code !== 'notice') codesInCore.set(code, module);
  }
}
// What cannot be mended by trying again becomes a finding under the failure's code.
const failure = 'access/failure.ts';
for (const [, code = ''] of readFileSync(new URL(failure, CORE), 'utf8').matchAll(/^ {2}\| '([a-z-]+)'/gm)) {
  codesInCore.set(code, failure);
}

/** The codes in the first column of the tables under "Findings". */
const findings = /^## Findings$([\s\S]*?)^## /m.exec(guide)?.[1] ?? '';
const codesInGuide = findings
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([a-z-]+)`/g)].map(([, code = '']) => code));

describe('the findings of the guide', () => {
  it('are found in both', () => {
    expect(codesInCore.size).toBeGreaterThan(30);
    expect(codesInGuide.length).toBeGreaterThan(30);
  });
  it.each([...codesInCore])('hold %s of %s', (code) => expect(codesInGuide).toContain(code));
  it.each(codesInGuide)('hold no code that does not exist: %s', (code) =>
    expect([...codesInCore.keys()]).toContain(code),
  );
  it('hold each once', () => expect(codesInGuide).toEqual([...new Set(codesInGuide)]));
});

/** Each document of README and guide that says of itself that it is a policy, with the output that follows it. */
const documents = [readFileSync(new URL('README.md', ROOT), 'utf8'), guide].flatMap((page) =>
  [...page.matchAll(/```yaml\n((?:# \S+\n)?apiVersion: gatehouse[\s\S]*?)```(?:\n\n```text\n([\s\S]*?)```)?/g)].map(
    ([, text = '', output]) => ({ text, output }),
  ),
);

describe('the policies of README and guide', () => {
  it('are found', () =>
    expect(documents.map(({ output }) => output === undefined)).toEqual([true, true, false, false, false]));

  it('validate, where no error is shown', () => {
    for (const { text } of documents.filter(({ output }) => output === undefined)) {
      expect(readPolicy(text)).toMatchObject({ ok: true });
    }
  });

  it('are refused with exactly the errors that are shown', () => {
    for (const { text, output } of documents) {
      if (output === undefined) continue;
      const reading = readPolicy(text);
      const name = /^# (\S+)/.exec(text)?.[1];
      const shown = reading.ok
        ? []
        : reading.errors.map(
            ({ line, column, field, message, remedy }) =>
              `${name}:${line}:${column}  ${field}\n  error  ${message}\n  try    ${remedy}\n`,
          );
      expect(output.replace(/^\$.*\n/, '').replace(/^\d+ errors? in .*\n/m, '')).toBe(shown.join(''));
    }
  });
});

/** The first cells of the tables of a section, without its code marks, up to the first space. */
function firstWords(heading: string): readonly string[] {
  const section = new RegExp(`^### ${heading}$([\\s\\S]*?)^##`, 'm').exec(guide)?.[1] ?? '';
  return [...section.matchAll(/^\| `([a-z-]+)/gm)].map(([, word = '']) => word);
}

describe('the operations of the guide', () => {
  it('are the verbs of the command', () => {
    const program = silentProgram();
    const listed = program.createHelp().visibleCommands(program);
    const verbs = listed.map((verb) => verb.name()).filter((verb) => verb !== 'help');
    expect(firstWords('The command').toSorted()).toEqual(verbs.toSorted());
  });

  it('are those of run-operation', () => {
    const operations = operationSchema.options.map(({ shape }) => shape.operation.value);
    expect(firstWords('Without the command').toSorted()).toEqual(operations.toSorted());
  });
});
