import { isDeepStrictEqual } from 'node:util';
import { clusterArn } from '@gatehouse/core/access/arn';
import type { Json } from '@gatehouse/core/access/json';
import { activationSecretName, agentRoleName } from '@gatehouse/core/access/names';
import type { Kubernetes, KubernetesObject, ObjectKind } from '@gatehouse/core/ports/kubernetes';
import { withActivation } from '@gatehouse/core/resources/connector-object/apply';
import type { SeedObject } from '@gatehouse/sandbox/kubernetes/api-state';
import { ACCOUNT, REGION } from '../../cast.ts';
import { examplePolicy, type Scenario, type Scene } from '../../scenario.ts';
import type { Stage } from '../../stage.ts';
import { until } from '../../until.ts';

const EDGE = { name: 'edge-lab', arn: clusterArn(ACCOUNT, REGION, 'edge-lab') } as const;
const FLOOR = { name: 'shop-floor', arn: clusterArn(ACCOUNT, REGION, 'shop-floor') } as const;
const user = (name: string) => `arn:aws:iam::${ACCOUNT}:user/${name}`;
const [ANA, BEN, EVE] = [user('ana'), user('ben'), user('eve')];

const namespace = (name: string): SeedObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
const pod = (space: string, name: string): SeedObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: space },
  spec: { containers: [{ name: 'main', image: 'registry.example.com/app:1' }] },
});
const WORKLOADS = [namespace('pay'), pod('pay', 'ledger'), pod('default', 'probe')];

/** What acts hand on to each other. */
interface Memory {
  /** What was in the cluster before the connector came. */
  before?: readonly string[];
}

/** Clusters that run elsewhere are registered, looked at from the console, and let go of again. */
export function connectorScenario(): Scenario {
  const memory: Memory = {};
  const act = (title: string, play: (scene: Scene, memory: Memory) => Promise<void>) => ({
    title,
    play: (scene: Scene) => play(scene, memory),
  });
  return {
    about: 'clusters that run elsewhere come to the EKS console, each person seeing what the policy says',
    policyFile: examplePolicy('connector'),
    clusterObjects: { [EDGE.name]: WORKLOADS, [FLOOR.name]: WORKLOADS },
    acts: [
      act('A cluster elsewhere is registered, and its connector installed', registeredAct),
      act('Who looks from the console, and what they see', consoleAct),
      act('One that Gatehouse does not reach: its manifests are applied by hand', byHandAct),
      act('The activation: in Secrets Manager, and in nothing that anybody reads', activationAct),
      act('A console user goes: one change', userGoesAct),
      act('The clusters are taken out of the policy', removedAct),
    ],
  };
}

const registered = (stage: Stage, name: string) => stage.sandbox.endpoint.clusters.get(ACCOUNT, REGION, name);

async function active(stage: Stage, name: string): Promise<void> {
  await until(
    `${name} is ACTIVE`,
    stage.patience,
    () => (registered(stage, name)?.status === 'ACTIVE' ? true : undefined),
    () => registered(stage, name)?.status ?? 'not registered',
  );
}

async function registeredAct({ stage, show }: Scene, memory: Memory): Promise<void> {
  await active(stage, EDGE.name);
  show.step('active', EDGE.name, 'its agent proved itself with the activation');
  const iam = stage.sandbox.endpoint.iam.accounts.get(ACCOUNT)!.roles;
  const agent = iam.get(agentRoleName(REGION, EDGE.name));
  show.expect('the service-linked role is there', iam.has('awsserviceroleforamazoneksconnector'), true);
  show.expect('the role of its agent is of its own', agent?.path, '/gatehouse/connector/');
  show.expect('and trusts Systems Manager alone', JSON.stringify(agent?.trust).match(/"[a-z]+\.amazonaws\.com"/g), [
    '"ssm.amazonaws.com"',
  ]);
  show.expect('the registration is marked as ours', registered(stage, EDGE.name)?.tags['gatehouse:managed'], 'true');
  await stage.rest();
  const made = await namesIn(stage.sandbox.elsewhere.get(EDGE.arn)!.operator);
  memory.before = made.filter((name) => !/eks-connector|gatehouse:/.test(name));
  show.expect('the connector runs in the cluster', made.includes('StatefulSet/eks-connector/eks-connector'), true);
}

async function consoleAct({ stage, show }: Scene): Promise<void> {
  const PODS = '/api/v1/namespaces/pay/pods';
  const ALL = '/api/v1/pods';
  const look = async (who: string, path: string) =>
    (await stage.sandbox.elsewhere.lookFromConsole(EDGE.arn, who, path)).status;
  await until('the people are there', stage.patience, async () =>
    (await look(ANA, ALL)) === 200 && (await look(BEN, PODS)) === 200 ? true : undefined,
  );
  show.expect('ana sees the pods of the whole cluster', await look(ANA, ALL), 200);
  show.expect('but no secret', await look(ANA, '/api/v1/namespaces/pay/secrets'), 403);
  show.expect('ben sees the pods of pay', await look(BEN, PODS), 200);
  show.expect('and not those of another namespace', await look(BEN, '/api/v1/namespaces/default/pods'), 403);
  const refused = await stage.sandbox.elsewhere.lookFromConsole(EDGE.arn, EVE, PODS);
  show.expect('eve is nobody whom the connector may impersonate', refused.status, 403);
  show.expect('which is what the cluster says', /cannot impersonate/.test(refused.body), true);
  show.expect(
    'nor may it be an administrator',
    (await stage.sandbox.elsewhere.lookFromConsole(EDGE.arn, 'kubernetes-admin', PODS)).status,
    403,
  );
}

async function byHandAct({ stage, show }: Scene): Promise<void> {
  await until(`${FLOOR.name} is PENDING`, stage.patience, () =>
    registered(stage, FLOOR.name)?.status === 'PENDING' ? true : undefined,
  );
  await stage.rest();
  const { outcome } = (await stage.operate({
    operation: 'connector-manifests',
    name: FLOOR.name,
    region: REGION,
  } as Json)) as unknown as { outcome: { objects: KubernetesObject[]; missing: string[] } };
  show.expect('the manifests hold everybody whom the policy names', outcome.missing, []);
  const code = activationOf(stage, FLOOR.name).activationCode;
  show.expect('and no activation', JSON.stringify(outcome).includes(code), false);
  const { operator } = stage.sandbox.elsewhere.get(FLOOR.arn)!;
  const secrets = { read: async (name: string) => stage.secret(name), write: refused, remove: refused };
  for (const object of outcome.objects) await operator.create(await withActivation(object, secrets));
  show.step('applied', FLOOR.name, `${outcome.objects.length} objects, as kubectl apply does`);
  await active(stage, FLOOR.name);
  const { status } = await stage.sandbox.elsewhere.lookFromConsole(FLOOR.arn, ANA, '/api/v1/pods');
  show.expect('ana sees its pods from the console', status, 200);
}

const refused = () => Promise.reject(new TypeError('nothing is written here'));

function activationOf(stage: Stage, name: string): { activationId: string; activationCode: string } {
  return JSON.parse(stage.secret(activationSecretName(ACCOUNT, REGION, name)) ?? '{}');
}

async function activationAct({ stage, show }: Scene): Promise<void> {
  const told = [...stage.logged, JSON.stringify(await stage.entries())].join('\n');
  for (const { name } of [EDGE, FLOOR]) {
    const { activationCode, activationId } = activationOf(stage, name);
    const forms = [activationCode, activationId].flatMap((text) => [text, Buffer.from(text).toString('base64')]);
    show.expect(
      `no log line and no ledger entry holds that of ${name}`,
      forms.some((text) => text.length > 8 && told.includes(text)),
      false,
    );
  }
}

async function userGoesAct({ stage, show }: Scene): Promise<void> {
  const { operator } = stage.sandbox.elsewhere.get(EDGE.arn)!;
  const writesBefore = stage.counter.writes.length;
  await putInForce(stage, stage.policyText().replace(/ {2}# One namespace of it\.\n(?: {2}.*\n)+/, ''));
  const named = async () =>
    (await operator.read({ kind: 'ClusterRole', name: 'eks-connector-service' }))?.rules?.flatMap(
      ({ resourceNames }) => resourceNames ?? [],
    );
  await until(
    'ben is gone from the rule',
    stage.patience,
    async () => (isDeepStrictEqual(await named(), [ANA]) ? true : undefined),
    () => 'still named',
  );
  const look = async (who: string) =>
    (await stage.sandbox.elsewhere.lookFromConsole(EDGE.arn, who, '/api/v1/namespaces/pay/pods')).status;
  show.expect('ben sees nothing any more', await look(BEN), 403);
  show.expect('ana still does', await look(ANA), 200);
  show.expect('the connector may impersonate exactly her', await named(), [ANA]);
  await stage.rest();
  const writes = stage.counter.writes
    .slice(writesBefore)
    .filter(({ where, what }) => where === EDGE.name && !what.endsWith('/token'));
  show.lines(writes.map(({ what }) => what));
  // The rule, the two bindings (in the namespace, and to find it), and the two roles that they refer to.
  show.expect('it cost the cluster five writes', writes.length, 5);
}

async function removedAct({ stage, show }: Scene, memory: Memory): Promise<void> {
  await putInForce(stage, 'apiVersion: gatehouse/v1\nclusters: {}\ngrants: []\n');
  await until(
    'the registrations are gone',
    stage.patience,
    () => (registered(stage, EDGE.name) || registered(stage, FLOOR.name) ? undefined : true),
    () => 'still registered',
  );
  await until(
    'the cluster is as it was',
    stage.patience,
    async () => {
      const left = await namesIn(stage.sandbox.elsewhere.get(EDGE.arn)!.operator);
      return isDeepStrictEqual(left, memory.before) ? true : undefined;
    },
    () => 'something is left',
  );
  show.expect(
    'the cluster is as it was before the connector came',
    await namesIn(stage.sandbox.elsewhere.get(EDGE.arn)!.operator),
    memory.before,
  );
  await stage.rest();
  const { iam } = stage.sandbox.endpoint;
  const roles = [...iam.accounts.get(ACCOUNT)!.roles.values()];
  show.expect('no role of an agent is left', roles.filter(({ path }) => path === '/gatehouse/connector/').length, 0);
  show.expect(
    'no activation is left',
    [EDGE, FLOOR].map(({ name }) => stage.secret(activationSecretName(ACCOUNT, REGION, name)) ?? null),
    [null, null],
  );
}

async function putInForce(stage: Stage, document: string): Promise<void> {
  const uploaded = (await stage.operate({ operation: 'upload-policy', document, by: 'demo' })) as unknown as {
    outcome: { version: number; state: string };
  };
  const { version, state } = uploaded.outcome;
  if (state !== 'active') await stage.operate({ operation: 'activate-policy', version, by: 'demo' });
}

const KINDS: readonly ObjectKind[] = [
  'Namespace',
  'ServiceAccount',
  'Secret',
  'StatefulSet',
  'Role',
  'RoleBinding',
  'ClusterRole',
  'ClusterRoleBinding',
];

/** What is in a cluster, but what its own controllers put beside everything. */
async function namesIn(kubernetes: Kubernetes): Promise<readonly string[]> {
  const names: string[] = [];
  for (const kind of KINDS) {
    const { items } = await kubernetes.list(kind, {});
    for (const { metadata } of items) names.push(`${kind}/${metadata.namespace ?? '-'}/${metadata.name}`);
  }
  return names.sort();
}
