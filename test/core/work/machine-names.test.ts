import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod-eu`;
const GRANTS = `
machines:
  ci: { user: eks-cicd-user, username: cicd-user, policy: EKS_CICD_User_Policy }
grants:
  - name: pay-ci
    to: { machine: ci }
    on: { clusters: prod-eu, namespaces: [pay], absentNamespaces: create-and-delete }
    level: deployer
    through: user
    names: { role: cicd-role, binding: cicd-role-binding }
`;
const NOTHING = `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
`;
const POLICY = `${NOTHING}${GRANTS}`;
const NODES = `- rolearn: arn:aws:iam::${ACCOUNT}:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]   # not ours
`;
const USER = `arn:aws:iam::${ACCOUNT}:user/gatehouse/eks-cicd-user`;

/** A pipeline on a cluster in use. `mapUsers` stands in its aws-auth before. */
async function aWorld(mapUsers?: string, policy = POLICY) {
  const world = await aPipeline({ policy });
  const kubernetes = world.clusters.get(ARN)!;
  kubernetes.seed({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'kube-system', name: 'aws-auth' },
    data: { mapRoles: NODES, ...(mapUsers === undefined ? {} : { mapUsers }) },
  });
  const awsAuth = () => kubernetes.peek({ kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' })!.data!;
  const binding = () => kubernetes.peek({ kind: 'RoleBinding', namespace: 'pay', name: 'cicd-role-binding' });
  const role = () => kubernetes.peek({ kind: 'Role', namespace: 'pay', name: 'cicd-role' });
  const findings = () => world.table.items().flatMap(({ finding }) => (finding ? [JSON.stringify(finding)] : []));
  return { ...world, kubernetes, awsAuth, binding, role, findings };
}

describe('a machine of given names', () => {
  it('has each of them, from IAM to the binding, and the nodes keep every byte', async () => {
    const world = await aWorld();
    await world.settle(600_000);
    const iam = world.iam.get(ACCOUNT)!;
    expect(await iam.getUser('eks-cicd-user')).toMatchObject({ arn: USER });
    expect(world.awsAuth().mapUsers).toContain(`userarn: ${USER}`);
    expect(world.awsAuth().mapUsers).toMatch(/username: "?cicd-user"?\n/);
    expect(world.awsAuth().mapRoles).toBe(NODES);
    expect(world.binding()).toMatchObject({
      roleRef: { kind: 'Role', name: 'cicd-role' },
      subjects: [{ kind: 'User', name: 'cicd-user' }],
    });
    expect(world.role()!.rules).toEqual([
      {
        apiGroups: ['apps', 'extensions'],
        resources: ['deployments', 'replicasets'],
        verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
      },
    ]);
    expect(world.failures).toEqual([]);
    expect(world.findings()).toEqual([]);
  });

  it('leaves nothing behind: the world is what it was', async () => {
    const world = await aWorld('');
    const { users, policies } = world.iam.get(ACCOUNT)!.state.accounts.get(ACCOUNT)!;
    const before = [
      users.size,
      policies.size,
      world.awsAuth(),
      world.kubernetes.peek({ kind: 'Namespace', name: 'pay' }),
    ];
    await world.settle(600_000);
    expect(world.awsAuth().mapUsers).toContain(USER);
    await world.upload(NOTHING);
    await world.settle(600_000);
    const after = [
      users.size,
      policies.size,
      world.awsAuth(),
      world.kubernetes.peek({ kind: 'Namespace', name: 'pay' }),
    ];
    expect(after).toEqual(before);
    expect([world.role(), world.binding(), world.secrets.names()]).toEqual([undefined, undefined, []]);
  });

  it('gets another username in place of the old one, everywhere', async () => {
    const world = await aWorld();
    await world.settle(600_000);
    await world.upload(POLICY.replace('username: cicd-user', 'username: deployer'));
    await world.settle(600_000);
    expect(world.awsAuth().mapUsers).toMatch(/username: "?deployer"?\n/);
    expect(world.awsAuth().mapUsers).not.toContain('cicd-user"');
    expect(world.binding()!.subjects).toMatchObject([{ name: 'deployer' }]);
  });

  it.each([
    ['has it already', 'cicd-user'],
    ['may choose it as the name of a session', '{{SessionName}}'],
  ])('is bound to nothing where another principal %s', async (_what, username) => {
    const taken = `- userarn: arn:aws:iam::${ACCOUNT}:user/mallory\n  username: "${username}"\n`;
    const world = await aWorld(taken);
    await world.settle(600_000);
    expect(world.awsAuth()).toEqual({ mapRoles: NODES, mapUsers: taken });
    expect(world.binding()).toBeUndefined();
    expect(world.findings().join()).toContain('username-taken');
    expect(world.findings().join()).toContain('under machines');
  });
});

describe('a user of the name that is somebody else’s', () => {
  const iamOf = (world: Awaited<ReturnType<typeof aWorld>>) => world.iam.get(ACCOUNT)!;

  it('is left alone, and the finding says how it can be adopted', async () => {
    const world = await aWorld();
    await iamOf(world).createUser({ name: 'eks-cicd-user', path: '/', tags: {} });
    const key = await iamOf(world).createAccessKey('eks-cicd-user');
    await world.settle(600_000);
    expect(await iamOf(world).listAccessKeys('eks-cicd-user')).toEqual([{ id: key.id, active: true }]);
    expect(await iamOf(world).listAttachedUserPolicies('eks-cicd-user')).toEqual([]);
    expect(world.awsAuth().mapUsers).toBeUndefined();
    expect(world.findings().join()).toContain('to: { principal:');
  });

  it('is adopted where the policy says so: mapped, and nothing of it changed', async () => {
    const arn = `arn:aws:iam::${ACCOUNT}:user/eks-cicd-user`;
    const adopting = POLICY.replace(/machines:\n.*\n/, '').replace(
      'to: { machine: ci }',
      `to: { principal: "${arn}" }`,
    );
    const world = await aWorld(undefined, adopting);
    await iamOf(world).createUser({ name: 'eks-cicd-user', path: '/', tags: {} });
    const before = await iamOf(world).getUser('eks-cicd-user');
    await world.settle(600_000);
    expect(world.awsAuth().mapUsers).toContain(arn);
    expect(world.binding()!.subjects).toMatchObject([{ name: `gatehouse:iam-user:${ACCOUNT}:eks-cicd-user` }]);
    expect(await iamOf(world).getUser('eks-cicd-user')).toEqual(before);
    expect(await iamOf(world).listAccessKeys('eks-cicd-user')).toEqual([]);
  });
});
