import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll } from 'vitest';
import { documentsContract } from '../contracts/documents.ts';
import { documentsOver } from '../contracts/over-aws.ts';
import { CHECKING, type Emulator, startEmulator } from './emulator.ts';

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator({ env: CHECKING });
});
afterAll(() => emulator?.stop());

documentsContract('the emulator', async () => {
  const client = new S3Client({ ...emulator.config(), forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: 'policies' }));
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  await client.send(new PutBucketVersioningCommand({ Bucket: 'policies', VersioningConfiguration }));
  client.destroy();
  return documentsOver(emulator.aws(), 'policies');
});
