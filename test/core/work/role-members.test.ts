import { readMark } from '@gatehouse/core/work/marks';
import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const CLOSED = '999900001111';
const BINDING = { kind: 'ClusterRoleBinding', name: 'gatehouse:readers:role:0' } as const;
const policy = (identities: string) => `
apiVersion: gatehouse/v1
accounts:
  "${ACCOUNT}": {}
  "${CLOSED}": { roleArn: "arn:aws:iam::${CLOSED}:role/gatehouse-member", externalId: secret-enough-id }
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
${identities}
levels:
  reader: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get] } ] }
grants:
  - { name: readers, to: { group: 00g1, source: okta }, on: { clusters: prod-eu }, level: reader, through: role }
`;

async function aRole(identities: string, users: readonly string[]) {
  const world = await aPipeline({ policy: policy(identities), users });
  await world.settle();
  const cluster = world.clusters.get(`arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod-eu`)!;
  return {
    ...world,
    trust: async () => JSON.stringify((await world.iam.get(ACCOUNT)!.getRole('gatehouse-readers'))?.trust),
    bound: () => (cluster.peek(BINDING)?.subjects ?? []).map(({ name }) => name),
    findings: () =>
      world.table
        .items()
        .filter(({ sk }) => sk.startsWith('mark#'))
        .map((item) => readMark(item))
        .map(({ subject, finding }) => [subject, finding?.code]),
  };
}

describe('the members of a shared role', () => {
  it('are not kept out by one whose account cannot be entered', async () => {
    const world = await aRole(
      `  - { source: okta, map: { eve: "arn:aws:iam::${CLOSED}:user/eve" } }
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }`,
      ['alice'],
    );
    await world.join('00g1', 'eve');
    await world.join('00g1', 'alice');
    await world.settle();
    expect(await world.trust()).toContain('user/alice');
    expect(await world.trust()).not.toContain(CLOSED);
    expect(world.bound()).toContain('gatehouse:readers:alice');
    expect(world.findings()).toContainEqual(['user/okta/eve', 'no-such-user']);
    expect(world.failures).toEqual([]);
  });

  it('that are two people of one IAM user do not open the role to the account, and only the first gets in', async () => {
    const world = await aRole(`  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{localPart}" }`, ['alice']);
    await world.join('00g1', 'alice@one.example');
    await world.settle();
    await world.join('00g1', 'alice@two.example');
    await world.settle();
    expect(await world.trust()).not.toContain(':root');
    expect(world.bound()).toEqual(['gatehouse:readers:alice']);
    expect(world.findings()).toEqual([['user/okta/alice@two.example', 'already-bound']]);

    await world.leave('00g1', 'alice@one.example', world.clock.now() + 1);
    await world.settle();
    expect(world.bound()).toEqual([]);
  });
});
