import { EKSClient } from '@aws-sdk/client-eks';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { clusterArn } from '@gatehouse/core/access/arn';
import type { Failure } from '@gatehouse/core/access/failure';
import { eksOver } from '@gatehouse/core/aws/eks';
import { eventBridgeNotices } from '@gatehouse/core/aws/notices';
import { afterAll, vi } from 'vitest';
import type { AwsEndpoint, EndpointOptions } from '../../../sandbox/src/aws/endpoint.ts';
import { createRole, createServiceLinkedRole } from '../../../sandbox/src/aws/iam/operations.ts';
import { documentsContract } from '../../contracts/documents.ts';
import { eksContract } from '../../contracts/eks.ts';
import { iamContract } from '../../contracts/iam.ts';
import { advanceDate } from '../../contracts/loopback.ts';
import { type DeliveredNotice, noticesContract } from '../../contracts/notices.ts';
import { type Aws, documentsOver, iamUnderTest, queuesOver, secretsOver, tableOver } from '../../contracts/over-aws.ts';
import { queuesContract } from '../../contracts/queues.ts';
import { secretsContract } from '../../contracts/secrets.ts';
import { stsContract } from '../../contracts/sts.ts';
import { tableContract } from '../../contracts/table.ts';
import { administrator, HOME, OTHER_ACCOUNT, startEndpoint } from './own-endpoint.ts';

const NAME = 'the sandbox’s AWS endpoint';
const BOUNDARY = `arn:aws:iam::${HOME.account}:policy/gatehouse/boundary`;
const running: (() => Promise<void>)[] = [];
afterAll(async () => {
  vi.useRealTimers();
  for (const stop of running) await stop();
});

async function start(options: Pick<EndpointOptions, 'buses'> = {}): Promise<Aws & { readonly endpoint: AwsEndpoint }> {
  vi.useRealTimers();
  const endpoint = await startEndpoint({ now: () => Date.now(), ...options });
  running.push(() => endpoint.stop());
  return { endpoint, account: HOME.account, client: administrator(endpoint), advance: advanceDate };
}

const ONE_OF_A_GROUP = 'fauxqs hands out one message of a group at a time';

tableContract(NAME, async () => tableOver(await start()));

queuesContract(NAME, async () => queuesOver(await start()), {
  'a standard queue > names what it cannot delete of a batch': 'fauxqs says of every handle that it has deleted by it',
  'a FIFO queue > deletes nothing by a handle whose time is over': 'fauxqs deletes by it until somebody receives again',
  'a FIFO queue > hands out several messages of a group at once, in order': ONE_OF_A_GROUP,
  'a FIFO queue > holds a group while a message of a batch is out': ONE_OF_A_GROUP,
  'a FIFO queue > delivers what is given back again, though a later message of its group is out': ONE_OF_A_GROUP,
});

noticesContract(NAME, async () => {
  const { endpoint, client } = await start({ buses: ['own'] });
  const delivered: DeliveredNotice[] = [];
  endpoint.events.listen((bus, { source, 'detail-type': type, detail }) => {
    if (bus === 'own') delivered.push({ source, type, detail });
  });
  const failures: Failure[] = [];
  const onFailure = (failure: Failure) => failures.push(failure);
  const notices = eventBridgeNotices({ busName: 'own', client: new EventBridgeClient(client), onFailure });
  return { notices, failures, delivered: async () => delivered };
});

secretsContract(NAME, async () => secretsOver(await start()));

documentsContract(NAME, async () => {
  const aws = await start();
  const bucket = { logicalId: 'B', name: 'policies', eventBridge: false, versioned: true };
  aws.endpoint.objects.createBucket(HOME.account, HOME.region, bucket);
  return documentsOver(aws, bucket.name);
});

eksContract(NAME, async () => {
  const { endpoint, client } = await start();
  await endpoint.clusters.create({ ...HOME, name: 'prod-eu', tags: { env: 'prod' } });
  createServiceLinkedRole(endpoint.iam, HOME.account, 'eks-connector.amazonaws.com');
  const statement = { Effect: 'Allow', Principal: { Service: 'ssm.amazonaws.com' }, Action: 'sts:AssumeRole' };
  const trust = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  createRole(endpoint.iam, HOME.account, { name: 'agent', trust });
  return {
    agentRole: `arn:aws:iam::${HOME.account}:role/agent`,
    absentRole: `arn:aws:iam::${HOME.account}:role/absent`,
    eks: eksOver(new EKSClient(client)),
    clusters: [
      {
        name: 'prod-eu',
        arn: clusterArn(HOME.account, HOME.region, 'prod-eu'),
        status: 'ACTIVE',
        endpoint: 'https://127.0.0.1:1/prod-eu',
        certificateAuthority: 'Q0E=',
        version: '1.34',
        authenticationMode: 'CONFIG_MAP',
        ownIssuer: endpoint.clusters.ownIssuer(HOME.account, HOME.region, 'prod-eu'),
        tags: { env: 'prod' },
      },
    ],
  };
});

iamContract(NAME, async () => {
  const aws = await start();
  aws.endpoint.iam.managedPolicies.set(BOUNDARY, {});
  return iamUnderTest(aws, BOUNDARY);
});

stsContract(NAME, async () => {
  const own = await start();
  return { own, other: { ...own, account: OTHER_ACCOUNT, client: administrator(own.endpoint, OTHER_ACCOUNT) } };
});
