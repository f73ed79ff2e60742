import {
  CreateBucketCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  PutBucketEncryptionCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { partitionOf } from '@gatehouse/core/access/arn';
import { isFailure } from '@gatehouse/core/access/failure';
import { orFailure } from '@gatehouse/core/aws/failures';

/** A bucket of this account, from which CloudFormation and Lambda read the code. */
export interface ArtifactBucket {
  readonly name: string;
  readonly account: string;
  readonly region: string;
}

/** The bucket that is made where none is named. */
export function usualBucket(account: string, region: string): string {
  return `gatehouse-deploy-${account}-${region}`;
}

/**
 * Sees that the bucket is there. One that is missing is made: encrypted, closed to the public and to plain HTTP.
 * @returns whether it was made. @throws Failure `forbidden` where it belongs to another account.
 */
export async function ensureBucket(s3: S3Client, bucket: ArtifactBucket): Promise<boolean> {
  const { name: Bucket, account: ExpectedBucketOwner, region } = bucket;
  const owned = { Bucket, ExpectedBucketOwner };
  try {
    await orFailure(`looking at the bucket ${Bucket}`, () => s3.send(new HeadBucketCommand(owned)));
    return false;
  } catch (error) {
    if (!isFailure(error, 'not-found')) throw error;
  }
  await orFailure(`making the bucket ${Bucket}`, async () => {
    await s3.send(
      new CreateBucketCommand({
        Bucket,
        // The one Region that must not be named (AmazonS3/latest/API/API_CreateBucket).
        ...(region === 'us-east-1' ? {} : { CreateBucketConfiguration: { LocationConstraint: region as never } }),
      }),
    );
    await s3.send(
      new PutPublicAccessBlockCommand({
        ...owned,
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
      }),
    );
    await s3.send(
      new PutBucketEncryptionCommand({
        ...owned,
        ServerSideEncryptionConfiguration: {
          Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
      }),
    );
    await s3.send(new PutBucketPolicyCommand({ ...owned, Policy: JSON.stringify(encryptedInTransit(bucket)) }));
  });
  return true;
}

function encryptedInTransit({ name, region }: ArtifactBucket) {
  const arn = `arn:${partitionOf(region)}:s3:::${name}`;
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [arn, `${arn}/*`],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ],
  };
}

/** Uploads what is not there yet: a key stands for its bytes. @returns whether anything was sent. */
export async function upload(
  s3: S3Client,
  { name: Bucket, account: ExpectedBucketOwner }: ArtifactBucket,
  { key: Key, bytes: Body }: { readonly key: string; readonly bytes: Uint8Array },
): Promise<boolean> {
  const object = { Bucket, Key, ExpectedBucketOwner };
  try {
    await orFailure(`looking for ${Key}`, () => s3.send(new HeadObjectCommand(object)));
    return false;
  } catch (error) {
    if (!isFailure(error, 'not-found')) throw error;
  }
  await orFailure(`uploading ${Key} to ${Bucket}`, () => s3.send(new PutObjectCommand({ ...object, Body })));
  return true;
}

/** How CloudFormation is told of an object: the host is the Region's, the bucket stands in the path. */
export function objectUrl({ name, region }: ArtifactBucket, key: string): string {
  return `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}/${name}/${key}`;
}
