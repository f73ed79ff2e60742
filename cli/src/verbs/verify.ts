import type { AccessReport, HeldRight, ReportedAnswer } from '@gatehouse/core/operations/access-report';
import { askedText } from '@gatehouse/core/operations/denial';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import type { RunOperation } from '../aws/run-operation.ts';
import type { StatusOutcome } from '../aws/status-outcome.ts';
import type { Impersonation } from '../cluster/impersonate.ts';
import { type Format, isForPrograms, type Listing, withFormats, writeAnswer } from '../terminal/answer.ts';
import { type Cell, columns } from '../terminal/columns.ts';
import { type Fact, writeFacts, writeReason } from '../terminal/facts.ts';
import { withExamples, withExitCodes } from '../terminal/help.ts';
import type { Say } from '../terminal/progress.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { counted, printable } from '../terminal/text.ts';
import { rulesText } from './access-text.ts';

interface Options extends AwsOptions {
  readonly cluster?: string;
  readonly impersonate?: boolean;
  readonly output: Format;
}

/** A report, and what impersonation showed where it was asked for. */
type Verified = AccessReport & { readonly impersonated?: readonly Impersonation[] };

/** `verify`: all that somebody can do, by what, and whether it is what the policy says. */
export function addVerify(program: Command, terminal: Terminal): void {
  const verb = program
    .command('verify <principal>')
    .description(
      'prove what somebody can do and cannot do on clusters, by which grants, and that it is what the policy says',
    )
    .option('--cluster <cluster>', 'on this cluster alone (default: all of the policy)')
    .option('--impersonate', 'ask as them, too, by your own right to impersonate: who am I, and auth can-i --list');
  withFormats(withAwsOptions(verb)).action((principal: string, options: Options) =>
    verify(terminal, principal, options),
  );
  withExamples(verb, [
    ['gatehouse verify user/okta/00u1', 'on every cluster of the policy; exit code 3 where any says otherwise'],
    ['gatehouse verify mia --cluster prod-eu --impersonate', 'with an administrator of the cluster'],
    [
      'gatehouse verify arn:aws:iam::111122223333:role/break-glass --cluster prod-eu',
      'somebody who is not of the policy',
    ],
  ]);
  withExitCodes(verb, { 3: 'they can do more or less than the policy says, or come as somebody else' });
}

async function verify(terminal: Terminal, principal: string, options: Options): Promise<void> {
  const { operationsOf } = await import('../aws/run-operation.ts');
  const run = await operationsOf(options, terminal);
  const clusters = options.cluster === undefined ? await allClusters(run) : [options.cluster];
  const asThem = options.impersonate ? (await import('../cluster/impersonate.ts')).impersonate : undefined;
  const ask = async (say: Say) => {
    const reports: Verified[] = [];
    for (const cluster of clusters) {
      say(`asking ${cluster.replace(/^.*\//, '')}`);
      const report = await run<AccessReport>({ operation: 'verify-access', cluster, principal });
      reports.push(asThem ? { ...report, impersonated: await asThem(report, options) } : report);
    }
    return reports;
  };
  const quiet = isForPrograms(options.output);
  const reports = await terminal.progress.during('asking the clusters', ask, { quiet });
  await writeAnswer(terminal.out, options.output, {
    value: { reports },
    listing: listingOf(reports),
    text: (output, wide) => {
      for (const [index, report] of reports.entries()) {
        if (index > 0) output.write('\n');
        writeReport(output, report, wide);
      }
    },
  });
  if (!reports.every(isGood)) terminal.exitCode = 3;
}

function isGood({ ok, impersonated = [] }: Verified): boolean {
  return ok && impersonated.every(({ agrees }) => agrees);
}

async function allClusters(run: RunOperation): Promise<readonly string[]> {
  const { clusters } = await run<StatusOutcome>({ operation: 'status' });
  return clusters.map(({ arn }) => arn);
}

/** A question that was asked of a cluster. */
type Row = ReportedAnswer & Pick<AccessReport, 'cluster' | 'person'>;

function listingOf(reports: readonly Verified[]): Listing<Row> {
  return {
    rows: reports.flatMap(({ cluster, person, answers }) => answers.map((answer) => ({ cluster, person, ...answer }))),
    columns: [
      { head: 'CLUSTER', cell: ({ cluster }) => cluster },
      { head: 'PERSON', cell: ({ person }) => person },
      { head: 'USERNAME', cell: ({ username }) => username },
      { head: 'QUESTION', cell: (row) => askedText(row) },
      { head: 'ALLOWED', cell: ({ allowed }) => (allowed ? 'yes' : 'no'), value: ({ allowed }) => allowed },
      { head: 'EXPECTED', cell: ({ expected }) => (expected ? 'yes' : 'no'), value: ({ expected }) => expected },
      { head: 'BECAUSE', cell: ({ because }) => because },
    ],
  };
}

/**
 * A report for people: who they are there, what they can do and by what, what they cannot, and the judgement. `wide` with every
 * question that was answered with yes.
 */
export function writeReport(output: Output, report: Verified, wide = false): void {
  const { style, width } = output;
  const { person, cluster, logins, rights, administrator, answers, troubles, impersonated = [] } = report;
  const table = (rows: readonly (readonly Cell[])[], head?: readonly string[]) =>
    output.write(columns(rows, { style, width, indent: 2, ...(head ? { head } : {}) }));
  output.write(`${style.bold(printable(person))} on ${style.name(cluster)}\n`);
  const nobody = 'nobody: no grant of the policy leads them here, and aws-auth does not either';
  writeFacts(
    output,
    [
      ['who', logins.length === 0 ? nobody : undefined],
      ...logins.flatMap(({ arn, username, groups, refused, expected }): Fact[] => [
        ['comes as', arn],
        ['is there', refused ?? [username, ...groups].join(', ')],
        ['should be', expected === undefined ? undefined : { text: expected, paint: style.bad }],
      ]),
    ],
    2,
  );
  if (rights.length > 0) {
    output.write(`\n  ${style.bold('can')}\n`);
    table(rights.map(rightCells), ['WHERE', 'BY', 'WHAT']);
  }
  const given = answers.filter(({ allowed }) => allowed);
  if (wide && given.length > 0) {
    output.write(`\n  ${style.bold('was answered yes')}\n`);
    table(given.map((answer) => [askedText(answer), { text: answer.because, paint: style.dim }]));
  }
  const denied = answers.filter(({ allowed }) => !allowed);
  if (denied.length > 0) {
    output.write(`\n  ${style.bold('cannot')}\n`);
    table(denied.map((answer) => [askedText(answer), { text: answer.because, paint: style.dim }]));
  }
  const wrong = answers.filter(({ allowed, expected }) => allowed !== expected);
  if (wrong.length > 0) {
    output.write(`\n  ${style.bad('otherwise than the policy says')}\n`);
    table(
      wrong.map((answer) => [
        `${answer.username} ${answer.allowed ? 'may' : 'may not'} ${askedText(answer)}`,
        { text: answer.because, paint: style.dim },
      ]),
    );
  }
  for (const { username, whoAmI, agrees, differences } of impersonated) {
    const word = agrees ? style.good('agrees') : style.bad('differs');
    output.write(
      `\n  ${style.bold('as them')}  ${word}: ${printable(whoAmI.username)}, asked as ${printable(username)}\n`,
    );
    table(differences.map((difference) => [difference]));
  }
  for (const trouble of troubles) {
    output.write(`\n  ${style.warn(trouble.code)}\n`);
    writeReason(output, trouble);
  }
  const { allowed, expected } = administrator;
  const admin = allowed
    ? expected
      ? 'an administrator, as the policy says'
      : style.bad('AN ADMINISTRATOR, and not by the policy')
    : expected
      ? style.bad('no administrator, and should be')
      : 'no administrator of the cluster';
  const verdict = isGood(report) ? style.good('as the policy says') : style.bad('not as the policy says');
  const asked =
    answers.length === 0 ? 'they do not come in, so nothing was asked' : `${counted(answers.length, 'question')} asked`;
  output.write(`\n${verdict}: ${asked}; ${admin}\n`);
}

function rightCells({ namespace, binding, role, grant, rules }: HeldRight): Cell[] {
  const by = grant === undefined ? `${binding}, ${role} (not Gatehouse's)` : `grant ${grant}`;
  return [namespace ?? 'the whole cluster', by, rulesText(rules)];
}
