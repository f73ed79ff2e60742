import type { Command } from 'commander';
import { wrapped } from './text.ts';

/** How the command is called in the project, where it is not on the path. */
export const COMMAND = 'npx gatehouse';

/** Adds examples to a verb's help: what each does, and the line to type. */
export function withExamples(command: Command, examples: readonly (readonly [line: string, does: string])[]): Command {
  const lines = examples.map(([line, does]) => `  # ${does}\n  ${line}`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

/** What a verb's exit codes beyond 0 and 1 mean: 2 and 3 are answers, and no errors. */
export interface ExitCodes {
  readonly 2?: string;
  readonly 3?: string;
}

/** Says at the end of a verb's help what its exit codes are. */
export function withExitCodes(command: Command, codes: ExitCodes = {}): Command {
  const all = Object.entries({ 0: 'fine', 1: 'error', ...codes }).map(([code, means]) => `${code} ${means}`);
  return command.addHelpText('afterAll', () => `\n${paragraph(command, `Exit codes: ${all.join('; ')}`)}`);
}

/** Tells more in a verb's help: a paragraph, wrapped like the rest of it. */
export function withNote(command: Command, text: string): Command {
  return command.addHelpText('after', () => `\n${paragraph(command, text)}`);
}

function paragraph(command: Command, text: string): string {
  return wrapped(text, command.configureOutput().getOutHelpWidth?.() ?? 100).join('\n');
}

/** Options of a verb that can tell beforehand what it would change. */
export interface DryRunOptions {
  readonly dryRun?: boolean;
  readonly detailedExitcode?: boolean;
}

/** `--dry-run`, and `--detailed-exitcode` for pipelines that ask whether there is anything to do. */
export function withDryRun(command: Command, tells = 'tell what would change, and change nothing'): Command {
  return command
    .option('--dry-run', tells)
    .option('--detailed-exitcode', 'with --dry-run: exit with 2 where something would change');
}
