import { setTimeout as pause } from 'node:timers/promises';
import { Failure, isFailure } from '@gatehouse/core/access/failure';
import { clusterTarget } from '@gatehouse/core/access/target';
import type { IdentityProviderOutcome as Outcome } from '@gatehouse/core/operations/identity-provider';
import type { TargetPlan } from '@gatehouse/core/operations/plan';
import type { Finding } from '@gatehouse/core/resources/resource';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import type { RunOperation } from '../aws/run-operation.ts';
import { type Format, isForPrograms, type Listing, withFormats, writeAnswer } from '../terminal/answer.ts';
import { type Fact, writeFacts, writeReason } from '../terminal/facts.ts';
import { type DryRunOptions, withDryRun, withExamples, withExitCodes, withNote } from '../terminal/help.ts';
import { readSeconds, timeoutOption } from '../terminal/option-values.ts';
import type { Say } from '../terminal/progress.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { duration } from '../terminal/text.ts';

interface Options extends AwsOptions, DryRunOptions {
  readonly output: Format;
  readonly disassociate?: true;
  /** Seconds. */
  readonly timeout: number;
  /** Seconds. */
  readonly every: number;
}

/** `associate-idp`: has a cluster believe the OIDC provider that the policy gives it. */
export function addAssociateIdp(program: Command, terminal: Terminal): void {
  const verb = withOptions(
    program
      .command('associate-idp <cluster>')
      .description(
        'associate the OIDC identity provider that the policy gives a cluster, and follow until that is done',
      )
      .option('--disassociate', 'the contrary: what disassociate-idp does'),
  ).action((cluster: string, options: Options) =>
    run(terminal, cluster, options, options.disassociate ? 'disassociate' : 'associate'),
  );
  withNote(
    verb,
    `The access policy says which provider a cluster has (identityProviders); this only has it done now. ` +
      `Everything that EKS asks is looked at before: the issuer (https, public, its discovery document and keys), ` +
      `the cluster's version and own issuer, prefixes, client id, and whether the cluster's one place is free. What ` +
      `stands against it is told, with code 3.`,
  );
  withExamples(verb, [
    ['gatehouse associate-idp prod-eu', 'associate it, and wait'],
    ['gatehouse associate-idp prod-eu --dry-run', 'only look at what stands against it, and what would be done'],
    ['gatehouse associate-idp prod-eu -o json | jq .associated.status', 'for scripts'],
  ]);
}

/** `disassociate-idp`: has a cluster believe its OIDC provider no more. */
export function addDisassociateIdp(program: Command, terminal: Terminal): void {
  const verb = withOptions(
    program
      .command('disassociate-idp <cluster>')
      .description(
        'disassociate the identity provider that the policy gives a cluster no more, and follow until it is gone',
      ),
  ).action((cluster: string, options: Options) => run(terminal, cluster, options, 'disassociate'));
  withExamples(verb, [
    ['gatehouse disassociate-idp prod-eu', 'after the cluster was taken out of identityProviders in the policy'],
    ['gatehouse disassociate-idp prod-eu --dry-run', 'only look'],
  ]);
}

function withOptions(command: Command): Command {
  command
    .addOption(timeoutOption('how long to follow; what is begun goes on without this command', '45m'))
    .option('--every <seconds>', 'time between two looks', readSeconds, 5);
  withDryRun(command, 'show what would be done, and what stands against it; change nothing');
  return withExitCodes(withFormats(withAwsOptions(command)), {
    2: 'something would change (--dry-run --detailed-exitcode)',
    3: 'something stands against it',
  });
}

type Aim = 'associate' | 'disassociate';

/** What stands against it, so that nothing was begun or nothing came of it. */
type Objection = Pick<Finding, 'code' | 'message' | 'remedy'>;

async function run(terminal: Terminal, cluster: string, options: Options, aim: Aim): Promise<void> {
  const { operationsOf } = await import('../aws/run-operation.ts');
  const operate = await operationsOf(options, terminal);
  const look = (reconcile: boolean) =>
    operate<Outcome>({ operation: 'identity-provider', cluster, ...(reconcile ? { reconcile } : {}) });
  const seen = await look(false);
  const against = aim === 'associate' ? cannotAssociate(seen) : cannotDisassociate(seen);
  if (against) return tellNo(terminal, options, seen, [against]);
  if (seen.subjects.length === 0 || (isDone(aim, seen) && seen.waiting.length === 0)) {
    return tell(terminal, options, seen, aim);
  }
  const plan = await planOf(operate, seen);
  const objections = plan.findings.filter(({ severity }) => severity === 'blocks');
  if (options.dryRun) {
    const { answerPlans, plansOfOne } = await import('../plan/answer.ts');
    await answerPlans(terminal, plansOfOne(plan), options);
    if (objections.length > 0) terminal.exitCode = 3;
    return;
  }
  if (objections.length > 0) return tellNo(terminal, options, seen, objections);
  const notices = plan.findings.filter(({ severity }) => severity === 'notice');
  if (notices.length > 0) writeObjections(terminal.err, 'notice', notices);
  const see = async (say: Say) => {
    await look(true);
    return follow(say, options, aim, () => look(false));
  };
  const quiet = isForPrograms(options.output);
  const last = await terminal.progress.during(`${seen.cluster.name}: waiting for its turn`, see, { quiet });
  if (last.findings.length > 0 && !isDone(aim, last)) return tellNo(terminal, options, last, last.findings);
  tell(terminal, options, last, aim);
}

/** How often a plan is asked for whose time was over: a function's first one may take too long. */
const PLANS = 3;

async function planOf(operate: RunOperation, { cluster, subjects }: Outcome): Promise<TargetPlan> {
  for (let asked = 1; ; asked++) {
    try {
      return await operate<TargetPlan>({
        operation: 'plan',
        target: clusterTarget(cluster.arn),
        subjects: [...subjects],
      });
    } catch (error) {
      if (!isFailure(error, 'deadline') || asked === PLANS) throw error;
    }
  }
}

/** What of the policy stands against an association. */
function cannotAssociate({ cluster, wanted, isAsWanted }: Outcome): Objection | undefined {
  if (wanted === null) {
    return {
      code: 'no-identity-provider',
      message: `the policy in force gives ${cluster.name} no identity provider`,
      remedy: `select it under identityProviders.<name>.on, upload the policy, and activate it`,
    };
  }
  if (cluster.mode === 'enforce' || isAsWanted) return undefined;
  return {
    code: `cluster-${cluster.mode}`,
    message: `${cluster.name} is in the mode ${cluster.mode}, in which nothing is associated`,
    remedy: `set clusters.${cluster.name}.mode to enforce in the policy`,
  };
}

function cannotDisassociate({ cluster, wanted, associated, isOwn, subjects }: Outcome): Objection | undefined {
  if (wanted !== null) {
    return {
      code: 'still-wanted',
      message: `the policy in force gives ${cluster.name} the identity provider "${wanted.name}"`,
      remedy: `take ${cluster.name} out of identityProviders.${wanted.name}.on, and grants through: oidc with it; upload and activate the policy`,
    };
  }
  if (cluster.mode === 'observe') {
    return {
      code: 'cluster-observe',
      message: `${cluster.name} is in the mode observe, in which nothing is changed`,
      remedy: `set clusters.${cluster.name}.mode to enforce or paused in the policy`,
    };
  }
  if (associated === null || (isOwn && subjects.length > 0)) return undefined;
  const of = `the identity provider ${associated.name} (${associated.issuer}) of ${cluster.name}`;
  return {
    code: isOwn ? 'not-recorded' : 'identity-provider-taken',
    message: isOwn ? `${of} is in no record of this Gatehouse` : `${of} was not made by Gatehouse`,
    remedy: `whoever made it removes it: aws eks disassociate-identity-provider-config --cluster-name ${cluster.name} --identity-provider-config type=oidc,name=${associated.name}`,
  };
}

function isDone(aim: Aim, { isAsWanted, associated, isOwn }: Outcome): boolean {
  return aim === 'associate' ? isAsWanted : associated === null || !isOwn;
}

/** Looks again until it is done or something stands against it, and says what is waited for. */
async function follow(say: Say, { timeout, every }: Options, aim: Aim, look: () => Promise<Outcome>): Promise<Outcome> {
  const end = performance.now() + timeout * 1_000;
  for (;;) {
    const seen = await look();
    const isOver = isDone(aim, seen)
      ? seen.waiting.length === 0
      : seen.findings.length > 0 && seen.waiting.length === 0;
    if (isOver) return seen;
    const text = progressOf(seen);
    say(`${seen.cluster.name}: ${text}`);
    if (performance.now() >= end) {
      throw new Failure('deadline', `${seen.cluster.name}: not done within ${duration(timeout * 1_000)}: ${text}`, {
        remedy: `it goes on by itself: look again with "gatehouse status", or follow longer with --timeout`,
      });
    }
    await pause(every * 1000);
  }
}

function progressOf({ associated, waiting }: Outcome): string {
  const failure = waiting.map((one) => one.failure).find((one) => one !== undefined);
  if (failure) return failure.message;
  return associated === null ? 'waiting for its turn' : `${associated.name} is ${associated.status}`;
}

async function tell(terminal: Terminal, { output: format }: Options, seen: Outcome, aim: Aim): Promise<void> {
  const result = aim === 'associate' ? 'associated' : 'disassociated';
  const { name, arn } = seen.cluster;
  await writeAnswer(terminal.out, format, {
    value: { result, ...seen },
    listing: listingOf(result, seen, []),
    text: (output, wide) => {
      const good = output.style.good('✓');
      if (aim === 'disassociate') {
        output.write(`${good} ${name} has no identity provider of Gatehouse's\n`);
        if (wide) writeFacts(output, [['cluster', arn]], 2);
        return;
      }
      output.write(`${good} ${name} believes ${seen.associated?.issuer ?? ''}\n`);
      writeFacts(
        output,
        [
          ...factsOf(seen),
          ['cluster', wide ? arn : undefined],
          ['subjects', wide ? seen.subjects.join(', ') : undefined],
        ],
        2,
      );
    },
  });
}

function factsOf({ wanted, associated }: Outcome): Fact[] {
  const { clientId = '', usernamePrefix = '', usernameClaim = '', groupsPrefix = '', groupsClaim = '' } = wanted ?? {};
  const claims = Object.entries(wanted?.requiredClaims ?? {}).map(([claim, value]) => `${claim}=${value}`);
  return [
    ['name', associated?.name ?? ''],
    ['client', clientId],
    ['users', `${usernamePrefix}<${usernameClaim}>`],
    ['groups', `${groupsPrefix}<${groupsClaim}>`],
    ['only', claims.length === 0 ? undefined : claims.join(', ')],
    ['logs', (wanted?.logs ?? []).join(', ') || 'as they are'],
  ];
}

/** What stands against it, one in a row; or else how it stands. */
function listingOf(result: string, seen: Outcome, objections: readonly Objection[]): Listing<Partial<Objection>> {
  const { cluster, associated, wanted } = seen;
  return {
    rows: objections.length > 0 ? objections : [{}],
    columns: [
      { head: 'CLUSTER', cell: () => cluster.name },
      { head: 'RESULT', cell: () => result },
      { head: 'WANTED', cell: () => wanted?.name ?? '' },
      { head: 'ASSOCIATED', cell: () => associated?.name ?? '' },
      { head: 'STATUS', cell: () => associated?.status ?? '' },
      { head: 'ISSUER', cell: () => associated?.issuer ?? '' },
      { head: 'CODE', cell: ({ code }) => code ?? '' },
      { head: 'MESSAGE', cell: ({ message }) => message ?? '' },
      { head: 'REMEDY', cell: ({ remedy }) => remedy ?? '' },
    ],
  };
}

async function tellNo(
  terminal: Terminal,
  { output: format }: Options,
  seen: Outcome,
  objections: readonly Objection[],
): Promise<void> {
  terminal.exitCode = 3;
  await writeAnswer(terminal.out, format, {
    value: { result: 'no', ...seen, findings: objections },
    listing: listingOf('no', seen, objections),
    text: (output, wide) => {
      writeObjections(output, 'no', objections);
      if (wide) writeFacts(output, [['cluster', seen.cluster.arn]], 2);
    },
  });
}

function writeObjections(output: Output, word: 'no' | 'notice', objections: readonly Objection[]): void {
  const { style } = output;
  const paint = word === 'no' ? style.bad : style.warn;
  for (const objection of objections) {
    output.write(`${paint(word)} ${style.name(objection.code)}\n`);
    writeReason(output, objection);
  }
}
