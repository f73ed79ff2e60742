import {
  CreateEventBusCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Failure } from '@gatehouse/core/access/failure';
import { eventBridgeNotices } from '@gatehouse/core/aws/notices';
import { afterAll, beforeAll } from 'vitest';
import { type DeliveredNotice, noticesContract } from '../contracts/notices.ts';
import { CHECKING, type Emulator, REGION, startEmulator } from './emulator.ts';

let emulator: Emulator;
let buses = 0;
beforeAll(async () => {
  emulator = await startEmulator({ env: CHECKING });
});
afterAll(() => emulator?.stop());

/** A bus of its own whose events go into a queue. */
noticesContract(
  'the emulator',
  async () => {
    buses += 1;
    const busName = `bus-${buses}`;
    const client = new EventBridgeClient(emulator.config());
    const sqs = new SQSClient(emulator.config());
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: busName }));
    await client.send(new CreateEventBusCommand({ Name: busName }));
    const EventPattern = JSON.stringify({ source: ['gatehouse'] });
    await client.send(new PutRuleCommand({ Name: 'all', EventBusName: busName, EventPattern }));
    const Arn = `arn:aws:sqs:${REGION}:${emulator.aws().account}:${busName}`;
    await client.send(new PutTargetsCommand({ Rule: 'all', EventBusName: busName, Targets: [{ Id: '1', Arn }] }));
    const failures: Failure[] = [];
    const received: DeliveredNotice[] = [];
    return {
      notices: eventBridgeNotices({ busName, client, onFailure: (failure) => failures.push(failure) }),
      failures,
      async delivered() {
        const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
        for (const { Body = '' } of Messages) {
          const { source, 'detail-type': type, detail } = JSON.parse(Body) as Record<string, string>;
          received.push({ source: source!, type: type!, detail });
        }
        return received;
      },
      async close() {
        client.destroy();
        sqs.destroy();
      },
    };
  },
  { 'what is too large for the bus is told as a failure, and fails nothing': 'the emulator knows no limit of size' },
);
