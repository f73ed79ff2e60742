import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { partitionOf } from '@gatehouse/core/access/arn';
import { AwsError } from './aws-error.ts';
import type { AwsRequest, ContextValues } from './request.ts';

type Dynalite = (options: {
  path?: string;
  createTableMs: number;
  deleteTableMs: number;
  updateTableMs: number;
}) => Server;

/** The partition key of each table, for `dynamodb:LeadingKeys`. */
type PartitionKeys = Map<string, string>;

interface Input {
  readonly TableName?: string;
  readonly IndexName?: string;
  readonly Key?: Record<string, unknown>;
  readonly Item?: Record<string, unknown>;
  readonly RequestItems?: Record<string, unknown>;
  readonly KeySchema?: readonly { AttributeName: string; KeyType: string }[];
}

/** DynamoDB: dynalite in process, behind the endpoint's authentication. One account, one Region. */
export class DynamoDb {
  readonly #server: Server;
  readonly #partitionKeys: PartitionKeys = new Map();
  readonly #home: { account: string; region: string };

  /** @param path Folder of the tables; in memory without it. */
  constructor(home: { account: string; region: string }, path?: string) {
    this.#home = home;
    const dynalite = createRequire(import.meta.url)('dynalite') as Dynalite;
    const times = { createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 };
    this.#server = dynalite(path === undefined ? times : { ...times, path });
  }

  /** The API; dynalite writes the answer itself. */
  handle(request: AwsRequest, response: ServerResponse): void {
    const action = request.headers['x-amz-target']?.split('.')[1] ?? '';
    const input = JSON.parse(request.body.toString() || '{}') as Input;
    this.#authorize(request, action, input);
    if (action === 'CreateTable' && input.TableName && input.KeySchema) {
      const hash = input.KeySchema.find(({ KeyType }) => KeyType === 'HASH');
      if (hash) this.#partitionKeys.set(input.TableName, hash.AttributeName);
    }
    const { method, path, headers, body } = request;
    const replay = Object.assign(Readable.from([body]), { method, url: path, headers });
    this.#server.emit('request', replay as unknown as IncomingMessage, response);
  }

  /** Closes the tables' files. */
  async stop(): Promise<void> {
    await new Promise<void>((done, failed) => {
      // It never listened, so closing its server says so; its files are closed all the same once it did.
      this.#server.listen(0, '127.0.0.1', () => this.#server.close((error) => (error ? failed(error) : done())));
    });
  }

  #authorize(request: AwsRequest, action: string, input: Input): void {
    const { region, caller } = request;
    const arn = (table: string) => `arn:${partitionOf(region)}:dynamodb:${region}:${caller.account}:table/${table}`;
    const tables = input.TableName !== undefined ? [input.TableName] : Object.keys(input.RequestItems ?? {});
    if (tables.length === 0) request.authorize(`dynamodb:${action}`, '*');
    for (const table of tables) {
      const resource = input.IndexName === undefined ? arn(table) : `${arn(table)}/index/${input.IndexName}`;
      request.authorize(`dynamodb:${action}`, resource, this.#context(table, input));
    }
    if (caller.account !== this.#home.account || region !== this.#home.region) {
      throw new AwsError('ResourceNotFoundException', 'Requested resource not found');
    }
  }

  #context(table: string, input: Input): ContextValues {
    const name = this.#partitionKeys.get(table) ?? 'pk';
    const value = (input.Key ?? input.Item)?.[name] as { S?: string; N?: string } | undefined;
    const key = value?.S ?? value?.N;
    return key === undefined ? {} : { 'dynamodb:LeadingKeys': [key] };
  }
}
