import { connectionOperationSchema, operationSchema } from '@gatehouse/core/operations/operation';
import { runOperation } from '@gatehouse/core/operations/run';
import type { Plan } from '@gatehouse/core/plan/plan';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { TURN_LIMITS } from '@gatehouse/core/work/turn-ports';
import { describe, expect, it } from 'vitest';
import { createHandler } from '../../../functions/connect-cluster/handler.ts';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT, policyOf } from '../../builders/policy.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/edge`;
const PLACE = { name: 'edge', region: 'eu-west-1' };
const KUBECONFIG = 'gatehouse/kubeconfigs/edge';
const user = (name: string) => `arn:aws:iam::${ACCOUNT}:user/${name}`;
const [ANA, BEN] = [user('ana'), user('ben')];
const SETTINGS = { limits: TURN_LIMITS, clusterAccessRole: `arn:aws:iam::${ACCOUNT}:role/gatehouse-system/access` };

/** What these operations answer, as far as it is looked into. */
interface Outcome {
  readonly plan: Plan;
  readonly objects: readonly KubernetesObject[];
  readonly missing: readonly string[];
  readonly findings: Plan['findings'];
}
const summary = ({ changes }: Plan) => changes.map(({ change }) => `${change.action} ${change.kind}`);

const policy = (more = '') => `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
${more}
grants: []
protected: { principals: ["${user('root-of-trust')}"] }
`;
const NAMED = `  edge: { account: "${ACCOUNT}", region: eu-west-1, kind: connected, provider: AKS, mode: enforce }`;

async function aWorld(text = policy()) {
  const world = await aPipeline({ policy: text, users: ['ana', 'ben'] });
  world.addCluster(ARN, policyOf(policy(NAMED)));
  await world.secrets.write(KUBECONFIG, 'kubeconfig', {});
  await world.settle();
  const run = async (operation: object): Promise<Outcome> =>
    (await runOperation(
      world.ports,
      SETTINGS,
      operationSchema.parse({ ...PLACE, ...operation }),
    )) as unknown as Outcome;
  return { ...world, run };
}
const register = (over: object = {}) => ({
  operation: 'register-cluster',
  provider: 'EKS_ANYWHERE',
  kubeconfigSecret: KUBECONFIG,
  consoleUsers: [ANA],
  ...over,
});
const namesOf = (objects: readonly KubernetesObject[]) =>
  objects.flatMap(({ rules }) => rules ?? []).flatMap(({ resourceNames }) => resourceNames ?? []);

describe('register-cluster', () => {
  it('registers, installs, lets its console users look, and says how it stands', async () => {
    const world = await aWorld();
    expect(await world.run(register())).toEqual({ arn: ARN, by: 'registration' });
    await world.settle();
    expect(world.failures).toEqual([]);
    expect(await world.run({ operation: 'connection' })).toMatchObject({
      by: 'registration',
      provider: 'EKS_ANYWHERE',
      status: 'PENDING',
      waiting: 0,
      trouble: [],
    });
    const role = world.clusters.get(ARN)!.peek({ kind: 'ClusterRole', name: 'eks-connector-service' });
    expect(namesOf([role!])).toEqual([ANA]);
  });

  it('once more changes what is said, and leaves the rest', async () => {
    const world = await aWorld();
    await world.run(register({ namespaces: ['pay'] }));
    await world.settle();
    await world.run({ operation: 'register-cluster', consoleUsers: [BEN] });
    await world.settle();
    const role = world.clusters.get(ARN)!.peek({ kind: 'ClusterRole', name: 'eks-connector-service' });
    // The namespace does not exist, and nobody said to make it: nobody gets half of a grant.
    expect(role).toBeUndefined();
    await world.run({ operation: 'register-cluster', namespaces: [] });
    await world.settle();
    const after = world.clusters.get(ARN)!.peek({ kind: 'ClusterRole', name: 'eks-connector-service' });
    expect(namesOf([after!])).toEqual([BEN]);
    expect(world.eks.calls.registerCluster).toBe(1);
  });

  it('begins anew what was swept', async () => {
    const world = await aWorld();
    await world.run(register({ kubeconfigSecret: undefined }));
    await world.settle(3 * 24 * 3_600_000 + 3_600_000);
    expect(await world.run({ operation: 'connection' })).toMatchObject({
      trouble: [{ about: 'registration', code: 'activation-expired' }, expect.anything()],
    });
    await world.run({ operation: 'register-cluster' });
    await world.settle();
    expect(await world.eks.describeCluster('edge')).toMatchObject({ status: 'PENDING' });
    expect(await world.run({ operation: 'connection' })).toMatchObject({ status: 'PENDING' });
  });

  it('dry shows what would be made, and makes nothing', async () => {
    const world = await aWorld();
    world.forgetCalls();
    const { plan } = await world.run(register({ dryRun: true }));
    expect(summary(plan)).toEqual(['create iam-role', 'create connector']);
    await world.settle();
    expect(world.writes()).toEqual([]);
    expect(await world.run({ operation: 'connection' })).toMatchObject({ by: 'none' });
  });

  it.each<[string, object, RegExp]>([
    ['no provider', { provider: undefined }, /what runs "edge"/],
    ['a secret that Gatehouse may not read', { kubeconfigSecret: 'mine' }, /may not read the secret/],
    ['a console user who is no principal', { consoleUsers: ['ana'] }, /"ana" cannot be a console user/],
    ['a console user with a wildcard', { consoleUsers: [user('*')] }, /wildcard/],
    ['a session', { consoleUsers: [`arn:aws:sts::${ACCOUNT}:assumed-role/r/s`] }, /assumed-role/],
    [
      'a service-linked role',
      { consoleUsers: [`arn:aws:iam::${ACCOUNT}:role/aws-service-role/x.amazonaws.com/X`] },
      /service-linked/,
    ],
    ['somebody of another account', { consoleUsers: ['arn:aws:iam::999999999999:user/x'] }, /none of the policy's/],
    ['somebody whom the policy protects', { consoleUsers: [user('root-of-trust')] }, /protects/],
    ['the name of a cluster of EKS', { name: 'prod-eu' }, /names "prod-eu" as a cluster that EKS runs/],
    [
      'the name of a cluster of another Region',
      { name: 'prod-eu', region: 'us-east-1' },
      /another cluster by the name/,
    ],
  ])('refuses %s, with a remedy', async (_title, over, message) => {
    const world = await aWorld();
    const refused = await world.run(register(over)).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(message),
      remedy: expect.any(String),
    });
    expect(world.eks.calls.registerCluster).toBe(0);
  });

  it('leaves a cluster that the policy names to the policy, but gives it another activation', async () => {
    const world = await aWorld(policy(NAMED));
    await expect(world.run(register())).rejects.toMatchObject({ message: expect.stringContaining('stand there') });
    await world.settle(3 * 24 * 3_600_000 + 3_600_000);
    expect(await world.eks.describeCluster('edge')).toBeUndefined();
    expect(await world.run({ operation: 'register-cluster' })).toEqual({ arn: ARN, by: 'policy' });
    await world.settle();
    expect(await world.eks.describeCluster('edge')).toMatchObject({ status: 'PENDING' });
    await expect(world.run({ operation: 'deregister-cluster' })).rejects.toMatchObject({
      message: expect.stringContaining('only the policy takes it out'),
    });
  });
});

describe('deregister-cluster', () => {
  it('takes everything back, also twice, also what was never there', async () => {
    const world = await aWorld();
    const secrets = world.secrets.names();
    await world.run(register());
    await world.settle();
    expect(await world.run({ operation: 'deregister-cluster' })).toEqual({ arn: ARN, state: 'deregistering' });
    await world.settle();
    expect(await world.run({ operation: 'deregister-cluster' })).toEqual({ arn: ARN, state: 'not-registered' });
    await world.settle();
    expect(await world.run({ operation: 'connection' })).toMatchObject({ by: 'none', waiting: 0, trouble: [] });
    expect(await world.run({ operation: 'connection' })).not.toHaveProperty('status');
    expect(world.secrets.names()).toEqual(secrets);
    const kubernetes = world.clusters.get(ARN)!;
    expect(kubernetes.peek({ kind: 'Namespace', name: 'eks-connector' })).toBeUndefined();
    expect(kubernetes.peek({ kind: 'ClusterRole', name: 'eks-connector-service' })).toBeUndefined();
    expect(
      (await kubernetes.list('ClusterRoleBinding', { labelSelector: 'app.kubernetes.io/managed-by=gatehouse' })).items,
    ).toEqual([]);
  });

  it('before anything was made leaves nothing to be made', async () => {
    const world = await aWorld();
    await world.run(register());
    await world.run({ operation: 'deregister-cluster' });
    await world.settle();
    expect(world.eks.calls.registerCluster).toBe(0);
  });

  it('dry shows what would be removed', async () => {
    const world = await aWorld();
    await world.run(register());
    await world.settle();
    const { plan } = await world.run({ operation: 'deregister-cluster', dryRun: true });
    expect(summary(plan)).toEqual(['delete connector', 'delete iam-role']);
    await world.settle();
    expect(await world.eks.describeCluster('edge')).toBeDefined();
  });
});

describe('connector-manifests', () => {
  it('are all that a turn would make, with the people and without the activation', async () => {
    const world = await aWorld();
    await world.run(register({ kubeconfigSecret: undefined, namespaces: ['pay'] }));
    await world.settle();
    const { objects, missing, findings } = await world.run({ operation: 'connector-manifests' });
    expect([missing, findings]).toEqual([[], []]);
    expect(objects.map(({ kind }: KubernetesObject) => kind)).toEqual(
      expect.arrayContaining(['Namespace', 'StatefulSet']),
    );
    expect(objects[0]).toMatchObject({ kind: 'Namespace', metadata: { name: 'eks-connector' } });
    expect(namesOf(objects)).toContain(ANA);
    expect(
      objects
        .filter(({ kind }: KubernetesObject) => kind === 'RoleBinding')
        .map(({ metadata }: KubernetesObject) => metadata.namespace),
    ).toContain('pay');
    const [secret] = world.secrets.names().filter((name) => name.includes('connectors'));
    const { activationCode, activationId } = JSON.parse((await world.secrets.read(secret!))!);
    expect(JSON.stringify(objects)).not.toMatch(new RegExp(`${activationCode}|${activationId}`));
  });

  it('are told to wait for while it is not registered', async () => {
    const world = await aWorld();
    await expect(world.run({ operation: 'connector-manifests' })).rejects.toMatchObject({ code: 'not-found' });
    await world.run(register());
    await expect(world.run({ operation: 'connector-manifests' })).rejects.toMatchObject({ code: 'unreachable' });
  });
});

describe('an event that says so', () => {
  it('registers, and another deregisters, in whatever order they come', async () => {
    const world = await aWorld();
    const place = { type: 'registration', account: ACCOUNT, region: 'eu-west-1', name: 'edge' } as const;
    const said = { provider: 'GKE', kubeconfigSecret: KUBECONFIG, consoleUsers: [ANA], namespaces: [] } as const;
    const [early, late] = [world.clock.now() - 2_000, world.clock.now() - 1_000];
    await world.say({ ...place, state: 'present', ...said, at: early });
    await world.settle();
    expect(await world.eks.describeCluster('edge')).toMatchObject({ connector: { provider: 'GKE' } });
    await world.say({ ...place, state: 'absent', at: late });
    await world.say({ ...place, state: 'present', ...said, at: early });
    await world.settle();
    expect(await world.eks.describeCluster('edge')).toBeUndefined();
    expect(await world.run({ operation: 'connection' })).toMatchObject({ by: 'none', waiting: 0 });
  });
});

describe('the function of a team', () => {
  it('does these operations and no other', async () => {
    const world = await aWorld();
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
    const handler = createHandler({ ports: world.ports, settings: SETTINGS, log });
    expect(await handler({ operation: 'connection', ...PLACE })).toMatchObject({ ok: true });
    const operations = operationSchema.options.map(({ shape }) => shape.operation.value);
    const own = connectionOperationSchema.options.map(({ shape }) => shape.operation.value as string);
    expect(own).toEqual(['register-cluster', 'deregister-cluster', 'connection', 'connector-manifests']);
    for (const operation of operations.filter((one) => !own.includes(one))) {
      const asked = {
        operation,
        document: policy(),
        by: 'x',
        version: 1,
        target: `cluster/${ARN}`,
        chain: 'x',
        cluster: 'x',
      };
      expect(await handler(asked), operation).toMatchObject({ ok: false, error: { code: 'invalid' } });
    }
  });
});
