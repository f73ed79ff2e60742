import type { SeedObject } from '@gatehouse/sandbox/kubernetes/api-state';

/*
 * What was in the clusters of the example policy before Gatehouse came: an aws-auth as years leave it (people's own entries,
 * comments, quoting of every kind, a trailing blank), workloads, and secrets that nobody should read by accident.
 */

/** The IAM role of prod-eu's nodes. */
export const NODE_ROLE = { name: 'eks-prod-nodes', instance: 'i-0f00ba7c0ffee0001' } as const;

const MAP_ROLES = `# Managed node groups - DO NOT REMOVE, nodes lose the cluster without it (see runbook 12)
- groups:
    - system:bootstrappers
    - system:nodes
  rolearn: arn:aws:iam::111122223333:role/${NODE_ROLE.name}
  username: system:node:{{EC2PrivateDNSName}}

- rolearn:  "arn:aws:iam::111122223333:role/break-glass"   # two people, one safe
  username: 'break-glass'
  groups: [ "system:masters" ]
  # reviewed 2023-11
- {rolearn: arn:aws:iam::111122223333:role/backup-operator, username: "backup", groups: [backup-operators]}
`;

const MAP_USERS = `- userarn: arn:aws:iam::111122223333:user/legacy/olga
  username: olga
  groups: ["view-only"]   # leaves in June?
`;

const MAP_ACCOUNTS = '- "444455556666"\n';

const namespace = (name: string): SeedObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
const pod = (namespace: string, name: string): SeedObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace },
  spec: { containers: [{ name: 'main', image: 'registry.example.com/app:1' }] },
});
const secret = (namespace: string, name: string): SeedObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace },
  data: { value: Buffer.from('nothing to see').toString('base64') },
});
const deployment = (namespace: string, name: string): SeedObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'main', image: 'registry.example.com/app:1' }] },
    },
  },
});

/** Objects by cluster, in the order in which they are made. */
export const CLUSTER_OBJECTS: Readonly<Record<string, readonly SeedObject[]>> = {
  'prod-eu': [
    namespace('pay'),
    namespace('shop'),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'aws-auth', namespace: 'kube-system' },
      data: { mapAccounts: MAP_ACCOUNTS, mapRoles: MAP_ROLES, mapUsers: MAP_USERS },
    },
    deployment('pay', 'ledger'),
    pod('pay', 'ledger-6d4cf56db6-x7k2p'),
    pod('pay', 'ledger-6d4cf56db6-q9w4r'),
    secret('pay', 'card-processor'),
    pod('shop', 'web-5c9c8f8d7b-abcde'),
  ],
  staging: [namespace('pay'), namespace('shop'), pod('shop', 'web-7f6d5b9c4-fghij')],
};
