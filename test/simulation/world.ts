import { Failure } from '@gatehouse/core/access/failure';
import { CONTROLLER_USERNAME } from '@gatehouse/core/bootstrap/manifest';
import type { Fact } from '@gatehouse/core/directory/fact';
import { factKey } from '@gatehouse/core/directory/items';
import { nudgePlanner } from '@gatehouse/core/directory/nudge';
import { recordFact } from '@gatehouse/core/directory/record';
import { policyInForce } from '@gatehouse/core/policy/in-force';
import { noteUpload, UPLOADED_KEY } from '@gatehouse/core/policy/uploaded';
import { readVersion } from '@gatehouse/core/policy/versions';
import type { Documents } from '@gatehouse/core/ports/documents';
import type { Iam } from '@gatehouse/core/ports/iam';
import type { Kubernetes, KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import type { QueueName } from '@gatehouse/core/ports/queues';
import type { World } from '@gatehouse/core/ports/world';
import { readMark } from '@gatehouse/core/work/marks';
import { sweep } from '@gatehouse/core/work/sweep';
import { tick } from '@gatehouse/core/work/tick';
import { TURN_LIMITS, type TurnPorts } from '@gatehouse/core/work/turn-ports';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { createHandler as planAccess } from '../../functions/plan-access/handler.ts';
import { createHandler as reconcileCluster } from '../../functions/reconcile-cluster/handler.ts';
import { createHandler as reconcileIam } from '../../functions/reconcile-iam/handler.ts';
import { createHandler as verifyAccess } from '../../functions/verify-access/handler.ts';
import { newIamState } from '../../sandbox/src/aws/iam/state.ts';
import { bootstrapObjects } from '../builders/pipeline.ts';
import { ACCOUNT, policyOf } from '../builders/policy.ts';
import { sqsEvent } from '../builders/sqs-event.ts';
import { fixedClock } from '../fakes/clock.ts';
import { memoryDocuments } from '../fakes/documents.ts';
import { memoryEks } from '../fakes/eks.ts';
import { memoryIam } from '../fakes/iam.ts';
import { asUser, type MemoryKubernetes, memoryKubernetes } from '../fakes/kubernetes.ts';
import { recordingMetrics } from '../fakes/metrics.ts';
import { recordingNotices } from '../fakes/notices.ts';
import { type Delivery, memoryQueues } from '../fakes/queues.ts';
import { countingRandom } from '../fakes/random.ts';
import { memorySecrets } from '../fakes/secrets.ts';
import { memoryTable } from '../fakes/table.ts';
import { memoryWeb } from '../fakes/web.ts';
import { bindingLines, doorLines, FOREIGN, observed, trusted } from './observed.ts';
import { everAllowed, type Said, truth } from './oracle.ts';

/** One thing that happens: an event that says something, or a policy that is uploaded. */
export type Happening = { readonly say: readonly Said[] } | { readonly upload: string };

/** What may go wrong, and how often at most in one run. */
export interface Faults {
  /** Processes that stop for ever at some call: before it, or after it took effect. */
  readonly crashes: number;
  /** Calls that fail: not done and said so, or done and not said. */
  readonly failures: number;
  /** Messages that vanish, and messages that come again. */
  readonly messages: number;
  /** Messages that are handed out twice at once. */
  readonly twice: number;
  /** Whether the minute's tick runs while the events come. */
  readonly ticks: boolean;
}

export const NO_FAULTS: Faults = { crashes: 0, failures: 0, messages: 0, twice: 0, ticks: false };

interface Process {
  readonly id: number;
  readonly name: string;
  /** Killed after this, milliseconds UTC, as Lambda does. */
  readonly until: number;
  /** How likely it goes on when it is its turn: some are far slower than all others. */
  readonly speed: number;
  readonly onEnd: (how: 'done' | 'failed' | 'killed') => void;
  dead: boolean;
}

type Verdict = 'go' | 'crash after' | 'fail before' | 'fail after';

interface Gate {
  readonly process: Process;
  readonly label: string;
  readonly open: (verdict: Verdict) => void;
}

const BATCH: Record<QueueName, number> = { intake: 10, iam: 1, clusters: 1, later: 10 };
const VISIBILITY: Record<QueueName, number> = { intake: 180, iam: 60, clusters: 60, later: 60 };
/** Time-outs of the functions, in milliseconds. */
const TIME: Record<QueueName, number> = { intake: 30_000, iam: 10_000, clusters: 10_000, later: 10_000 };
const AT_ONCE: Record<QueueName, number> = { intake: 4, iam: 8, clusters: 8, later: 3 };
const QUEUES = Object.keys(BATCH) as QueueName[];
const BUCKET = 'policies';
const POLICY_KEY = 'access-policy.yaml';
const never = new Promise<never>(() => undefined);
const MOST_STEPS = 60_000;

/**
 * The whole pipeline, with every call to the world held at a gate. A seeded driver opens one gate at a time, so that any number
 * of functions run at once, interleaved at every call; it starts, kills and fails them, loses and repeats messages, and moves
 * time. The same seed gives the same run.
 */
export class Simulation {
  readonly clock = fixedClock();
  readonly table = memoryTable();
  readonly ledger = memoryTable();
  readonly trace: string[] = [];
  /** Broken promises, in words. */
  readonly broken: string[] = [];
  readonly clusters = new Map<string, MemoryKubernetes>();
  readonly admins = new Map<string, MemoryKubernetes>();
  readonly iam;
  readonly queues;
  readonly said: Said[] = [];
  readonly policies: string[] = [];
  readonly #random;
  readonly #ids = countingRandom(1);
  readonly #secrets = memorySecrets();
  readonly #documents = memoryDocuments();
  readonly #written = new Set<Happening>();
  readonly #gates: Gate[] = [];
  readonly #processes = new Set<Process>();
  readonly #running: Record<QueueName, number> = { intake: 0, iam: 0, clusters: 0, later: 0 };
  readonly #intervals = new Map<string, Map<number, { first: number; last: number; name: string }>>();
  #allowed: Set<string> | undefined;
  #faults: { -readonly [fault in keyof Faults]: Faults[fault] } = { ...NO_FAULTS };
  #steps = 0;
  #processCount = 0;
  #events = 0;
  #lastTick = this.clock.now();

  /** @param roles Roles of others that exist. */
  constructor(
    seed: number,
    bootstrap: string,
    users: readonly string[],
    roles: readonly { readonly name: string; readonly path: string }[] = [],
  ) {
    this.#random = countingRandom(seed);
    this.queues = memoryQueues(this.clock, { visibilitySeconds: VISIBILITY });
    const state = newIamState([ACCOUNT], { seed: 'simulation', now: () => this.clock.now() });
    this.iam = memoryIam(state, ACCOUNT);
    for (const name of users) void this.iam.createUser({ name, path: '/', tags: {} });
    for (const { name, path } of roles) {
      const trust = {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Deny', Principal: '*', Action: 'sts:AssumeRole' }],
      };
      void this.iam.createRole({ name, path, trust, tags: {}, maxSessionSeconds: 3600 });
    }
    const policy = policyOf(bootstrap);
    for (const cluster of policy.clusters) {
      const admin = memoryKubernetes();
      admin.seed(...bootstrapObjects(policy, cluster), {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace: 'kube-system', name: 'aws-auth' },
        data: { mapRoles: FOREIGN },
      });
      this.admins.set(cluster.name, admin);
      this.clusters.set(cluster.name, memoryKubernetes({ state: admin.state, user: asUser(CONTROLLER_USERNAME) }));
    }
  }

  /** Lets things happen, with faults meanwhile; then stops the faults and runs until nothing is left to do. */
  async run(happenings: readonly Happening[], faults: Faults): Promise<void> {
    this.#faults = { ...faults };
    const left = happenings.map((happening) => ({ happening, notBefore: 0 }));
    for (;;) {
      if (left.length === 0 && this.#processes.size === 0 && this.#chance(0.5)) break;
      await this.#step(left);
      if (left.length === 0 && this.#processes.size === 0 && !this.#anythingVisible()) break;
    }
    this.#faults = { ...NO_FAULTS, ticks: faults.ticks };
    await this.#drain(left);
  }

  /** The hour's sweep, to its end. Answers the writes it made. */
  async sweepAll(): Promise<string[]> {
    this.iam.calls.length = 0;
    for (const cluster of this.clusters.values()) cluster.calls.length = 0;
    this.#start('sweep', 60_000, (process) => sweep(this.#portsOf(process), this.clock.now()).then(() => undefined));
    await this.#drain([]);
    return this.writes();
  }

  writes(): string[] {
    return [
      ...this.iam.calls.filter((call) => !/^(get|list)/.test(call)),
      ...[...this.clusters.values()].flatMap((one) => one.writes().map(({ method, object }) => `${method} ${object}`)),
    ];
  }

  /** The text of the policy in force. */
  async policy(): Promise<string> {
    const inForce = await policyInForce(this.table);
    return (await readVersion(this.table, inForce!.version))!.text;
  }

  async actual() {
    return observed(this.admins, this.iam);
  }

  async expected() {
    return truth(await this.policy(), this.said);
  }

  marks() {
    return this.table
      .items()
      .filter(({ sk }) => sk.startsWith('mark#'))
      .map(readMark);
  }

  async #drain(left: { happening: Happening; notBefore: number }[]): Promise<void> {
    const end = this.clock.now() + 4 * 3_600_000;
    for (;;) {
      await this.#step(left);
      if (this.#processes.size > 0 || left.length > 0) continue;
      if (this.#anythingVisible()) continue;
      const ripe = this.marks().filter(({ finding }) => !finding);
      const dirty = this.table.items().filter((item) => typeof item.dirty === 'string');
      const next = this.queues.nextVisibleAt();
      if (next === undefined && (ripe.length + dirty.length === 0 || !this.#faults.ticks)) return;
      if (this.clock.now() > end) {
        throw new Error(`does not come to rest: ${JSON.stringify({ ripe, dirty })}`);
      }
      const until = Math.min(next ?? Number.POSITIVE_INFINITY, this.#lastTick + 60_000);
      if (until > this.clock.now()) this.clock.advance(until - this.clock.now());
    }
  }

  #anythingVisible(): boolean {
    const next = this.queues.nextVisibleAt();
    const waiting = QUEUES.reduce((sum, queue) => sum + this.queues.depth(queue), 0);
    return waiting > 0 && (next === undefined || this.#receivable);
  }

  /** Set by the last round of deliveries: whether any queue gave something. */
  #receivable = false;

  async #step(left: { happening: Happening; notBefore: number }[]): Promise<void> {
    this.#steps += 1;
    if (this.#steps > MOST_STEPS) throw new Error('too many steps: something is woken for ever');
    this.#kill();
    if (this.#faults.ticks && this.clock.now() - this.#lastTick >= 60_000) {
      this.#lastTick = this.clock.now();
      this.#start('tick', 30_000, (process) => tick(this.#portsOf(process), this.clock.now()).then(() => undefined));
    }
    if (left.length > 0 && this.#processes.size < 6 && this.#chance(0.15)) this.#happen(left);
    if (this.#gates.length < 3 || this.#chance(0.2)) this.#deliver();
    if (this.#gates.length > 0) await this.#open();
    else await settled();
    const stands = this.#faults.crashes > 0 && this.#chance(0.005);
    this.clock.advance(Math.floor(this.#fraction() * (stands ? 12_000 : 10)));
  }

  #happen(left: { happening: Happening; notBefore: number }[]): void {
    const index = left.findIndex(({ notBefore }) => notBefore <= this.clock.now());
    if (index < 0) {
      this.clock.advance(1_000);
      return;
    }
    const [one] = left.splice(index, 1);
    const { happening } = one!;
    // Senders repeat what was not acknowledged.
    const onEnd = (how: string) => {
      if (how !== 'done') left.push({ happening, notBefore: this.clock.now() + 5_000 });
    };
    this.#events += 1;
    const cause = { source: 'okta', event: `event-${this.#events}`, type: 'test', receivedAt: this.clock.now() };
    if ('upload' in happening) {
      // The object is written once; what is repeated is the word of it.
      if (!this.#written.has(happening)) {
        this.#written.add(happening);
        this.policies.push(happening.upload);
        this.#documents.upload(BUCKET, POLICY_KEY, happening.upload);
      }
      this.#allowed = undefined;
      this.#start(
        'upload',
        10_000,
        async (process) => {
          const ports = this.#portsOf(process);
          await noteUpload(ports, { key: POLICY_KEY, requester: 'test' }, cause);
          await nudgePlanner(ports, [UPLOADED_KEY]);
        },
        onEnd,
      );
      return;
    }
    this.said.push(...happening.say);
    this.#allowed = undefined;
    this.#start(
      `say ${JSON.stringify(happening.say)}`,
      10_000,
      async (process) => {
        const ports = this.#portsOf(process);
        const facts = happening.say.map(factOf);
        for (const fact of facts) await recordFact(ports, fact, cause);
        await nudgePlanner(ports, facts.map(factKey));
      },
      onEnd,
    );
  }

  #deliver(): void {
    this.#receivable = false;
    for (const queue of QUEUES) {
      if (this.#running[queue] >= AT_ONCE[queue]) {
        this.#receivable = true;
        continue;
      }
      const batch = this.queues.receive(queue, BATCH[queue]);
      if (batch.length === 0) continue;
      this.#receivable = true;
      const lost = batch.filter(() => this.#fault('messages', 0.1));
      for (const { handle, id } of lost) {
        this.trace.push(`${queue}: ${id} is lost`);
        this.queues.delete(handle);
      }
      const rest = batch.filter((one) => !lost.includes(one));
      if (rest.length === 0) continue;
      this.#invoke(queue, rest);
      if (this.#fault('twice', 0.1)) {
        this.trace.push(`${queue}: handed out twice`);
        this.#invoke(queue, rest);
      }
    }
  }

  #invoke(queue: QueueName, batch: readonly Delivery[]): void {
    this.#running[queue] += 1;
    const name = `${queue} ${batch.map(({ body }) => body.replace(/.*"target":"/, '')).join(' ')}`;
    this.#start(
      name,
      TIME[queue],
      async (process) => {
        const { batchItemFailures } = await this.#handler(queue, process)(sqsEvent(batch));
        const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
        for (const { id, handle } of batch) {
          if (failed.has(id)) continue;
          if (this.#fault('messages', 0.1)) this.trace.push(`${queue}: ${id} will come again`);
          else this.queues.delete(handle);
        }
      },
      () => {
        this.#running[queue] -= 1;
      },
    );
  }

  #handler(queue: QueueName, process: Process): (event: SQSEvent) => Promise<SQSBatchResponse> {
    const ports = this.#portsOf(process);
    const log = {
      info: () => undefined,
      warn: () => undefined,
      error: (_message: string, { error }: Readonly<Record<string, unknown>>) => this.#failed(process, error),
    };
    const metrics = recordingMetrics();
    if (queue === 'intake') {
      const documents = this.#gated(process, 's3', this.#documents as Documents);
      return planAccess({ ports: { ...ports, documents }, uploads: { bucket: BUCKET, trusted: true }, log });
    }
    if (queue === 'iam') return reconcileIam({ ports, limits: TURN_LIMITS, log, metrics });
    if (queue === 'clusters') return reconcileCluster({ ports, limits: TURN_LIMITS, log, metrics });
    return verifyAccess({ ports, limits: TURN_LIMITS, log });
  }

  #failed(process: Process, error: unknown): void {
    this.trace.push(`${process.id} failed: ${String(error)}`);
    if (!(error instanceof Failure))
      this.broken.push(`${process.name}: ${error instanceof Error ? error.stack : error}`);
  }

  #start(
    name: string,
    time: number,
    work: (process: Process) => Promise<void>,
    onEnd: (how: 'done' | 'failed' | 'killed') => void = () => undefined,
  ): void {
    this.#processCount += 1;
    const process: Process = {
      id: this.#processCount,
      name,
      until: this.clock.now() + time,
      speed: this.#chance(0.25) ? 0.01 : 1,
      onEnd,
      dead: false,
    };
    this.#processes.add(process);
    this.trace.push(`${process.id} starts: ${name}`);
    work(process).then(
      () => this.#end(process, 'done'),
      (error: unknown) => {
        this.#failed(process, error);
        this.#end(process, 'failed');
      },
    );
  }

  #end(process: Process, how: 'done' | 'failed' | 'killed'): void {
    if (!this.#processes.delete(process)) return;
    process.dead = true;
    this.trace.push(`${process.id} ${how}`);
    for (let index = this.#gates.length - 1; index >= 0; index--) {
      if (this.#gates[index]!.process === process) this.#gates.splice(index, 1);
    }
    process.onEnd(how);
  }

  /** Ends what ran out of its function's time. */
  #kill(): void {
    for (const process of this.#processes) if (this.clock.now() >= process.until) this.#end(process, 'killed');
  }

  #nextGate(): number {
    for (let tries = 0; ; tries++) {
      const index = Math.floor(this.#fraction() * this.#gates.length);
      if (tries === 20 || this.#chance(this.#gates[index]!.process.speed)) return index;
    }
  }

  async #open(): Promise<void> {
    const [gate] = this.#gates.splice(this.#nextGate(), 1);
    const { process, label } = gate!;
    if (this.#fault('crashes', 0.02)) {
      if (this.#chance(0.5)) {
        this.trace.push(`${process.id} ${label}: crash before`);
        this.#end(process, 'killed');
        return;
      }
      this.trace.push(`${process.id} ${label}: crash after`);
      gate!.open('crash after');
    } else if (this.#fault('failures', 0.03)) {
      const verdict = this.#chance(0.5) ? 'fail before' : 'fail after';
      this.trace.push(`${process.id} ${label}: ${verdict}`);
      gate!.open(verdict);
    } else {
      this.trace.push(`${process.id} ${label}`);
      gate!.open('go');
    }
    await settled();
  }

  async #call<T>(process: Process, label: string, perform: () => Promise<T>, after: () => void): Promise<T> {
    if (process.dead) return never;
    const verdict = await new Promise<Verdict>((open) => this.#gates.push({ process, label, open }));
    if (verdict === 'fail before') throw new Failure('throttled', `${label} was throttled`);
    const result = perform();
    await result.catch(() => undefined);
    after();
    if (verdict === 'crash after') {
      this.#end(process, 'killed');
      return never;
    }
    if (verdict === 'fail after') {
      await result;
      throw new Failure('ambiguous', `${label} gave no answer`);
    }
    return result;
  }

  #gated<T extends object>(
    process: Process,
    name: string,
    port: T,
    after: (method: string, parameters: unknown[]) => void = () => undefined,
  ): T {
    return new Proxy({} as T, {
      get: (_empty, method) => {
        const member: unknown = Reflect.get(port, method);
        if (typeof member !== 'function') return member;
        return (...parameters: unknown[]) =>
          this.#call(
            process,
            `${name}.${String(method)} ${shown(parameters[0])}`,
            () => member.apply(port, parameters) as Promise<unknown>,
            () => after(String(method), parameters),
          );
      },
    });
  }

  #portsOf(process: Process): TurnPorts {
    const iam: Iam = this.#gated(process, 'iam', this.iam as Iam, (method, [name]) => {
      if (/^(get|list)/.test(method)) return;
      const principal = typeof name === 'string' ? name : (name as { name: string }).name;
      this.#wrote(process, `iam ${principal}`);
      this.#checkTrust();
    });
    const secrets = this.#gated(process, 'secrets', this.#secrets);
    const eks = memoryEks();
    const world: World = {
      secrets,
      account: async () => ({ iam, secrets }),
      eks: async () => eks,
      cluster: async (_account, { name }) => ({ kubernetes: this.#kubernetes(process, name) }),
    };
    return {
      table: this.#gated(process, 'table', this.table),
      ledger: this.#gated(process, 'ledger', this.ledger),
      queues: this.#gated(process, 'queues', this.queues),
      notices: recordingNotices(),
      clock: this.clock,
      random: this.#ids,
      world,
      web: memoryWeb(),
    };
  }

  #kubernetes(process: Process, cluster: string): Kubernetes {
    const port = this.clusters.get(cluster)!;
    return this.#gated(process, cluster, port as Kubernetes, (method, [object]) => {
      if (!['create', 'replace', 'remove'].includes(method)) return;
      this.#wrote(process, cluster);
      if (method !== 'remove') this.#checkObject(cluster, object as KubernetesObject);
    });
  }

  /** Keeps the time from the first to the last write of each process on each target. */
  #wrote(process: Process, target: string): void {
    const byProcess = this.#intervals.get(target) ?? new Map();
    this.#intervals.set(target, byProcess);
    const known = byProcess.get(process.id);
    byProcess.set(process.id, { first: known?.first ?? this.#steps, last: this.#steps, name: process.name });
  }

  /** Pairs of turns whose writes on one target overlapped. */
  overlaps(): string[] {
    return [...this.#intervals].flatMap(([target, byProcess]) => {
      const intervals = [...byProcess.values()].sort((a, b) => a.first - b.first);
      return intervals.flatMap((one, index) => {
        const next = intervals[index + 1];
        return next && next.first <= one.last ? [`${target}: ${one.name} and ${next.name}`] : [];
      });
    });
  }

  #possible(): Set<string> {
    if (!this.#allowed) {
      const { bindings, doors, iamRoles } = everAllowed(this.policies, this.said);
      this.#allowed = new Set([...bindings, ...doors, ...iamRoles]);
    }
    return this.#allowed;
  }

  #checkObject(cluster: string, { kind, metadata: { name, namespace = '' } }: KubernetesObject): void {
    const there = this.admins.get(cluster)!.peek({ kind, name, ...(namespace ? { namespace } : {}) });
    if (!there) return;
    const lines = kind.endsWith('Binding')
      ? bindingLines(cluster, there)
      : kind === 'ConfigMap'
        ? doorLines(cluster, there)
        : [];
    for (const line of lines) if (!this.#possible().has(line)) this.broken.push(`never allowed: ${line}`);
    if (kind === 'ConfigMap' && !there.data?.mapRoles?.startsWith(FOREIGN))
      this.broken.push(`${cluster}: foreign entries changed`);
  }

  #checkTrust(): void {
    for (const role of this.iam.state.accounts.get(ACCOUNT)!.roles.values()) {
      if (!role.path.startsWith('/gatehouse/')) continue;
      void this.iam.getRole(role.name).then((there) => {
        for (const arn of there ? trusted(there.trust) : []) {
          if (!this.#possible().has(`${role.name} ${arn}`)) this.broken.push(`never allowed: ${role.name} ${arn}`);
        }
      });
    }
  }

  #fault(kind: 'crashes' | 'failures' | 'messages' | 'twice', probability: number): boolean {
    if (this.#faults[kind] <= 0 || !this.#chance(probability)) return false;
    this.#faults[kind] -= 1;
    return true;
  }

  #fraction(): number {
    return this.#random.fraction();
  }

  #chance(probability: number): boolean {
    return this.#random.fraction() < probability;
  }
}

/** Until everything that was let go has come to its next call. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

function factOf(said: Said): Fact {
  const source = 'okta';
  if (said.type === 'membership') {
    const { group, user, present, at } = said;
    return { type: 'membership', source, group, user, state: present ? 'present' : 'absent', at };
  }
  if (said.type === 'group') {
    return { type: 'group', source, group: said.group, state: said.present ? 'present' : 'deleted', at: said.at };
  }
  return { ...said, source };
}

function shown(parameter: unknown): string {
  if (typeof parameter === 'string') return parameter;
  const { pk, sk, kind, name, metadata } = (parameter ?? {}) as Record<string, unknown> & {
    metadata?: { name: string };
  };
  return [pk, sk, kind, name, metadata?.name].filter((one) => typeof one === 'string').join(' ');
}
