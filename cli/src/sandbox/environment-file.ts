import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Components } from '@gatehouse/sandbox/real-cluster/components';
import type { Sandbox } from '@gatehouse/sandbox/sandbox';

/**
 * Writes the environment in which AWS tools, kubectl and this command reach a sandbox as its administrator, to be read by a
 * shell with `.`. It holds keys, though of nothing but the sandbox, so only its owner can read it. Answers the path.
 */
export function environmentFile(
  { awsEndpointUrl, region, administrator, clusters }: Sandbox,
  components?: Pick<Components, 'kubectl'>,
): string {
  const configs = Object.values(clusters).map(({ kubeconfig }) => kubeconfig);
  const variables = {
    AWS_ENDPOINT_URL: awsEndpointUrl,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: administrator.accessKeyId,
    AWS_SECRET_ACCESS_KEY: administrator.secretAccessKey,
    KUBECONFIG: configs.join(':'),
  };
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'`);
  const file = join(dirname(configs[0] ?? '.'), 'env');
  // A profile, a session, or a service's own endpoint of the shell would lead somewhere else.
  const unset = 'unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL_LAMBDA AWS_ENDPOINT_URL_STS';
  // For whoever has no kubectl; their own goes before it.
  const path = components === undefined ? [] : [`export PATH="$PATH:${dirname(components.kubectl)}"`];
  writeFileSync(file, `${[unset, ...lines, ...path].join('\n')}\n`, { mode: 0o600 });
  return file;
}
