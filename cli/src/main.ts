import { run } from './program.ts';
import { progressOn } from './terminal/progress.ts';
import { outputOn, type Terminal } from './terminal/terminal.ts';

const { env, stdin, stdout, stderr } = process;
// A reader that has seen enough (`| head`) is no error.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const err = outputOn(stderr, env);
const terminal: Terminal = {
  out: outputOn(stdout, env),
  err,
  progress: progressOn(err, env),
  env,
  ask:
    stdin.isTTY && stderr.isTTY
      ? async (question, signal) => (await import('./terminal/ask.ts')).askOn(stdin, stderr, question, signal)
      : undefined,
  exitCode: 0,
};
const arguments_ = process.argv.slice(2);
process.exitCode = await run(arguments_, terminal);
// Whoever pressed a key waits for no answer that comes too late.
if (arguments_[0] === 'complete') stdout.write('', () => process.exit());
