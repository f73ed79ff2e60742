import { isFailure } from '@gatehouse/core/access/failure';
import type { Reception } from '@gatehouse/core/directory/fact';
import { writtenInForce } from '@gatehouse/core/policy/in-force';
import { refusalToOnboard } from '@gatehouse/core/policy/onboarding';
import type { Log } from '@gatehouse/core/ports/log';
import type { Metrics } from '@gatehouse/core/ports/metrics';
import { type IntakePorts, takeIn } from '@gatehouse/core/sources/intake';
import type { SigningSecrets } from '@gatehouse/core/sources/signing-secrets';
import { MAX_BODY_BYTES, type WebhookRequest, type WebhookSource } from '@gatehouse/core/sources/source';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';

/** What the function needs. */
export interface Dependencies {
  readonly ports: IntakePorts;
  readonly secrets: SigningSecrets;
  readonly sources: ReadonlyMap<string, WebhookSource>;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The Lambda handler: one request of the HTTP API, one answer. */
export type Handler = (event: APIGatewayProxyEventV2) => Promise<APIGatewayProxyStructuredResultV2>;

const ROUTE = /\/webhooks\/([^/]+)\/?$/;

/**
 * `POST /webhooks/{source}`, and `GET` where the source's provider asks whether the endpoint is ours. Answers 204 once a delivery
 * is recorded and enqueued, or need not be; 400 malformed, 401 not proven or too old, 403 what the access policy does not onboard,
 * 404 no such source, 405 any other method, with those that there are in `Allow`; 413 too large; 503 when the sender should try
 * again. Before a request is authenticated, nothing of it goes anywhere but, in part, into a log line.
 */
export function createHandler(dependencies: Dependencies): Handler {
  return async (event) => {
    const name = ROUTE.exec(event.rawPath)?.[1] ?? '';
    const source = dependencies.sources.get(name);
    if (!source) return refusal(404, 'not-found', 'there is no such source');
    try {
      return await answer(dependencies, source, event);
    } catch (error) {
      // Whatever failed is ours: the sender keeps the delivery and sends it again.
      dependencies.log.error('a webhook could not be taken in', {
        source: name,
        code: isFailure(error) ? error.code : 'unexpected',
        reason: error instanceof Error ? error.message : String(error),
        remedy: isFailure(error) ? error.remedy : undefined,
      });
      return refusal(503, 'unavailable', 'try again later');
    }
  };
}

async function answer(
  dependencies: Dependencies,
  source: WebhookSource,
  event: APIGatewayProxyEventV2,
): Promise<APIGatewayProxyStructuredResultV2> {
  const method = event.requestContext.http.method.toUpperCase();
  const allowed = source.handshake ? ['GET', 'POST'] : ['POST'];
  if (!allowed.includes(method)) {
    return refusal(405, 'method-not-allowed', `use ${allowed.join(' or ')}`, { allow: allowed.join(', ') });
  }
  const body = bodyOf(event);
  if (!body) return refusal(413, 'too-large', `a body has at most ${MAX_BODY_BYTES} bytes`);
  const secrets = await dependencies.secrets.of(source.name);
  if (secrets.length === 0) {
    dependencies.log.warn('a webhook came for a source that has no secret', { source: source.name });
    return refusal(404, 'not-found', 'there is no such source');
  }
  const request = { method, headers: headersOf(event), body };
  return method === 'GET'
    ? shakeHands(dependencies, source, request, secrets)
    : receive(dependencies, source, request, secrets);
}

async function shakeHands(
  dependencies: Dependencies,
  source: WebhookSource,
  request: WebhookRequest,
  secrets: readonly string[],
): Promise<APIGatewayProxyStructuredResultV2> {
  const shake = (valid: readonly string[]) => source.handshake!(request, valid);
  const handshake = await withRenewal(dependencies, source, secrets, shake);
  return handshake.kind === 'answer' ? json(200, handshake.body) : refuse(dependencies, source, handshake);
}

async function receive(
  dependencies: Dependencies,
  source: WebhookSource,
  request: WebhookRequest,
  secrets: readonly string[],
): Promise<APIGatewayProxyStructuredResultV2> {
  const judge = (valid: readonly string[]) => source.receive(request, valid, dependencies.ports.clock.now());
  const verdict = await withRenewal(dependencies, source, secrets, judge);
  if (verdict.kind !== 'accepted') return refuse(dependencies, source, verdict);
  const unasked = await refusedByPolicy(dependencies, verdict.reception);
  if (unasked) {
    dependencies.log.warn('a webhook was refused', {
      source: source.name,
      kind: 'not-onboarded',
      reason: unasked.message,
    });
    return refusal(403, 'not-onboarded', `${unasked.message}: ${unasked.remedy}`);
  }
  const outcome = await takeIn(dependencies.ports, verdict.reception);
  dependencies.metrics.record('EventsTakenIn', [outcome.events], { source: source.name });
  dependencies.log.info('a webhook was taken in', {
    source: source.name,
    delivery: verdict.reception.delivery,
    ...outcome,
    ignored: [...outcome.ignored],
  });
  return { statusCode: 204 };
}

/** Onboarding is the policy's to allow: whoever asks for it where it is not must hear so, and not wait for ever. */
async function refusedByPolicy(
  { ports }: Dependencies,
  { events }: Reception,
): Promise<ReturnType<typeof refusalToOnboard>> {
  const facts = events
    .flatMap((event) => event.facts)
    .filter(({ type }) => type === 'environment' || type === 'application');
  if (facts.length === 0) return undefined;
  const policy = (await writtenInForce(ports.table))?.policy;
  return facts.map((fact) => refusalToOnboard(policy, fact)).find((one) => one !== undefined);
}

/** A secret may have been changed since it was read: what proves nothing is judged once more by those valid now. */
async function withRenewal<V extends { readonly kind: string }>(
  { secrets }: Dependencies,
  source: WebhookSource,
  kept: readonly string[],
  judge: (secrets: readonly string[]) => V,
): Promise<V> {
  const verdict = judge(kept);
  if (verdict.kind !== 'unauthenticated') return verdict;
  const renewed = await secrets.renewed(source.name);
  return renewed && renewed.length > 0 ? judge(renewed) : verdict;
}

function refuse(
  { log }: Dependencies,
  source: WebhookSource,
  verdict: { readonly kind: 'unauthenticated' | 'stale' | 'malformed'; readonly reason: string },
): APIGatewayProxyStructuredResultV2 {
  log.warn('a webhook was refused', { source: source.name, kind: verdict.kind, reason: verdict.reason });
  switch (verdict.kind) {
    case 'malformed':
      // Told, because by now we know who asks.
      return refusal(400, 'malformed', verdict.reason);
    case 'stale':
      return refusal(401, 'stale', 'the timestamp is too far from the present');
    case 'unauthenticated':
      return refusal(401, 'unauthenticated', 'the request does not prove who sent it');
  }
}

/** The raw bytes, or undefined where there are too many. API Gateway encodes what it does not take for text. */
function bodyOf(event: APIGatewayProxyEventV2): Uint8Array | undefined {
  const text = event.body ?? '';
  // Every character stands for at least three quarters of a byte: no need to decode what is certainly too long.
  if (text.length > (MAX_BODY_BYTES * 4) / 3 + 4) return undefined;
  const body = Buffer.from(text, event.isBase64Encoded ? 'base64' : 'utf8');
  return body.length > MAX_BODY_BYTES ? undefined : body;
}

/** API Gateway joins the values of a repeated header with commas; two spellings of one name count as repeated. */
function headersOf(event: APIGatewayProxyEventV2): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const [spelling, value] of Object.entries(event.headers)) {
    if (value === undefined) continue;
    const name = spelling.toLowerCase();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before},${value}`);
  }
  return headers;
}

function refusal(
  statusCode: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): APIGatewayProxyStructuredResultV2 {
  return json(statusCode, { error: { code, message } }, headers);
}

function json(
  statusCode: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): APIGatewayProxyStructuredResultV2 {
  return {
    statusCode,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify(body),
  };
}
