import type { Cause } from '@gatehouse/core/directory/fact';
import type { GrantChain, Ground, Made, Why } from '@gatehouse/core/operations/why';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { type Cell, columns } from '../terminal/columns.ts';
import { withExamples, withTable } from '../terminal/help.ts';
import { type Output, type Terminal, writeJson } from '../terminal/terminal.ts';
import { printable } from '../terminal/text.ts';

interface Options extends AwsOptions {
  readonly output: string;
}

/** `why`: by which event, fact, grant and run somebody has access to a cluster, or what is missing. */
export function addWhy(program: Command, terminal: Terminal): void {
  const verb = program
    .command('why <principal> <cluster>')
    .description('tell by which event, fact, grant and run somebody has access to a cluster, or what is missing');
  withTable(withAwsOptions(verb)).action((principal: string, cluster: string, options: Options) =>
    why(terminal, principal, cluster, options),
  );
  withExamples(verb, [
    ['gatehouse why user/okta/00u1 prod-eu', 'the chain, with ids and times; exit code 3 where they have no access'],
    ['gatehouse why arn:aws:iam::111122223333:user/mia prod-eu -o json', 'by the ARN they come as, for scripts'],
  ]);
}

async function why(terminal: Terminal, principal: string, cluster: string, options: Options): Promise<void> {
  const { operationsOf } = await import('../aws/run-operation.ts');
  const run = await operationsOf(options, terminal);
  const answer = await run<Why>({ operation: 'why', cluster, principal });
  if (options.output === 'json') writeJson(terminal.out, { schemaVersion: 1, ...answer });
  else writeWhy(terminal.out, answer);
  if (!answer.holds) terminal.exitCode = 3;
}

/** The chain for people: what is theirs with its causes, then what stands in the way, then what they would need. */
export function writeWhy(output: Output, answer: Why): void {
  const { style, width } = output;
  const { person, cluster, mode, policyVersion, holds, logins, grants, because, troubles } = answer;
  const label = (text: string) => ({ text, paint: style.dim });
  const table = (rows: readonly (readonly Cell[])[], indent = 2) =>
    output.write(columns(rows, { style, width, indent }));
  const word = holds ? style.good('yes') : style.bad('no');
  output.write(
    `${word}  ${style.bold(printable(person))} on ${style.name(cluster)} (${mode}, policy ${policyVersion})\n`,
  );
  table([
    ...logins.map(({ arn, username, refused }): Cell[] => [
      label('who'),
      `${username ?? refused ?? 'nobody'} (${arn})`,
    ]),
    ...because.map((sentence): Cell[] => [label(holds ? 'but' : 'why not'), sentence]),
    ...troubles.flatMap(({ code, message, remedy }): Cell[][] => [
      [label(code), message],
      ...(remedy === undefined ? [] : [[label('try'), remedy]]),
    ]),
  ]);
  for (const grant of grants.filter((one) => one.holds)) {
    output.write(`\n  ${style.bold(`grant ${grant.grant}`)} ${reachText(grant)}\n`);
    table([...groundRows(grant.grounds.filter((one) => one.holds)), ...grant.made.flatMap(madeRows)], 4);
  }
  const others = grants.filter((one) => !one.holds);
  if (others.length > 0) output.write(`\n  ${style.bold('not theirs')}\n`);
  for (const grant of others) {
    output.write(`    grant ${grant.grant} ${reachText(grant)}\n`);
    table(groundRows(grant.grounds), 6);
  }
}

function reachText({ level, namespaces }: GrantChain): string {
  return `(level ${level}, ${namespaces.length === 0 ? 'the whole cluster' : namespaces.join(', ')})`;
}

function groundRows(grounds: readonly Ground[]): Cell[][] {
  return grounds.flatMap(({ to, says, at, event }) => [
    ['to', `${to}: ${says}${at === undefined ? '' : ` since ${time(at)}`}`],
    ...(event === undefined ? [] : [['event', eventText(event)]]),
  ]);
}

function madeRows({ kind, object, run }: Made): Cell[][] {
  const by = run && `run ${run.run}, ledger entry ${run.sequence}, ${time(run.at)}, policy ${run.policyVersion}`;
  return [
    ['made', `${kind} ${object}`],
    ...(by === undefined ? [] : [['by', by], ...run!.causes.map((cause) => ['because of', eventText(cause)])]),
  ];
}

function eventText({ source, type, event, receivedAt }: Cause): string {
  return `${source} ${type} ${event}, received ${time(receivedAt)}`;
}

function time(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
