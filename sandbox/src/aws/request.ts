import type { PolicyDocument } from '@gatehouse/core/ports/iam';

/** Who signed a request. */
export interface Caller {
  readonly account: string;
  /** Of a user with its path; of a session `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`. */
  readonly arn: string;
  /** AIDA... of a user, AROA...:session of a session. */
  readonly userId: string;
  readonly accessKeyId: string;
  readonly userName?: string;
  /** Where the credentials are a session's: the role's ARN with its path. */
  readonly roleArn?: string;
  /** Its identity policies as they are now, and its permissions boundary where it has one. */
  policies(): { readonly identity: readonly PolicyDocument[]; readonly boundary?: readonly PolicyDocument[] };
}

/** Condition keys of a request and their values. */
export type ContextValues = Readonly<Record<string, string | readonly string[] | undefined>>;

/** One call, authenticated. */
export interface AwsRequest {
  readonly method: string;
  /** Path as it was sent, still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly region: string;
  readonly caller: Caller;
  /** Scheme, host and port under which the caller reached the endpoint. */
  readonly base: string;
  /** @throws AwsError AccessDenied where the caller's policies do not allow the action on the resource. */
  authorize(action: string, resource: string, context?: ContextValues): void;
  /** Like `authorize`, but answers. */
  allows(action: string, resource: string, context?: ContextValues): boolean;
}

/** What goes back. */
export interface AwsResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** A service behind the endpoint. */
export type AwsService = (request: AwsRequest) => Promise<AwsResponse> | AwsResponse;

/** A JSON answer. */
export function jsonResponse(value: unknown, contentType = 'application/json', status = 200): AwsResponse {
  return { status, headers: { 'content-type': contentType }, body: JSON.stringify(value) };
}

/** An XML answer. */
export function xmlResponse(body: string, status = 200): AwsResponse {
  return { status, headers: { 'content-type': 'text/xml' }, body };
}

/** `text` as XML character data. */
export function escapeXml(text: string): string {
  const names: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' };
  return text.replace(/[<>&"]/g, (character) => names[character]!);
}
