import { partitionOf } from '@gatehouse/core/access/arn';
import type { FunctionWiring } from '../template/wiring.ts';
import { AwsError, notPlayed } from './aws-error.ts';
import { type AwsRequest, type AwsResponse, jsonResponse } from './request.ts';

/** What an invocation came to. */
export interface InvocationResult {
  /** JSON text of what the handler gave back, or of the error. */
  readonly payload: string;
  readonly error?: 'Unhandled';
}

/** The functions behind the Invoke call. */
export interface InvokableFunctions {
  has(name: string): boolean;
  /** All of them, in the order of their names. */
  list(): readonly FunctionWiring[];
  invoke(name: string, payload: string): Promise<InvocationResult>;
  invokeLater(name: string, payload: string): void;
}

const LIMIT_BYTES = { RequestResponse: 6 * 1024 * 1024, Event: 1024 * 1024 } as const;

/** Lambda: Invoke, ListFunctions, GetFunction and GetFunctionConfiguration, of functions of one account. */
export async function handleLambda(
  request: AwsRequest,
  functions: InvokableFunctions | undefined,
  home: { account: string; region: string },
): Promise<AwsResponse> {
  if (request.method === 'GET') return read(request, functions, home);
  const match = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(request.path);
  if (!match || request.method !== 'POST') throw notPlayed(`Lambda ${request.method} ${request.path}`);
  const { region, caller, headers, body } = request;
  const name = nameIn(match[1]!);
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

/** The name of a function that a path names by its name or its ARN. */
function nameIn(segment: string): string {
  const said = decodeURIComponent(segment);
  return said.startsWith('arn:') ? (said.split(':')[6] ?? '') : said.split(':')[0]!;
}

/** https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html, API_GetFunction, API_GetFunctionConfiguration */
function read(
  request: AwsRequest,
  functions: InvokableFunctions | undefined,
  home: { account: string; region: string },
): AwsResponse {
  const { path, query, caller, region } = request;
  const ours = caller.account === home.account && region === home.region;
  const all = ours ? (functions?.list() ?? []) : [];
  if (/^\/2015-03-31\/functions\/?$/.test(path)) {
    request.authorize('lambda:ListFunctions', '*');
    const size = Math.min(Number(query.get('MaxItems') ?? 50), 50);
    const marker = query.get('Marker');
    const start = marker === null ? 0 : all.findIndex(({ name }) => name > marker);
    const page = start < 0 ? [] : all.slice(start, start + size);
    const NextMarker = start >= 0 && start + size < all.length ? page.at(-1)!.name : null;
    return jsonResponse({ NextMarker, Functions: page.map(configuration) });
  }
  const [, segment, more] = /^\/2015-03-31\/functions\/([^/]+)(\/configuration)?$/.exec(path) ?? [];
  if (segment === undefined) throw notPlayed(`Lambda ${request.method} ${path}`);
  const name = nameIn(segment);
  const arn = `arn:${partitionOf(region)}:lambda:${region}:${caller.account}:function:${name}`;
  request.authorize(more === undefined ? 'lambda:GetFunction' : 'lambda:GetFunctionConfiguration', arn);
  const found = all.find((each) => each.name === name);
  if (!found) throw new AwsError('ResourceNotFoundException', `Function not found: ${arn}`, 404);
  if (more !== undefined) return jsonResponse(configuration(found));
  const concurrency =
    found.reservedConcurrency === undefined
      ? {}
      : { Concurrency: { ReservedConcurrentExecutions: found.reservedConcurrency } };
  return jsonResponse({ Configuration: configuration(found), ...concurrency });
}

function configuration(wiring: FunctionWiring): object {
  return {
    FunctionName: wiring.name,
    FunctionArn: wiring.arn,
    Runtime: 'nodejs24.x',
    Role: wiring.role.arn,
    Handler: `${wiring.module
      .split('/')
      .at(-1)!
      .replace(/\.[^.]+$/, '')}.${wiring.exportName}`,
    Timeout: wiring.timeoutSeconds,
    MemorySize: wiring.memoryMegabytes,
    Version: '$LATEST',
    PackageType: 'Zip',
    State: 'Active',
    Environment: { Variables: wiring.environment },
    Layers: wiring.layers.map((Arn) => ({ Arn })),
  };
}
