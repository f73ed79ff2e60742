import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { documentsContract } from '../../contracts/documents.ts';
import { eksContract } from '../../contracts/eks.ts';
import { ANY_CREDENTIALS, advanceDate, startFauxqs } from '../../contracts/loopback.ts';
import { noticesContract } from '../../contracts/notices.ts';
import { documentsOver } from '../../contracts/over-aws.ts';
import { secretsContract } from '../../contracts/secrets.ts';
import { memoryDocuments } from '../../fakes/documents.ts';
import { memoryEks } from '../../fakes/eks.ts';
import { recordingNotices } from '../../fakes/notices.ts';
import { memorySecrets } from '../../fakes/secrets.ts';

secretsContract('in memory', async () => {
  const secrets = memorySecrets();
  return {
    secrets,
    tags: async (name) => secrets.tags(name) ?? {},
    markForDeletion: async (name) => secrets.markForDeletion(name),
  };
});

noticesContract('in memory', async () => {
  const notices = recordingNotices();
  const delivered = async () => notices.published.map((notice) => ({ source: 'gatehouse', ...notice }));
  return { notices, delivered, failures: notices.failures };
});

documentsContract('in memory', async () => {
  const documents = memoryDocuments();
  return { documents, bucket: 'policies', upload: async (...object) => documents.upload(...object) };
});

documentsContract('over S3', async () => {
  const server = await startFauxqs();
  const client = { ...ANY_CREDENTIALS, endpoint: server.endpoint };
  const s3 = new S3Client({ ...client, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: 'policies' }));
  s3.destroy();
  const subject = await documentsOver({ account: '000000000000', client, advance: advanceDate }, 'policies');
  return {
    ...subject,
    close: async () => {
      await subject.close?.();
      await server.close();
    },
  };
});

eksContract('in memory', async () => {
  const clusters = [
    {
      name: 'prod-eu',
      arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu',
      status: 'ACTIVE',
      authenticationMode: 'CONFIG_MAP',
      ownIssuer: 'https://oidc.eks.eu-west-1.amazonaws.com/id/0123',
      tags: {},
    },
  ] as const;
  const account = '111122223333';
  const [agentRole, absentRole] = [`arn:aws:iam::${account}:role/agent`, `arn:aws:iam::${account}:role/absent`];
  const eks = memoryEks(clusters, {
    account,
    now: () => Date.now(),
    takes: 100,
    seesRole: (role) => role !== absentRole,
  });
  return { eks, clusters, agentRole, absentRole };
});
