import { type Command, Option } from 'commander';

/** How the command is called in examples and hints. */
export const COMMAND = 'npx gatehouse';

/** Adds examples to a verb's help: what each does, and the line to type. */
export function withExamples(command: Command, examples: readonly (readonly [line: string, does: string])[]): Command {
  const lines = examples.map(([line, does]) => `  # ${does}\n  ${line}`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

/** `-o, --output`. */
export function withOutput(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'how the answer is written').choices(['text', 'json']).default('text'),
  );
}

/** `-o, --output` of a verb that prints a table. */
export function withTable(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'how the answer is written').choices(['table', 'json']).default('table'),
  );
}
