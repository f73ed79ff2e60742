import { afterAll, beforeAll } from 'vitest';
import { TOKEN_HOLDERS } from '../contracts/kubernetes-api/api.ts';
import { kubernetesApiContract } from '../contracts/kubernetes-api/contract.ts';
import { type CleanCluster, startCleanCluster } from './clean-cluster.ts';

const tokenOf = (username: string) => `token-of-${username}`;

let cluster: CleanCluster;
beforeAll(async () => {
  const users = Object.fromEntries(TOKEN_HOLDERS.map(({ username, groups }) => [tokenOf(username), { username, groups }]));
  cluster = await startCleanCluster({ users });
});
afterAll(() => cluster?.stop());

kubernetesApiContract('kube-apiserver', 'real', () => ({
  request: (who, method, url, body, headers = {}) => {
    if (TOKEN_HOLDERS.some(({ username }) => username === who.username)) {
      return cluster.send({ token: tokenOf(who.username), method, url, body, headers });
    }
    // A request that impersonates by itself is sent by who has a token; anybody else is impersonated.
    const as = { 'impersonate-user': who.username, 'impersonate-group': who.groups };
    return cluster.send({ token: cluster.identity.operatorToken, method, url, body, headers: { ...as, ...headers } });
  },
  close: () => cluster.clean(),
}));
