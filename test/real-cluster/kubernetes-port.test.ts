import { afterAll, beforeAll } from 'vitest';
import { kubernetesContract, USERNAMES } from '../contracts/kubernetes.ts';
import { type CleanCluster, startCleanCluster } from './clean-cluster.ts';

const tokenOf = (username: string) => Buffer.from(username).toString('hex');

let cluster: CleanCluster;
beforeAll(async () => {
  const users = Object.fromEntries(USERNAMES.map((username) => [tokenOf(username), { username, groups: [] }]));
  cluster = await startCleanCluster({ users });
});
afterAll(() => cluster?.stop());

kubernetesContract('over HTTPS, against kube-apiserver', () => ({
  admin: cluster.operator,
  as: (username) => cluster.as(tokenOf(username)),
  close: () => cluster.clean(),
}));
