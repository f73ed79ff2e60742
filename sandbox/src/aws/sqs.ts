import { partitionOf } from '@gatehouse/core/access/arn';
import { buildApp } from 'fauxqs';
import { AwsError } from './aws-error.ts';
import type { AwsRequest, AwsResponse } from './request.ts';

interface InjectOptions {
  readonly method: 'POST';
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly payload: string;
}

/** A message as ReceiveMessage gives it. */
export interface ReceivedMessage {
  readonly MessageId: string;
  readonly ReceiptHandle: string;
  readonly Body: string;
  readonly MD5OfBody: string;
  readonly Attributes: Readonly<Record<string, string>>;
  readonly MessageAttributes?: Readonly<
    Record<string, { StringValue?: string; BinaryValue?: string; DataType: string }>
  >;
}

/** The account that fauxqs puts into every ARN. */
const PLAYED_ACCOUNT = '000000000000';
const CONTENT_TYPE = 'application/x-amz-json-1.0';
/** Batches are authorised as the calls that they consist of. */
const ACTION_OF_BATCH: Readonly<Record<string, string>> = {
  SendMessageBatch: 'SendMessage',
  DeleteMessageBatch: 'DeleteMessage',
  ChangeMessageVisibilityBatch: 'ChangeMessageVisibility',
};

/**
 * SQS: fauxqs in process. Outside, queues have this account's ARNs and URLs `http://HOST/ACCOUNT/NAME` that resolve; inside,
 * fauxqs keeps its own, so both are translated here.
 */
export class SqsQueues {
  readonly #app = buildApp({ logger: false });
  readonly #home: { account: string; region: string };
  /** fauxqs' URL of each queue, by name. */
  readonly #urls = new Map<string, string>();
  /** Names of the queues whose deduplication is each group's own. */
  readonly #groupScoped = new Set<string>();
  readonly #pending = new Set<(error: AwsError) => void>();
  /** Calls that fauxqs does not know yet. */
  #arriving = 0;

  constructor(home: { account: string; region: string }) {
    this.#home = home;
  }

  /** Must be awaited before the first call. */
  async ready(): Promise<void> {
    await this.#app.ready();
  }

  /** Ends all long polls and takes no more calls. */
  async stop(): Promise<void> {
    const stopped = new AwsError('ServiceUnavailable', 'the queues are stopped', 503);
    for (const reject of this.#pending) reject(stopped);
    // fauxqs ends the polls that it knows: one that is on its way to it would wait out its twenty seconds.
    while (this.#arriving > 0) await new Promise((later) => setImmediate(later));
    await new Promise((later) => setImmediate(later));
    await this.#app.close();
  }

  /** Names of the queues. */
  names(): readonly string[] {
    return [...this.#urls.keys()];
  }

  /** The API. */
  async handle(request: AwsRequest): Promise<AwsResponse> {
    const { caller, region } = request;
    const action = request.headers['x-amz-target']?.replace('AmazonSQS.', '') ?? '';
    const input = JSON.parse(request.body.toString() || '{}') as Record<string, unknown>;
    const name = nameIn(input);
    const arn = `arn:${partitionOf(region)}:sqs:${region}:${caller.account}:${name}`;
    request.authorize(`sqs:${ACTION_OF_BATCH[action] ?? action}`, arn);
    const url = typeof input.QueueUrl === 'string' ? new URL(input.QueueUrl, request.base) : undefined;
    const foreign = url && url.pathname !== `/${this.#home.account}/${name}`;
    if (foreign || caller.account !== this.#home.account || region !== this.#home.region) throw noQueue();
    if (action === 'SendMessage') {
      const wrong = refusalOf(input as OutgoingMessage);
      if (wrong) throw wrong;
    }
    const entries = action === 'SendMessageBatch' ? ((input.Entries ?? []) as BatchEntry[]) : [];
    const refused = entries.flatMap((entry) => {
      const wrong = refusalOf(entry);
      return wrong ? [{ Id: entry.Id, SenderFault: true, Code: wrong.code, Message: wrong.message }] : [];
    });
    const accepted = entries.filter(({ Id }) => !refused.some((each) => each.Id === Id));
    if (refused.length > 0 && accepted.length === 0) {
      return { status: 200, headers: { 'content-type': CONTENT_TYPE }, body: JSON.stringify({ Failed: refused }) };
    }
    const sent = refused.length > 0 ? { ...input, Entries: accepted } : input;
    const { status, body, queryError } = await this.#call(action, sent);
    if (status === 200 && refused.length > 0) {
      const answer = JSON.parse(body) as { Successful?: unknown[]; Failed?: unknown[] };
      const merged = { ...answer, Failed: [...(answer.Failed ?? []), ...refused] };
      return { status, headers: { 'content-type': CONTENT_TYPE }, body: JSON.stringify(merged) };
    }
    const text = this.#outward(body, request.base);
    const headers = { 'content-type': CONTENT_TYPE, ...(queryError ? { 'x-amzn-query-error': queryError } : {}) };
    return { status, headers, body: text };
  }

  /** A call from inside, for the event source mappings. @throws AwsError what SQS answers. */
  async call(action: string, input: Record<string, unknown>): Promise<Record<string, unknown>> {
    const { status, body } = await this.#call(action, input);
    const answer = JSON.parse(body || '{}') as { __type?: string; message?: string };
    if (status !== 200) throw new AwsError(answer.__type ?? 'Unknown', answer.message ?? body, status);
    return answer as Record<string, unknown>;
  }

  async #call(action: string, input: Record<string, unknown>) {
    const name = nameIn(input);
    const inward: Record<string, unknown> = { ...input };
    if (typeof input.QueueUrl === 'string') {
      const url = this.#urls.get(name);
      if (url === undefined) throw noQueue();
      inward.QueueUrl = url;
    }
    const credential = `AWS4-HMAC-SHA256 Credential=x/20000101/${this.#home.region}/sqs/aws4_request`;
    const response = await this.#inject({
      method: 'POST',
      url: '/',
      headers: {
        'content-type': CONTENT_TYPE,
        'x-amz-target': `AmazonSQS.${action}`,
        host: '127.0.0.1',
        authorization: credential,
      },
      payload: this.#inwardText(action, this.#groupScoped.has(name) ? withInwardIds(inward) : inward),
    });
    if (response.statusCode === 200 && action === 'CreateQueue') {
      this.#urls.set(name, (JSON.parse(response.body) as { QueueUrl: string }).QueueUrl);
      if (scopeOf(input) === 'messageGroup') this.#groupScoped.add(name);
    }
    if (response.statusCode === 200 && action === 'DeleteQueue') {
      this.#urls.delete(name);
      this.#groupScoped.delete(name);
    }
    const queryError = response.headers['x-amzn-query-error'];
    return {
      status: response.statusCode,
      body: action === 'ReceiveMessage' && this.#groupScoped.has(name) ? withOutwardIds(response.body) : response.body,
      queryError: queryError === undefined ? '' : String(queryError),
    };
  }

  /** Hands a call to fauxqs; where the queues are stopped meanwhile, its answer is not waited for. */
  #inject(input: InjectOptions): Promise<{ statusCode: number; body: string; headers: Record<string, unknown> }> {
    this.#arriving += 1;
    setImmediate(() =>
      setImmediate(() => {
        this.#arriving -= 1;
      }),
    );
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      this.#app
        .inject(input)
        .then(resolve, reject)
        .finally(() => this.#pending.delete(reject));
    });
  }

  /** Only where a dead-letter queue is named does an ARN go in. */
  #inwardText(action: string, input: Record<string, unknown>): string {
    const text = JSON.stringify(input);
    if (action !== 'CreateQueue' && action !== 'SetQueueAttributes') return text;
    return text.replaceAll(`:${this.#home.region}:${this.#home.account}:`, `:${this.#home.region}:${PLAYED_ACCOUNT}:`);
  }

  /** Messages are left as they are; URLs and ARNs of queues become those of this account. */
  #outward(body: string, base: string): string {
    const answer = JSON.parse(body || '{}') as {
      QueueUrl?: string;
      QueueUrls?: string[];
      Attributes?: Record<string, string>;
    };
    const outwardUrl = (url: string) => `${base}/${this.#home.account}/${url.split('/').at(-1)}`;
    if (answer.QueueUrl !== undefined) answer.QueueUrl = outwardUrl(answer.QueueUrl);
    if (answer.QueueUrls !== undefined) answer.QueueUrls = answer.QueueUrls.map(outwardUrl);
    for (const name of ['QueueArn', 'RedrivePolicy']) {
      const value = answer.Attributes?.[name];
      if (value !== undefined)
        answer.Attributes![name] = value.replaceAll(`:${PLAYED_ACCOUNT}:`, `:${this.#home.account}:`);
    }
    return JSON.stringify(answer);
  }
}

interface OutgoingMessage {
  readonly MessageBody?: string;
  readonly DelaySeconds?: number;
  readonly MessageGroupId?: string;
  readonly MessageDeduplicationId?: string;
}
interface BatchEntry extends OutgoingMessage {
  readonly Id: string;
}

const scopeOf = ({ Attributes }: Record<string, unknown>) =>
  (Attributes as Record<string, unknown> | undefined)?.DeduplicationScope;

/**
 * fauxqs remembers deduplication ids for a whole queue. Where each group has its own, it is given group and id as one, with a
 * blank between them, which neither of them may hold.
 */
function withInwardIds(input: Record<string, unknown>): Record<string, unknown> {
  const inward = <T extends OutgoingMessage>(message: T): T => {
    const { MessageGroupId: group, MessageDeduplicationId: id } = message;
    return group === undefined || id === undefined ? message : { ...message, MessageDeduplicationId: `${group} ${id}` };
  };
  const { Entries } = input as { Entries?: BatchEntry[] };
  return { ...inward(input as OutgoingMessage), ...(Entries === undefined ? {} : { Entries: Entries.map(inward) }) };
}

function withOutwardIds(body: string): string {
  const answer = JSON.parse(body || '{}') as { Messages?: { Attributes?: Record<string, string> }[] };
  for (const { Attributes = {} } of answer.Messages ?? []) {
    const id = Attributes.MessageDeduplicationId;
    if (id !== undefined) Attributes.MessageDeduplicationId = id.split(' ').at(-1)!;
  }
  return JSON.stringify(answer);
}

/** What SQS refuses and fauxqs lets pass. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html */
function refusalOf(message: OutgoingMessage): AwsError | undefined {
  const { MessageBody = '', DelaySeconds = 0, MessageGroupId, MessageDeduplicationId } = message;
  if (MessageBody === '')
    return new AwsError('MissingParameter', 'The request must contain the parameter MessageBody.');
  if (!(DelaySeconds >= 0 && DelaySeconds <= 900)) {
    const why = `Value ${DelaySeconds} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.`;
    return new AwsError('InvalidParameterValue', why);
  }
  for (const [name, value] of Object.entries({ MessageGroupId, MessageDeduplicationId })) {
    if (value === undefined || /^[A-Za-z0-9!-/:-@[-`{-~]{1,128}$/.test(value)) continue;
    const why = `Value for parameter ${name} is invalid. Reason: it can only include alphanumeric and punctuation characters. 1 to 128 in length.`;
    return new AwsError('InvalidParameterValue', why);
  }
  return undefined;
}

function nameIn(input: Record<string, unknown>): string {
  if (typeof input.QueueName === 'string') return input.QueueName;
  return typeof input.QueueUrl === 'string' ? (input.QueueUrl.split('/').at(-1) ?? '') : '*';
}

const noQueue = () => new AwsError('com.amazonaws.sqs#QueueDoesNotExist', 'The specified queue does not exist.');
