import { readFileSync } from 'node:fs';
import type { AccessPolicy } from '@gatehouse/core/access/policy';
import { type LintWarning, lintLevel } from '@gatehouse/core/bootstrap/lint';
import { readPolicy } from '@gatehouse/core/policy/read';
import type { Command } from 'commander';
import { columns } from '../terminal/columns.ts';
import { withExamples, withOutput } from '../terminal/help.ts';
import { type Output, type Terminal, writeJson } from '../terminal/terminal.ts';
import { counted } from '../terminal/text.ts';

/** `validate`: what is wrong with a policy document, by line and column. Reads nothing but the file. */
export function addValidate(program: Command, terminal: Terminal): void {
  const verb = program
    .command('validate <file>')
    .description(
      'check an access policy: every error with line, column and what to write instead, and what its levels amount to ("-" reads stdin)',
    );
  withOutput(verb).action((file: string, { output }: { output: string }) => validate(terminal, file, output));
  withExamples(verb, [
    ['gatehouse validate policy.yaml', 'exit code 1 where anything is wrong; what levels amount to are warnings'],
    ['gatehouse validate -o json - < policy.yaml', 'for editors and pipelines'],
  ]);
}

function validate(terminal: Terminal, file: string, output: string): void {
  const reading = readPolicy(readFileSync(file === '-' ? 0 : file, 'utf8'));
  if (!reading.ok) terminal.exitCode = 1;
  if (output === 'json') {
    const { ok } = reading;
    writeJson(terminal.out, {
      schemaVersion: 1,
      ...(ok ? { ok, warnings: warningsOf(reading.policy) } : reading),
    });
    return;
  }
  const { style, width } = terminal.out;
  if (reading.ok) {
    const { clusters, grants, discover } = reading.policy;
    const discovered = discover.length === 0 ? '' : ', and what it discovers';
    const what = `${counted(grants.length, 'grant')} on ${counted(clusters.length, 'cluster')}${discovered}`;
    terminal.out.write(`${style.good('valid')}  ${file}: ${what}\n`);
    writeWarnings(terminal.out, reading.policy);
    return;
  }
  for (const { line, column, field, message, remedy } of reading.errors) {
    const place = `${file}:${line}:${column}`;
    terminal.out.write(`${style.bold(place)}${field === '' ? '' : `  ${style.name(field)}`}\n`);
    terminal.out.write(
      columns(
        [
          [{ text: 'error', paint: style.bad }, message],
          [{ text: 'try', paint: style.dim }, remedy],
        ],
        { style, width, indent: 2 },
      ),
    );
  }
  terminal.out.write(
    `${style.bad(counted(reading.errors.length, 'error'))} in ${file}; nothing of it would be taken over\n`,
  );
}

/** What a level that is granted amounts to beyond what it says. */
interface LevelWarning extends LintWarning {
  readonly level: string;
  /** Names of the grants that give it. */
  readonly grants: readonly string[];
}

function warningsOf({ grants }: AccessPolicy): readonly LevelWarning[] {
  const byLevel = Map.groupBy(grants, ({ level }) => level.name);
  return [...byLevel].flatMap(([level, granting]) =>
    lintLevel(granting[0]!.level).map((warning) => ({
      level,
      grants: granting.map(({ name }) => name),
      ...warning,
    })),
  );
}

function writeWarnings(out: Output, policy: AccessPolicy): void {
  const { style, width } = out;
  for (const { level, grants, code, message } of warningsOf(policy)) {
    const rows = [
      [{ text: 'warning', paint: style.warn }, `${code}: ${message}`],
      [{ text: 'given by', paint: style.dim }, grants.join(', ')],
    ];
    out.write(`${style.bold(`level ${level}`)}\n${columns(rows, { style, width, indent: 2 })}`);
  }
}
