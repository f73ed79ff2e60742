import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

/* A machine's role may trust only who exists: IAM refuses a whole document for one principal that does not. */

const BUILD = `arn:aws:iam::${ACCOUNT}:role/build`;
const GONE = `arn:aws:iam::${ACCOUNT}:role/gone`;
const ROLE = 'gatehouse-ci';
const POLICY = `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
machines:
  ci: { trust: { principals: [ "${BUILD}", "${GONE}" ] } }
levels:
  deployer: { rules: [ { apiGroups: [apps], resources: [deployments], verbs: [get] } ] }
grants:
  - { name: ci, to: { machine: ci }, on: { clusters: "*" }, level: deployer, through: role }
`;

const GONE_MADE = {
  type: 'principal',
  account: ACCOUNT,
  principal: 'role',
  name: 'gone',
  change: 'created',
} as const;

async function aWorld(policy = POLICY) {
  const world = await aPipeline({ policy });
  const account = world.iam.get(ACCOUNT)!;
  const make = (name: string, path = '/') =>
    account.createRole({
      name,
      path,
      trust: { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Principal: '*', Action: 'sts:AssumeRole' }] },
      maxSessionSeconds: 3600,
      tags: {},
    });
  await make('build');
  return {
    ...world,
    account,
    make,
    trust: async () => JSON.stringify((await account.getRole(ROLE))?.trust),
    told: () =>
      world.table.items().flatMap(({ finding }) => {
        const one = finding as { severity: string; code: string; message: string } | undefined;
        return one ? [`${one.severity} ${one.code}: ${one.message}`] : [];
      }),
    isLetIn: () =>
      JSON.stringify(
        world.clusters
          .get(`arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod-eu`)!
          .peek({ kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' })?.data ?? {},
      ).includes(`role/${ROLE}`),
  };
}

describe('a machine that trusts a role which does not exist', () => {
  it('is a finding, and keeps nobody else out', async () => {
    const world = await aWorld();
    await world.settle();
    expect(await world.trust()).toContain(BUILD);
    expect(await world.trust()).not.toContain(GONE);
    expect(world.told().join()).toContain(`notice no-such-principal: there is no IAM role ${GONE}`);
    expect(world.isLetIn()).toBe(true);
    world.forgetCalls();
    await world.settle(600_000);
    expect(world.writes()).toEqual([]);
  });

  it('lets it in when it is made', async () => {
    const world = await aWorld();
    await world.settle();
    await world.make('gone');
    await world.say({ ...GONE_MADE, at: world.clock.now() });
    await world.settle();
    expect(await world.trust()).toContain(GONE);
    expect(world.told()).toEqual([]);
  });

  it('is let in nowhere while there is nobody else, and everywhere as soon as it is made', async () => {
    const world = await aWorld(POLICY.replace(`"${BUILD}", `, ''));
    await world.settle();
    expect(new Set(world.told())).toEqual(
      new Set([`blocks no-such-principal: there is no IAM role ${GONE}, so it may not assume ${ROLE}`]),
    );
    expect(world.isLetIn()).toBe(false);
    await world.make('gone');
    await world.say({ ...GONE_MADE, at: world.clock.now() });
    await world.settle();
    expect([world.isLetIn(), world.told()]).toEqual([true, []]);
    expect(await world.trust()).toContain(GONE);
  });

  it('is trusted no more when it is gone, and so is who follows it under its name until somebody says so', async () => {
    const world = await aWorld();
    await world.make('gone');
    await world.settle();
    const { id } = (await world.account.getRole('gone'))!;
    expect(await world.trust()).toContain(GONE);
    await world.account.deleteRole('gone');
    await world.say({ ...GONE_MADE, change: 'deleted', at: world.clock.now() });
    await world.settle(600_000);
    expect(await world.trust()).not.toMatch(new RegExp(`${GONE}|${id}`));
    expect(await world.trust()).toContain(BUILD);
    expect(world.told().join()).toContain(`there is no IAM role ${GONE}`);
  });

  it('is told by what name it is known where its path is another', async () => {
    const world = await aWorld();
    await world.make('gone', '/ci/');
    await world.settle();
    expect(world.told().join()).toContain(`no-such-principal: the IAM role is arn:aws:iam::${ACCOUNT}:role/ci/gone`);
  });
});
