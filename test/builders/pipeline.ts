import { parseClusterArn } from '@gatehouse/core/access/arn';
import { Failure } from '@gatehouse/core/access/failure';
import type { AccessPolicy } from '@gatehouse/core/access/policy';
import { bootstrapManifest, CONTROLLER_USERNAME } from '@gatehouse/core/bootstrap/manifest';
import type { Cause, Fact } from '@gatehouse/core/directory/fact';
import { factKey } from '@gatehouse/core/directory/items';
import { nudgePlanner } from '@gatehouse/core/directory/nudge';
import { recordFact } from '@gatehouse/core/directory/record';
import type { Operation } from '@gatehouse/core/operations/operation';
import { runOperation } from '@gatehouse/core/operations/run';
import { ACTIVE_KEY, policyInForce } from '@gatehouse/core/policy/in-force';
import { activatePolicy, uploadPolicy } from '@gatehouse/core/policy/versions';
import type { EksCluster } from '@gatehouse/core/ports/eks';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import type { Log } from '@gatehouse/core/ports/log';
import type { WebAnswer } from '@gatehouse/core/ports/public-web';
import type { QueueName } from '@gatehouse/core/ports/queues';
import type { World } from '@gatehouse/core/ports/world';
import type { PlannerPorts } from '@gatehouse/core/work/plan-facts';
import { tick } from '@gatehouse/core/work/tick';
import { TURN_LIMITS, type TurnPorts } from '@gatehouse/core/work/turn-ports';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { loadAll } from 'js-yaml';
import { createHandler as planAccess } from '../../functions/plan-access/handler.ts';
import { createHandler as reconcileCluster } from '../../functions/reconcile-cluster/handler.ts';
import { createHandler as reconcileIam } from '../../functions/reconcile-iam/handler.ts';
import { createHandler as verifyAccess } from '../../functions/verify-access/handler.ts';
import { newIamState } from '../../sandbox/src/aws/iam/state.ts';
import { fixedClock } from '../fakes/clock.ts';
import { memoryDocuments } from '../fakes/documents.ts';
import { type MemoryEksOptions, memoryEks } from '../fakes/eks.ts';
import { memoryIam } from '../fakes/iam.ts';
import { asUser, type MemoryKubernetes, memoryKubernetes } from '../fakes/kubernetes.ts';
import { recordingMetrics } from '../fakes/metrics.ts';
import { recordingNotices } from '../fakes/notices.ts';
import { type MemoryQueuesOptions, memoryQueues } from '../fakes/queues.ts';
import { countingRandom } from '../fakes/random.ts';
import { memorySecrets } from '../fakes/secrets.ts';
import { memoryTable } from '../fakes/table.ts';
import { memoryWeb } from '../fakes/web.ts';
import { ACCOUNT, policyOf } from './policy.ts';
import { sqsEvent } from './sqs-event.ts';

/** Batch sizes of the event source mappings. */
const BATCH: Record<QueueName, number> = { intake: 10, iam: 1, clusters: 1, later: 10 };

/** The planner's dependencies where nobody uploads to the bucket. */
export function withoutUploads({ ports, log }: { readonly ports: PlannerPorts; readonly log: Log }) {
  const uploads = { bucket: 'nobody-uploads', trusted: false };
  return { ports: { ...ports, documents: memoryDocuments() }, uploads, log };
}

/** Nothing of a test depends on the role's name. */
const OPERATION_SETTINGS = { limits: TURN_LIMITS, clusterAccessRole: `arn:aws:iam::${ACCOUNT}:role/x` };

/** How a pipeline under test begins. */
export interface PipelineOptions {
  readonly policy: string;
  /** Names of IAM users that exist in the account, path `/`. */
  readonly users?: readonly string[];
  readonly accounts?: readonly string[];
  readonly seed?: number;
  readonly queues?: MemoryQueuesOptions;
  readonly eks?: Partial<MemoryEksOptions>;
  /** Pages of the internet. */
  readonly pages?: Readonly<Record<string, WebAnswer>>;
  /** Runs around every cluster call: may throw. */
  readonly before?: (cluster: string, method: string) => void | Promise<void>;
}

/**
 * The whole pipeline behind the receivers, in memory: the deployed handlers, over fakes that keep the real rules. Time moves
 * only when a test moves it, or when everything waits.
 */
export async function aPipeline(options: PipelineOptions) {
  const clock = fixedClock();
  const random = countingRandom(options.seed ?? 0);
  const table = memoryTable();
  const ledger = memoryTable();
  const queues = memoryQueues(clock, options.queues);
  const notices = recordingNotices();
  const secrets = memorySecrets();
  const accounts = options.accounts ?? [ACCOUNT];
  const iamState = newIamState(accounts, { seed: 'pipeline', now: () => clock.now() });
  const iam = new Map(accounts.map((account) => [account, memoryIam(iamState, account)]));
  for (const name of options.users ?? []) await iam.get(ACCOUNT)!.createUser({ name, path: '/', tags: {} });
  for (const one of iam.values()) one.calls.length = 0;
  const policy = policyOf(options.policy);
  const roles = () => [...iamState.accounts.values()].flatMap((account) => [...account.roles.values()]);
  const eks = memoryEks([], {
    account: ACCOUNT,
    now: () => clock.now(),
    takes: 5 * 60_000,
    seesRole: (role) => roles().some(({ name }) => name === role.split('/').at(-1)),
    ...options.eks,
  });
  const web = memoryWeb(options.pages);
  const clusters = new Map<string, MemoryKubernetes>();
  const unreachable = new Set<string>();

  const addCluster = (arn: string, forPolicy: AccessPolicy = policy): MemoryKubernetes => {
    const admin = memoryKubernetes();
    const cluster = forPolicy.clusters.find((one) => one.arn === arn) ?? {
      ...parseClusterArn(arn),
      arn,
      labels: {},
      mode: 'enforce' as const,
    };
    if ('connected' in cluster && cluster.connected) {
      // Its kubeconfig is an administrator's.
      const elsewhere = memoryKubernetes({
        state: admin.state,
        before: ({ method }) => options.before?.(arn, method),
      });
      clusters.set(arn, elsewhere);
      return elsewhere;
    }
    admin.seed(...bootstrapObjects(forPolicy, cluster));
    const controller = memoryKubernetes({
      state: admin.state,
      user: asUser(CONTROLLER_USERNAME),
      before: ({ method }) => options.before?.(arn, method),
    });
    clusters.set(arn, controller);
    return controller;
  };
  for (const { arn } of policy.clusters) addCluster(arn);

  const world: World = {
    secrets,
    async account({ id }) {
      const one = iam.get(id);
      if (!one) throw new Failure('forbidden', `account ${id} cannot be entered`);
      return { iam: one, secrets };
    },
    eks: async () => eks,
    async cluster(_account, { arn, connected }) {
      if (connected && connected.kubeconfigSecret === undefined) {
        throw new Failure('unsupported', `${arn} is not reached by Gatehouse`, { remedy: 'apply its manifests' });
      }
      if (unreachable.has(arn)) throw new Failure('unreachable', `${arn} does not answer`);
      const kubernetes = clusters.get(arn);
      if (!kubernetes) throw new Failure('not-found', `there is no cluster ${arn}`);
      return { kubernetes };
    },
  };
  const ports: TurnPorts = { table, ledger, queues, clock, random, world, notices, web };
  const failures: unknown[] = [];
  const reports: Record<string, unknown>[] = [];
  const log = {
    info: (message: string, details: Readonly<Record<string, unknown>>) => void reports.push({ message, ...details }),
    warn: () => undefined,
    error: (_message: string, { error }: Readonly<Record<string, unknown>>) => void failures.push(error),
  };
  const metrics = recordingMetrics();
  const handlers: Record<QueueName, (event: SQSEvent) => Promise<SQSBatchResponse>> = {
    intake: planAccess(withoutUploads({ ports, log })),
    iam: reconcileIam({ ports, limits: TURN_LIMITS, log, metrics }),
    clusters: reconcileCluster({ ports, limits: TURN_LIMITS, log, metrics }),
    later: verifyAccess({ ports, limits: TURN_LIMITS, log }),
  };

  /** Delivers one batch of one queue as the event source mapping would. False where there was none. */
  const deliver = async (queue: QueueName): Promise<boolean> => {
    const batch = queues.receive(queue, BATCH[queue]);
    if (batch.length === 0) return false;
    const { batchItemFailures } = await handlers[queue](sqsEvent(batch));
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    for (const { id, handle } of batch) if (!failed.has(id)) queues.delete(handle);
    return true;
  };
  /** Runs until nothing is left to do, moving time while everything waits, for at most `horizon` milliseconds. */
  const settle = async (horizon = 120_000): Promise<void> => {
    const end = clock.now() + horizon;
    for (;;) {
      const busy = [];
      for (const queue of ['intake', 'iam', 'clusters', 'later'] as const) busy.push(await deliver(queue));
      if (busy.some(Boolean)) continue;
      const next = queues.nextVisibleAt();
      if (next === undefined || next > end) return;
      clock.advance(Math.max(1, next - clock.now()));
    }
  };
  const cause = (event: string): Cause => ({ source: 'okta', event, type: 'test', receivedAt: clock.now() });
  let events = 0;
  /** Records facts and tells the planner, as a receiver does. */
  const say = async (...facts: readonly Fact[]): Promise<void> => {
    for (const fact of facts) {
      events += 1;
      await recordFact(ports, fact, cause(`event-${events}`));
      await nudgePlanner(ports, [factKey(fact)]);
    }
  };
  const join = (group: string, user: string, at = clock.now()): Promise<void> =>
    say(
      { type: 'user', source: 'okta', user, at, login: user },
      { type: 'membership', source: 'okta', group, user, state: 'present', at },
    );
  const leave = (group: string, user: string, at = clock.now()): Promise<void> =>
    say({ type: 'membership', source: 'okta', group, user, state: 'absent', at });
  const upload = async (text: string): Promise<void> => {
    const { version } = await uploadPolicy(ports, { text, by: 'test', cause: cause('upload'), trusted: true });
    if ((await policyInForce(table))?.version !== version)
      await activatePolicy(ports, version, 'test', cause('activate'));
    await nudgePlanner(ports, [ACTIVE_KEY]);
  };
  await upload(options.policy);
  return {
    ...{
      clock,
      table,
      ledger,
      queues,
      notices,
      secrets,
      iam,
      iamState,
      eks,
      web,
      clusters,
      unreachable,
      ports,
      failures,
      metrics,
      reports,
      policy,
    },
    ...{ addCluster, deliver, settle, say, join, leave, upload },
    tick: () => tick(ports, clock.now()),
    /** Runs an operation, as `run-operation` does. */
    operate: async <Outcome>(operation: Operation) =>
      (await runOperation(ports, OPERATION_SETTINGS, operation)) as unknown as Outcome,
    /** Calls that write, to IAM and all clusters. */
    writes: () => [
      ...[...iam.values()].flatMap(({ calls }) => calls.filter((call) => !/^(get|list)/.test(call))),
      ...[...clusters.values()].flatMap((cluster) =>
        cluster.writes().map(({ method, object }) => `${method} ${object}`),
      ),
    ],
    forgetCalls: () => {
      for (const one of iam.values()) one.calls.length = 0;
      for (const one of clusters.values()) one.calls.length = 0;
    },
  };
}

/** What an administrator applies once, as objects. */
export function bootstrapObjects(policy: AccessPolicy, cluster: AccessPolicy['clusters'][number]): KubernetesObject[] {
  const { yaml } = bootstrapManifest(policy, cluster, {
    roleArn: `arn:aws:iam::${cluster.account}:role/gatehouse-system/gatehouse-cluster-access`,
  });
  return loadAll(yaml) as KubernetesObject[];
}

/** An active cluster as EKS describes it. */
export function described(arn: string, over: Partial<EksCluster> = {}): EksCluster {
  return {
    name: parseClusterArn(arn).name,
    arn,
    status: 'ACTIVE',
    authenticationMode: 'CONFIG_MAP',
    tags: {},
    ...over,
  };
}
