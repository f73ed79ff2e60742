import { Failure } from '@gatehouse/core/access/failure';
import type { UploadedVersion } from '@gatehouse/core/policy/versions';
import { type Command, InvalidArgumentError } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { withExamples, withOutput } from '../terminal/help.ts';
import { type Terminal, writeJson } from '../terminal/terminal.ts';
import { printable } from '../terminal/text.ts';

interface Options extends AwsOptions {
  readonly output: string;
  readonly yes?: boolean;
  readonly by?: string;
}

/** What a version changes, as the operation `compare-policy` answers it. */
interface Comparison {
  readonly widens: readonly { readonly about: string; readonly text: string }[];
  readonly narrows: readonly { readonly about: string; readonly text: string }[];
}

/** `activate-policy`: a person agrees to what a version widens. */
export function addActivatePolicy(program: Command, terminal: Terminal): void {
  const verb = program
    .command('activate-policy')
    .argument('<version>', 'number of the version', readVersion)
    .description('put a proposed version of the policy in force as a whole: what it narrows is already')
    .option('--yes', 'agree without being asked; needed where nobody can be asked')
    .option('--by <who>', 'who agrees, for the record (default: the ARN that AWS knows you by)');
  withOutput(withAwsOptions(verb)).action((version: number, options: Options) => activate(terminal, version, options));
  withExamples(verb, [
    ['gatehouse activate-policy 7', 'shows what it is about, and asks'],
    ['gatehouse activate-policy 7 --yes', 'in a pipeline that has its own approval'],
  ]);
}

function readVersion(text: string): number {
  if (/^[1-9]\d{0,7}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be the number of a version.');
}

async function activate(terminal: Terminal, version: number, options: Options): Promise<void> {
  const [{ operationsOf }, { whoAmI }] = await Promise.all([
    import('../aws/run-operation.ts'),
    import('../aws/caller.ts'),
  ]);
  const run = await operationsOf(options, terminal);
  if (!options.yes) {
    const { versions } = await run<{ versions: readonly Omit<UploadedVersion, 'text'>[] }>({
      operation: 'list-policies',
    });
    const uploaded = versions.find((each) => each.version === version);
    const comparison = uploaded && (await run<Comparison>({ operation: 'compare-policy', version }));
    await approve(terminal, version, uploaded, comparison);
  }
  const by = options.by ?? (await whoAmI(options));
  const outcome = await run<{ version: number; digest: string; state: 'active' | 'unchanged' }>({
    operation: 'activate-policy',
    version,
    by,
  });
  if (options.output === 'json') writeJson(terminal.out, { schemaVersion: 1, ...outcome, by });
  else {
    const what = outcome.state === 'active' ? 'is in force' : 'was in force already';
    terminal.out.write(
      `${terminal.out.style.good('done')}  policy version ${version} ${what} (${outcome.digest.slice(0, 12)})\n`,
    );
  }
}

async function approve(
  { ask, err }: Terminal,
  version: number,
  uploaded: Omit<UploadedVersion, 'text'> | undefined,
  comparison: Comparison | undefined,
): Promise<void> {
  const remedy = `to agree without being asked: gatehouse activate-policy ${version} --yes`;
  if (!ask) throw new Failure('forbidden', 'nobody is there to agree, so nothing was activated', { remedy });
  if (uploaded) {
    const when = new Date(uploaded.uploadedAt).toISOString();
    err.write(`Version ${version} (${uploaded.state}) was uploaded by ${printable(uploaded.by)} at ${when}.\n`);
  }
  for (const { about, text } of comparison?.widens ?? []) err.write(`  + ${printable(about)}: ${printable(text)}\n`);
  for (const { about, text } of comparison?.narrows ?? []) err.write(`  - ${printable(about)}: ${printable(text)}\n`);
  const answer = await ask('It may give people more access than they have now. Only "yes" activates it: ');
  if (answer.trim() !== 'yes') throw new Failure('forbidden', 'nothing was activated', { remedy });
}
