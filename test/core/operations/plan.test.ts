import type { PlanTargets, TargetPlan } from '@gatehouse/core/operations/plan';
import { runOperation } from '@gatehouse/core/operations/run';
import { differencesOf, savedPlan, savedPlanSchema } from '@gatehouse/core/operations/saved-plan';
import { TURN_LIMITS } from '@gatehouse/core/work/turn-ports';
import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';
import { memoryTable } from '../../fakes/table.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod-eu`;
const TARGET = `cluster/${ARN}` as const;
const BINDING = { kind: 'RoleBinding', namespace: 'pay', name: 'gatehouse:ops:role:0' } as const;

const policy = (verbs = 'get, list', namespaces = 'pay', mode = 'enforce') => `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: ${mode} }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
levels:
  operator: { rules: [ { apiGroups: [""], resources: [pods], verbs: [${verbs}] } ] }
grants:
  - { name: ops, to: { group: 00g1, source: okta }, on: { clusters: prod-eu, namespaces: [${namespaces}], absentNamespaces: create }, level: operator, through: role }
`;

async function aWorld(text = policy()) {
  const world = await aPipeline({ policy: text, users: ['alice', 'bob'] });
  await world.settle();
  await world.join('00g1', 'alice');
  await world.settle();
  const plan = (asked: { document?: string } = {}) =>
    world.operate<TargetPlan>({ operation: 'plan', target: TARGET, ...asked });
  const targets = async (document?: string) =>
    world.operate<PlanTargets>({ operation: 'plan-targets', ...(document === undefined ? {} : { document }) });
  const cluster = world.clusters.get(ARN)!;
  /** As somebody with every right would. */
  const unbind = async () => cluster.as({ username: 'root', groups: ['system:masters'] }).remove(BINDING, {});
  return { ...world, plan, targets, unbind };
}
const linesOf = ({ changes }: TargetPlan) => changes.flatMap(({ change }) => change.lines);

describe('the plan of a target', () => {
  it('tells of each line the grant, the person and the event', async () => {
    const world = await aWorld();
    await world.join('00g1', 'bob');
    const plan = await world.plan();
    expect(linesOf(plan)).toMatchObject([{ sign: '+', subject: 'user/okta/bob', grants: ['ops'] }]);
    expect(linesOf(plan)[0]).not.toHaveProperty('drifted');
    expect(plan.subjects).toMatchObject([
      {
        subject: 'user/okta/bob',
        name: 'bob',
        cause: { source: 'okta', event: expect.stringMatching(/^event-[34]$/) },
      },
    ]);
    expect(plan).toMatchObject({ mode: 'enforce', policyVersion: { version: 1 } });
  });

  it('tells what was changed outside of Gatehouse from what is new', async () => {
    const world = await aWorld();
    await world.unbind();
    await world.join('00g1', 'bob');
    const drifted = linesOf(await world.plan()).map((line) => [line.subject, line.drifted ?? false]);
    expect(drifted).toEqual([
      ['user/okta/alice', true],
      ['user/okta/bob', false],
    ]);
  });

  it('tells drift of a role in IAM, too', async () => {
    const world = await aWorld();
    await world.iam.get(ACCOUNT)!.deleteRolePolicy('gatehouse-ops', 'gatehouse-clusters');
    world.clock.advance(10 * 60_000);
    const target = `iam/${ACCOUNT}/role/gatehouse-ops` as const;
    const plan = await world.operate<TargetPlan>({ operation: 'plan', target });
    expect(linesOf(plan)).toMatchObject([{ sign: '~', subject: 'grant/ops', drifted: true }]);
  });

  it('under a document shows what that would change, and changes nothing', async () => {
    const world = await aWorld();
    const before = structuredClone(world.table.items());
    const plan = await world.plan({ document: policy('get', 'pay, shop') });
    expect(linesOf(plan).map(({ sign, text }) => `${sign} ${text}`)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^- .*: get, list pods/),
        expect.stringMatching(/^\+ .*: get pods/),
        expect.stringContaining('RoleBinding/shop/gatehouse:ops:role:0'),
      ]),
    );
    expect(plan).not.toHaveProperty('policyVersion');
    expect(plan.subjects.every(({ cause }) => cause === undefined)).toBe(true);
    expect(world.table.items()).toEqual(before);
    expect(linesOf(await world.plan())).toEqual([]);
  });

  it('under a document that adopts a role looks it up as a turn would', async () => {
    const world = await aWorld();
    const adopting = `${policy()}  - { name: adopted, to: { principal: "arn:aws:iam::${ACCOUNT}:role/there" }, on: { clusters: prod-eu, namespaces: [pay] }, level: operator, through: role }\n`;
    expect((await world.plan({ document: adopting })).findings).toMatchObject([{ code: 'no-such-principal' }]);
    await world.iam.get(ACCOUNT)!.createRole({
      ...{ name: 'there', path: '/', tags: {}, maxSessionSeconds: 3600 },
      trust: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: 'sts:AssumeRole' }],
      },
    });
    const plan = await world.plan({ document: adopting });
    expect(plan.findings).toEqual([]);
    expect(linesOf(plan).map(({ subject }) => subject)).toContain(`principal/arn:aws:iam::${ACCOUNT}:role/there`);
  });

  it('under a first document needs none in force', async () => {
    const world = await aWorld();
    const ports = { ...world.ports, table: memoryTable() };
    const settings = { limits: TURN_LIMITS, clusterAccessRole: 'arn:aws:iam::1:role/x' };
    const document = policy();
    const all = await runOperation(ports, settings, { operation: 'plan-targets', document });
    expect(all).toMatchObject({ policyVersion: null, targets: expect.arrayContaining([TARGET]) });
    expect(await runOperation(ports, settings, { operation: 'plan', target: TARGET, document })).toMatchObject({
      mode: 'enforce',
      changes: [],
    });
    await expect(runOperation(ports, settings, { operation: 'plan-targets' })).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it('refuses a document that is wrong, with its first error', async () => {
    const world = await aWorld();
    await expect(world.plan({ document: 'apiVersion: gatehouse/v2' })).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('the access policy, line 1, column '),
    });
  });
});

describe('what there is to be planned', () => {
  it('is every target of the policy in force, and of the document', async () => {
    const world = await aWorld();
    const { targets, policyVersion } = await world.targets();
    expect(targets).toEqual(expect.arrayContaining([TARGET, `iam/${ACCOUNT}/role/gatehouse-ops`]));
    expect(policyVersion?.version).toBe(1);
    const more = policy().replaceAll('prod-eu', 'prod-us');
    const thought = await world.targets(more);
    expect(thought.targets).toContain(`cluster/${ARN.replace('prod-eu', 'prod-us')}`);
    expect(thought.targets).toContain(TARGET);
    expect(thought.proposed?.widens).not.toEqual([]);
  });
});

describe('a saved plan', () => {
  const saved = async (world: Awaited<ReturnType<typeof aWorld>>) => {
    const [plan, { policyVersion }] = [await world.plan(), await world.targets()];
    return savedPlan({ plans: [plan], policyVersion }, { at: 1 });
  };

  it('can be read again, and holds nothing of what stands in objects', async () => {
    const world = await aWorld();
    await world.unbind();
    const plan = await saved(world);
    expect(savedPlanSchema.parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
    expect(JSON.stringify(plan)).not.toMatch(/before|after|resourceVersion/);
  });

  it('is still true where nothing changed, or only what it is not about', async () => {
    const world = await aWorld();
    await world.unbind();
    const before = await saved(world);
    expect(differencesOf(before, await saved(world))).toEqual([]);
    await world.join('00g-other', 'bob');
    await world.settle(0);
    expect(differencesOf(before, await saved(world))).toEqual([]);
  });

  it.each<[string, (world: Awaited<ReturnType<typeof aWorld>>) => Promise<unknown>, string]>([
    ['somebody joined', (world) => world.join('00g1', 'bob'), '+ + '],
    [
      'it is done',
      (world) =>
        world.say({
          type: 'membership',
          source: 'okta',
          group: '00g1',
          user: 'alice',
          state: 'absent',
          at: world.clock.now() + 1,
        }),
      '- + ',
    ],
    ['another policy is in force', (world) => world.upload(policy('get, watch')), '~ in force was version 1'],
    [
      'the cluster is only observed',
      (world) => world.upload(policy('get, list', 'pay', 'observe')),
      '~ it was in mode enforce',
    ],
  ])('is stale where %s', async (_what, change, difference) => {
    const world = await aWorld();
    await world.unbind();
    const before = await saved(world);
    await change(world);
    const differences = differencesOf(before, await saved(world)).map(({ sign, text }) => `${sign} ${text}`);
    expect(differences.some((text) => text.startsWith(difference))).toBe(true);
  });
});
