import type { Cause } from '@gatehouse/core/directory/fact';
import type { GrantChain, Ground, Made, Why } from '@gatehouse/core/operations/why';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { type Format, type Listing, withFormats, writeAnswer } from '../terminal/answer.ts';
import { type Fact, writeFacts } from '../terminal/facts.ts';
import { withExamples, withExitCodes } from '../terminal/help.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { printable, timeText } from '../terminal/text.ts';

interface Options extends AwsOptions {
  readonly output: Format;
}

/** `why`: by which event, fact, grant and run somebody has access to a cluster, or what is missing. */
export function addWhy(program: Command, terminal: Terminal): void {
  const verb = program
    .command('why <principal> <cluster>')
    .description('tell by which event, fact, grant and run somebody has access to a cluster, or what is missing');
  withFormats(withAwsOptions(verb)).action((principal: string, cluster: string, options: Options) =>
    why(terminal, principal, cluster, options),
  );
  withExamples(verb, [
    ['gatehouse why user/okta/00u1 prod-eu', 'the chain, with ids and times; exit code 3 where they have no access'],
    ['gatehouse why arn:aws:iam::111122223333:user/mia prod-eu -o json', 'by the ARN they come as, for scripts'],
    ['gatehouse why mia prod-eu -o csv', 'a line for each reason of each grant'],
  ]);
  withExitCodes(verb, { 3: 'they have no access there' });
}

async function why(terminal: Terminal, principal: string, cluster: string, options: Options): Promise<void> {
  const { operationsOf } = await import('../aws/run-operation.ts');
  const run = await operationsOf(options, terminal);
  const answer = await run<Why>({ operation: 'why', cluster, principal });
  await writeAnswer(terminal.out, options.output, {
    value: answer,
    listing: listingOf(answer),
    text: (output, wide) => writeWhy(output, answer, wide),
  });
  if (!answer.holds) terminal.exitCode = 3;
}

/**
 * The chain for people: what is theirs with its causes, then what stands in the way, then what they would need. `wide` with the
 * groups of each login, and the grants by which it leads there.
 */
export function writeWhy(output: Output, answer: Why, wide = false): void {
  const { style } = output;
  const { person, cluster, mode, policyVersion, holds, logins, grants, because, troubles } = answer;
  const word = holds ? style.good('yes') : style.bad('no');
  output.write(
    `${word}  ${style.bold(printable(person))} on ${style.name(cluster)} (${mode}, policy ${policyVersion})\n`,
  );
  writeFacts(
    output,
    [
      ...logins.flatMap(({ arn, username, refused, groups, grants: by }): Fact[] => [
        ['who', `${username ?? refused ?? 'nobody'} (${arn})`],
        ['groups', wide && groups.length > 0 ? groups.join(', ') : undefined],
        ['by grants', wide && by.length > 0 ? by.join(', ') : undefined],
      ]),
      ...because.map((sentence): Fact => [holds ? 'but' : 'why not', sentence]),
      ...troubles.flatMap(({ code, message, remedy }): Fact[] => [
        [code, message],
        ['try', remedy],
      ]),
    ],
    2,
  );
  for (const grant of grants.filter((one) => one.holds)) {
    output.write(`\n  ${style.bold(`grant ${grant.grant}`)} ${reachText(grant)}\n`);
    writeFacts(output, [...groundFacts(grant.grounds.filter((one) => one.holds)), ...grant.made.flatMap(madeFacts)], 4);
  }
  const others = grants.filter((one) => !one.holds);
  if (others.length > 0) output.write(`\n  ${style.bold('not theirs')}\n`);
  for (const grant of others) {
    output.write(`    grant ${grant.grant} ${reachText(grant)}\n`);
    writeFacts(output, groundFacts(grant.grounds), 6);
  }
}

/** A reason of a grant: the fact that gives it, or an object that was made for it. */
interface Row {
  readonly grant: GrantChain;
  readonly kind: 'ground' | 'made';
  readonly holds: boolean;
  readonly says: string;
  readonly at?: number | undefined;
  readonly run?: string | undefined;
  readonly sequence?: number | undefined;
  readonly event?: Cause | undefined;
}

function listingOf({ grants }: Why): Listing<Row> {
  const rows = grants.flatMap((grant): Row[] => [
    ...grant.grounds.map(
      ({ to, says, holds, at, event }): Row => ({
        grant,
        kind: 'ground',
        holds,
        says: `${to}: ${says}`,
        at,
        event,
      }),
    ),
    ...grant.made.map(
      ({ kind, object, run }): Row => ({
        grant,
        kind: 'made',
        holds: true,
        says: `${kind} ${object}`,
        at: run?.at,
        run: run?.run,
        sequence: run?.sequence,
        event: run?.causes[0],
      }),
    ),
  ]);
  return {
    rows,
    columns: [
      { head: 'GRANT', cell: ({ grant }) => grant.grant },
      { head: 'LEVEL', cell: ({ grant }) => grant.level },
      { head: 'NAMESPACES', cell: ({ grant }) => grant.namespaces.join(' ') || '*' },
      { head: 'KIND', cell: ({ kind }) => kind },
      { head: 'HOLDS', cell: ({ holds }) => (holds ? 'yes' : 'no'), value: ({ holds }) => holds },
      { head: 'SAYS', cell: ({ says }) => says },
      { head: 'AT', cell: ({ at }) => (at === undefined ? '' : timeText(at)) },
      { head: 'SOURCE', cell: ({ event }) => event?.source ?? '' },
      { head: 'TYPE', cell: ({ event }) => event?.type ?? '' },
      { head: 'EVENT', cell: ({ event }) => event?.event ?? '' },
      { head: 'RUN', cell: ({ run }) => run ?? '' },
      { head: 'ENTRY', cell: ({ sequence }) => String(sequence ?? '') },
    ],
  };
}

function reachText({ level, namespaces }: GrantChain): string {
  return `(level ${level}, ${namespaces.length === 0 ? 'the whole cluster' : namespaces.join(', ')})`;
}

function groundFacts(grounds: readonly Ground[]): Fact[] {
  return grounds.flatMap(({ to, says, at, event }): Fact[] => [
    ['to', `${to}: ${says}${at === undefined ? '' : ` since ${timeText(at)}`}`],
    ['event', event && eventText(event)],
  ]);
}

function madeFacts({ kind, object, run }: Made): Fact[] {
  const by = run && `run ${run.run}, ledger entry ${run.sequence}, ${timeText(run.at)}, policy ${run.policyVersion}`;
  return [
    ['made', `${kind} ${object}`],
    ['by', by],
    ...(run?.causes ?? []).map((cause): Fact => ['because of', eventText(cause)]),
  ];
}

function eventText({ source, type, event, receivedAt }: Cause): string {
  return `${source} ${type} ${event}, received ${timeText(receivedAt)}`;
}
