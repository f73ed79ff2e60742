import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { Failure } from '../access/failure.ts';
import type { Notices } from '../ports/notices.ts';
import { CLIENT_DEFAULTS } from './client-defaults.ts';
import { awsFailure } from './failures.ts';

/** https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html */
const MAX_ENTRIES = 10;

/**
 * The {@link Notices} over EventBridge, `source: gatehouse`. A notice that cannot be published never fails what it tells
 * of: `publish` does not throw, `onFailure` is told.
 */
export function eventBridgeNotices(options: {
  busName: string;
  client?: EventBridgeClient;
  onFailure?: (failure: Failure) => void;
}): Notices {
  const { busName, client = new EventBridgeClient(CLIENT_DEFAULTS), onFailure = () => {} } = options;
  return {
    async publish(notices) {
      for (let start = 0; start < notices.length; start += MAX_ENTRIES) {
        const Entries = notices.slice(start, start + MAX_ENTRIES).map(({ type, detail }) => ({
          EventBusName: busName,
          Source: 'gatehouse',
          DetailType: type,
          Detail: JSON.stringify(detail),
        }));
        try {
          const { Entries: results = [] } = await client.send(new PutEventsCommand({ Entries }));
          const refused = results.find((result) => result.ErrorCode !== undefined);
          if (refused) throw new Failure('unreachable', `${refused.ErrorCode}: ${refused.ErrorMessage}`);
        } catch (error) {
          onFailure(awsFailure(error, `publishing notices on the bus ${busName}`));
        }
      }
    },
  };
}
