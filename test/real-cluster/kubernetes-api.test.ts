import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultObjects } from '../../sandbox/src/kubernetes/defaults.ts';
import { kubeconfig } from '../../sandbox/src/kubernetes/kubeconfig.ts';
import { bare } from '../contracts/kubernetes-api/api.ts';
import { authenticationContract } from '../contracts/kubernetes-api/authentication.ts';
import { kubernetesApiContract } from '../contracts/kubernetes-api/contract.ts';
import { officialClientContract } from '../contracts/kubernetes-api/official-client.ts';
import { apiUnderTest, tokenOf, USERS } from './api-under-test.ts';
import { type CleanCluster, startCleanCluster } from './clean-cluster.ts';

let cluster: CleanCluster;
beforeAll(async () => {
  cluster = await startCleanCluster({ users: USERS });
});
afterAll(() => cluster?.stop());

const close = () => cluster.clean();

kubernetesApiContract('kube-apiserver', () => apiUnderTest(cluster));

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
