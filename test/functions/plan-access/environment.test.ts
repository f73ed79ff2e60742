import { describe, expect, it } from 'vitest';
import { environmentSchema } from '../../../functions/plan-access/environment.ts';

const QUEUE = 'https://sqs.eu-west-1.amazonaws.com/111122223333/queue';
const ENVIRONMENT = {
  GATEHOUSE_TABLE: 'gatehouse',
  INTAKE_QUEUE_URL: QUEUE,
  IAM_QUEUE_URL: QUEUE,
  CLUSTERS_QUEUE_URL: QUEUE,
  LATER_QUEUE_URL: QUEUE,
  AWS_REGION: 'eu-west-1',
  POLICY_BUCKET: 'gatehouse-policy',
};

describe('the environment of plan-access', () => {
  it.each([
    [undefined, false],
    ['true', true],
    ['false', false],
    ['TRUE', false],
    ['1', false],
    ['', false],
  ])('trusts uploads only by the word "true": %j', (text, trusted) => {
    const { TRUST_UPLOADED_POLICY } = environmentSchema.parse({ ...ENVIRONMENT, TRUST_UPLOADED_POLICY: text });
    expect(TRUST_UPLOADED_POLICY).toBe(trusted);
  });
  it.each(Object.keys(ENVIRONMENT))('must hold %s', (name) => {
    expect(() => environmentSchema.parse({ ...ENVIRONMENT, [name]: undefined })).toThrowError(name);
  });
});
