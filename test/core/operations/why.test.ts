import { judge, membershipGround, type Why } from '@gatehouse/core/operations/why';
import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const TO = { group: 'g1', source: 'okta' } as const;
const KEY = { pk: 'p', sk: 's' };
const present = { ...KEY, state: 'present', at: 5, cause: { source: 'okta', event: 'e1', type: 't', receivedAt: 6 } };

describe('what the directory says of a member', () => {
  it.each([
    { membership: present, holds: true, says: 'they are a member', at: 5 },
    { membership: undefined, holds: false, says: 'no event said that they are a member', at: undefined },
    { membership: { ...present, state: 'absent' }, holds: false, says: 'they are no member any more', at: 5 },
    {
      membership: present,
      user: { ...KEY, active: false, at: 9 },
      holds: false,
      says: 'they are a member, and disabled',
      at: 9,
    },
    { membership: present, group: { ...KEY, deletedAt: 7 }, holds: false, says: 'the group was deleted', at: 7 },
    { membership: present, group: { ...KEY, deletedAt: 4 }, holds: true, says: 'they are a member', at: 5 },
  ])('$says (holds: $holds)', ({ membership, user, group, holds, says, at }) => {
    const ground = membershipGround(TO, { group, membership, user });
    expect(ground).toMatchObject({ to: 'the okta group g1', holds, says });
    expect(ground.at).toBe(at);
  });
});

describe('the judgement', () => {
  const login = { arn: 'a', username: 'u', groups: [], grants: [] };
  const grant = { grant: 'g', level: 'l', namespaces: [], holds: true, grounds: [] };
  const bound = { ...grant, made: [{ kind: 'role-binding', object: 'o' }] };
  const unbound = { ...grant, made: [] };
  it.each([
    { title: 'bound and let in', logins: [login], grants: [bound], isOfPolicy: true, because: undefined },
    { title: 'by a foreign entry', logins: [login], grants: [], isOfPolicy: false, because: undefined },
    { title: 'a stranger', logins: [], grants: [], isOfPolicy: false, because: /aws-auth does not let them in/ },
    { title: 'no grant', logins: [login], grants: [], isOfPolicy: true, because: /no grant of the policy is for them/ },
    { title: 'not done', logins: [login], grants: [unbound], isOfPolicy: true, because: /is not carried out/ },
    {
      title: 'refused',
      logins: [{ ...login, refused: 'not mapped' }],
      grants: [bound],
      isOfPolicy: true,
      because: /a: not mapped/,
    },
  ])('$title', ({ logins, grants, isOfPolicy, because }) => {
    const judged = judge({ cluster: 'c', mode: 'enforce', logins, grants, leftover: [], isOfPolicy });
    expect(judged.holds).toBe(because === undefined);
    if (because) expect(judged.because.join('\n')).toMatch(because);
  });

  it.each(['observe', 'paused'] as const)('names the mode %s', (mode) => {
    const { because } = judge({
      cluster: 'c',
      mode,
      logins: [login],
      grants: [unbound],
      leftover: [],
      isOfPolicy: true,
    });
    expect(because[0]).toBe(`c is in mode ${mode}, in which nobody is given anything`);
  });
});

describe('why, over the pipeline', () => {
  const POLICY = `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
grants:
  - { name: admins, to: { group: g2, source: okta }, on: { clusters: "*" }, level: cluster-admin, through: role }
  - { name: shared, to: { group: g1, source: okta }, on: { clusters: "*", namespaces: [pay], absentNamespaces: create }, level: pod-lister, through: role }
`;
  async function aWorld() {
    const world = await aPipeline({ policy: POLICY, users: ['alice'] });
    await world.settle();
    await world.join('g1', 'alice');
    await world.settle(600_000);
    const why = (principal: string) => world.operate<Why>({ operation: 'why', cluster: 'prod-eu', principal });
    return { ...world, why };
  }

  it('follows a member from the event to the binding, and names the grant that is not theirs', async () => {
    const { why, writes } = await aWorld();
    const before = structuredClone(writes());
    const answer = await why('user/okta/alice');
    expect(answer).toMatchObject({ holds: true, because: [], troubles: [], mode: 'enforce' });
    const [own, other] = answer.grants;
    expect(own).toMatchObject({ grant: 'shared', holds: true });
    expect(own!.grounds).toMatchObject([{ holds: true, event: { source: 'okta' } }]);
    const binding = own!.made.find(({ kind }) => kind === 'role-binding');
    expect(binding?.run?.causes.map(({ event }) => event)).toContain(own!.grounds[0]!.event!.event);
    expect(own!.made.map(({ kind }) => kind)).toContain('aws-auth');
    expect(other).toMatchObject({ grant: 'admins', holds: false, made: [] });
    expect(other!.grounds).toMatchObject([{ holds: false, says: 'no event said that they are a member' }]);
    expect(writes()).toEqual(before);
  });

  it('says of a leaver what is not taken back yet, and then that nothing is left', async () => {
    const { why, leave, settle } = await aWorld();
    await leave('g1', 'alice');
    expect(await why('user/okta/alice')).toMatchObject({ holds: true, leftover: ['shared'] });
    await settle(600_000);
    const answer = await why('user/okta/alice');
    expect(answer).toMatchObject({ holds: false, leftover: [] });
    const shared = answer.grants.find(({ grant }) => grant === 'shared');
    expect(shared?.grounds).toMatchObject([{ holds: false, says: 'they are no member any more' }]);
  });

  it('says of a stranger that nothing lets them in', async () => {
    const { why } = await aWorld();
    expect(await why(`arn:aws:iam::${ACCOUNT}:user/nobody`)).toMatchObject({ holds: false, troubles: [] });
  });
});
