import { randomBytes } from 'node:crypto';
import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ResourceInUseException,
} from '@aws-sdk/client-dynamodb';
import type { AwsEndpoint } from './aws/endpoint.ts';
import { functionCredentials, seedFunctionRoles, type UserCredentials } from './identities.ts';
import type { PlayedInternet } from './internet/played-internet.ts';
import { EventSourceMapping } from './lambda/event-source-mapping.ts';
import { LambdaFunctions } from './lambda/functions.ts';
import { HttpApi } from './lambda/http-api.ts';
import { Schedules } from './lambda/schedules.ts';
import type { SecretWiring, Wiring } from './template/wiring.ts';

/** How a stack is made. */
export interface StackOptions {
  readonly wiring: Wiring;
  readonly endpoint: AwsEndpoint;
  /** Whoever makes the stack. */
  readonly administrator: UserCredentials;
  /** Folder of the template. */
  readonly root: string;
  /** Port of the HTTP API. */
  readonly port: number;
  readonly log: (line: string) => void;
  /** What the functions find of the internet. */
  readonly internet: PlayedInternet;
}

/** Most instances of one function, and most batches of one queue at once: threads cost memory. */
const INSTANCES = 2;

/** The stack that a template describes, made on the endpoint: what CloudFormation does, and what Lambda and EventBridge do then. */
export class Stack {
  readonly wiring: Wiring;
  readonly functions: LambdaFunctions;
  readonly #options: StackOptions;
  readonly #api: HttpApi;
  #mappings: readonly EventSourceMapping[] = [];
  #schedules: Schedules | undefined;

  private constructor(options: StackOptions, functions: LambdaFunctions, api: HttpApi) {
    this.wiring = options.wiring;
    this.functions = functions;
    this.#options = options;
    this.#api = api;
  }

  /** Makes all resources. Nothing is invoked before {@link begin}. */
  static async create(options: StackOptions): Promise<Stack> {
    const { wiring, endpoint, root, port, log, internet } = options;
    for (const { arn, document } of wiring.policies) endpoint.iam.managedPolicies.set(arn, document);
    for (const bucket of wiring.buckets) endpoint.objects.createBucket(wiring.account, wiring.region, bucket);
    for (const { name, attributes } of wiring.queues) {
      await endpoint.queues.call('CreateQueue', { QueueName: name, Attributes: attributes });
    }
    await createTables(options);
    for (const secret of wiring.secrets) {
      const value = secret.value ?? generated(secret);
      if (value !== undefined)
        endpoint.secrets.seed(wiring.account, wiring.region, { name: secret.name, arn: secret.arn, value });
    }
    seedFunctionRoles(endpoint, wiring.functions);
    const credentials = new Map(wiring.functions.map((each) => [each.name, functionCredentials(endpoint, each)]));
    const functions = new LambdaFunctions(wiring.functions, {
      root,
      region: wiring.region,
      endpoint: endpoint.url,
      credentials: ({ name }) => credentials.get(name)!,
      instances: INSTANCES,
      log: (name, line) => log(`${name}: ${line}`),
      internet,
      deadLetter: async (arn, body) => {
        const queue = wiring.queues.find((each) => each.arn === arn)!;
        await endpoint.queues.call('SendMessage', { QueueUrl: queue.url, MessageBody: body });
      },
    });
    endpoint.functions = functions;
    const api = await HttpApi.start({
      routes: wiring.routes,
      account: wiring.account,
      port,
      invoke: (name, payload) => functions.invoke(name, payload),
    });
    return new Stack(options, functions, api);
  }

  /** Base URL of the HTTP API. */
  get url(): string {
    return this.#api.url;
  }

  /** Lets events, messages and time through to the functions. */
  begin(): void {
    const { endpoint, log } = this.#options;
    const { rules, mappings, queues, schedules, region } = this.wiring;
    for (const { name: rule, bus, pattern, functions } of rules) {
      const deliver = (event: unknown) => {
        for (const name of functions) this.functions.invokeLater(name, JSON.stringify(event));
      };
      const targets = this.wiring.functions.flatMap(({ name, arn }) => (functions.includes(name) ? [arn] : []));
      endpoint.events.addRule({ name: rule, bus, pattern, targets, deliver });
    }
    this.#mappings = mappings.map(
      (mapping) =>
        new EventSourceMapping({
          mapping,
          queue: queues.find(({ arn }) => arn === mapping.queueArn)!,
          queues: endpoint.queues,
          region,
          pollers: INSTANCES,
          invoke: (name, payload) => this.functions.invoke(name, payload),
          log: (name, line) => log(`${name}: ${line}`),
        }),
    );
    this.#schedules = new Schedules(schedules, (name, payload) => this.functions.invokeLater(name, payload));
  }

  /** Nothing is invoked any more. The endpoint's queues must be stopped beside, which ends the long polls. */
  async stop(): Promise<void> {
    this.#schedules?.stop();
    const mappings = this.#mappings.map((mapping) => mapping.stop());
    await this.#api.stop();
    await this.functions.stop();
    await this.#options.endpoint.queues.stop();
    await Promise.all(mappings);
  }
}

async function createTables({ wiring, endpoint, administrator }: StackOptions): Promise<void> {
  const client = new DynamoDBClient({ endpoint: endpoint.url, region: wiring.region, credentials: administrator });
  const create = async ({ name, input }: Wiring['tables'][number]) => {
    await client
      .send(new CreateTableCommand(input as unknown as CreateTableCommand['input']))
      .catch((error: unknown) => {
        // It was kept from the last time.
        if (!(error instanceof ResourceInUseException)) throw error;
      });
    for (;;) {
      const { Table } = await client.send(new DescribeTableCommand({ TableName: name }));
      if (Table?.TableStatus === 'ACTIVE') return;
      await new Promise((later) => setTimeout(later, 2));
    }
  };
  try {
    // All are waited for, also where one is refused: what is still being made would fall upon tables that are closed.
    const made = await Promise.allSettled(wiring.tables.map(create));
    for (const each of made) if (each.status === 'rejected') throw each.reason;
  } finally {
    client.destroy();
  }
}

const PLAIN = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const PUNCTUATED = `${PLAIN}!#$%&()*+,-./:;<=>?@[]^_{|}~`;

/** What GenerateSecretString makes: a password, alone or as one member of a JSON object. */
function generated({ generate }: SecretWiring): string | undefined {
  if (!generate) return undefined;
  const alphabet = generate.excludePunctuation ? PLAIN : PUNCTUATED;
  const password = [...randomBytes(generate.length)].map((byte) => alphabet[byte % alphabet.length]).join('');
  if (generate.key === undefined) return password;
  const template = JSON.parse(generate.template ?? '{}') as Record<string, unknown>;
  return JSON.stringify({ ...template, [generate.key]: password });
}
