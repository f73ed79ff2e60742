import type { AccessRule } from '@gatehouse/core/access/policy';
import type { AccessAnswer, LoginAnswer } from '@gatehouse/core/operations/access-report';
import { type Asked, askedText } from '@gatehouse/core/operations/denial';
import { type Command, Option } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { type Format, isForPrograms, type Listing, withFormats, writeAnswer } from '../terminal/answer.ts';
import { type Fact, writeFacts } from '../terminal/facts.ts';
import { withExamples, withExitCodes } from '../terminal/help.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { printable } from '../terminal/text.ts';
import { rulesText } from './access-text.ts';

interface Options extends AwsOptions {
  readonly cluster: string;
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly as?: string;
  readonly roleArn?: string;
  readonly sessionName?: string;
  readonly output: Format;
}

/** `can-i`: may I, or somebody else, do this; by which grant, or why not. */
export function addCanI(program: Command, terminal: Terminal): void {
  const verb = program
    .command('can-i <verb> <resource>')
    .description('ask a cluster whether you, or somebody else, may do something: by which binding, or why not')
    .requiredOption('--cluster <cluster>', 'the cluster that is asked (required)')
    .option('-n, --namespace <namespace>', 'in this namespace (default: the whole cluster)')
    .addOption(
      new Option(
        '-A, --all-namespaces',
        'in all namespaces, that is in the whole cluster, as without -n; one cluster is asked',
      ).conflicts('namespace'),
    )
    .option('--as <principal>', 'for somebody else: user/<source>/<id>, machine/<name>, a user id, or an IAM ARN')
    .option('--role-arn <arn>', 'for yourself: assume this role first')
    .option('--session-name <name>', 'for yourself: another session name than your IAM user name');
  withFormats(withAwsOptions(verb)).action((what: string, resource: string, options: Options) =>
    canI(terminal, what, resource, options),
  );
  withExamples(verb, [
    [
      'gatehouse can-i list pods --cluster prod-eu -n pay',
      'for yourself: asked with your own session, as kubectl would',
    ],
    [
      'gatehouse can-i list secrets --cluster prod-eu -n pay --role-arn arn:aws:iam::111122223333:role/gatehouse/gatehouse-payments-operators',
      'for yourself, by the role of a grant: why was I denied?',
    ],
    ['gatehouse can-i delete deployments.apps --cluster prod-eu -n pay --as user/okta/00u1', 'for somebody else'],
    ['gatehouse can-i create pods/exec --cluster prod-eu -n pay --as mia -o json', 'for scripts: exit code 3 means no'],
  ]);
  withExitCodes(verb, { 3: 'the answer is no' });
}

async function canI(terminal: Terminal, verb: string, resource: string, options: Options): Promise<void> {
  const { resourceNamed } = await import('../cluster/resource-type.ts');
  const { namespace } = options;
  const asked: Asked = { verb, ...resourceNamed(resource), ...(namespace === undefined ? {} : { namespace }) };
  const allowed =
    options.as === undefined
      ? await askAsMyself(terminal, asked, options)
      : await askFor(terminal, options.as, asked, options);
  if (!allowed) terminal.exitCode = 3;
}

async function askFor(terminal: Terminal, principal: string, asked: Asked, options: Options): Promise<boolean> {
  const { operationsOf } = await import('../aws/run-operation.ts');
  const run = await operationsOf(options, terminal);
  const { cluster } = options;
  const answer = await run<AccessAnswer>({ operation: 'can-i', cluster, principal, question: asked });
  await writeAnswer(terminal.out, options.output, {
    value: { question: asked, ...answer },
    listing: listingOf(cluster, asked, answer.answers),
    text: (out, wide) => writeAccess(out, asked, answer, wide),
  });
  return answer.allowed;
}

/** An answer for people. `wide` with the groups of each login, and the grants by which it leads there. */
export function writeAccess(output: Output, asked: Asked, answer: AccessAnswer, wide = false): void {
  const { style } = output;
  const { person, cluster, allowed, answers, because, troubles } = answer;
  const word = allowed ? style.good('yes') : style.bad('no');
  output.write(`${word}  ${style.bold(printable(person))} on ${style.name(cluster)}: ${printable(askedText(asked))}\n`);
  writeFacts(
    output,
    [
      ...answers.flatMap(({ login, allowed: may, reason }): Fact[] => [
        ['who', `${login.username ?? 'nobody'} (${login.arn})`],
        ['groups', wide && login.groups.length > 0 ? login.groups.join(', ') : undefined],
        ['by grants', wide && login.grants.length > 0 ? login.grants.join(', ') : undefined],
        ['why', may ? (reason ?? 'the cluster does not say') : undefined],
      ]),
      ...because.map((sentence): Fact => ['why not', sentence]),
      ...troubles.flatMap(({ code, message, remedy }): Fact[] => [
        [code, message],
        ['try', remedy],
      ]),
    ],
    2,
  );
}

/** The question with the answer that each login gets. */
function listingOf(cluster: string, asked: Asked, answers: readonly LoginAnswer[]): Listing<LoginAnswer> {
  return {
    rows: answers,
    columns: [
      { head: 'CLUSTER', cell: () => cluster },
      { head: 'QUESTION', cell: () => askedText(asked) },
      { head: 'ARN', cell: ({ login }) => login.arn },
      { head: 'USERNAME', cell: ({ login }) => login.username ?? '' },
      { head: 'GROUPS', cell: ({ login }) => login.groups.join(' ') },
      { head: 'ALLOWED', cell: ({ allowed }) => (allowed ? 'yes' : 'no'), value: ({ allowed }) => allowed },
      { head: 'REASON', cell: ({ reason }) => reason ?? '' },
    ],
  };
}

/** What one's own session is told. */
interface OwnAnswer {
  readonly arn: string;
  readonly me: { readonly username: string; readonly groups: readonly string[] };
  readonly allowed: boolean;
  readonly reason?: string;
  /** What they may do, where this is denied. */
  readonly instead: readonly AccessRule[];
}

async function ownAnswer(asked: Asked, options: Options): Promise<OwnAnswer> {
  const { ownSession } = await import('../cluster/own-session.ts');
  const session = await ownSession(options.cluster, options);
  const me = await session.whoAmI();
  const answer = await session.mayI(asked);
  const instead = answer.allowed ? [] : ownRules((await session.rulesIn(asked.namespace ?? 'default')).rules);
  return { arn: session.arn, me, ...answer, instead };
}

async function askAsMyself({ out, progress }: Terminal, asked: Asked, options: Options): Promise<boolean> {
  const { arn, me, allowed, reason, instead } = await progress.during(
    `asking ${options.cluster}`,
    () => ownAnswer(asked, options),
    { quiet: isForPrograms(options.output) },
  );
  const why = reason === undefined ? {} : { reason };
  await writeAnswer(out, options.output, {
    value: { question: asked, cluster: options.cluster, arn, ...me, allowed, ...why, ...(allowed ? {} : { instead }) },
    listing: listingOf(options.cluster, asked, [{ login: { ...me, arn, grants: [] }, allowed, ...why }]),
    text: (output, wide) => {
      const { style } = output;
      const word = allowed ? style.good('yes') : style.bad('no');
      output.write(`${word}  ${style.bold('you')} on ${style.name(options.cluster)}: ${printable(askedText(asked))}\n`);
      writeFacts(
        output,
        [
          ['who', `${me.username} (${arn})`],
          ['groups', wide && me.groups.length > 0 ? me.groups.join(', ') : undefined],
          allowed
            ? ['why', reason ?? 'the cluster does not say']
            : ['why not', `no binding gives it. ${insteadText(asked, instead)}`],
        ],
        2,
      );
    },
  });
  return allowed;
}

function insteadText({ namespace }: Asked, instead: readonly AccessRule[]): string {
  if (instead.length > 0) {
    return `what you may do ${namespace === undefined ? 'here' : `in ${namespace}`}: ${rulesText(instead)}`;
  }
  return 'no binding gives you anything; ask for a grant, or come by the role of yours: --role-arn';
}

/** Without what every login of a cluster may do: ask about itself. */
function ownRules(rules: readonly AccessRule[]): readonly AccessRule[] {
  const isAboutOneself = (rule: AccessRule) =>
    rule.apiGroups?.every((group) => group === 'authorization.k8s.io' || group === 'authentication.k8s.io') ?? false;
  return rules.filter((rule) => !isAboutOneself(rule));
}
