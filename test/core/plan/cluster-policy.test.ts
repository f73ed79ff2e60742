import type { AccessLevel, Cluster } from '@gatehouse/core/access/policy';
import { CLUSTER_POLICY_ACTIONS, clusterPolicy } from '@gatehouse/core/plan/cluster-policy';
import { describe, expect, it } from 'vitest';
import { aCluster } from '../../builders/policy.ts';

const PLAIN: AccessLevel = { name: 'a', rules: [] };
const CONSOLE: AccessLevel = { name: 'b', rules: [], console: true };
const [EU, US, DEV] = [aCluster(), aCluster({ name: 'prod-us' }), aCluster({ name: 'dev', mode: 'observe' })];
const grant = (level: AccessLevel, ...clusters: Cluster[]) => ({ grant: { level }, clusters });
const statements = (...grants: ReturnType<typeof grant>[]) =>
  clusterPolicy(grants).Statement as unknown as { Action: string | string[]; Resource: string | string[] }[];

describe('what a principal may do in AWS', () => {
  it('is to look up its clusters', () => {
    expect(clusterPolicy([grant(PLAIN, EU, US), grant(PLAIN, US)])).toEqual({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: [EU.arn, US.arn] }],
    });
  });

  it('is to view in the console the clusters of a console level alone', () => {
    const [describe_, views, nodegroups, all] = statements(grant(PLAIN, EU, US), grant(CONSOLE, US));
    expect(describe_?.Resource).toEqual([EU.arn, US.arn]);
    expect(views).toMatchObject({ Action: expect.arrayContaining(['eks:AccessKubernetesApi']), Resource: US.arn });
    expect(nodegroups).toMatchObject({
      Action: 'eks:DescribeNodegroup',
      Resource: 'arn:aws:eks:eu-west-1:111122223333:nodegroup/prod-us/*',
    });
    expect(all).toMatchObject({ Action: ['eks:DescribeAddonVersions', 'eks:ListClusters'], Resource: '*' });
  });

  it('leaves out clusters that only observe, unless there are no others', () => {
    expect(statements(grant(CONSOLE, EU, DEV)).flatMap(({ Resource }) => Resource)).not.toContain(DEV.arn);
    expect(statements(grant(PLAIN, DEV))[0]?.Resource).toBe(DEV.arn);
  });

  it('is only to describe and to list, and to reach the Kubernetes API', () => {
    const actions = statements(grant(CONSOLE, EU)).flatMap(({ Action }) => Action);
    expect([...actions].sort()).toEqual([...CLUSTER_POLICY_ACTIONS].sort());
    for (const action of actions) expect(action).toMatch(/^eks:(Describe|List|AccessKubernetesApi$)/);
  });
});
