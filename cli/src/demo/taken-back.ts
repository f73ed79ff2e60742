import { sameJson } from '@gatehouse/core/access/json';
import { IAM_PATH, MANAGED_BY } from '@gatehouse/core/access/names';
import type { ObjectKind } from '@gatehouse/core/ports/kubernetes';
import { ACCOUNT } from './cast.ts';
import type { Scene } from './scenario.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

const KINDS: readonly ObjectKind[] = ['Namespace', 'Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'];

/** What Gatehouse may leave its traces in: aws-auth of every cluster, its objects there, and its principals and their policies. */
export interface Traces {
  readonly awsAuth: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly objects: readonly string[];
  readonly principals: readonly string[];
}

/** Looks for traces. */
export async function tracesOf(stage: Stage): Promise<Traces> {
  const awsAuth: Record<string, Readonly<Record<string, string>>> = {};
  const objects: string[] = [];
  for (const cluster of Object.keys(stage.sandbox.clusters)) {
    // An empty list and none mean the same.
    const data = await stage.awsAuth(cluster);
    awsAuth[cluster] = Object.fromEntries(Object.entries(data).filter(([, text]) => text.trim() !== ''));
    const labelSelector = `${MANAGED_BY.key}=${MANAGED_BY.value}`;
    for (const kind of KINDS) {
      const { items } = await stage.administratorOf(cluster).list(kind, { labelSelector });
      objects.push(...items.map(({ metadata }) => [cluster, kind, metadata.namespace, metadata.name].join('/')));
    }
  }
  const { roles, users, policies } = stage.sandbox.endpoint.iam.accounts.get(ACCOUNT)!;
  const principals = [...roles.values(), ...users.values(), ...policies.values()].filter(
    ({ path }) => path === IAM_PATH,
  );
  return { awsAuth, objects: objects.sort(), principals: principals.map(({ name }) => name).sort() };
}

/** Takes all grants out of the policy, and waits until the world is what it was before: nothing of Gatehouse's is left. */
export async function takeBack({ stage, show }: Scene, before: Traces): Promise<void> {
  show.note('a policy without grants is uploaded. It only narrows, so it needs nobody to agree');
  show.startClock();
  const document = withoutGrants(stage.policyText());
  const answer = (await stage.operate({ operation: 'upload-policy', document, by: 'demo' })) as { ok: boolean };
  show.expect('the policy is taken in', answer.ok, true);
  let after: Traces | undefined;
  await until(
    'nothing of Gatehouse is left',
    stage.patience,
    async () => {
      after = await tracesOf(stage);
      return sameJson(after, before) ? true : undefined;
    },
    () => JSON.stringify(after),
  );
  show.expect('aws-auth, roles and bindings, and IAM are what they were before', after, before);
}

/** The document with an empty list of grants. */
function withoutGrants(text: string): string {
  const lines = text.split('\n');
  const from = lines.findIndex((line) => line.startsWith('grants:'));
  const length = lines.slice(from + 1).findIndex((line) => /^[a-zA-Z]/.test(line));
  const end = length < 0 ? lines.length : from + 1 + length;
  return [...lines.slice(0, from), 'grants: []', '', ...lines.slice(end)].join('\n');
}
