import { describe, expect, it } from 'vitest';
import * as events from '../../../functions/receive-event/environment.ts';
import * as webhooks from '../../../functions/receive-webhook/environment.ts';

const EVENT = {
  GATEHOUSE_TABLE: 'gatehouse',
  INTAKE_QUEUE_URL: 'https://sqs.eu-west-1.amazonaws.com/111122223333/intake',
  EVENT_ACCOUNTS: '111122223333, 444455556666',
  POLICY_BUCKET: 'gatehouse-policy',
};
const WEBHOOK = {
  GATEHOUSE_TABLE: 'gatehouse',
  INTAKE_QUEUE_URL: EVENT.INTAKE_QUEUE_URL,
  WEBHOOK_SECRETS: 'gatehouse/webhooks/',
};

describe('the environment of receive-event', () => {
  it('is read into what the handler needs', () => {
    expect(events.environmentSchema.parse(EVENT)).toMatchObject({
      EVENT_ACCOUNTS: ['111122223333', '444455556666'],
      OWN_ROLES: [],
    });
  });
  it.each([...Object.keys(EVENT)])('must hold %s', (name) => {
    expect(() => events.environmentSchema.parse({ ...EVENT, [name]: undefined })).toThrowError(name);
  });
  it.each(['', ' , ', '12', '111122223333,*'])('must hold accounts, not %j', (accounts) => {
    expect(() => events.environmentSchema.parse({ ...EVENT, EVENT_ACCOUNTS: accounts })).toThrowError('EVENT_ACCOUNTS');
  });
});

describe('the environment of receive-webhook', () => {
  it.each(Object.keys(WEBHOOK))('must hold %s', (name) => {
    expect(() => webhooks.environmentSchema.parse({ ...WEBHOOK, [name]: undefined })).toThrowError(name);
  });
});
