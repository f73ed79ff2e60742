import { Argument, type Command } from 'commander';
import { HOW_TO_LOAD, SCRIPTS, SHELLS, type Shell } from '../completion/scripts.ts';
import { withExamples, withExitCodes, withNote } from '../terminal/help.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** `completion`: what a shell loads; and the hidden verb that it asks then. */
export function addCompletion(program: Command, terminal: Terminal): void {
  const verb = program
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell that completes').choices(SHELLS))
    .description('print what a shell loads to complete verbs, options, and the names of clusters, grants and people')
    .action((shell: Shell) => terminal.out.write(SCRIPTS[shell]));
  withExamples(
    verb,
    SHELLS.map((shell) => [HOW_TO_LOAD[shell], `in ${shell}`]),
  );
  withNote(
    verb,
    'Names are asked of the Gatehouse that your AWS environment reaches, within a second, and kept for ten in ' +
      'your cache folder; with --policy FILE they are read there. Where nothing answers, nothing is offered.',
  );
  withExitCodes(verb);
  program
    .command('complete [before...]', { hidden: true })
    .option('--at <word>', 'the beginning of the word at the cursor', '')
    .action((before: readonly string[], { at }: { at: string }) => complete(program, terminal, before, at));
}

async function complete(program: Command, terminal: Terminal, before: readonly string[], at: string): Promise<void> {
  const [{ candidatesFor }, { knownNames }] = await Promise.all([
    import('../completion/candidates.ts'),
    import('../completion/names.ts'),
  ]);
  const world = { env: terminal.env, progress: terminal.progress, now: () => Date.now() };
  const offer = await candidatesFor(program, before, at, (typed) => knownNames(typed, world));
  if ('files' in offer) terminal.out.write(':files\n');
  else for (const { value, description } of offer.candidates) terminal.out.write(`${value}\t${description}\n`);
}
