import { Failure } from '@gatehouse/core/access/failure';
import { grantSubject } from '@gatehouse/core/access/subject';
import { clusterTarget } from '@gatehouse/core/access/target';
import { clusterGuards } from '@gatehouse/core/plan/guards';
import { AWS_AUTH_REF } from '@gatehouse/core/resources/aws-auth/model';
import { CLUSTER_KINDS } from '@gatehouse/core/resources/kinds';
import { CLAIMED_BY_ANNOTATION } from '@gatehouse/core/resources/namespace/model';
import type { Claim, OwnedClaim } from '@gatehouse/core/resources/resource';
import { carryOut, planScene, type Scene } from '@gatehouse/core/work/carry-out';
import { readRecord, writeRecords } from '@gatehouse/core/work/records';
import { expect, it } from 'vitest';
import { ACCOUNT, aCluster, aGrant, aPolicy } from '../../builders/policy.ts';
import { fixedClock } from '../../fakes/clock.ts';
import { type KubernetesCall, memoryKubernetes } from '../../fakes/kubernetes.ts';
import { memoryTable } from '../../fakes/table.ts';
import { ours } from '../resources/cluster-objects.ts';

const TARGET = clusterTarget(aCluster().arn);
const GRANT = grantSubject('ops');
const NAMESPACE = (name: string) => ({ kind: 'Namespace', name }) as const;
const own = (claim: Claim & Record<string, unknown>): OwnedClaim => ({ subject: GRANT, grant: 'ops', claim });

/** A turn on a cluster, claim by claim. `before` runs ahead of each call. */
async function aTurn(
  wanted: readonly OwnedClaim[],
  recorded: readonly OwnedClaim[],
  before: (call: KubernetesCall) => void,
) {
  const [table, ledger, clock] = [memoryTable(), memoryTable(), fixedClock()];
  const kubernetes = memoryKubernetes({ before });
  await writeRecords(table, TARGET, [], recorded);
  const policy = aPolicy({ grants: [aGrant({ name: 'ops', namespaces: ['pay'] })] });
  const scene: Scene = {
    target: TARGET,
    chain: TARGET,
    kinds: CLUSTER_KINDS,
    ports: { kubernetes },
    claims: { wanted, recorded },
    findings: [],
    observed: new Map(),
    guards: clusterGuards(policy),
  };
  const go = async () => {
    const cause = { source: 'standard', event: 'e', type: 't', receivedAt: 1 };
    const run = {
      id: 'r',
      policyVersion: { version: 1, digest: '' },
      causes: [cause],
      causeOf: () => cause,
      workUntil: Number.POSITIVE_INFINITY,
    };
    return carryOut({ table, ledger, clock }, scene, await planScene(scene), run);
  };
  return { kubernetes, go, recordedNow: () => readRecord(table, TARGET, GRANT) };
}

it('a namespace that only was to change its form is not deleted because another one could not be made', async () => {
  const was = own({ kind: 'namespace', object: 'there', onAbsent: 'create-and-delete' });
  const is = own({ kind: 'namespace', object: 'there', onAbsent: 'create' });
  const refused = own({ kind: 'namespace', object: 'refused', onAbsent: 'create' });
  const turn = await aTurn([refused, is], [was], ({ method, object }) => {
    if (method === 'create' && object === 'Namespace/refused') throw new Failure('forbidden', 'no');
  });
  turn.kubernetes.seed({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: 'there',
      labels: ours('ops').labels,
      annotations: { [CLAIMED_BY_ANNOTATION]: JSON.stringify([GRANT]) },
    },
  });
  const { findings, applied } = await turn.go();
  expect(findings.map(({ code, object }) => [code, object])).toEqual([['forbidden', 'refused']]);
  expect(applied).toEqual([]);
  expect(turn.kubernetes.peek(NAMESPACE('there'))).toBeDefined();
  // Nor is its older form forgotten: the next turn has to know that it was made to be deleted.
  expect((await turn.recordedNow()).map(({ claim }) => claim)).toContainEqual(was.claim);
});

it('a Role whose rules were to change stays as it was, where its namespace could not be seen to', async () => {
  const name = 'Role/pay/gatehouse:ops';
  const role = (verbs: readonly string[]) =>
    own({ kind: 'role', object: name, grant: 'ops', rules: [{ apiGroups: [''], resources: ['pods'], verbs }] });
  const space = own({ kind: 'namespace', object: 'other', onAbsent: 'create' });
  const turn = await aTurn([space, role(['get'])], [role(['get', 'list'])], ({ method, object }) => {
    if (method === 'create' && object === 'Namespace/other') throw new Failure('unreachable', 'no answer');
  });
  turn.kubernetes.seed(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'pay' } },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { namespace: 'pay', name: 'gatehouse:ops', ...ours('ops') },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }],
    },
  );
  const { failed } = await turn.go();
  expect([...failed.keys()]).toEqual([GRANT]);
  expect(turn.kubernetes.peek({ kind: 'Role', namespace: 'pay', name: 'gatehouse:ops' })?.rules).toHaveLength(1);
});

it('a stranger who takes a principal between plan and write is a finding, and no silence', async () => {
  const arn = `arn:aws:iam::${ACCOUNT}:role/gatehouse-ops`;
  const username = 'gatehouse:ops:{{SessionNameRaw}}';
  const door = own({ kind: 'aws-auth', object: 'kube-system/aws-auth', list: 'mapRoles', arn, username });
  let meddled = false;
  const foreign = `- rolearn: ${arn}\n  username: theirs\n`;
  const awsAuth = (mapRoles: string) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap' as const,
    metadata: { namespace: AWS_AUTH_REF.namespace!, name: AWS_AUTH_REF.name },
    data: { mapRoles },
  });
  const turn = await aTurn([door], [], ({ method }) => {
    if (method !== 'replace' || meddled) return;
    meddled = true;
    turn.kubernetes.seed(awsAuth(foreign));
  });
  turn.kubernetes.seed(awsAuth('# nothing yet\n'));
  const { findings, applied } = await turn.go();
  expect(findings.map(({ code }) => code)).toEqual(['foreign-entry']);
  expect(applied).toEqual([]);
  expect(turn.kubernetes.peek(AWS_AUTH_REF)?.data).toEqual({ mapRoles: foreign });
});
