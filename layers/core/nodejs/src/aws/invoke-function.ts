import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { Failure, type FailureCode } from '../access/failure.ts';
import type { Json } from '../access/json.ts';
import type { AwsCredentials } from './cluster-token.ts';

/** One invocation of a Lambda function. */
export interface Invocation {
  readonly functionName: string;
  readonly payload: Json;
  readonly region: string;
  /** `https://lambda.eu-west-1.amazonaws.com` */
  readonly endpoint: string;
  readonly credentials: AwsCredentials;
  /** Milliseconds, UTC. */
  readonly now: number;
  /** Milliseconds after which the answer is not waited for any longer. */
  readonly timeout: number;
}

const CODES: Readonly<Record<number, FailureCode>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  413: 'too-large',
  429: 'throttled',
};

/**
 * Invokes a function and waits for what it answers: one signed request, without another SDK client.
 * @throws Failure `forbidden`, `not-found`, `throttled`, `unreachable`, `deadline`; `unsupported` where the function itself failed.
 * @see https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
export async function invokeFunction(invocation: Invocation): Promise<Json> {
  const { functionName, payload, region, endpoint, credentials, now, timeout } = invocation;
  const { protocol, hostname, port } = new URL(endpoint);
  const signer = new SignatureV4({ service: 'lambda', region, credentials, sha256: Sha256 });
  const path = `/2015-03-31/functions/${encodeURIComponent(functionName)}/invocations`;
  const body = JSON.stringify(payload);
  const host = port === '' ? hostname : `${hostname}:${port}`;
  const signed = await signer.sign(
    { method: 'POST', protocol, hostname, path, headers: { host, 'content-type': 'application/json' }, body },
    { signingDate: new Date(now) },
  );
  const { host: _host, ...headers } = signed.headers;
  const what = `invoking the function ${functionName} at ${endpoint}`;
  let response: Response;
  let text: string;
  try {
    response = await fetch(new URL(path, endpoint), {
      method: 'POST',
      headers,
      body,
      signal: AbortSignal.timeout(timeout),
    });
    text = await response.text();
  } catch (cause) {
    const late = cause instanceof Error && cause.name === 'TimeoutError';
    throw new Failure(late ? 'deadline' : 'unreachable', `${what} brought no answer`, { cause });
  }
  if (!response.ok) {
    const name = response.headers.get('x-amzn-errortype')?.split(':')[0] ?? `status ${response.status}`;
    throw new Failure(CODES[response.status] ?? 'unreachable', `${what} was refused: ${name}: ${saidIn(text)}`);
  }
  if (response.headers.has('x-amz-function-error')) {
    throw new Failure('unsupported', `the function ${functionName} failed: ${saidIn(text)}`, {
      remedy: 'look at its log: all functions write to one log group, which is the output FunctionsLog of the stack',
    });
  }
  return JSON.parse(text) as Json;
}

/** The message in a JSON answer, or its text. */
function saidIn(text: string): string {
  try {
    const { message, Message, errorMessage } = JSON.parse(text) as Record<string, unknown>;
    return String(message ?? Message ?? errorMessage ?? text);
  } catch {
    return text;
  }
}
