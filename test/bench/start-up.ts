import { spawn } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { type BuiltFunctions, builtFunctions, EMPTY } from './built-functions.ts';
import type { Effort, Figures, Measurement } from './figures.ts';
import { median, rounded } from './statistics.ts';

const MOST_OVER: Readonly<Record<string, number>> = {
  'receive-webhook': 80,
  'receive-event': 80,
  'reconcile-cluster': 170,
};

/** One start: from the start of the process until its handler could be called. */
interface Start {
  readonly milliseconds: number;
  readonly cpu: number;
  readonly megabytes: number;
}

/**
 * Starts of each built function in a process of its own, as Lambda's Node does it, beside a handler that does nothing: all of them
 * one after the other, again and again, so that what disturbs one disturbs them all.
 */
export const startUp: Measurement = {
  name: 'start-up',
  async measure({ quick, tell }: Effort): Promise<Figures> {
    tell('building');
    const built = await builtFunctions();
    const names = [EMPTY, ...built.names];
    const starts = new Map<string, Start[]>(names.map((name) => [name, []]));
    const rounds = quick ? 2 : 21;
    try {
      for (let round = -1; round < rounds; round++) {
        tell(`round ${round + 2} of ${rounds + 1}`);
        for (const name of names) {
          const start = await startOf(built, name);
          // The first round fills the machine's caches.
          if (round >= 0) starts.get(name)!.push(start);
        }
      }
    } finally {
      built.remove();
    }
    // Whatever else the machine does makes a start only slower: the fastest is nearest to what it takes.
    const least = (name: string, what: keyof Start) => Math.min(...starts.get(name)!.map((start) => start[what]));
    const middle = (name: string) => median(starts.get(name)!.map(({ milliseconds }) => milliseconds));
    const over = (name: string) => rounded(least(name, 'milliseconds') - least(EMPTY, 'milliseconds'));
    return {
      name: 'start-up',
      title: 'Start-up',
      columns: ['function', 'start, ms', 'over an empty handler, ms', 'median, ms', 'CPU time, ms', 'memory, MB'],
      rows: names.map((name) => [
        name,
        rounded(least(name, 'milliseconds')),
        name === EMPTY ? 0 : over(name),
        rounded(middle(name)),
        rounded(least(name, 'cpu')),
        Math.round(least(name, 'megabytes')),
      ]),
      targets: Object.entries(MOST_OVER).map(([name, atMost]) => ({
        what: `${name}, start over an empty handler`,
        atMost,
        measured: over(name),
        unit: 'ms',
      })),
      plots: [
        {
          file: 'start-up',
          title: 'Start-up',
          kind: 'bars',
          x: 'function',
          y: 'time, ms',
          labels: names,
          series: [{ name: 'fastest', values: names.map((name) => rounded(least(name, 'milliseconds'))) }],
        },
      ],
    };
  },
};

function startOf(built: BuiltFunctions, name: string): Promise<Start> {
  const program = `
    const { handler } = await import(${JSON.stringify(pathToFileURL(built.moduleOf(name)).href)});
    const { user, system } = process.cpuUsage();
    process.send({ type: typeof handler, cpu: (user + system) / 1000, megabytes: process.memoryUsage.rss() / 2 ** 20 });
    process.disconnect();
  `;
  const began = performance.now();
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    env: built.environmentOf(name),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return new Promise((resolve, reject) => {
    let start: Start | undefined;
    child.on('message', (said) => {
      const { type, cpu, megabytes } = said as { type: string; cpu: number; megabytes: number };
      if (type === 'function') start = { milliseconds: performance.now() - began, cpu, megabytes };
    });
    child.on('error', reject);
    child.on('close', () => (start ? resolve(start) : reject(new Error(`${name} did not start`))));
  });
}
