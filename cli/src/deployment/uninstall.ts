import { DeleteStackCommand } from '@aws-sdk/client-cloudformation';
import { Failure } from '@gatehouse/core/access/failure';
import { orFailure } from '@gatehouse/core/aws/failures';
import type { Inventory } from '@gatehouse/core/operations/inventory';
import type { RunOperation } from '../aws/run-operation.ts';
import type { StatusOutcome } from '../aws/status-outcome.ts';
import type { Say } from '../terminal/progress.ts';
import { writeStep } from '../terminal/step.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { counted } from '../terminal/text.ts';
import type { Cloud } from './cloud.ts';
import { emptiedPolicy } from './emptied-policy.ts';
import type { Pace } from './pace.ts';
import {
  busy,
  describeStack,
  failureText,
  followStack,
  isMissing,
  newestEvent,
  physicalIds,
  remedyOf,
  type StackState,
} from './stack.ts';
import { writeEvent } from './write-changes.ts';

/** What the stack keeps when it goes, by its template: name, and the line that deletes it. */
export interface Kept {
  readonly logicalId: string;
  readonly name: string;
  readonly removedBy: string;
}

/** Types of resources that the template retains. */
const RETAINED: Readonly<Record<string, (name: string) => string>> = {
  StateTable: (name) => `aws dynamodb delete-table --table-name ${name}`,
  LedgerTable: (name) => `aws dynamodb delete-table --table-name ${name}`,
  PolicyBucket: (name) => `empty it with all versions (S3 console, "Empty"), then aws s3 rb s3://${name}`,
};
const BOUNDARY = 'PermissionsBoundary';

/**
 * A stack that can be deleted now: what CloudFormation would refuse is known before anything is taken back.
 * @throws Failure `not-found` where there is none, `conflict` where something is done to it or it is protected.
 */
export async function removableStack({ cloudFormation, region }: Cloud, name: string): Promise<StackState> {
  const stack = await describeStack(cloudFormation, name);
  if (!stack || isMissing(stack)) {
    throw new Failure('not-found', `there is no stack ${name} in ${region}`, {
      remedy: 'name it with --stack, check --region',
    });
  }
  const now = busy(stack);
  if (now) throw now;
  if (!stack.isProtected) return stack;
  throw new Failure('conflict', `the stack ${stack.name} is protected against being deleted, so nothing was touched`, {
    remedy: `aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name ${stack.name}; then the same command once more`,
  });
}

/** What outlives the stack. */
export async function keptBy({ cloudFormation }: Cloud, stack: string): Promise<readonly Kept[]> {
  const ids = await physicalIds(cloudFormation, stack);
  return Object.entries(RETAINED).flatMap(([logicalId, remove]) => {
    const name = ids.get(logicalId)?.id;
    return name === undefined ? [] : [{ logicalId, name, removedBy: remove(name) }];
  });
}

const OFTEN_MS = 2_000;
/** The tick comes every minute, so what has not moved for longer will not move. */
const STILL_MS = 150_000;

/**
 * Takes all access back: puts a policy in force that gives nobody anything, deregisters what was registered beside it, and
 * waits until nothing of Gatehouse's is left in IAM and on clusters. `quiet`: a program reads, and is not told how far it is.
 * @throws Failure `conflict` where something stands in the way, with what is left; `deadline` after `seconds`.
 */
export async function takeBack(
  { progress }: Pick<Terminal, 'progress'>,
  run: RunOperation,
  { policy, registrations }: Inventory,
  { by, quiet = false, ...waiting }: Waiting & { readonly by: string; readonly quiet?: boolean },
): Promise<void> {
  if (!policy) return;
  const work = async (say: Say) => {
    await run({ operation: 'upload-policy', document: emptiedPolicy(policy.text), by });
    for (const { name, account, region } of registrations) {
      await run({ operation: 'deregister-cluster', name, account, region });
    }
    await untilNothingIsLeft(run, waiting, say);
  };
  await progress.during('taking all access back', work, { quiet });
}

interface Waiting {
  readonly seconds: number;
  readonly pace: Pace;
}

async function untilNothingIsLeft(run: RunOperation, { seconds, pace }: Waiting, say: Say): Promise<void> {
  const begun = pace.now();
  let told = '';
  let moved = begun;
  for (;;) {
    const status = await run<StatusOutcome>({ operation: 'status' });
    const left = await run<Inventory>({ operation: 'inventory' });
    const objects = left.targets.reduce((sum, { owned }) => sum + owned.length, 0);
    if (objects === 0 && status.waiting.length === 0) return;
    const line = `${counted(objects, 'object')} left, ${counted(status.waiting.length, 'mark')} waiting`;
    say(`taking all access back: ${line}`);
    if (line !== told) moved = pace.now();
    told = line;
    const isParked = status.waiting.length === 0 && status.findings.length > 0;
    const isStill = pace.now() - moved >= (isParked ? STILL_MS / 5 : STILL_MS);
    if (isStill && status.waiting.length === 0) throw inTheWay(status, left);
    if (pace.now() - begun >= seconds * 1_000) {
      const failed = status.waiting.find(({ failure }) => failure)?.failure;
      throw new Failure(
        'deadline',
        `after ${seconds} s, ${line}${failed ? `: ${failed.message}` : ''}; the stack stays`,
        {
          remedy: failed?.remedy ?? 'see gatehouse status; the same command once more goes on, --timeout waits longer',
        },
      );
    }
    await pace.pause(OFTEN_MS);
  }
}

/** Why what is left does not go. */
function inTheWay({ findings }: StatusOutcome, { targets }: Inventory): Failure {
  const observed = targets.filter(({ mode }) => mode === 'observe').map(({ target }) => target);
  const [finding] = findings;
  const where = targets.map(({ target, owned }) => `${target} (${owned.map(({ object }) => object).join(', ')})`);
  const why = finding
    ? `${finding.code}: ${finding.message}`
    : observed.length > 0
      ? 'a cluster that is only observed is not written to'
      : 'nothing says why';
  const remedy = finding
    ? finding.remedy
    : observed.length > 0
      ? `gatehouse mode <cluster> enforce (or mode: enforce in the policy), then the same command once more`
      : 'see gatehouse status, then the same command once more';
  return new Failure('conflict', `not all was taken back, so the stack stays. Left: ${where.join('; ')}. ${why}`, {
    remedy,
  });
}

/**
 * Deletes the stack and follows it. Roles and users that stay hold its permissions boundary, so this stays with them: IAM
 * deletes no policy that somebody has. @returns whether the boundary stayed. @throws Failure with what failed first.
 */
export async function deleteStack(
  { cloudFormation }: Cloud,
  { id, name }: StackState,
  { err }: Pick<Terminal, 'err'>,
  pace: Pace,
): Promise<{ readonly boundaryStays: boolean }> {
  const attempt = async (retained: readonly string[]) => {
    const known = await newestEvent(cloudFormation, id);
    const RetainResources = retained.length === 0 ? {} : { RetainResources: [...retained] };
    await orFailure(`deleting the stack ${name}`, () =>
      cloudFormation.send(new DeleteStackCommand({ StackName: id, ...RetainResources })),
    );
    return followStack(cloudFormation, id, known, pace, (event) => writeEvent(err, event));
  };
  const first = await attempt([]);
  if (first.status === 'DELETE_COMPLETE') return { boundaryStays: false };
  const { failure } = first;
  if (failure?.logicalId === BOUNDARY) {
    writeStep(err, 'the permissions boundary is still held by what stays, and stays with it');
    const second = await attempt([BOUNDARY]);
    if (second.status === 'DELETE_COMPLETE') return { boundaryStays: true };
  }
  const why = failureText(failure);
  throw new Failure('invalid', `the stack ${name} is ${first.status}. The first that failed was ${why}`, {
    remedy: `${failure ? remedyOf(failure).replace('deploy again', 'gatehouse uninstall once more') : 'look into its events'}`,
  });
}
