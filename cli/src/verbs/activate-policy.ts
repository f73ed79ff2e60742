import { Failure } from '@gatehouse/core/access/failure';
import type { UploadedVersion } from '@gatehouse/core/policy/versions';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { agree } from '../terminal/agree.ts';
import { type Format, withFormats, writeAnswer } from '../terminal/answer.ts';
import { type DryRunOptions, withDryRun, withExamples, withExitCodes } from '../terminal/help.ts';
import { wholeNumber } from '../terminal/option-values.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { printable, timeText } from '../terminal/text.ts';

interface Options extends AwsOptions, DryRunOptions {
  readonly output: Format;
  readonly yes?: boolean;
  readonly by?: string;
}

/** What a version changes, as the operation `compare-policy` answers it. */
interface Comparison {
  readonly version: number;
  readonly digest: string;
  readonly state: UploadedVersion['state'];
  readonly widens: readonly { readonly about: string; readonly text: string }[];
  readonly narrows: readonly { readonly about: string; readonly text: string }[];
}

/** `activate-policy`: a person agrees to what a version widens. */
export function addActivatePolicy(program: Command, terminal: Terminal): void {
  const verb = program
    .command('activate-policy')
    .argument('<version>', 'number of the version', wholeNumber(1))
    .description(
      'agree to a proposed version of the policy: what it narrows is in force already, what it widens is from then on',
    )
    .option('--yes', 'agree without being asked; needed where nobody can be asked')
    .option('--by <who>', 'who agrees, for the record (default: the ARN that AWS knows you by)');
  withDryRun(verb, 'show what it would widen and narrow, and activate nothing');
  withFormats(withAwsOptions(verb)).action((version: number, options: Options) => activate(terminal, version, options));
  withExamples(verb, [
    ['gatehouse activate-policy 7', 'shows what it is about, and asks'],
    ['gatehouse activate-policy 7 --dry-run', 'what it would widen and narrow, against what is in force'],
    ['gatehouse activate-policy 7 --yes', 'in a pipeline that has its own approval'],
  ]);
  withExitCodes(verb, { 2: 'it would change something (--dry-run --detailed-exitcode)' });
}

async function activate(terminal: Terminal, version: number, options: Options): Promise<void> {
  const [{ operationsOf }, { whoAmI }] = await Promise.all([
    import('../aws/run-operation.ts'),
    import('../aws/caller.ts'),
  ]);
  const run = await operationsOf(options, terminal);
  if (options.dryRun)
    return compare(terminal, await run<Comparison>({ operation: 'compare-policy', version }), options);
  if (!options.yes) {
    const { versions } = await run<{ versions: readonly Omit<UploadedVersion, 'text'>[] }>({
      operation: 'list-policies',
    });
    const uploaded = versions.find((each) => each.version === version);
    if (!uploaded) {
      throw new Failure('not-found', `there is no policy version ${version}`, {
        remedy: `there are ${versions.map((each) => each.version).join(', ') || 'none yet: upload one'}`,
      });
    }
    // Of what is in force already, nothing is to be agreed to.
    if (uploaded.state !== 'active') {
      await approve(terminal, uploaded, await run<Comparison>({ operation: 'compare-policy', version }));
    }
  }
  const by = options.by ?? (await whoAmI(options));
  const outcome = await run<{ version: number; digest: string; state: 'active' | 'unchanged' }>({
    operation: 'activate-policy',
    version,
    by,
  });
  await writeAnswer(terminal.out, options.output, {
    value: { ...outcome, by },
    listing: {
      rows: [{ ...outcome, by }],
      columns: [
        { head: 'VERSION', cell: (row) => String(row.version), value: (row) => row.version },
        { head: 'STATE', cell: (row) => row.state },
        { head: 'DIGEST', cell: (row) => row.digest },
        { head: 'BY', cell: (row) => row.by },
      ],
    },
    text: (output, wide) => {
      const what = outcome.state === 'active' ? 'is in force' : 'was in force already';
      const digest = wide ? `${outcome.digest}, by ${by}` : outcome.digest.slice(0, 12);
      output.write(`${output.style.good('done')}  policy version ${version} ${what} (${printable(digest)})\n`);
    },
  });
}

async function compare(terminal: Terminal, comparison: Comparison, options: Options): Promise<void> {
  const { version, digest, state, widens, narrows } = comparison;
  const rows = [
    ...widens.map((one) => ({ effect: 'widens', ...one })),
    ...narrows.map((one) => ({ effect: 'narrows', ...one })),
  ];
  await writeAnswer(terminal.out, options.output, {
    value: { ...comparison, dryRun: true },
    listing: {
      rows,
      columns: [
        { head: 'EFFECT', cell: ({ effect }) => effect },
        { head: 'ABOUT', cell: ({ about }) => about },
        { head: 'TEXT', cell: ({ text }) => text },
      ],
    },
    text: (output, wide) => {
      output.write(`Version ${version} (${state}, ${wide ? digest : digest.slice(0, 12)})\n`);
      if (rows.length === 0) output.write('It would change nothing.\n');
      else writeEffects(output, comparison);
    },
  });
  if (options.detailedExitcode && rows.length > 0) terminal.exitCode = 2;
}

function writeEffects(output: Output, { widens, narrows }: Pick<Comparison, 'widens' | 'narrows'>): void {
  const { style } = output;
  for (const { about, text } of widens) output.write(`  ${style.good('+')} ${printable(about)}: ${printable(text)}\n`);
  for (const { about, text } of narrows) output.write(`  ${style.bad('-')} ${printable(about)}: ${printable(text)}\n`);
}

async function approve(
  terminal: Terminal,
  { version, state, by, uploadedAt }: Omit<UploadedVersion, 'text'>,
  comparison: Comparison,
): Promise<void> {
  const { ask, err } = terminal;
  if (ask) {
    err.write(`Version ${version} (${state}) was uploaded by ${printable(by)} at ${timeText(uploadedAt)}.\n`);
    writeEffects(err, comparison);
  }
  await agree(terminal, false, {
    question: 'It may give people more access than they have now.',
    does: 'activates it',
    otherwise: 'nothing was activated',
    remedy: `to agree without being asked: gatehouse activate-policy ${version} --yes`,
  });
}
