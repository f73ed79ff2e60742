import { EKSClient } from '@aws-sdk/client-eks';
import { clusterArn } from '@gatehouse/core/access/arn';
import { eksOver } from '@gatehouse/core/aws/eks';
import { afterAll, beforeAll } from 'vitest';
import { eksContract } from '../contracts/eks.ts';
import { CHECKING, createCluster, type Emulator, REGION, startEmulator } from './emulator.ts';

const PORT = 16_443;
let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator({ ...CHECKING, EKS_BASE_PORT: String(PORT) });
});
afterAll(() => emulator?.stop());

eksContract('the emulator', async () => {
  const aws = emulator.aws();
  await createCluster(aws, 'prod-eu', { env: 'prod' });
  const client = new EKSClient(aws.client);
  return {
    eks: eksOver(client),
    clusters: [
      {
        name: 'prod-eu',
        arn: clusterArn(aws.account, REGION, 'prod-eu'),
        status: 'ACTIVE',
        endpoint: `https://127.0.0.1:${PORT}`,
        // Without Docker, no cluster is behind it.
        certificateAuthority: '',
        version: '1.34',
        authenticationMode: 'CONFIG_MAP',
        tags: { env: 'prod' },
      },
    ],
    close: async () => client.destroy(),
  };
});
