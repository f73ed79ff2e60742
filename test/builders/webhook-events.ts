import type { Fact, Reception } from '@gatehouse/core/directory/fact';
import type { Verdict, WebhookRequest } from '@gatehouse/core/sources/source';
import { signWebhook } from '@gatehouse/core/sources/standard/signature';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';

/** The secret of the published test vector, 31 bytes. */
export const STANDARD_SECRET = 'whsec_Z2F0ZWhvdXNlLXRlc3Qtc2VjcmV0LTAwMDAwMQ==';
export const OKTA_SECRET = 'okta-sample-authorization-value';
/** When the samples under `events/` were sent. */
export const SENT_AT = Date.UTC(2026, 0, 15, 12);

/** A webhook as a source sees it. */
export function webhookRequest(
  parts: { method?: string; headers?: Readonly<Record<string, string>>; body?: string | Uint8Array } = {},
): WebhookRequest {
  const { method = 'POST', headers = {}, body = '' } = parts;
  return { method, headers: new Map(Object.entries(headers)), body: Buffer.from(body as string) };
}

/** The three headers of a Standard Webhook. `at` in milliseconds. */
export function standardHeaders(
  body: string | Uint8Array,
  { secret = STANDARD_SECRET, id = 'msg_1', at = SENT_AT } = {},
): Record<string, string> {
  const timestamp = Math.floor(at / 1000);
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signWebhook(secret, id, timestamp, Buffer.from(body as string)),
  };
}

/** Gatehouse's own event: Jo joins the group eng. */
export function memberAdded(overrides: object = {}): string {
  return JSON.stringify({
    type: 'group.member-added',
    timestamp: '2026-01-15T11:59:00.000Z',
    data: { group: { id: 'eng' }, user: { id: 'u-17', login: 'jo@example.com' } },
    ...overrides,
  });
}

/** An event hook delivery of Okta with these log events. */
export function oktaDelivery(events: readonly unknown[], eventId = 'delivery-1'): string {
  return JSON.stringify({ eventType: 'com.okta.event_hook', cloudEventsVersion: '0.1', eventId, data: { events } });
}

/** One event of Okta's System Log: Jo joins a group. */
export function oktaEvent(overrides: object = {}): object {
  return {
    uuid: 'uuid-1',
    published: '2026-01-15T11:59:00.000Z',
    eventType: 'group.user_membership.add',
    outcome: { result: 'SUCCESS', reason: null },
    target: [
      { id: '00u1', type: 'User', alternateId: 'jo@example.com', displayName: 'Jo' },
      { id: '00g1', type: 'UserGroup', alternateId: 'unknown', displayName: 'system:masters' },
    ],
    ...overrides,
  };
}

/** What API Gateway's HTTP API hands to the function (payload format 2.0). */
export function httpEvent(
  parts: {
    path?: string;
    method?: string;
    headers?: Readonly<Record<string, string>>;
    body?: string;
    isBase64Encoded?: boolean;
  } = {},
): APIGatewayProxyEventV2 {
  const { path = '/webhooks/standard', method = 'POST', headers = {}, body, isBase64Encoded = false } = parts;
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: '',
    headers: { ...headers },
    requestContext: {
      accountId: '111122223333',
      apiId: 'api',
      domainName: 'gatehouse.example.com',
      domainPrefix: 'gatehouse',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '203.0.113.10', userAgent: 'test' },
      requestId: 'request',
      routeKey: '$default',
      stage: '$default',
      time: '15/Jan/2026:12:00:00 +0000',
      timeEpoch: SENT_AT,
    },
    ...(body === undefined ? {} : { body }),
    isBase64Encoded,
  };
}

/** An API call as CloudTrail reports it through EventBridge. `detail` overrides members of the record. */
export function callEvent(
  parts: { source?: string; account?: string; region?: string; detailType?: string; detail?: object } = {},
): Record<string, unknown> {
  const { source = 'aws.eks', account = '111122223333', region = 'eu-west-1' } = parts;
  return {
    version: '0',
    id: 'bus-copy-1',
    'detail-type': parts.detailType ?? 'AWS API Call via CloudTrail',
    source,
    account,
    time: '2026-01-15T11:59:01Z',
    region,
    resources: [],
    detail: {
      eventVersion: '1.11',
      userIdentity: { type: 'IAMUser', arn: 'arn:aws:iam::111122223333:user/admin' },
      eventTime: '2026-01-15T11:59:00Z',
      eventName: 'DeleteCluster',
      eventID: 'call-1',
      requestParameters: { name: 'prod-eu' },
      ...parts.detail,
    },
  };
}

/** The facts of an accepted verdict. @throws where it is another. */
export function factsOf(verdict: Verdict): readonly Fact[] {
  return receptionOf(verdict).events.flatMap((event) => event.facts);
}

/** What an accepted verdict holds. @throws where it is another. */
export function receptionOf(verdict: Verdict): Reception {
  if (verdict.kind !== 'accepted') throw new Error(`the verdict is ${verdict.kind}: ${verdict.reason}`);
  return verdict.reception;
}
