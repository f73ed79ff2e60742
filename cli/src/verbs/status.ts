import { parseTarget } from '@gatehouse/core/access/target';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import type { StatusOutcome } from '../aws/status-outcome.ts';
import { columns } from '../terminal/columns.ts';
import { withExamples, withOutput } from '../terminal/help.ts';
import { type Output, type Terminal, writeJson } from '../terminal/terminal.ts';
import { counted, duration, printable } from '../terminal/text.ts';

/** `status`: what is in force, what waits, and what a person must mend. */
export function addStatus(program: Command, terminal: Terminal): void {
  const verb = program
    .command('status')
    .description('show the policy in force, what waits to be done, and what a person must mend');
  withOutput(withAwsOptions(verb)).action(async (options: AwsOptions & { output: string }) => {
    const { operationsOf } = await import('../aws/run-operation.ts');
    const run = await operationsOf(options, terminal);
    const status = await run<StatusOutcome>({ operation: 'status' });
    if (options.output === 'json') writeJson(terminal.out, { schemaVersion: 1, ...status });
    else writeStatus(terminal.out, status, Date.now());
  });
  withExamples(verb, [
    ['gatehouse status', 'of the Gatehouse that your AWS environment reaches'],
    ["gatehouse status -o json | jq '.findings'", 'for scripts'],
  ]);
}

/** The status for people. `now` in milliseconds UTC. */
export function writeStatus(output: Output, status: StatusOutcome, now: number): void {
  const { style, width } = output;
  const { policy, proposed, clusters, waiting, findings, refused, onboarding } = status;
  const told = findings.length + (onboarding?.findings.length ?? 0);
  const modes = clusters.map(({ name, mode }) => `${name} (${mode})`).join(', ');
  const version = policy ? `version ${policy.version}, ${policy.digest.slice(0, 12)}` : 'none is in force yet';
  const agree = proposed ? `: gatehouse activate-policy ${proposed.version}` : '';
  const partly = policy?.partial ? '; what it widens waits for a person' : '';
  const label = (text: string) => ({ text, paint: style.dim });
  output.write(
    columns(
      [
        [label('policy'), `${version}${partly}`],
        ...(proposed ? [[label('proposed'), `version ${proposed.version}, by ${printable(proposed.by)}${agree}`]] : []),
        [label('clusters'), modes || 'none'],
        ...(onboarding ? [[label('onboarded'), onboardedText(onboarding)]] : []),
        [label('waiting'), waiting.length === 0 ? 'nothing' : counted(waiting.length, 'mark')],
        [label('findings'), told === 0 ? 'none' : counted(told, 'finding')],
      ],
      { style, width },
    ),
  );
  if (refused) {
    output.write(
      `\n${style.bad('The last policy that was uploaded is refused')}, and the one before stays in force:\n`,
    );
    for (const { line, column, message, remedy } of refused.errors.slice(0, 5)) {
      output.write(`  ${line}:${column} ${printable(message)}; ${printable(remedy)}\n`);
    }
  }
  if (waiting.length > 0) {
    output.write(`\n${style.bold('Waiting')}\n`);
    output.write(
      columns(
        waiting.map(({ target, subject, urgency, since, attempts, notBefore }) => [
          shortTarget(target),
          subject,
          { text: urgency, paint: urgency === 'revocation' ? style.warn : (text) => text },
          duration(now - since),
          String(attempts),
          notBefore > now ? `in ${duration(notBefore - now)}` : 'now',
        ]),
        { head: ['TARGET', 'SUBJECT', 'URGENCY', 'SINCE', 'TRIES', 'NEXT'], style, width, indent: 2, right: [3, 4] },
      ),
    );
  }
  for (const { target, code, message, remedy, count } of failuresIn(waiting)) {
    const where = `${shortTarget(target)}, ${counted(count, 'mark')}`;
    output.write(`\n${style.warn(code)}  ${style.bold(where)}  ${style.dim('is tried again')}\n`);
    output.write(
      columns([[label('why'), message], ...(remedy === undefined ? [] : [[label('try'), remedy]])], {
        style,
        width,
        indent: 2,
      }),
    );
  }
  for (const { code, environment, namespace, message, remedy } of onboarding?.findings ?? []) {
    const where = namespace === undefined ? `environment ${environment}` : `application ${namespace} on ${environment}`;
    output.write(`\n${style.warn(code)}  ${style.bold(printable(where))}\n`);
    output.write(
      columns(
        [
          [label('why'), message],
          [label('try'), remedy],
        ],
        { style, width, indent: 2 },
      ),
    );
  }
  for (const { code, target, subject, message, remedy, since } of findings) {
    const where = `${shortTarget(target)}${subject === undefined ? '' : `  ${printable(subject)}`}`;
    output.write(`\n${style.warn(code)}  ${style.bold(where)}  ${style.dim(`for ${duration(now - since)}`)}\n`);
    output.write(
      columns(
        [
          [label('why'), message],
          [label('try'), remedy],
        ],
        { style, width, indent: 2 },
      ),
    );
  }
}

function onboardedText({ environments, applications }: NonNullable<StatusOutcome['onboarding']>): string {
  return `${counted(environments, 'environment')}, ${counted(applications, 'application')}`;
}

/** What keeps marks waiting, each reason once a target. */
function failuresIn(waiting: StatusOutcome['waiting']) {
  const failed = waiting.flatMap(({ target, failure }) => (failure === undefined ? [] : [{ target, ...failure }]));
  const alike = Map.groupBy(failed, ({ target, message }) => JSON.stringify([target, message]));
  return [...alike.values()].map((group) => ({ ...group[0]!, count: group.length }));
}

/** A target as people call it: a cluster by its name and Region. */
export function shortTarget(target: string): string {
  const parts = parseTarget(target);
  if (parts.type === 'iam') return `${parts.principal} ${parts.name} (${parts.account})`;
  const [, , , region, , resource = ''] = parts.arn.split(':');
  const cluster = `${resource.replace(/^cluster\//, '')} (${region})`;
  return parts.type === 'verify' ? `verification of ${cluster}` : cluster;
}
