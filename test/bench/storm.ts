import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import type { QueueName, Queues } from '@gatehouse/core/ports/queues';
import { SigningSecrets } from '@gatehouse/core/sources/signing-secrets';
import { webhookSources } from '@gatehouse/core/sources/sources';
import { tick } from '@gatehouse/core/work/tick';
import { TURN_LIMITS, type TurnPorts } from '@gatehouse/core/work/turn-ports';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { createHandler as planAccess } from '../../functions/plan-access/handler.ts';
import { createHandler as receiveWebhook } from '../../functions/receive-webhook/handler.ts';
import { createHandler as reconcileCluster } from '../../functions/reconcile-cluster/handler.ts';
import { createHandler as reconcileIam } from '../../functions/reconcile-iam/handler.ts';
import { createHandler as verifyAccess } from '../../functions/verify-access/handler.ts';
import { aPipeline, withoutUploads } from '../builders/pipeline.ts';
import { ACCOUNT } from '../builders/policy.ts';
import { sqsEvent } from '../builders/sqs-event.ts';
import { httpEvent, STANDARD_SECRET, standardHeaders } from '../builders/webhook-events.ts';
import { ADMINISTRATOR } from '../fakes/kubernetes.ts';
import { recordingMetrics } from '../fakes/metrics.ts';
import type { Delivery } from '../fakes/queues.ts';
import { countingRandom } from '../fakes/random.ts';
import { memorySecrets } from '../fakes/secrets.ts';
import { FOREIGN, observed } from '../simulation/observed.ts';
import { differences, permissionSetRole, type Said, truth } from '../simulation/oracle.ts';
import { type PortCall, type Service, withCalls } from './calls-at-ports.ts';
import type { Effort, Figures, Measurement } from './figures.ts';
import { quantile, rounded } from './statistics.ts';
import { VirtualTime } from './virtual-time.ts';

/** What one call takes, in virtual milliseconds: assumed, near what these services take within a Region. */
export const CALL_TAKES: Readonly<Record<Service, { readonly read: number; readonly write: number }>> = {
  DynamoDB: { read: 4, write: 7 },
  SQS: { read: 10, write: 10 },
  IAM: { read: 40, write: 80 },
  EKS: { read: 60, write: 100 },
  Kubernetes: { read: 20, write: 35 },
  'Secrets Manager': { read: 15, write: 30 },
  EventBridge: { read: 15, write: 15 },
  web: { read: 100, write: 100 },
};
/** What each item more in one BatchGetItem adds. */
const EACH_FURTHER_ITEM = 0.1;
/** Each call takes between three quarters and five quarters of that, and one in a hundred five times as long. */
const SLOW = { one: 0.01, times: 5 };
/** From the queue to the running function, and what a warm function spends beside its calls. */
const POLL = 20;
const OVERHEAD = 5;
/** Functions are ended after this, as in template.yaml, and SQS shows their messages again after six times as long. */
const TIME: Record<QueueName, number> = { intake: 30_000, iam: 10_000, clusters: 10_000, later: 10_000 };
const BATCH: Record<QueueName, number> = { intake: 10, iam: 1, clusters: 1, later: 10 };
const AT_ONCE: Record<QueueName, number> = { intake: 10, iam: 10, clusters: 50, later: 10 };

/** In the messages that ask to verify. */
const VERIFICATION = '"target":"verify/';

/** A storm that is not over by then is never. */
const MOST_SECONDS = 4 * 3600;

const CLUSTERS = ['prod-eu'];
const arnOf = (cluster: string) => `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/${cluster}`;
const POLICY = `
apiVersion: gatehouse/v1
clusters:
${CLUSTERS.map((name) => `  ${name}: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }`).join('\n')}
identities:
  - { source: standard, session: "{login}" }
levels:
  operator: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get, list] } ] }
grants:
  - { name: operators, to: { group: operators, source: standard }, on: { clusters: "*" }, level: operator, through: sso, permissionSet: Ops }
`;

/** How a storm is: who is there before, and what comes how fast. */
export interface Weather {
  readonly events: number;
  /** One event in so many takes somebody's access away; the others give. */
  readonly revocationEvery: number;
  /** Events a second. */
  readonly rate: number;
  /** Revocations one by one, with everything idle in between. */
  readonly idle: number;
}

/** What came of a storm. */
export interface Storm {
  readonly acknowledged: number;
  readonly refused: number;
  readonly lost: number;
  readonly differences: readonly string[];
  readonly calls: ReadonlyMap<string, number>;
  readonly turns: number;
  /** Functions that were ended because their time was over. */
  readonly timeouts: number;
  readonly marks: number;
  readonly mostWaiting: number;
  readonly acknowledgements: readonly number[];
  readonly idle: readonly number[];
  readonly revocations: readonly number[];
  readonly grants: readonly number[];
  readonly seconds: number;
}

/** A function that runs; dead once it has answered or its time is over. */
interface Process {
  dead: boolean;
}

const never = new Promise<never>(() => undefined);

/** A storm of membership events through all functions, in virtual time. */
export async function storm(weather: Weather, tell: (line: string) => void = () => undefined): Promise<Storm> {
  const world = await aPipeline({ policy: POLICY });
  const { clock, queues } = world;
  await world.iam.get(ACCOUNT)!.createRole({
    name: permissionSetRole('Ops'),
    path: '/aws-reserved/sso.amazonaws.com/',
    trust: {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Deny', Principal: '*', Action: 'sts:AssumeRole' }],
    },
    tags: {},
    maxSessionSeconds: 3600,
  });
  for (const cluster of CLUSTERS) {
    world.clusters.get(arnOf(cluster))!.seed({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'kube-system', name: 'aws-auth' },
      data: { mapRoles: FOREIGN },
    });
  }
  const said: Said[] = [];
  const leavers = Math.floor(weather.events / weather.revocationEvery);
  const there = Array.from({ length: leavers + weather.idle }, (_, index) => `member-${index}`);
  for (const user of there) {
    const at = clock.now();
    said.push(
      { type: 'user', user, login: user, at },
      { type: 'membership', group: 'operators', user, present: true, at },
    );
    await world.say(
      { type: 'user', source: 'standard', user, login: user, at },
      { type: 'membership', source: 'standard', group: 'operators', user, state: 'present', at },
    );
  }
  await world.settle(3_600_000);
  if (world.failures.length > 0) throw world.failures[0];

  const time = new VirtualTime(clock);
  const random = countingRandom(1);
  const calls = new Map<string, number>();
  let counting = false;
  let marksPut = 0;
  let turns = 0;
  const takes = ({ service, isWrite, items }: PortCall) => {
    const usual = CALL_TAKES[service][isWrite ? 'write' : 'read'] + (items - 1) * EACH_FURTHER_ITEM;
    const slow = random.fraction() < SLOW.one ? SLOW.times : 1;
    return Math.round(usual * (0.75 + random.fraction() / 2) * slow);
  };

  const portsOf = (process: Process): TurnPorts => {
    const timed = withCalls(world.ports, async (call) => {
      if (process.dead) return never;
      if (counting) {
        const key = `${call.service} ${call.isWrite ? 'writes' : 'reads'}`;
        calls.set(key, (calls.get(key) ?? 0) + call.calls);
      }
      await time.after(takes(call));
      if (process.dead) return never;
    });
    const sending: Queues = {
      async send(queue, messages) {
        await timed.queues.send(queue, messages);
        for (const { delaySeconds = 0 } of messages)
          time.at(clock.now() + POLL + delaySeconds * 1000, () => pump(queue));
      },
    };
    return { ...timed, queues: sending };
  };

  const failures: unknown[] = [];
  const log = {
    info: (message: string, { kind, marks }: Readonly<Record<string, unknown>>) => {
      if (message === 'planned' && counting) marksPut += Number(marks);
      if (message === 'turn' && kind === 'done' && counting) turns += 1;
    },
    warn: () => undefined,
    error: (message: string, details: Readonly<Record<string, unknown>>) => void failures.push(message, details),
  };
  const metrics = recordingMetrics();
  const handlerOf = (queue: QueueName, ports: TurnPorts): ((event: SQSEvent) => Promise<SQSBatchResponse>) => {
    if (queue === 'intake') return planAccess(withoutUploads({ ports, log }));
    if (queue === 'iam') return reconcileIam({ ports, limits: TURN_LIMITS, log, metrics });
    if (queue === 'clusters') return reconcileCluster({ ports, limits: TURN_LIMITS, log, metrics });
    return verifyAccess({ ports, limits: TURN_LIMITS, log });
  };
  const running: Record<QueueName, number> = { intake: 0, iam: 0, clusters: 0, later: 0 };
  let timeouts = 0;
  const invoke = async (queue: QueueName, batch: readonly Delivery[]) => {
    running[queue] += 1;
    const process: Process = { dead: false };
    const end = (failed: ReadonlySet<string>) => {
      if (process.dead) return;
      process.dead = true;
      running[queue] -= 1;
      for (const { id, handle } of batch) if (!failed.has(id)) queues.delete(handle);
      // What failed shows again when its visibility ends.
      if (failed.size > 0) time.at(clock.now() + 6 * TIME[queue] + 1, () => pump(queue));
      pump(queue);
    };
    time.at(clock.now() + TIME[queue], () => {
      if (process.dead) return;
      timeouts += 1;
      end(new Set(batch.map(({ id }) => id)));
    });
    await time.after(OVERHEAD);
    // Verification runs beside the pipeline, and in memory its reviews would take all of the time.
    const handled = batch.filter(({ body }) => !body.includes(VERIFICATION));
    const { batchItemFailures } = await handlerOf(queue, portsOf(process))(sqsEvent(handled));
    end(new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)));
  };
  const pump = (queue: QueueName) => {
    while (running[queue] < AT_ONCE[queue]) {
      const batch = queues.receive(queue, BATCH[queue]);
      if (batch.length === 0) return;
      void invoke(queue, batch);
    }
  };

  /** Whom each cluster binds now, by the binding. */
  const bound = new Map<string, Map<string, Set<string>>>(CLUSTERS.map((cluster) => [cluster, new Map()]));
  const waiting = new Map<string, { present: boolean; since: number; into: number[] }>();
  const isBound = (cluster: string, user: string) =>
    [...bound.get(cluster)!.values()].some((users) => users.has(`gatehouse:permission-set:Ops:${user}`));
  const see = (cluster: string, object: KubernetesObject) => {
    if (object.kind !== 'ClusterRoleBinding') return;
    bound.get(cluster)!.set(object.metadata.name, new Set(object.subjects?.map(({ name }) => name)));
  };
  for (const cluster of CLUSTERS) {
    const kubernetes = world.clusters.get(arnOf(cluster))!;
    for (const object of (await kubernetes.as(ADMINISTRATOR).list('ClusterRoleBinding', {})).items)
      see(cluster, object);
    const written = (object: KubernetesObject) => {
      see(cluster, object);
      for (const [user, { present, since, into }] of waiting) {
        if (CLUSTERS.some((one) => isBound(one, user) !== present)) continue;
        into.push(clock.now() - since);
        waiting.delete(user);
      }
    };
    for (const method of ['create', 'replace'] as const) {
      const original = kubernetes[method];
      kubernetes[method] = async (object) => {
        const result = await original(object);
        written(result);
        return result;
      };
    }
    const { remove } = kubernetes;
    kubernetes.remove = async (ref, precondition) => {
      await remove(ref, precondition);
      written({ apiVersion: '', kind: ref.kind, metadata: { name: ref.name }, subjects: [] } as never);
    };
  }

  const secrets = memorySecrets({ 'gatehouse/webhooks/standard': JSON.stringify({ current: STANDARD_SECRET }) });
  const receiverPorts = portsOf({ dead: false });
  const receiver = receiveWebhook({
    ports: receiverPorts,
    secrets: new SigningSecrets({ secrets, clock }, 'gatehouse/webhooks/'),
    sources: webhookSources,
    log,
    metrics,
  });
  const acknowledgements: number[] = [];
  let refused = 0;
  let sent = 0;
  const send = async (user: string, present: boolean, into: number[], acks: number[]) => {
    const at = clock.now();
    sent += 1;
    said.push({ type: 'user', user, login: user, at }, { type: 'membership', group: 'operators', user, present, at });
    waiting.set(user, { present, since: at, into });
    const body = JSON.stringify({
      type: present ? 'group.member-added' : 'group.member-removed',
      timestamp: new Date(at).toISOString(),
      data: { group: { id: 'operators' }, user: { id: user, login: user } },
    });
    await time.after(OVERHEAD);
    const { statusCode } = await receiver(
      httpEvent({ headers: standardHeaders(body, { id: `msg_${sent}`, at }), body }),
    );
    if (statusCode === 204) acks.push(clock.now() - at);
    else refused += 1;
  };

  tell(`${weather.idle} revocations, one by one`);
  const idle: number[] = [];
  for (const user of there.slice(leavers)) {
    await time.run(clock.now() + 120_000);
    void send(user, false, idle, []);
    await time.run();
  }
  clock.advance(600_000);

  tell(`${weather.events} events`);
  counting = true;
  const revocations: number[] = [];
  const grants: number[] = [];
  const began = clock.now();
  for (let event = 0; event < weather.events; event++) {
    const leaves = event % weather.revocationEvery === weather.revocationEvery - 1;
    const user = leaves ? there[Math.floor(event / weather.revocationEvery)]! : `joiner-${event}`;
    time.at(began + Math.round((event * 1000) / weather.rate), () => {
      void send(user, !leaves, leaves ? revocations : grants, acknowledgements);
    });
  }
  let mostWaiting = 0;
  let over = 0;
  for (let seconds = 1; ; seconds++) {
    await time.run(began + seconds * 1000);
    mostWaiting = Math.max(mostWaiting, waiting.size);
    if (waiting.size > 0) over = clock.now();
    const marks = world.table
      .items()
      .filter(({ pk, sk }) => sk.startsWith('mark#') && !pk.startsWith('target#verify/')).length;
    const left = waiting.size + marks + queues.depth('intake') + queues.depth('later') + queues.depth('clusters');
    if ((left === 0 && seconds * weather.rate > weather.events) || seconds > MOST_SECONDS) break;
    if (seconds % 60 === 0) void tick(receiverPorts, clock.now());
  }
  if (failures.length > 0)
    throw new Error(
      `a function failed: ${failures
        .slice(0, 2)
        .map((one) => JSON.stringify(one))
        .join(' ')}`,
    );
  const actual = await observed(
    new Map(CLUSTERS.map((name) => [name, world.clusters.get(arnOf(name))!.as(ADMINISTRATOR)])),
    world.iam.get(ACCOUNT)!,
  );
  return {
    acknowledged: acknowledgements.length,
    refused,
    lost: waiting.size,
    differences: differences(actual, truth(POLICY, said)),
    calls,
    turns,
    timeouts,
    marks: marksPut,
    mostWaiting,
    acknowledgements,
    idle,
    revocations,
    grants,
    seconds: (over - began) / 1000,
  };
}

const EVENTS = 10_000;
const MOST_TIMES = 2;

/** A storm of 10,000 events, in virtual time: exact, the same on any machine. */
export const storms: Measurement = {
  name: 'storm',
  async measure({ quick, tell }: Effort): Promise<Figures> {
    const events = quick ? 500 : EVENTS;
    const title = `A storm of ${events.toLocaleString('en')} events`;
    const came = await storm({ events, revocationEvery: 20, rate: 500, idle: quick ? 50 : 500 }, tell);
    const { idle, revocations, grants, acknowledgements } = came;
    const ms = (list: readonly number[], part: number) => Math.round(quantile(list, part));
    const times = (part: number) => rounded(quantile(revocations, part) / quantile(idle, part));
    const latencies: [string, readonly number[]][] = [
      ['acknowledged', acknowledgements],
      ['revoked, idle', idle],
      ['revoked, in the storm', revocations],
      ['granted, in the storm', grants],
    ];
    const row = (what: string, value: number, unit: string) => [what, value, unit];
    return {
      name: 'storm',
      title,
      columns: ['measured', 'value', 'unit'],
      rows: [
        row('events', events, 'of memberships, 1 in 20 a removal'),
        row('acknowledged', came.acknowledged, 'events'),
        row('lost', came.lost, 'events'),
        row('differences from the oracle at the end', came.differences.length, 'lines'),
        row('functions that ran out of time', came.timeouts, ''),
        ...[...came.calls].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, count]) => row(what, count, 'calls')),
        row('marks', came.marks, ''),
        row('turns', came.turns, ''),
        row('over after', Math.round(came.seconds), 's'),
        ...latencies.flatMap(([what, list]) => [
          row(`${what}, p50`, ms(list, 0.5), 'ms'),
          row(`${what}, p99`, ms(list, 0.99), 'ms'),
        ]),
      ],
      targets: [
        { what: 'events of a storm that are lost', atMost: 0, measured: came.lost, unit: 'events' },
        {
          what: 'events of a storm that are not acknowledged',
          atMost: 0,
          measured: events - came.acknowledged,
          unit: 'events',
        },
        {
          what: 'lines that differ from the oracle after a storm',
          atMost: 0,
          measured: came.differences.length,
          unit: 'lines',
        },
        { what: 'a revocation in a storm against idle, p50', atMost: MOST_TIMES, measured: times(0.5), unit: 'times' },
        { what: 'a revocation in a storm against idle, p99', atMost: MOST_TIMES, measured: times(0.99), unit: 'times' },
      ],
      plots: [
        {
          file: 'storm',
          title,
          kind: 'bars',
          x: 'what a sender or an operator waits for',
          y: 'virtual time, ms',
          labels: latencies.slice(0, 3).map(([what]) => what),
          series: [0.5, 0.99].map((part) => ({
            name: `p${part * 100}`,
            values: latencies.slice(0, 3).map(([, list]) => ms(list, part)),
          })),
        },
      ],
    };
  },
};
