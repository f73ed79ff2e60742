import { isFailure } from '@gatehouse/core/access/failure';
import type { Output } from './terminal.ts';
import { printable, wrapped } from './text.ts';

/** An error as it is told: a stable code, one sentence, what caused it, what to do. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly cause?: string;
  readonly remedy?: string;
}

/** What is to be said of anything that was thrown. What nobody threw on purpose has the code `unexpected`. */
export function problemOf(error: unknown): Problem {
  const cause = causeOf(error);
  const known = { ...(cause === undefined ? {} : { cause }) };
  if (isFailure(error)) {
    const remedy = error.remedy === undefined ? {} : { remedy: error.remedy };
    return { code: error.code, message: error.message, ...known, ...remedy };
  }
  const system = systemProblem(error);
  if (system) return system;
  return {
    code: 'unexpected',
    message: error instanceof Error ? error.message : String(error),
    ...known,
    remedy: 'this is a fault of Gatehouse: run it again with GATEHOUSE_DEBUG=1 and report what it prints',
  };
}

/** Writes a problem for people. The stack is printed where `debug` is set. */
export function writeProblem(output: Output, problem: Problem, debug?: unknown): void {
  const { style, width } = output;
  const head = `error [${problem.code}] `;
  const [first = '', ...more] = wrapped(head + printable(problem.message), (width ?? Number.POSITIVE_INFINITY) - 2);
  const lines = [
    `${style.bad(style.bold('error'))} ${style.dim(`[${problem.code}]`)} ${first.slice(head.length)}`,
    ...more.map((line) => `  ${line}`),
    ...labelled('cause', problem.cause, width),
    ...labelled('try', problem.remedy, width),
  ];
  output.write(`${lines.join('\n')}\n`);
  if (debug instanceof Error) output.write(`${debug.stack}\n`);

  function labelled(label: string, text: string | undefined, room: number | undefined): string[] {
    if (text === undefined || text === '') return [];
    const body = wrapped(printable(text), (room ?? Number.POSITIVE_INFINITY) - 8);
    return body.map((line, index) => `  ${style.dim(index === 0 ? label.padEnd(5) : '     ')} ${line}`);
  }
}

function causeOf(error: unknown): string | undefined {
  const { cause } = (error ?? {}) as { cause?: unknown };
  if (!(cause instanceof Error) || cause.message === '') return undefined;
  return cause.message;
}

const SYSTEM: Readonly<Record<string, { message: (path: string) => string; remedy: string }>> = {
  ENOENT: { message: (path) => `there is no file ${path}`, remedy: 'check the path' },
  EACCES: { message: (path) => `${path} may not be read or written`, remedy: 'check its permissions' },
  EISDIR: { message: (path) => `${path} is a folder, and a file is needed`, remedy: 'name a file' },
  ENOTDIR: { message: (path) => `${path} goes through something that is no folder`, remedy: 'check the path' },
};

/** What the operating system refused, in words. */
function systemProblem(error: unknown): Problem | undefined {
  const { code, path, address, port } = (error ?? {}) as NodeJS.ErrnoException & { address?: string; port?: number };
  if (code === 'EADDRINUSE') {
    return {
      code: 'port-in-use',
      message: `port ${port} on ${address} is in use`,
      remedy: 'stop what listens there, or choose another with --port (0 takes any free one)',
    };
  }
  const known = code !== undefined && Object.hasOwn(SYSTEM, code) ? SYSTEM[code] : undefined;
  // Reading a folder fails only once it is open, and its path is not told any more.
  const name = path ?? (code === 'EISDIR' ? 'what was named' : undefined);
  return known && name !== undefined
    ? { code: code!.toLowerCase(), message: known.message(name), remedy: known.remedy }
    : undefined;
}
