import type { AccessRule } from '@gatehouse/core/access/policy';
import type { AccessAnswer } from '@gatehouse/core/operations/access-report';
import { type Asked, askedText } from '@gatehouse/core/operations/denial';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { type Cell, columns } from '../terminal/columns.ts';
import { withExamples, withNo, withTable } from '../terminal/help.ts';
import { type Output, type Terminal, writeJson } from '../terminal/terminal.ts';
import { printable } from '../terminal/text.ts';
import { rulesText } from './access-text.ts';

interface Options extends AwsOptions {
  readonly cluster: string;
  readonly namespace?: string;
  readonly as?: string;
  readonly roleArn?: string;
  readonly sessionName?: string;
  readonly output: string;
}

/** `can-i`: may I, or somebody else, do this; by which grant, or why not. */
export function addCanI(program: Command, terminal: Terminal): void {
  const verb = program
    .command('can-i <verb> <resource>')
    .description('ask a cluster whether you, or somebody else, may do something: by which binding, or why not')
    .requiredOption('--cluster <cluster>', 'the cluster that is asked (required)')
    .option('-n, --namespace <namespace>', 'in this namespace (default: the whole cluster)')
    .option('--as <principal>', 'for somebody else: user/<source>/<id>, machine/<name>, a user id, or an IAM ARN')
    .option('--role-arn <arn>', 'for yourself: assume this role first')
    .option('--session-name <name>', 'for yourself: another session name than your IAM user name');
  withTable(withAwsOptions(verb)).action((what: string, resource: string, options: Options) =>
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
  withNo(verb, 'the answer is no');
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
  if (options.output === 'json') writeJson(terminal.out, { schemaVersion: 1, question: asked, ...answer });
  else writeAnswer(terminal.out, asked, answer);
  return answer.allowed;
}

/** An answer for people. */
export function writeAnswer(output: Output, asked: Asked, answer: AccessAnswer): void {
  const { style, width } = output;
  const { person, cluster, allowed, answers, because, troubles } = answer;
  const word = allowed ? style.good('yes') : style.bad('no');
  output.write(`${word}  ${style.bold(printable(person))} on ${style.name(cluster)}: ${printable(askedText(asked))}\n`);
  const label = (text: string) => ({ text, paint: style.dim });
  const rows: Cell[][] = [];
  for (const { login, allowed: may, reason } of answers) {
    rows.push([label('who'), `${login.username ?? 'nobody'} (${login.arn})`]);
    if (may) rows.push([label('why'), reason ?? 'the cluster does not say']);
  }
  for (const sentence of because) rows.push([label('why not'), sentence]);
  for (const { code, message, remedy } of troubles) {
    rows.push([label(code), message]);
    if (remedy !== undefined) rows.push([label('try'), remedy]);
  }
  output.write(columns(rows, { style, width, indent: 2 }));
}

async function askAsMyself({ out }: Terminal, asked: Asked, options: Options): Promise<boolean> {
  const { ownSession } = await import('../cluster/own-session.ts');
  const session = await ownSession(options.cluster, options);
  const me = await session.whoAmI();
  const { allowed, reason } = await session.mayI(asked);
  const instead = allowed ? [] : ownRules((await session.rulesIn(asked.namespace ?? 'default')).rules);
  if (options.output === 'json') {
    writeJson(out, {
      schemaVersion: 1,
      question: asked,
      cluster: options.cluster,
      arn: session.arn,
      ...me,
      allowed,
      ...(reason === undefined ? {} : { reason }),
      ...(allowed ? {} : { instead }),
    });
    return allowed;
  }
  const { style, width } = out;
  const word = allowed ? style.good('yes') : style.bad('no');
  out.write(`${word}  ${style.bold('you')} on ${style.name(options.cluster)}: ${printable(askedText(asked))}\n`);
  const label = (text: string) => ({ text, paint: style.dim });
  const place = asked.namespace === undefined ? 'here' : `in ${asked.namespace}`;
  const may =
    instead.length === 0
      ? 'no binding gives you anything; ask for a grant, or come by the role of yours: --role-arn'
      : `what you may do ${place}: ${rulesText(instead)}`;
  out.write(
    columns(
      [
        [label('who'), `${me.username} (${session.arn})`],
        allowed
          ? [label('why'), reason ?? 'the cluster does not say']
          : [label('why not'), `no binding gives it. ${may}`],
      ],
      { style, width, indent: 2 },
    ),
  );
  return allowed;
}

/** Without what every login of a cluster may do: ask about itself. */
function ownRules(rules: readonly AccessRule[]): readonly AccessRule[] {
  const isAboutOneself = (rule: AccessRule) =>
    rule.apiGroups?.every((group) => group === 'authorization.k8s.io' || group === 'authentication.k8s.io') ?? false;
  return rules.filter((rule) => !isAboutOneself(rule));
}
