import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ACCOUNT } from '../builders/policy.ts';
import { differences, permissionSetRole, type Said } from './oracle.ts';
import { type Faults, type Happening, NO_FAULTS, Simulation } from './world.ts';

const USERS = ['alice', 'bob', 'carol', 'dave'];
const GROUPS = ['00g1', '00g2'];
const ADOPTED = `arn:aws:iam::${ACCOUNT}:role/console`;
/** Those of others. */
const ROLES = [
  { name: 'console', path: '/' },
  { name: permissionSetRole('Ops'), path: '/aws-reserved/sso.amazonaws.com/' },
];
/** Source times lie close together, so that many are late and many are equal. */
const START = Date.UTC(2026, 0, 15, 11, 59);

/** A policy out of choices that differ in whom they give what, where, and by which way in. */
interface Choice {
  readonly operators: '00g1' | '00g2' | 'nobody';
  readonly readers: boolean;
  readonly ci: boolean;
  /** People of a permission set, and a role of somebody else's. */
  readonly viewers: boolean;
  readonly adopted: boolean;
  readonly everywhere: boolean;
  readonly verbs: string;
}

function policyText({ operators, readers, ci, viewers, adopted, everywhere, verbs }: Choice): string {
  const on = everywhere ? '"*"' : 'prod';
  const grants = [
    ...(operators === 'nobody'
      ? []
      : [
          `{ name: operators, to: { group: ${operators}, source: okta }, on: { clusters: ${on}, namespaces: [pay], absentNamespaces: create }, level: operator, through: role }`,
        ]),
    ...(readers
      ? ['{ name: readers, to: { group: 00g2, source: okta }, on: { clusters: "*" }, level: operator, through: user }']
      : []),
    ...(ci
      ? [
          '{ name: pay-ci, to: { machine: pay-ci }, on: { clusters: prod, namespaces: [pay], absentNamespaces: create }, level: deployer, through: user }',
        ]
      : []),
    ...(viewers
      ? [
          `{ name: viewers, to: { group: 00g2, source: okta }, on: { clusters: ${on} }, level: deployer, through: sso, permissionSet: Ops }`,
        ]
      : []),
    ...(adopted
      ? [`{ name: adopted, to: { principal: "${ADOPTED}" }, on: { clusters: ${on} }, level: deployer, through: role }`]
      : []),
    '{ name: watchers, to: { group: 00g1, source: okta }, on: { clusters: prod }, level: deployer, through: role }',
  ];
  return `
apiVersion: gatehouse/v1
clusters:
  prod: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
  test: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
  - { source: okta, session: "{login}" }
levels:
  operator: { rules: [ { apiGroups: [""], resources: [pods], verbs: [${verbs}] } ] }
  deployer: { rules: [ { apiGroups: [apps], resources: [deployments], verbs: [get, list, update] } ] }
grants:
${grants.map((grant) => `  - ${grant}`).join('\n')}
`;
}

const EVERYTHING: Choice = {
  operators: '00g1',
  readers: true,
  ci: true,
  viewers: true,
  adopted: true,
  everywhere: true,
  verbs: 'get, list, watch',
};

const choice: fc.Arbitrary<Choice> = fc.record({
  operators: fc.constantFrom('00g1', '00g2', 'nobody'),
  readers: fc.boolean(),
  ci: fc.boolean(),
  viewers: fc.boolean(),
  adopted: fc.boolean(),
  everywhere: fc.boolean(),
  verbs: fc.constantFrom('get', 'get, list, watch'),
});

const at = fc.nat(12).map((offset) => START + offset);
const user = fc.constantFrom(...USERS);
const group = fc.constantFrom(...GROUPS);
const said: fc.Arbitrary<Said> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant('membership' as const), group, user, present: fc.boolean(), at }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('group' as const), group, present: fc.boolean(), at }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('user' as const), user, active: fc.boolean(), at }) },
  {
    weight: 1,
    arbitrary: fc
      .record({ type: fc.constant('user' as const), user, at, suffix: fc.constantFrom('', '-new') })
      .map(({ suffix, ...one }) => ({ ...one, login: `${one.user}${suffix}` })),
  },
);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 6, arbitrary: fc.array(said, { minLength: 1, maxLength: 3 }).map((say) => ({ say })) },
  { weight: 2, arbitrary: choice.map((one) => ({ upload: policyText(one) })) },
);

const FIRST: Happening[] = [
  { upload: policyText(EVERYTHING) },
  { say: USERS.map((name) => ({ type: 'user' as const, user: name, login: name, at: START - 1 })) },
];

/** A world in which nothing happened yet. */
function aWorld(seed: number): Simulation {
  return new Simulation(seed, policyText(EVERYTHING), [...USERS, ...USERS.map((name) => `${name}-new`)], ROLES);
}

/** Every promise of the queue discipline, asked of a world that came to rest. */
async function promises(world: Simulation): Promise<void> {
  expect(world.broken).toEqual([]);
  expect(world.overlaps()).toEqual([]);
  // Whoever read an earlier one, however late they were done with it.
  expect(await world.policy()).toBe(world.policies.at(-1));
  expect(differences(await world.actual(), await world.expected())).toEqual([]);
  // A finding may outlive its reason until the sweep; nothing else may wait.
  expect(world.marks().filter(({ finding }) => !finding)).toEqual([]);
  expect(await world.sweepAll()).toEqual([]);
  expect(world.marks()).toEqual([]);
  expect(world.broken).toEqual([]);
}

const seed = fc.integer({ min: 0, max: 2 ** 31 - 1 });

async function check(faults: Faults, numRuns: number): Promise<void> {
  let smallest: { why: string; trace: string[] } = { why: '', trace: [] };
  const property = fc.asyncProperty(
    fc.array(happening, { minLength: 1, maxLength: 9 }),
    seed,
    async (happenings, number) => {
      const world = aWorld(number);
      try {
        await world.run([...FIRST, ...happenings], faults);
        await promises(world);
      } catch (error) {
        smallest = {
          why: `${error instanceof Error ? error.message : error} ${JSON.stringify((error as { actual?: unknown }).actual)}`,
          trace: world.trace,
        };
        throw error;
      }
    },
  );
  const fixed = process.env.SIMULATION_SEED;
  try {
    await fc.assert(property, {
      numRuns: Number(process.env.SIMULATION_RUNS ?? numRuns),
      seed: fixed === undefined ? 20260115 : Number(fixed),
      interruptAfterTimeLimit: 50_000,
    });
  } catch (error) {
    throw new Error(
      `${error instanceof Error ? error.message : error}\n\nWhy: ${smallest.why}\n\nTrace of the smallest failure:\n${smallest.trace.join('\n')}`,
    );
  }
}

describe('the queue discipline', () => {
  it('loses nothing and swallows no wake-up, however functions interleave, without a single tick', async () => {
    await check({ ...NO_FAULTS, twice: 6 }, 30);
  }, 60_000);

  it('loses nothing through crashes, failed calls, lost and repeated messages', async () => {
    await check({ crashes: 4, failures: 6, messages: 6, twice: 4, ticks: true }, 50);
  }, 60_000);
});
