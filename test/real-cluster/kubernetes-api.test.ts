import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultObjects } from '../../sandbox/src/kubernetes/defaults.ts';
import { kubeconfig } from '../../sandbox/src/kubernetes/kubeconfig.ts';
import { bare, TOKEN_HOLDERS } from '../contracts/kubernetes-api/api.ts';
import { authenticationContract } from '../contracts/kubernetes-api/authentication.ts';
import { kubernetesApiContract } from '../contracts/kubernetes-api/contract.ts';
import { officialClientContract } from '../contracts/kubernetes-api/official-client.ts';
import { type CleanCluster, startCleanCluster } from './clean-cluster.ts';

const tokenOf = (username: string) => `token-of-${username}`;

let cluster: CleanCluster;
beforeAll(async () => {
  const holders = TOKEN_HOLDERS.map(({ username, groups }) => [tokenOf(username), { username, groups }] as const);
  cluster = await startCleanCluster({ users: Object.fromEntries(holders) });
});
afterAll(() => cluster?.stop());

const close = () => cluster.clean();

kubernetesApiContract('kube-apiserver', 'real', () => ({
  request: (who, method, url, body, headers = {}) => {
    if (TOKEN_HOLDERS.some(({ username }) => username === who.username)) {
      return cluster.send({ token: tokenOf(who.username), method, url, body, headers });
    }
    // Anybody else is impersonated, which only the headers of one request can do at a time.
    const as = { 'impersonate-user': who.username, 'impersonate-group': who.groups };
    const token = cluster.identity.operatorToken;
    return cluster.send({ token, method, url, body, headers: { ...headers, ...as } });
  },
  close,
}));

officialClientContract('kube-apiserver', () => ({
  config: (username) => {
    const server = { name: cluster.name, server: cluster.url, ca: cluster.identity.apiServer.ca };
    const config = new KubeConfig();
    config.loadFromString(kubeconfig(server, { token: tokenOf(username) }));
    return config;
  },
  close,
}));

authenticationContract('kube-apiserver', () => ({
  send: (url, headers, body) => cluster.send({ method: body === undefined ? 'GET' : 'POST', url, headers, body }),
  token: tokenOf('connector'),
  close,
}));

interface Named {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

describe('what the simulator begins with', () => {
  it.each((defaultObjects() as Named[]).map((object) => [object.kind, object.metadata.name, object] as const))(
    'is what a real cluster has: %s %s',
    async (kind, name, { apiVersion, ...object }) => {
      const root = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`;
      const url = `${root}/${kind.toLowerCase()}s/${name}`;
      const { body } = await cluster.send({ token: cluster.identity.operatorToken, method: 'GET', url });
      expect(bare(body)).toMatchObject(object);
    },
  );
});
