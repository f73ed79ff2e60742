import type { Command } from 'commander';
import { createProgram, run } from '../../cli/src/program.ts';
import type { Progress } from '../../cli/src/terminal/progress.ts';
import { PLAIN } from '../../cli/src/terminal/style.ts';
import type { Output, Terminal } from '../../cli/src/terminal/terminal.ts';

/** What a run of the command wrote, and how it ended. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** What was said of what is waited for, however soon that was over. */
  readonly said: readonly string[];
}

/** Runs the command in this process, as in a pipe unless told; nobody is there to answer unless `ask` is given. */
export async function runCommand(
  arguments_: readonly string[],
  world: { readonly env?: Terminal['env']; readonly ask?: Terminal['ask']; readonly width?: number } = {},
): Promise<Ran> {
  const written = { out: '', err: '' };
  const output = (name: 'out' | 'err'): Output => ({
    write: (text) => {
      written[name] += text;
    },
    style: PLAIN,
    width: world.width,
  });
  const env = world.env ?? {};
  const said: string[] = [];
  const hear = (text: string) => {
    if (text !== said.at(-1)) said.push(text);
  };
  const progress: Progress = { during: (_, work, { quiet = false } = {}) => work(quiet ? () => {} : hear) };
  const terminal = {
    out: output('out'),
    err: output('err'),
    progress,
    env,
    ask: world.ask,
    exitCode: 0,
  } as const;
  return { code: await run(arguments_, { ...terminal }), ...written, said };
}

/** The command, to be looked at: what it writes is heard by nobody. */
export function silentProgram(): Command {
  const output = { write: () => {}, style: PLAIN, width: undefined };
  const progress: Progress = { during: (_, work) => work(() => {}) };
  return createProgram({ out: output, err: output, env: {}, ask: undefined, exitCode: 0, progress });
}
