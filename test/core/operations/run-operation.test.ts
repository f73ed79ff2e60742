import type { Plan } from '@gatehouse/core/plan/plan';
import { UPLOADED_KEY } from '@gatehouse/core/policy/uploaded';
import { TURN_LIMITS } from '@gatehouse/core/work/turn-ports';
import { describe, expect, it } from 'vitest';
import { createHandler } from '../../../functions/run-operation/handler.ts';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod-eu`;
const TARGET = `cluster/${ARN}`;
const ROLE_TARGET = `iam/${ACCOUNT}/role/gatehouse-operators`;
const CLUSTER_ACCESS = `arn:aws:iam::${ACCOUNT}:role/gatehouse-system/gatehouse-cluster-access`;

/** One shared role, on one cluster. */
const policy = (verbs = 'get, list', namespace = 'create', level = 'operator') => `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
levels:
  operator: { rules: [ { apiGroups: [""], resources: [pods], verbs: [${verbs}] } ] }
grants:
  - { name: operators, to: { group: 00g1, source: okta }, on: { clusters: prod-eu, namespaces: [pay], absentNamespaces: ${namespace} }, level: ${level}, through: role }
`;

async function anOperator(text = policy(), people: readonly string[] = ['alice', 'bob']) {
  const world = await aPipeline({ policy: text, users: people });
  await world.settle();
  const log: string[] = [];
  const handler = createHandler({
    ports: world.ports,
    settings: { limits: TURN_LIMITS, clusterAccessRole: CLUSTER_ACCESS },
    log: {
      info: (message, details) => void log.push(`${message} ${details.operation}`),
      warn: () => {},
      error: () => {},
    },
  });
  const run = async <T>(event: unknown): Promise<T> => {
    const answer = await handler(event);
    if (!answer.ok) throw new Error(`${answer.error.code}: ${answer.error.message}`);
    return answer.outcome as T;
  };
  const refused = async (event: unknown) => {
    const answer = await handler(event);
    return answer.ok ? undefined : answer.error;
  };
  /** All that Gatehouse holds and has told: nothing of it may differ after a question. */
  const everything = () => ({
    table: structuredClone(world.table.items()),
    ledger: structuredClone(world.ledger.items()),
    waiting: world.queues.nextVisibleAt(),
    writes: world.writes(),
    notices: structuredClone(world.notices.published),
  });
  return { ...world, run, refused, everything, log };
}

describe('a bad request', () => {
  it.each<[string, unknown, readonly string[]]>([
    ['no object', 'status', ['expected object']],
    ['no operation', {}, ['operation']],
    ['an unknown operation', { operation: 'destroy' }, ['operation']],
    ['a member that is not known', { operation: 'status', verbose: true }, ['verbose']],
    ['no target', { operation: 'plan' }, ['target']],
    ['a target of no form', { operation: 'plan', target: 'prod-eu' }, ['target', 'no target: write cluster/<arn>']],
    [
      'a subject of no form',
      { operation: 'plan', target: TARGET, subjects: ['alice'] },
      ['subjects[0]', 'no subject: write user/<source>/<id>'],
    ],
    ['a version that is none', { operation: 'activate-policy', version: 0, by: 'me' }, ['version']],
    ['nobody who uploads', { operation: 'upload-policy', document: '', by: '' }, ['by']],
    ['too many entries', { operation: 'ledger', chain: TARGET, limit: 501 }, ['limit']],
  ])('with %s is answered with the field', async (_name, event, words) => {
    const world = await anOperator();
    const error = await world.refused(event);
    expect(error?.code).toBe('invalid');
    for (const word of words) expect(error?.message).toContain(word);
    expect(error?.message).not.toMatch(/[\n✖]/);
    expect(world.log).toEqual([]);
  });

  it('that cannot be done says why, and what to do', async () => {
    const world = await anOperator();
    expect(await world.refused({ operation: 'bootstrap', cluster: 'prod-us' })).toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('prod-us'),
    });
    expect(await world.refused({ operation: 'activate-policy', version: 99, by: 'me' })).toMatchObject({
      code: 'not-found',
    });
    expect(await world.refused({ operation: 'plan', target: `verify/${ARN}`, subjects: [] })).toMatchObject({
      code: 'unsupported',
    });
    expect(await world.refused({ operation: 'plan', target: 'cluster/nonsense', subjects: [] })).toMatchObject({
      code: 'invalid',
    });
  });

  it('before there is a policy names the first step', async () => {
    const world = await anOperator();
    for (const item of world.table.items().filter(({ pk }) => pk === 'policy')) await world.table.delete(item);
    expect(await world.refused({ operation: 'plan', target: TARGET })).toMatchObject({
      code: 'not-found',
      remedy: expect.stringContaining('upload'),
    });
    expect(await world.run({ operation: 'status' })).toEqual({ policy: null, clusters: [], waiting: [], findings: [] });
  });
});

describe('plan', () => {
  const lines = ({ changes }: Plan) => changes.map(({ change }) => `${change.action} ${change.kind} ${change.object}`);

  it('is what the turn then does, and writes nothing at all', async () => {
    const world = await anOperator();
    await world.join('00g1', 'alice');
    const before = world.everything();
    const planned = await world.run<Plan>({ operation: 'plan', target: TARGET });
    const ofRole = await world.run<Plan>({ operation: 'plan', target: ROLE_TARGET });
    expect(world.everything()).toEqual(before);
    expect(lines(planned)).toEqual(['create role-binding RoleBinding/pay/gatehouse:operators:role:0']);
    expect(lines(ofRole)).toEqual(['update iam-role gatehouse-operators']);
    expect(JSON.parse(JSON.stringify(planned))).toEqual(planned);

    world.forgetCalls();
    await world.settle();
    expect(world.writes()).toEqual([
      'updateTrust gatehouse-operators',
      'create RoleBinding/pay/gatehouse:operators:role:0',
    ]);
    expect(lines(await world.run<Plan>({ operation: 'plan', target: TARGET }))).toEqual([]);
  });

  it('takes no lease, so that it never holds a turn up', async () => {
    const world = await anOperator();
    const turns = () => world.table.items().filter(({ sk }) => sk === 'turn');
    const before = structuredClone(turns());
    await world.run({ operation: 'plan', target: TARGET });
    expect(turns()).toEqual(before);
  });

  it('writes nothing where the turn would open the role to the account, either', async () => {
    const people = Array.from({ length: 70 }, (_, index) => `person-${index}`);
    const world = await anOperator(policy(), people);
    for (const person of people) await world.join('00g1', person);
    const before = world.everything();
    const planned = await world.run<Plan>({ operation: 'plan', target: ROLE_TARGET });
    expect(JSON.stringify(planned.changes)).toContain('aws:userid');
    expect(world.everything()).toEqual(before);
    await world.settle(900_000);
    const bound = world.clusters
      .get(ARN)!
      .peek({ kind: 'RoleBinding', namespace: 'pay', name: 'gatehouse:operators:role:0' });
    expect(bound?.subjects).toHaveLength(people.length);
    for (const { name } of bound!.subjects!) expect(name).toMatch(/^gatehouse:operators:AIDA/);
  });

  it('is about the subjects that are named, where some are', async () => {
    const world = await anOperator();
    await world.join('00g1', 'alice');
    await world.join('00g1', 'bob');
    const planned = await world.run<Plan>({ operation: 'plan', target: TARGET, subjects: ['user/okta/bob'] });
    expect(JSON.stringify(planned.changes)).toContain('gatehouse:operators:bob');
    expect(JSON.stringify(planned.changes)).not.toContain('alice');
  });

  it('shows what stands against it', async () => {
    const world = await anOperator(policy('get', 'refuse'));
    await world.join('00g1', 'alice');
    const { findings, held } = await world.run<Plan>({ operation: 'plan', target: TARGET });
    expect(findings).toMatchObject([{ code: 'namespace-absent', remedy: expect.stringContaining('kubectl create') }]);
    expect(held.length).toBeGreaterThan(0);
  });
});

describe('reconcile', () => {
  it('has a turn put right what somebody changed', async () => {
    const world = await anOperator();
    await world.join('00g1', 'alice');
    await world.settle();
    const cluster = world.clusters.get(ARN)!;
    const name = { kind: 'RoleBinding', namespace: 'pay', name: 'gatehouse:operators:role:0' } as const;
    cluster.seed({ ...cluster.peek(name)!, subjects: [] });
    expect(await world.run({ operation: 'reconcile', target: TARGET, subjects: ['user/okta/alice'] })).toEqual({
      marked: 1,
    });
    await world.settle();
    expect(cluster.peek(name)?.subjects).toMatchObject([{ name: 'gatehouse:operators:alice' }]);
  });

  it('of a target marks everybody whom the policy or the records name there', async () => {
    const world = await anOperator();
    await world.join('00g1', 'alice');
    await world.settle();
    expect(await world.run({ operation: 'reconcile', target: TARGET })).toEqual({ marked: 2 });
    world.forgetCalls();
    await world.settle();
    expect(world.writes()).toEqual([]);
  });

  it('gives nobody what the policy does not', async () => {
    const world = await anOperator();
    await world.run({ operation: 'reconcile', target: TARGET, subjects: ['user/okta/bob', 'grant/unknown'] });
    world.forgetCalls();
    await world.settle();
    expect(world.writes()).toEqual([]);
    expect(world.failures).toEqual([]);
  });
});

describe('status', () => {
  interface Status {
    readonly policy: { version: number };
    readonly clusters: readonly { name: string; mode: string }[];
    readonly waiting: readonly { target: string; subject: string; failure?: { code: string; message: string } }[];
    readonly findings: readonly { target: string; subject: string; code: string; remedy: string }[];
    readonly refused?: { errors: unknown };
  }

  it('names what is in force, what waits and what a person must mend', async () => {
    const world = await anOperator(policy('get', 'refuse'));
    world.unreachable.add(ARN);
    await world.join('00g1', 'alice');
    await world.settle(10_000);
    const waiting = await world.run<Status>({ operation: 'status' });
    expect(waiting.policy.version).toBe(1);
    expect(waiting.clusters).toMatchObject([{ name: 'prod-eu', mode: 'enforce' }]);
    expect(waiting.waiting.map(({ target, subject }) => [target, subject])).toContainEqual([TARGET, 'user/okta/alice']);
    for (const { failure } of waiting.waiting) expect(failure).toMatchObject({ code: 'unreachable' });

    world.unreachable.clear();
    await world.settle(900_000);
    const { findings, waiting: still } = await world.run<Status>({ operation: 'status' });
    expect(still).toEqual([]);
    expect(findings.map(({ target, subject, code }) => [target, subject, code])).toContainEqual([
      TARGET,
      'user/okta/alice',
      'namespace-absent',
    ]);
    for (const { remedy } of findings) expect(remedy).not.toBe('');
  });

  it('tells why the last upload was refused', async () => {
    const world = await anOperator();
    const refused = { key: 'access-policy.yaml', at: 5, errors: [{ message: 'no' }] };
    await world.table.put({ ...UPLOADED_KEY, key: refused.key, requester: 'ann', refused });
    expect((await world.run<Status>({ operation: 'status' })).refused).toEqual({ at: 5, errors: [{ message: 'no' }] });
  });
});

describe('names', () => {
  it('are those of the policy in force, of the directory and of the versions, and nothing is written', async () => {
    const world = await anOperator();
    await world.join('00g1', 'alice');
    const before = world.everything();
    expect(await world.run({ operation: 'names' })).toEqual({
      clusters: ['prod-eu'],
      grants: ['operators'],
      levels: ['operator'],
      people: ['user/okta/alice'],
      machines: [],
      environments: [],
      applications: [],
      chains: ['prod-eu', `iam/${ACCOUNT}`],
      versions: [1],
    });
    expect(world.everything()).toEqual(before);
  });
});

describe('policies', () => {
  it('that are refused change nothing, and every error is told', async () => {
    const world = await anOperator();
    const before = world.everything();
    const document = policy('get', 'create', 'operatr');
    const error = await world.refused({ operation: 'upload-policy', document, by: 'me' });
    expect(error).toMatchObject({ code: 'invalid' });
    expect(error?.details).toMatchObject([{ remedy: expect.stringContaining('operator') }]);
    expect(world.everything()).toEqual(before);
  });

  it('that widen wait for a person, and are planned when activated', async () => {
    const world = await anOperator();
    await world.join('00g1', 'alice');
    await world.settle();
    world.forgetCalls();
    const uploaded = await world.run<{ version: number; state: string; widens: readonly unknown[] }>({
      operation: 'upload-policy',
      document: policy('get, list, watch'),
      by: 'me',
    });
    expect(uploaded).toMatchObject({ version: 2, state: 'proposed' });
    expect(uploaded.widens.length).toBeGreaterThan(0);
    await world.settle();
    expect(world.writes()).toEqual([]);
    expect(await world.run({ operation: 'status' })).toMatchObject({ proposed: { version: 2, by: 'me' } });
    expect(await world.run({ operation: 'compare-policy', version: 2 })).toMatchObject({
      version: 2,
      state: 'proposed',
      widens: uploaded.widens,
      narrows: [],
    });
    expect(await world.refused({ operation: 'compare-policy', version: 9 })).toMatchObject({ code: 'not-found' });

    await world.run({ operation: 'activate-policy', version: 2, by: 'you' });
    await world.settle();
    // The bootstrap of version 1 does not hold what version 2 gives.
    const { findings } = await world.run<{ findings: { code: string }[] }>({ operation: 'status' });
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(['escalation']));
    const { versions } = await world.run<{ versions: { version: number; text?: string }[] }>({
      operation: 'list-policies',
    });
    expect(versions.map(({ version }) => version).sort()).toEqual([1, 2]);
    for (const version of versions) expect(version.text).toBeUndefined();
  });

  it('that narrow are in force at once', async () => {
    const world = await anOperator();
    await world.join('00g1', 'alice');
    await world.settle();
    world.forgetCalls();
    await world.run({ operation: 'upload-policy', document: policy('get'), by: 'me' });
    await world.settle();
    expect(world.writes()).toEqual(['replace Role/pay/gatehouse:operators']);
  });
});

describe('the ledger', () => {
  interface Ledger {
    readonly entries: readonly { sequence: number; kind: string }[];
    readonly unbroken?: { ok: boolean };
  }

  it('is read page by page, and says whether it is unbroken', async () => {
    const world = await anOperator();
    await world.join('00g1', 'alice');
    await world.settle();
    const all = await world.run<Ledger>({ operation: 'ledger', chain: TARGET });
    expect(all.unbroken).toEqual({ ok: true });
    expect(all.entries.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['intent', 'outcome', 'verified']));
    const rest = await world.run<Ledger>({ operation: 'ledger', chain: TARGET, after: 1, limit: 1 });
    expect(rest.entries.map(({ sequence }) => sequence)).toEqual([2]);
  });

  it('that somebody changed is found out', async () => {
    const world = await anOperator();
    await world.join('00g1', 'alice');
    await world.settle();
    const [first] = world.ledger.items().filter(({ pk }) => pk.includes(TARGET));
    await world.ledger.put({ ...first!, run: 'another' });
    const { unbroken } = await world.run<Ledger>({ operation: 'ledger', chain: TARGET });
    expect(unbroken?.ok).toBe(false);
  });
});

describe('bootstrap', () => {
  it('prints what an administrator applies to a cluster, for the role that the functions share', async () => {
    const world = await anOperator();
    for (const cluster of ['prod-eu', ARN]) {
      const { yaml } = await world.run<{ yaml: string }>({ operation: 'bootstrap', cluster });
      expect(yaml).toContain('gatehouse-cluster-access');
      expect(yaml).toContain('kind: ClusterRoleBinding');
      expect(yaml).not.toContain('escalate');
    }
  });
});

it('sweep has every target of the policy looked at', async () => {
  const world = await anOperator();
  expect(await world.run({ operation: 'sweep' })).toEqual({ targets: expect.arrayContaining([TARGET, ROLE_TARGET]) });
  expect(world.log).toEqual(['operation sweep']);
});

it('faults are thrown, so that they are seen', async () => {
  const world = await anOperator();
  const ports = { ...world.ports, table: { ...world.table, get: () => Promise.reject(new TypeError('a bug')) } };
  const settings = { limits: TURN_LIMITS, clusterAccessRole: CLUSTER_ACCESS };
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  await expect(createHandler({ ports, settings, log })({ operation: 'status' })).rejects.toThrow('a bug');
});
