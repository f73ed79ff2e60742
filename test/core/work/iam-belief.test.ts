import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const POLICY = `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
levels:
  operator: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get] } ] }
grants:
  - { name: operators, to: { group: 00g1, source: okta }, on: { clusters: "*" }, level: operator, through: role }
`;

describe('what is believed of IAM after our own write', () => {
  /** Somebody deletes the role some seconds after Gatehouse wrote it; CloudTrail tells of it, in whole seconds. */
  async function deletedSoonAfter() {
    const world = await aPipeline({ policy: POLICY, users: ['alice'] });
    await world.join('00g1', 'alice');
    await world.settle();
    world.clock.advance(30_300);
    const iam = world.iam.get(ACCOUNT)!;
    await iam.deleteRolePolicy('gatehouse-operators', 'gatehouse-clusters');
    await iam.deleteRole('gatehouse-operators');
    const at = Math.floor(world.clock.now() / 1000) * 1000;
    const name = 'gatehouse-operators';
    return { ...world, role: iam, fact: { type: 'principal', account: ACCOUNT, principal: 'role', name, at } as const };
  }

  it('is given up for a deletion that came later: the role is made again at once', async () => {
    const world = await deletedSoonAfter();
    await world.say({ ...world.fact, change: 'deleted' });
    await world.settle(4_000);
    expect(JSON.stringify((await world.role.getRole('gatehouse-operators'))?.trust)).toContain('user/alice');
  });

  it('stands against a deletion that was before it', async () => {
    const world = await deletedSoonAfter();
    await world.say({ ...world.fact, at: world.fact.at - 60_000, change: 'deleted' });
    await world.settle(4_000);
    expect(await world.role.getRole('gatehouse-operators')).toBeUndefined();
    await world.settle(600_000);
    expect(await world.role.getRole('gatehouse-operators')).toBeDefined();
  });
});
