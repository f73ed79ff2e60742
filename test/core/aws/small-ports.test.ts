import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { s3Documents } from '@gatehouse/core/aws/documents';
import { documentsContract } from '../../contracts/documents.ts';
import { eksContract } from '../../contracts/eks.ts';
import { ANY_CREDENTIALS, startFauxqs } from '../../contracts/loopback.ts';
import { secretsContract } from '../../contracts/secrets.ts';
import { memoryDocuments } from '../../fakes/documents.ts';
import { memoryEks } from '../../fakes/eks.ts';
import { memorySecrets } from '../../fakes/secrets.ts';

secretsContract('in memory', async () => {
  const secrets = memorySecrets();
  return { secrets, tags: async (name) => secrets.tags(name) ?? {} };
});

documentsContract('in memory', async () => {
  const documents = memoryDocuments();
  return { documents, bucket: 'policies', upload: async (...object) => documents.upload(...object) };
});

documentsContract('over S3', async () => {
  const server = await startFauxqs();
  const client = new S3Client({ ...ANY_CREDENTIALS, endpoint: server.endpoint, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: 'policies' }));
  return {
    documents: s3Documents({ client }),
    bucket: 'policies',
    upload: async (Bucket, Key, Body) => (await client.send(new PutObjectCommand({ Bucket, Key, Body }))).VersionId,
    close: async () => {
      client.destroy();
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
      tags: {},
    },
  ] as const;
  return { eks: memoryEks(clusters), clusters };
});
