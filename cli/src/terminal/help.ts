import { type Command, Option } from 'commander';

/** How the command is called in examples and hints. */
export const COMMAND = 'npx gatehouse';

/** Adds examples to a verb's help: a line, and what it does. */
export function withExamples(command: Command, examples: readonly (readonly [line: string, does: string])[]): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, does]) => `  ${line.padEnd(width)}  # ${does}`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

/** `-o, --output`. */
export function withOutput(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'how the answer is written').choices(['text', 'json']).default('text'),
  );
}
