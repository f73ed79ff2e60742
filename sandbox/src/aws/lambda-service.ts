import { partitionOf } from '@gatehouse/core/access/arn';
import { AwsError, notPlayed } from './aws-error.ts';
import type { AwsRequest, AwsResponse } from './request.ts';

/** What an invocation came to. */
export interface InvocationResult {
  /** JSON text of what the handler gave back, or of the error. */
  readonly payload: string;
  readonly error?: 'Unhandled';
}

/** The functions behind the Invoke call. */
export interface InvokableFunctions {
  has(name: string): boolean;
  invoke(name: string, payload: string): Promise<InvocationResult>;
  invokeLater(name: string, payload: string): void;
}

const LIMIT_BYTES = { RequestResponse: 6 * 1024 * 1024, Event: 1024 * 1024 } as const;

/** Lambda: Invoke, of functions of one account. */
export async function handleLambda(
  request: AwsRequest,
  functions: InvokableFunctions | undefined,
  home: { account: string; region: string },
): Promise<AwsResponse> {
  const match = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(request.path);
  if (!match || request.method !== 'POST') throw notPlayed(`Lambda ${request.method} ${request.path}`);
  const { region, caller, headers, body } = request;
  const said = decodeURIComponent(match[1]!);
  const name = said.startsWith('arn:') ? (said.split(':')[6] ?? '') : said.split(':')[0]!;
  const arn = `arn:${partitionOf(region)}:lambda:${region}:${caller.account}:function:${name}`;
  request.authorize('lambda:InvokeFunction', arn);
  const ours = caller.account === home.account && region === home.region;
  if (!ours || !functions?.has(name))
    throw new AwsError('ResourceNotFoundException', `Function not found: ${arn}`, 404);
  const type = headers['x-amz-invocation-type'] ?? 'RequestResponse';
  if (type !== 'RequestResponse' && type !== 'Event') throw notPlayed(`Lambda invocation type ${type}`);
  if (body.length > LIMIT_BYTES[type]) {
    throw new AwsError('RequestTooLargeException', `Request must be smaller than ${LIMIT_BYTES[type]} bytes`, 413);
  }
  const payload = body.toString() || '{}';
  try {
    JSON.parse(payload);
  } catch {
    throw new AwsError('InvalidRequestContentException', 'Could not parse request body into json');
  }
  if (type === 'Event') {
    functions.invokeLater(name, payload);
    return { status: 202, body: '' };
  }
  const result = await functions.invoke(name, payload);
  const error = result.error === undefined ? {} : { 'x-amz-function-error': result.error };
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'x-amz-executed-version': '$LATEST', ...error },
    body: result.payload,
  };
}
