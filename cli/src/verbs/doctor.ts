import { Failure } from '@gatehouse/core/access/failure';
import { VERSION } from '@gatehouse/core/access/version';
import type { Check, Verdict } from '@gatehouse/core/operations/doctor/check';
import type { DoctorOutcome } from '@gatehouse/core/operations/doctor/doctor';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import type { RunOperation } from '../aws/run-operation.ts';
import { type Format, isForPrograms, type Listing, withFormats, writeAnswer } from '../terminal/answer.ts';
import { type Cell, columns } from '../terminal/columns.ts';
import { withExamples, withExitCodes } from '../terminal/help.ts';
import type { Paint, Style } from '../terminal/style.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';

interface Options extends AwsOptions {
  readonly webhookUrl?: string;
  readonly output: Format;
}

/** `doctor`: what is well and what is not, with the command that mends it. */
export function addDoctor(program: Command, terminal: Terminal): void {
  const verb = program
    .command('doctor [cluster...]')
    .description('check Gatehouse, its event path, accounts and clusters: what was seen, and the command that mends it')
    .option('--webhook-url <url>', "the stack's output WebhookUrl (default: GATEHOUSE_WEBHOOK_URL)");
  withFormats(withAwsOptions(verb)).action((clusters: readonly string[], options: Options) =>
    doctor(terminal, clusters, options),
  );
  withExamples(verb, [
    ['gatehouse doctor', 'everything, and every cluster of the policy'],
    ['gatehouse doctor prod-eu', 'of the clusters, only this one'],
    [
      'gatehouse doctor -o json | jq \'.checks[] | select(.verdict == "fail")\'',
      'for scripts: exit code 3, a check fails',
    ],
  ]);
  withExitCodes(verb, { 3: 'a check fails' });
}

async function doctor(terminal: Terminal, clusters: readonly string[], given: Options): Promise<void> {
  const [{ callerOf }, { operationsOf }] = await Promise.all([
    import('../aws/caller.ts'),
    import('../aws/run-operation.ts'),
  ]);
  // Found once for all checks. Where nobody is found, nothing can be asked.
  const options: Options = { ...given, caller: await callerOf(given) };
  const run = await operationsOf(options, terminal);
  const checks = await allChecks(terminal, clusters, options, run);
  await write(terminal.out, options.output, checks);
  if (checks.some(({ verdict }) => verdict === 'fail')) terminal.exitCode = 3;
}

async function allChecks(
  terminal: Terminal,
  named: readonly string[],
  options: Options,
  run: RunOperation,
): Promise<readonly Check[]> {
  const { looked } = await import('../doctor/caller-side.ts');
  const { env } = terminal;
  const mine = ownChecks(options, env);
  const asked = Date.now();
  let outcome: DoctorOutcome;
  try {
    outcome = await run<DoctorOutcome>({ operation: 'doctor' });
  } catch (error) {
    const failing = () => Promise.reject(error);
    return [...(await mine), await looked('function', 'run-operation', failing)];
  }
  const [inside, boundary, receivers, rules, perCluster] = await Promise.all([
    functionChecks(outcome, [asked, Date.now()]),
    boundaryCheck(outcome.account, options),
    receiverChecks(outcome.sources, options.webhookUrl ?? env.GATEHOUSE_WEBHOOK_URL),
    ruleChecks(outcome.sources, options),
    clusterChecks(terminal, named.length > 0 ? named : outcome.clusters.map(({ arn }) => arn), options, run),
  ]);
  return [...(await mine), ...inside, ...outcome.checks, boundary, ...receivers, ...rules, ...perCluster];
}

/** Who asks, and whether their clock is AWS's. */
async function ownChecks(options: Options, env: Terminal['env']): Promise<readonly Check[]> {
  const [{ callerOf, whoAmI }, { looked, judgeClock, timeAt }, { stsEndpoint }] = await Promise.all([
    import('../aws/caller.ts'),
    import('../doctor/caller-side.ts'),
    import('@gatehouse/core/aws/sts-endpoint'),
  ]);
  return Promise.all([
    looked('caller', 'you', async () => {
      const arn = await whoAmI(options);
      return { check: 'caller', of: 'you', verdict: 'ok', saw: `AWS knows you as ${arn}` };
    }),
    looked('clock', 'AWS', async () => {
      const { sts } = await callerOf(options);
      const endpoint = env.AWS_ENDPOINT_URL_STS || env.AWS_ENDPOINT_URL || (await stsEndpoint(sts));
      const asked = Date.now();
      const other = await timeAt(endpoint);
      return judgeClock('AWS', other, [asked, Date.now()]);
    }),
  ]);
}

async function functionChecks(
  { account, version, now }: DoctorOutcome,
  between: readonly [number, number],
): Promise<readonly Check[]> {
  const { judgeClock } = await import('../doctor/caller-side.ts');
  const saw = `it answers after ${between[1] - between[0]} ms, in account ${account}`;
  const about = { check: 'function', of: 'run-operation' };
  const answers: Check =
    version === VERSION
      ? { ...about, verdict: 'ok', saw: `${saw}, version ${version}` }
      : {
          ...about,
          verdict: 'warn',
          saw: `${saw}, version ${version}; this command is ${VERSION}`,
          fix: 'deploy the stack of the same version as the command',
        };
  return [answers, judgeClock('Lambda', now, between)];
}

async function receiverChecks(sources: readonly string[], url: string | undefined): Promise<readonly Check[]> {
  const [{ looked, judgeReceiver, unsignedDelivery }, { webhookSources }] = await Promise.all([
    import('../doctor/caller-side.ts'),
    import('@gatehouse/core/sources/sources'),
  ]);
  const signed = sources.filter((source) => webhookSources.has(source));
  if (url === undefined) {
    const fix = 'name it: --webhook-url (the output WebhookUrl of the stack)';
    const unknown = {
      check: 'receiver',
      verdict: 'not-checked',
      saw: 'the URL for webhooks is not known',
      fix,
    } as const;
    return signed.length === 0 ? [] : [{ ...unknown, of: signed.join(', ') }];
  }
  const doors = signed.map((source) =>
    looked('receiver', source, async () => {
      const door = `${url.replace(/\/+$/, '')}/${source}`;
      const status = await unsignedDelivery(door).catch(() => undefined);
      return judgeReceiver(source, door, status);
    }),
  );
  return Promise.all(doors);
}

/** The permissions boundary of what Gatehouse makes in its own account; the function itself may not read it. */
async function boundaryCheck(account: string, options: Options): Promise<Check> {
  const [{ callerOf }, { boundaryArn, judgeBoundary, readBoundary }, { looked }] = await Promise.all([
    import('../aws/caller.ts'),
    import('../doctor/boundary.ts'),
    import('../doctor/caller-side.ts'),
  ]);
  return looked('boundary', account, async () => {
    const { region, credentials } = await callerOf(options);
    const arn = boundaryArn(account, region);
    return judgeBoundary(arn, await readBoundary(arn, { region, credentials }));
  });
}

async function ruleChecks(sources: readonly string[], options: Options): Promise<readonly Check[]> {
  const [{ callerOf }, { bridgedSources, judgeRule }, { eventRules }] = await Promise.all([
    import('../aws/caller.ts'),
    import('../doctor/event-rules.ts'),
    import('@gatehouse/core/aws/event-rules'),
  ]);
  const bridged = bridgedSources(sources);
  try {
    const { region, credentials } = await callerOf(options);
    const rules = await eventRules(Object.keys(bridged), { region, credentials });
    return Object.entries(bridged).map(([source, what]) => judgeRule(source, what, rules));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const fix = 'ask for events:ListRules and events:ListTargetsByRule';
    return [{ check: 'event-rule', verdict: 'not-checked', saw: `${error.code}: ${error.message}`, fix }];
  }
}

async function clusterChecks(
  terminal: Terminal,
  clusters: readonly string[],
  { output }: Options,
  run: RunOperation,
): Promise<readonly Check[]> {
  const [{ eachCluster }, { looked }] = await Promise.all([
    import('../aws/each-cluster.ts'),
    import('../doctor/caller-side.ts'),
  ]);
  const ask = (cluster: string) => run<{ checks: readonly Check[] }>({ operation: 'doctor', cluster });
  const found = await eachCluster(terminal, clusters, ask, isForPrograms(output));
  const checks = await Promise.all(
    found.map(async (one) =>
      'answer' in one ? one.answer.checks : [await looked('reachable', one.cluster, () => Promise.reject(one.failure))],
    ),
  );
  return checks.flat();
}

const paintOf = (verdict: Verdict, style: Style): Paint =>
  ({ ok: style.good, warn: style.warn, fail: style.bad, 'not-checked': style.dim })[verdict];

const WORDS: Readonly<Record<Verdict, string>> = { ok: 'ok', warn: 'warn', fail: 'fail', 'not-checked': 'not checked' };

const LISTING: Listing<Check>['columns'] = [
  { head: 'VERDICT', cell: ({ verdict }, style) => ({ text: WORDS[verdict], paint: paintOf(verdict, style) }) },
  { head: 'CHECK', cell: ({ check }) => check },
  { head: 'OF', cell: ({ of }) => of ?? '' },
  { head: 'SAW', cell: ({ saw }) => saw },
  { head: 'FIX', cell: ({ fix }) => fix ?? '' },
];

function write(out: Output, format: Format, checks: readonly Check[]): Promise<void> {
  const count = (verdict: Verdict) => checks.filter((one) => one.verdict === verdict).length;
  const summary = { ok: count('ok'), warn: count('warn'), fail: count('fail'), notChecked: count('not-checked') };
  return writeAnswer(out, format, {
    value: { summary, checks },
    listing: { columns: LISTING, rows: checks },
    text: (output) => {
      const { style, width } = output;
      const rows = checks.flatMap(({ check, of, verdict, saw, fix }): Cell[][] => [
        [{ text: WORDS[verdict], paint: paintOf(verdict, style) }, check, of ?? '', saw],
        ...(fix === undefined || verdict === 'ok' ? [] : [['', '', { text: 'try', paint: style.dim }, fix]]),
      ]);
      output.write(columns(rows, { style, width }));
      const { ok, warn, fail, notChecked } = summary;
      output.write(`\n${style.bold(`${ok} ok, ${warn} to look at, ${fail} failed, ${notChecked} not checked`)}\n`);
    },
  });
}
