import { KubeConfig } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { kubeconfig } from '../../../sandbox/src/kubernetes/kubeconfig.ts';

const CLUSTER = {
  name: 'prod',
  server: 'https://127.0.0.1:6443',
  ca: '-----BEGIN CERTIFICATE-----\n',
  namespace: 'pay',
};

describe('a kubeconfig', () => {
  it('is read by the official client: cluster, authority, namespace, token', () => {
    const config = new KubeConfig();
    config.loadFromString(kubeconfig(CLUSTER, { token: 'k8s-aws-v1.x' }));
    expect(config.getCurrentCluster()).toMatchObject({ name: 'prod', server: CLUSTER.server, skipTLSVerify: false });
    expect(Buffer.from(config.getCurrentCluster()?.caData ?? '', 'base64').toString()).toBe(CLUSTER.ca);
    expect(config.getCurrentUser()?.token).toBe('k8s-aws-v1.x');
    expect(config.getContextObject('prod')?.namespace).toBe('pay');
  });

  it('runs a command for each token, without asking anybody', () => {
    const exec = { command: 'node', args: ['token.mjs', '--cluster', 'prod'], env: { AWS_REGION: 'eu-west-1' } };
    const { users } = JSON.parse(kubeconfig(CLUSTER, { exec }));
    expect(users[0].user).toEqual({
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: 'node',
        args: exec.args,
        env: [{ name: 'AWS_REGION', value: 'eu-west-1' }],
        interactiveMode: 'Never',
        provideClusterInfo: false,
      },
    });
  });
});
