import { type Command, Option } from 'commander';

/** How the command is called in examples and hints. */
export const COMMAND = 'npx gatehouse';

/** Adds examples to a verb's help: what each does, and the line to type. */
export function withExamples(command: Command, examples: readonly (readonly [line: string, does: string])[]): Command {
  const lines = examples.map(([line, does]) => `  # ${does}\n  ${line}`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

/** Says in a verb's help what its exit codes are, where 3 is one of them: an answer, and no error. */
export function withNo(command: Command, no: string): Command {
  return command.addHelpText('after', `\nExit codes: 0 fine; 1 error; 3 ${no}`);
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
