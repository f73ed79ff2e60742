import { createInterface } from 'node:readline/promises';
import { run } from './program.ts';
import { outputOn, type Terminal } from './terminal/terminal.ts';

const { env, stdin, stdout, stderr } = process;
// A reader that has seen enough (`| head`) is no error.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const terminal: Terminal = {
  out: outputOn(stdout, env),
  err: outputOn(stderr, env),
  env,
  ask:
    stdin.isTTY && stderr.isTTY
      ? async (question) => {
          const asking = createInterface({ input: stdin, output: stderr });
          try {
            return await asking.question(question);
          } finally {
            asking.close();
          }
        }
      : undefined,
  exitCode: 0,
};
process.exitCode = await run(process.argv.slice(2), terminal);
