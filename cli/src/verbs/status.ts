import type { UploadError } from '@gatehouse/core/policy/uploaded';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { isSecondLook, type Mark, type StatusOutcome } from '../aws/status-outcome.ts';
import { shortTarget } from '../aws/targets.ts';
import { type Column, type Format, type Listing, withFormats, writeAnswer, writeListing } from '../terminal/answer.ts';
import { type Reason, writeFacts, writeReason } from '../terminal/facts.ts';
import { withExamples, withExitCodes } from '../terminal/help.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { counted, duration, printable, timeText } from '../terminal/text.ts';

interface Options extends AwsOptions {
  readonly output: Format;
}

/** `status`: what is in force, what waits, and what a person must mend. */
export function addStatus(program: Command, terminal: Terminal): void {
  const verb = program
    .command('status')
    .description('show the policy in force, what waits to be done, and what a person must mend');
  withFormats(withAwsOptions(verb)).action(async (options: Options) => {
    const { operationsOf } = await import('../aws/run-operation.ts');
    const run = await operationsOf(options, terminal);
    const status = await run<StatusOutcome>({ operation: 'status' });
    const now = Date.now();
    await writeAnswer(terminal.out, options.output, {
      value: status,
      listing: listingOf(status),
      text: (output, wide) => writeStatus(output, status, now, wide),
    });
  });
  withExamples(verb, [
    ['gatehouse status', 'of the Gatehouse that your AWS environment reaches'],
    ['gatehouse status -o wide', 'with the whole digest, ARNs and times'],
    ["gatehouse status -o json | jq '.findings'", 'for scripts'],
  ]);
  withExitCodes(verb);
}

/** The status for people. `now` in milliseconds UTC. */
export function writeStatus(output: Output, status: StatusOutcome, now: number, wide = false): void {
  const { style } = output;
  const { policy, proposed, clusters, findings, refused, onboarding } = status;
  const looks = status.waiting.filter(isSecondLook);
  const waiting = status.waiting.filter((mark) => !isSecondLook(mark));
  const told = findings.length + (onboarding?.findings.length ?? 0);
  const modes = clusters.map(({ name, mode }) => `${name} (${mode})`).join(', ');
  const digest = wide ? policy?.digest : policy?.digest.slice(0, 12);
  const version = policy ? `version ${policy.version}, ${digest}` : 'none is in force yet';
  const agree = proposed ? `: gatehouse activate-policy ${proposed.version}` : '';
  const partly = policy?.partial ? '; what it widens waits for a person' : '';
  const when = proposed && wide ? ` at ${timeText(proposed.uploadedAt)}` : '';
  writeFacts(output, [
    ['policy', `${version}${partly}`],
    ['proposed', proposed && `version ${proposed.version}, by ${proposed.by}${when}${agree}`],
    ['clusters', modes || 'none'],
    ['onboarded', onboarding && onboardedText(onboarding)],
    ['waiting', waiting.length === 0 ? 'nothing' : counted(waiting.length, 'mark')],
    ['to see', looks.length === 0 ? undefined : secondLookText(looks, now)],
    ['findings', told === 0 ? 'none' : counted(told, 'finding')],
  ]);
  if (wide && clusters.length > 0) {
    output.write(`\n${style.bold('Clusters')}\n`);
    writeListing(output, { columns: CLUSTER_COLUMNS, rows: clusters }, { indent: 2 });
  }
  if (refused) {
    output.write(
      `\n${style.bad('The last policy that was uploaded is refused')}, and the one before stays in force:\n`,
    );
    for (const error of refused.errors.slice(0, wide ? undefined : 5)) {
      const told = [error.message, error.remedy].filter((text) => text !== undefined).join('; ');
      const place = placeOf(error);
      output.write(`  ${place && `${place} `}${printable(told)}\n`);
    }
  }
  const list = (title: string, rows: readonly Mark[]) => {
    if (rows.length === 0) return;
    output.write(`\n${style.bold(title)}\n`);
    writeListing(output, { columns: markColumns(now), rows }, { wide, indent: 2 });
  };
  list('Waiting', waiting);
  if (wide) list('Second look', looks);
  const tell = (reason: Reason, where: string, note = '') => {
    output.write(`\n${style.warn(reason.code)}  ${style.bold(printable(where))}${note && `  ${style.dim(note)}`}\n`);
    writeReason(output, reason);
  };
  for (const { target, count, ...failure } of failuresIn(waiting)) {
    tell(failure, `${shortTarget(target)}, ${counted(count, 'mark')}`, 'is tried again');
  }
  for (const finding of onboarding?.findings ?? []) tell(finding, onboardedName(finding));
  for (const finding of findings) {
    const { target, subject, since } = finding;
    const at = wide ? `since ${timeText(since)}, ${target}` : `for ${duration(now - since)}`;
    tell(finding, `${shortTarget(target)}${subject === undefined ? '' : `  ${subject}`}`, at);
  }
}

/** Where in a document something is wrong; nothing where the document could not be read. */
const placeOf = ({ line, column }: UploadError): string => (line === undefined ? '' : `${line}:${column}`);

/** What is written is no work that waits: it is only to be seen. */
function secondLookText(looks: readonly Mark[], now: number): string {
  const at = Math.max(...looks.map(({ notBefore }) => notBefore));
  const last = looks.length > 1 ? 'the last ' : '';
  const when = at > now ? `${last}at ${timeText(at)}` : 'now';
  return `${counted(looks.length, 'second look')}, ${when}: all is written, and is only to be seen`;
}

const CLUSTER_COLUMNS: readonly Column<StatusOutcome['clusters'][number]>[] = [
  { head: 'NAME', cell: ({ name }) => name },
  { head: 'MODE', cell: ({ mode }) => mode },
  { head: 'ARN', cell: ({ arn }) => arn },
];

function markColumns(now: number): readonly Column<Mark>[] {
  return [
    { head: 'TARGET', cell: ({ target }) => shortTarget(target) },
    { head: 'SUBJECT', cell: ({ subject }) => subject },
    {
      head: 'URGENCY',
      cell: ({ urgency }, style) => ({ text: urgency, paint: urgency === 'revocation' ? style.warn : (text) => text }),
    },
    { head: 'SINCE', cell: ({ since }) => duration(now - since), right: true },
    { head: 'TRIES', cell: ({ attempts }) => String(attempts), right: true },
    { head: 'NEXT', cell: ({ notBefore }) => (notBefore > now ? `in ${duration(notBefore - now)}` : 'now') },
    { head: 'MARKED AT', cell: ({ since }) => timeText(since), wide: true },
    { head: 'FULL TARGET', cell: ({ target }) => target, wide: true },
  ];
}

/** A mark or a finding, of whatever kind. Times in milliseconds UTC. */
interface Row extends Partial<Reason>, Partial<Pick<Mark, 'urgency' | 'attempts' | 'notBefore' | 'since' | 'subject'>> {
  readonly kind: 'mark' | 'second-look' | 'finding' | 'onboarding' | 'policy-error';
  readonly target: string;
}

/** All that waits, and all that a person must mend, one in a row. */
function listingOf({ waiting, findings, onboarding, refused }: StatusOutcome): Listing<Row> {
  const marks = waiting.map((mark): Row => {
    const { failure, ...rest } = mark;
    return { kind: isSecondLook(mark) ? 'second-look' : 'mark', ...rest, ...failure };
  });
  const found = findings.map((finding): Row => ({ kind: 'finding', ...finding }));
  const onboarded = (onboarding?.findings ?? []).map(
    (finding): Row => ({ kind: 'onboarding', ...finding, target: onboardedName(finding) }),
  );
  const errors = (refused?.errors ?? []).map(
    (error): Row => ({
      kind: 'policy-error',
      target: placeOf(error),
      ...(refused ? { since: refused.at } : {}),
      message: error.message,
      remedy: error.remedy,
    }),
  );
  const text = (member: (row: Row) => string | number | undefined) => (row: Row) => String(member(row) ?? '');
  const moment = (at: number | undefined) => (at === undefined || at <= 0 ? '' : timeText(at));
  return {
    rows: [...marks, ...found, ...onboarded, ...errors],
    columns: [
      { head: 'KIND', cell: ({ kind }) => kind },
      { head: 'TARGET', cell: ({ target }) => target },
      { head: 'SUBJECT', cell: text(({ subject }) => subject) },
      { head: 'CODE', cell: text(({ code }) => code) },
      { head: 'SINCE', cell: ({ since }) => moment(since) },
      { head: 'URGENCY', cell: text(({ urgency }) => urgency) },
      { head: 'TRIES', cell: text(({ attempts }) => attempts) },
      { head: 'NEXT', cell: ({ notBefore }) => moment(notBefore) },
      { head: 'MESSAGE', cell: text(({ message }) => message) },
      { head: 'REMEDY', cell: text(({ remedy }) => remedy) },
    ],
  };
}

function onboardedText({ environments, applications }: NonNullable<StatusOutcome['onboarding']>): string {
  return `${counted(environments, 'environment')}, ${counted(applications, 'application')}`;
}

function onboardedName({
  environment,
  namespace,
}: NonNullable<StatusOutcome['onboarding']>['findings'][number]): string {
  return namespace === undefined ? `environment ${environment}` : `application ${namespace} on ${environment}`;
}

/** What keeps marks waiting, each reason once a target. */
function failuresIn(waiting: StatusOutcome['waiting']) {
  const failed = waiting.flatMap(({ target, failure }) => (failure === undefined ? [] : [{ target, ...failure }]));
  const alike = Map.groupBy(failed, ({ target, message }) => JSON.stringify([target, message]));
  return [...alike.values()].map((group) => ({ ...group[0]!, count: group.length }));
}
