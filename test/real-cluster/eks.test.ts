import { CreateClusterCommand, DescribeClusterCommand, EKSClient, waitUntilClusterActive } from '@aws-sdk/client-eks';
import { CreateRoleCommand, CreateServiceLinkedRoleCommand, IAMClient } from '@aws-sdk/client-iam';
import { clusterArn } from '@gatehouse/core/access/arn';
import { eksOver } from '@gatehouse/core/aws/eks';
import { afterAll, beforeAll } from 'vitest';
import { eksContract } from '../contracts/eks.ts';
import type { Aws } from '../contracts/over-aws.ts';
import { CHECKING, type Emulator, REGION, startEmulator } from './emulator.ts';

const PORT = 16_443;
let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator({ env: { ...CHECKING, EKS_BASE_PORT: String(PORT) } });
});
afterAll(() => emulator?.stop());

/** Makes a cluster, with the role that it must have. */
async function createCluster(aws: Aws, name: string, tags: Readonly<Record<string, string>> = {}): Promise<void> {
  const [iam, eks] = [new IAMClient(aws.client), new EKSClient(aws.client)];
  const trust = { Effect: 'Allow', Principal: { Service: 'eks.amazonaws.com' }, Action: 'sts:AssumeRole' };
  const { Role } = await iam.send(
    new CreateRoleCommand({
      RoleName: `cluster-${name}`,
      AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [trust] }),
    }),
  );
  await eks.send(
    new CreateClusterCommand({ name, version: '1.34', roleArn: Role!.Arn!, resourcesVpcConfig: {}, tags: { ...tags } }),
  );
  await waitUntilClusterActive({ client: eks, maxWaitTime: 10, minDelay: 1, maxDelay: 1 }, { name });
  iam.destroy();
  eks.destroy();
}

/** Makes the roles that a registration takes; answers the ARN of the agent's. */
async function connectorRoles(aws: Aws): Promise<string> {
  const iam = new IAMClient(aws.client);
  await iam.send(new CreateServiceLinkedRoleCommand({ AWSServiceName: 'eks-connector.amazonaws.com' }));
  const statement = { Effect: 'Allow', Principal: { Service: 'ssm.amazonaws.com' }, Action: 'sts:AssumeRole' };
  const { Role } = await iam.send(
    new CreateRoleCommand({
      RoleName: 'agent',
      AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }),
    }),
  );
  iam.destroy();
  return Role!.Arn!;
}

const NO_CONNECTOR = 'the emulator registers no clusters: it has no route for /cluster-registrations';
const TAKES_ALL = 'the emulator takes every configuration';
const AT_ONCE = 'the emulator associates at once, and has neither updates nor logs';

eksContract(
  'the emulator',
  async () => {
    const aws = emulator.aws();
    await createCluster(aws, 'prod-eu', { env: 'prod' });
    const agentRole = await connectorRoles(aws);
    const client = new EKSClient(aws.client);
    const { cluster } = await client.send(new DescribeClusterCommand({ name: 'prod-eu' }));
    return {
      eks: eksOver(client),
      agentRole,
      absentRole: agentRole.replace(/agent$/, 'absent'),
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
          isPublic: cluster!.resourcesVpcConfig!.endpointPublicAccess!,
          ownIssuer: cluster!.identity!.oidc!.issuer!,
          tags: { env: 'prod' },
        },
      ],
      close: async () => client.destroy(),
    };
  },
  {
    'registers a cluster elsewhere, which is PENDING for three days': NO_CONNECTOR,
    'tells the activation once, and shows it to nobody by accident': NO_CONNECTOR,
    'refuses a name that is taken, by a registration or by a cluster of EKS': NO_CONNECTOR,
    'says that trying again may help while the role is not seen': NO_CONNECTOR,
    'deregisters, also what is not there; and gives the name a new activation afterwards': NO_CONNECTOR,
    'an identity provider > is refused with an issuer without TLS': TAKES_ALL,
    'an identity provider > is refused with an issuer with a query': TAKES_ALL,
    'an identity provider > is refused with the issuer of its own service accounts': TAKES_ALL,
    'an identity provider > is refused with a username prefix of Kubernetes’s own': TAKES_ALL,
    'an identity provider > is refused with a group prefix of Kubernetes’s own': TAKES_ALL,
    'an identity provider > is refused with no client': TAKES_ALL,
    'an identity provider > is associated in a while, in which nothing else is done to the cluster': AT_ONCE,
    'an identity provider > has logs beside it, which stay on': AT_ONCE,
    'an identity provider > is disassociated in a while, by its name': AT_ONCE,
    'an identity provider > is not found on a cluster that is not there, and neither are updates': AT_ONCE,
  },
);
