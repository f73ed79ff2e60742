import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { QueueName } from '@gatehouse/core/ports/queues';
import { SigningSecrets } from '@gatehouse/core/sources/signing-secrets';
import { eventSources, webhookSources } from '@gatehouse/core/sources/sources';
import { TURN_LIMITS } from '@gatehouse/core/work/turn-ports';
import { createHandler as planAccess } from '../../functions/plan-access/handler.ts';
import { createHandler as receiveEvent } from '../../functions/receive-event/handler.ts';
import { createHandler as receiveWebhook } from '../../functions/receive-webhook/handler.ts';
import { createHandler as reconcileCluster } from '../../functions/reconcile-cluster/handler.ts';
import { createHandler as reconcileIam } from '../../functions/reconcile-iam/handler.ts';
import { createHandler as verifyAccess } from '../../functions/verify-access/handler.ts';
import { aPipeline, described } from '../builders/pipeline.ts';
import { ACCOUNT } from '../builders/policy.ts';
import { sqsEvent } from '../builders/sqs-event.ts';
import { httpEvent, STANDARD_SECRET, standardHeaders } from '../builders/webhook-events.ts';
import { memoryDocuments } from '../fakes/documents.ts';
import { recordingMetrics } from '../fakes/metrics.ts';
import { memorySecrets } from '../fakes/secrets.ts';
import { type PortCall, withCalls } from './calls-at-ports.ts';
import type { Effort, Figures, Measurement } from './figures.ts';

const MEMBERS = 5;
const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod`;
const JOINING = ARN.replace('prod', 'new');
const POLICY = `
apiVersion: gatehouse/v1
clusters:
  prod: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
discover: [ { account: "${ACCOUNT}", region: eu-west-1, tag: { gatehouse: managed }, mode: enforce } ]
identities:
  - { source: standard, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
levels:
  operator: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get] } ] }
  # By which the bootstrap lets Gatehouse give more than the other level has.
  watcher: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get, list] } ] }
grants:
  - { name: operators, to: { group: operators, source: standard }, on: { clusters: "*" }, level: operator, through: role }
  - { name: watchers, to: { group: watchers, source: standard }, on: { clusters: "*" }, level: watcher, through: role }
`;

/** What happens, and what the sender or AWS says of it. `twice`: only the second time counts. */
const KINDS: Readonly<Record<string, Happening>> = {
  'somebody joins a group': { type: 'group.member-added', data: { group: { id: 'operators' }, user: person(99) } },
  'somebody leaves a group': { type: 'group.member-removed', data: { group: { id: 'operators' }, user: person(0) } },
  'a user is deactivated': { type: 'user.disabled', data: { user: person(0) } },
  [`a group of ${MEMBERS} is deleted`]: { type: 'group.deleted', data: { group: { id: 'operators' } } },
  'a level is given more in the policy': { policy: POLICY.replace('verbs: [get] ', 'verbs: [get, list] ') },
  'a cluster is created': { cluster: JOINING },
  'the same event again': {
    twice: true,
    type: 'group.member-removed',
    data: { group: { id: 'operators' }, user: person(0) },
  },
  'an event about a group that no grant names': {
    type: 'group.member-added',
    data: { group: { id: 'strangers' }, user: person(0) },
  },
  'an event of which nothing is done': { type: 'group.renamed', data: { group: { id: 'operators' } } },
};

type Happening =
  | { readonly type: string; readonly data: object; readonly twice?: true }
  | { readonly policy: string }
  | { readonly cluster: string };

function person(index: number) {
  return { id: `u-${index}`, login: `person-${index}` };
}

/** Calls of one kind of event, by service and whether they write: `DynamoDB reads`. */
export type Counted = Readonly<Record<string, number>>;

const COLUMNS = [
  'DynamoDB reads',
  'DynamoDB writes',
  'SQS sends',
  'IAM reads',
  'IAM writes',
  'EKS calls',
  'Kubernetes reads',
  'Kubernetes writes',
  'access reviews',
] as const;
type Column = (typeof COLUMNS)[number];

/** The kinds of events, each with what it costs until nothing is left to do, verification included. */
export async function callsPerEvent(): Promise<ReadonlyMap<string, Counted>> {
  const counted = new Map<string, Counted>();
  for (const [kind, happening] of Object.entries(KINDS)) counted.set(kind, await callsOf(happening));
  return counted;
}

async function callsOf(happening: Happening): Promise<Counted> {
  const people = [...Array.from({ length: MEMBERS }, (_, index) => index), 99];
  const world = await aPipeline({ policy: POLICY, users: people.map((index) => person(index).login) });
  const { clock, queues } = world;
  const counts = new Map<string, number>();
  const ports = withCalls(world.ports, (call) => {
    const column = columnOf(call);
    if (column) counts.set(column, (counts.get(column) ?? 0) + call.calls);
  });
  const problems: unknown[] = [];
  const log = { info: () => undefined, warn: () => undefined, error: (...of: unknown[]) => void problems.push(of) };
  const metrics = recordingMetrics();
  const documents = memoryDocuments();
  const turns = { ports, limits: TURN_LIMITS, log, metrics };
  const handlers = {
    intake: planAccess({ ports: { ...ports, documents }, uploads: { bucket: 'policies', trusted: true }, log }),
    iam: reconcileIam(turns),
    clusters: reconcileCluster(turns),
    later: verifyAccess(turns),
  };
  const settle = async () => {
    for (;;) {
      let busy = false;
      for (const queue of Object.keys(handlers) as QueueName[]) {
        const batch = queues.receive(queue, queue === 'intake' || queue === 'later' ? 10 : 1);
        if (batch.length === 0) continue;
        busy = true;
        await handlers[queue](sqsEvent(batch));
        for (const { handle } of batch) queues.delete(handle);
      }
      if (busy) continue;
      const next = queues.nextVisibleAt();
      if (next === undefined) return;
      clock.advance(Math.max(1, next - clock.now()));
    }
  };
  const secrets = memorySecrets({ 'gatehouse/webhooks/standard': JSON.stringify({ current: STANDARD_SECRET }) });
  const webhooks = receiveWebhook({
    ports,
    secrets: new SigningSecrets({ secrets, clock }, 'gatehouse/webhooks/'),
    sources: webhookSources,
    log,
    metrics,
  });
  const events = receiveEvent({
    ports,
    sources: eventSources,
    trust: { accounts: new Set([ACCOUNT]), ownRoles: new Set() },
    policyBucket: 'policies',
    log,
    metrics,
  });
  const sample = (path: string) =>
    JSON.parse(readFileSync(join(import.meta.dirname, '../../events', path), 'utf8')) as Record<string, unknown>;
  const bodies = new Map<string, string>();
  let sent = 0;
  const send = async (type: string, data: object, id = `msg_${++sent}`) => {
    // Who sends an event again signs it anew; the event stays as it was.
    const body = bodies.get(id) ?? JSON.stringify({ type, timestamp: new Date(clock.now()).toISOString(), data });
    bodies.set(id, body);
    const { statusCode } = await webhooks(httpEvent({ headers: standardHeaders(body, { id, at: clock.now() }), body }));
    if (statusCode !== 204) throw new Error(`${type} was answered with ${statusCode}`);
  };
  for (let index = 0; index < MEMBERS; index++) {
    await send('group.member-added', { group: { id: 'operators' }, user: person(index) });
  }
  await settle();
  clock.advance(3_600_000);
  problems.length = 0;
  if ('twice' in happening) {
    await send(happening.type, happening.data, 'msg_again');
    await settle();
  }
  counts.clear();
  if ('type' in happening) await send(happening.type, happening.data, 'twice' in happening ? 'msg_again' : undefined);
  else if ('policy' in happening) {
    documents.upload('policies', 'access-policy.yaml', happening.policy);
    const event = sample('policy/uploaded.json');
    const detail = { ...(event.detail as object), bucket: { name: 'policies' }, object: { key: 'access-policy.yaml' } };
    await events({ ...event, account: ACCOUNT, detail });
  } else {
    world.addCluster(happening.cluster);
    world.eks.set(described(happening.cluster, { tags: { gatehouse: 'managed' } }));
    const event = sample('aws/cluster-created.json');
    const name = happening.cluster.slice(happening.cluster.lastIndexOf('/') + 1);
    await events({ ...event, detail: { ...(event.detail as object), requestParameters: { name } } });
  }
  await settle();
  // What failed, or waits for a person, is no measure of what is done.
  problems.push(...world.table.items().filter(({ sk }) => sk.startsWith('mark#')));
  if (problems.length > 0) throw new Error(`something failed: ${JSON.stringify(problems[0])}`);
  return Object.fromEntries(COLUMNS.map((column) => [column, counts.get(column) ?? 0]));
}

function columnOf({ service, method, isWrite }: PortCall): Column | undefined {
  if (service === 'SQS') return 'SQS sends';
  if (service === 'EKS') return 'EKS calls';
  if (method === 'review') return 'access reviews';
  if (service !== 'DynamoDB' && service !== 'IAM' && service !== 'Kubernetes') return undefined;
  return `${service} ${isWrite ? 'writes' : 'reads'}`;
}

/** What one event costs, counted at the ports: exact, the same on any machine. */
export const calls: Measurement = {
  name: 'calls',
  async measure({ tell }: Effort): Promise<Figures> {
    tell(`${Object.keys(KINDS).length} kinds of events`);
    const counted = [...(await callsPerEvent())];
    return {
      name: 'calls',
      title: 'Calls per event',
      columns: ['event', ...COLUMNS],
      rows: counted.map(([kind, counts]) => [kind, ...COLUMNS.map((column) => counts[column]!)]),
      targets: [],
      plots: [
        {
          file: 'calls-per-event',
          title: 'Calls per event',
          kind: 'bars',
          x: 'event',
          y: 'calls',
          labels: counted.map(([kind]) => kind),
          series: ['DynamoDB reads', 'DynamoDB writes', 'access reviews'].map((column) => ({
            name: column,
            values: counted.map(([, counts]) => counts[column]!),
          })),
        },
      ],
    };
  },
};
