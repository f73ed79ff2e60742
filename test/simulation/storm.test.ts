import type { Fact } from '@gatehouse/core/directory/fact';
import { factKey } from '@gatehouse/core/directory/items';
import { nudgePlanner } from '@gatehouse/core/directory/nudge';
import { recordFact } from '@gatehouse/core/directory/record';
import type { QueueName } from '@gatehouse/core/ports/queues';
import { tick } from '@gatehouse/core/work/tick';
import { TURN_LIMITS } from '@gatehouse/core/work/turn-ports';
import { describe, expect, it } from 'vitest';
import { createHandler as planAccess } from '../../functions/plan-access/handler.ts';
import { createHandler as reconcileCluster } from '../../functions/reconcile-cluster/handler.ts';
import { createHandler as reconcileIam } from '../../functions/reconcile-iam/handler.ts';
import { createHandler as verifyAccess } from '../../functions/verify-access/handler.ts';
import { aPipeline, withoutUploads } from '../builders/pipeline.ts';
import { ACCOUNT } from '../builders/policy.ts';
import { sqsEvent } from '../builders/sqs-event.ts';
import { ADMINISTRATOR } from '../fakes/kubernetes.ts';
import { recordingMetrics } from '../fakes/metrics.ts';
import type { Delivery } from '../fakes/queues.ts';
import { countingRandom } from '../fakes/random.ts';
import { FOREIGN, observed } from './observed.ts';
import { differences, type Said, truth } from './oracle.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod`;
const EVENTS = 10_000;
/** Events come this fast, in simulated milliseconds. */
const EVENT_EVERY = 2;
const ROLE_GROUPS = ['g1', 'g2', 'g3', 'g4'];
/** As many as a trust document lists, so that the oracle knows everybody's username. */
const ROLE_PEOPLE = 30;
const USER_PEOPLE = 300;

const POLICY = `
apiVersion: gatehouse/v1
clusters:
  prod: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
levels:
  operator: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get, list] } ] }
grants:
${ROLE_GROUPS.map((group) => `  - { name: role-${group}, to: { group: ${group}, source: okta }, on: { clusters: "*", namespaces: [pay], absentNamespaces: create }, level: operator, through: role }`).join('\n')}
  - { name: readers, to: { group: readers, source: okta }, on: { clusters: "*" }, level: operator, through: user }
`;

/** As template.yaml has it: messages at once, and functions at once. */
const BATCH: Record<QueueName, number> = { intake: 10, iam: 1, clusters: 1, later: 10 };
const AT_ONCE: Record<QueueName, number> = { intake: 10, iam: 10, clusters: 50, later: 10 };
const QUEUES = Object.keys(BATCH) as QueueName[];

/** What one invocation takes, in simulated milliseconds, with what it works on and the turns that it takes for it. */
const COST: Record<QueueName, (work: number, turns: number) => number> = {
  intake: (facts) => 30 + 3 * facts,
  iam: (marks, turns) => 250 * turns + marks,
  clusters: (marks, turns) => 250 * turns + marks,
  later: (subjects) => 40 + 20 * subjects,
};

function quantile(numbers: readonly number[], part: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
}

/** A membership that changed and is not yet seen on the cluster. */
interface Waiting {
  readonly present: boolean;
  readonly since: number;
  readonly line: string;
}

describe('a storm of ten thousand membership events on one cluster', () => {
  it('loses none, ends as the oracle says, and writes an object once for a hundred events at most', {
    timeout: 60_000,
  }, async () => {
    const rolePeople = Array.from({ length: ROLE_PEOPLE }, (_, index) => `person-${index}`);
    const userPeople = Array.from({ length: USER_PEOPLE }, (_, index) => `reader-${index}`);
    const world = await aPipeline({ policy: POLICY, users: [...rolePeople, ...userPeople] });
    const { clock, queues, ports } = world;
    const kubernetes = world.clusters.get(ARN)!;
    kubernetes.seed({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'kube-system', name: 'aws-auth' },
      data: { mapRoles: FOREIGN },
    });
    const said: Said[] = [];
    for (const user of [...rolePeople, ...userPeople]) {
      const login = { type: 'user', user, login: user, at: clock.now() } as const;
      said.push(login);
      await world.say({ ...login, source: 'okta' });
    }
    await world.settle(600_000);
    world.forgetCalls();

    const random = countingRandom(10_000);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random.fraction() * list.length)]!;
    const waiting = new Map<string, Waiting>();
    let bound: ReadonlySet<string | undefined> = new Set();
    const latencies: Record<'revocations' | 'grants', number[]> = { revocations: [], grants: [] };
    const failures: unknown[] = [];
    let worked = 0;
    let turns = 0;
    const log = {
      info: (message: string, { planned, marks, verified }: Readonly<Record<string, unknown>>) => {
        worked += Number(planned ?? marks ?? verified ?? 0);
        if (message === 'turn') turns += 1;
      },
      warn: () => undefined,
      error: (_message: string, { error }: Readonly<Record<string, unknown>>) => void failures.push(error),
    };
    const metrics = recordingMetrics();
    const handlers = {
      intake: planAccess(withoutUploads({ ports, log })),
      iam: reconcileIam({ ports, limits: TURN_LIMITS, log, metrics }),
      clusters: reconcileCluster({ ports, limits: TURN_LIMITS, log, metrics }),
      later: verifyAccess({ ports, limits: TURN_LIMITS, log }),
    };
    const running: Record<QueueName, number> = { intake: 0, iam: 0, clusters: 0, later: 0 };
    const ends: { at: number; end: () => void }[] = [];
    const happens = async () => {
      const group = random.fraction() < 0.4 ? pick(ROLE_GROUPS) : 'readers';
      const user = pick(group === 'readers' ? userPeople : rolePeople);
      const present = random.fraction() < 0.5;
      const at = clock.now();
      said.push({ type: 'membership', group, user, present, at });
      const fact: Fact = { type: 'membership', source: 'okta', group, user, state: present ? 'present' : 'absent', at };
      const cause = { source: 'okta', event: `storm-${said.length}`, type: 'test', receivedAt: at };
      const outcome = await recordFact(ports, fact, cause);
      await nudgePlanner(ports, [factKey(fact)]);
      if (outcome !== 'recorded') return;
      const line = group === 'readers' ? `gatehouse:iam-user:${ACCOUNT}:${user}` : `gatehouse:role-${group}:${user}`;
      // What came and went before a worker looked was never to be seen.
      if (bound.has(line) === present) waiting.delete(`${group} ${user}`);
      else waiting.set(`${group} ${user}`, { present, since: at, line });
    };
    const seen = async () => {
      const bindings = (await observed(new Map([['prod', kubernetes.as(ADMINISTRATOR)]]), world.iam.get(ACCOUNT)!))
        .bindings;
      bound = new Set(bindings.map((one) => one.split(' ').at(-1)));
      for (const [key, { present, since, line }] of waiting) {
        if (bound.has(line) !== present) continue;
        latencies[present ? 'grants' : 'revocations'].push(clock.now() - since);
        waiting.delete(key);
      }
    };
    const begin = async (queue: QueueName, batch: readonly Delivery[]) => {
      running[queue] += 1;
      const [workedBefore, turnsBefore] = [worked, turns];
      await handlers[queue](sqsEvent(batch));
      const work = queue === 'intake' ? batch.length : worked - workedBefore;
      ends.push({
        at: clock.now() + COST[queue](work, turns - turnsBefore),
        end: () => {
          running[queue] -= 1;
          for (const { handle } of batch) queues.delete(handle);
        },
      });
    };
    const began = clock.now();
    let events = 0;
    let lastTick = began;
    for (;;) {
      while (events < EVENTS && clock.now() >= began + events * EVENT_EVERY) {
        await happens();
        events += 1;
      }
      const over = ends.filter(({ at }) => at <= clock.now());
      for (const one of over) {
        one.end();
        ends.splice(ends.indexOf(one), 1);
      }
      if (clock.now() - lastTick >= 60_000) {
        lastTick = clock.now();
        await tick(ports, lastTick);
      }
      const starts: Promise<void>[] = [];
      for (const queue of QUEUES) {
        while (running[queue] < AT_ONCE[queue]) {
          const batch = queues.receive(queue, BATCH[queue]);
          if (batch.length === 0) break;
          // Planners run at once, call by call; a turn is alone on its target anyway.
          if (queue === 'intake') starts.push(begin(queue, batch));
          else await begin(queue, batch);
          if (queue === 'clusters') await seen();
        }
      }
      await Promise.all(starts);
      const next = Math.min(...ends.map(({ at }) => at), queues.nextVisibleAt() ?? Number.POSITIVE_INFINITY);
      if (events === EVENTS && next === Number.POSITIVE_INFINITY) break;
      clock.advance(events < EVENTS ? 10 : Math.max(1, next - clock.now()));
    }

    expect([...world.failures, ...failures]).toEqual([]);
    const actual = await observed(new Map([['prod', kubernetes.as(ADMINISTRATOR)]]), world.iam.get(ACCOUNT)!);
    expect(differences(actual, truth(POLICY, said))).toEqual([]);
    const awsAuth = kubernetes.peek({ kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' });
    expect(awsAuth?.data?.mapRoles?.startsWith(FOREIGN)).toBe(true);
    expect(world.table.items().filter(({ sk }) => sk.startsWith('mark#'))).toEqual([]);
    expect(waiting.size).toBe(0);
    const counted = Map.groupBy(world.writes(), (write) => write.slice(write.indexOf(' ') + 1));
    const most = [...counted].map(([object, all]) => ({ object, times: all.length })).sort((a, b) => b.times - a.times);
    const seconds = (list: readonly number[]) =>
      `p50 ${(quantile(list, 0.5) / 1000).toFixed(1)} s, p99 ${(quantile(list, 0.99) / 1000).toFixed(1)} s, max ${(Math.max(...list) / 1000).toFixed(1)} s`;
    console.log(
      [
        `figures from fakes: ${EVENTS} events in ${(EVENTS * EVENT_EVERY) / 1000} s, over after ${((clock.now() - began) / 1000).toFixed(0)} s`,
        `revocations ${seconds(latencies.revocations)}; grants ${seconds(latencies.grants)}`,
        `writes: ${most
          .slice(0, 5)
          .map(({ object, times }) => `${object} ${times}`)
          .join(', ')}`,
      ].join('\n'),
    );
    expect(most[0]!.times).toBeLessThanOrEqual(EVENTS / 100);
    expect(quantile(latencies.revocations, 0.99)).toBeLessThanOrEqual(quantile(latencies.grants, 0.99));
    expect(Math.max(...latencies.revocations)).toBeLessThanOrEqual(Math.max(...latencies.grants));
  });
});
