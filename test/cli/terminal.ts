import { run } from '../../cli/src/program.ts';
import { PLAIN } from '../../cli/src/terminal/style.ts';
import type { Output, Terminal } from '../../cli/src/terminal/terminal.ts';

/** What a run of the command wrote, and how it ended. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
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
  const terminal = {
    out: output('out'),
    err: output('err'),
    env: world.env ?? {},
    ask: world.ask,
    exitCode: 0,
  } as const;
  return { code: await run(arguments_, { ...terminal }), ...written };
}
