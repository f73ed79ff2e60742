import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Effort, Figures, Measurement } from './figures.ts';

const run = promisify(execFile);

/** What is done in a process of its own: its modules by their names in this folder. Prints nothing, ends by itself. */
const WORKS: Readonly<Record<string, string>> = {
  'node, with the modules of planning': `await import('./plan-time.ts');`,
  'a plan of 1,000 principals, 500 entries of aws-auth': plan(1_000),
  'a plan of 10,000 principals, 5,000 entries of aws-auth': plan(10_000),
  'an edit among 5,000 entries of aws-auth': `
    const { awsAuthOf, edited } = await import('./aws-auth-edits.ts');
    edited(awsAuthOf(5_000), { arn: 'arn:aws:iam::111122223333:role/gatehouse-new', username: 'gatehouse:new:{{SessionNameRaw}}' });`,
  'the whole pipeline in memory, nothing sent': storm(1),
  'the whole pipeline in memory, 1,000 events': storm(1_000),
};

function plan(size: number): string {
  return `
    const { planning } = await import('./plan-time.ts');
    const { planTurn } = await import('@gatehouse/core/plan/plan');
    planTurn(planning('everybody joins', ${size}));`;
}

function storm(events: number): string {
  return `
    const { storm } = await import('./storm.ts');
    await storm({ events: ${events}, revocationEvery: 20, rate: 500, idle: 1 });`;
}

/** The most memory that a process of its own ever takes for a piece of work, the fakes' included. */
export const memory: Measurement = {
  name: 'memory',
  async measure({ tell }: Effort): Promise<Figures> {
    const rows: [string, number][] = [];
    for (const [what, work] of Object.entries(WORKS)) {
      tell(what);
      rows.push([what, await mostMegabytes(work)]);
    }
    return {
      name: 'memory',
      title: 'Memory',
      columns: ['work', 'most memory, MB'],
      rows,
      targets: [],
      plots: [
        {
          file: 'memory',
          title: 'Memory',
          kind: 'bars',
          x: 'work',
          y: 'most memory, MB',
          labels: rows.map(([what]) => what),
          series: [{ name: 'resident', values: rows.map(([, megabytes]) => megabytes) }],
        },
      ],
    };
  },
};

async function mostMegabytes(work: string): Promise<number> {
  const program = `${work}\nconsole.log(process.resourceUsage().maxRSS);`;
  const { stdout } = await run(process.execPath, ['-C', 'source', '--input-type=module', '-e', program], {
    cwd: import.meta.dirname,
  });
  return Math.round(Number(stdout.trim().split('\n').at(-1)) / 1024);
}
