import * as z from 'zod';

/**
 * What S3 says when an object was written: the detail of its event. Keys are not URL-encoded here.
 *
 *     {"bucket":{"name":"gatehouse-policy"},"object":{"key":"access-policy.yaml","version-id":"IYV3..."},
 *      "requester":"111122223333"}
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
export const objectCreatedSchema = z.object({
  bucket: z.object({ name: z.string() }),
  object: z.object({ key: z.string().min(1), 'version-id': z.string().optional() }),
  requester: z.string().optional(),
});
