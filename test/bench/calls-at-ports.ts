import { gatheredGets } from '@gatehouse/core/aws/gathered-gets';
import type { Table } from '@gatehouse/core/ports/table';
import type { TurnPorts } from '@gatehouse/core/work/turn-ports';

/** The services behind the ports, as they are called. */
export const SERVICES = [
  'DynamoDB',
  'SQS',
  'IAM',
  'EKS',
  'Kubernetes',
  'Secrets Manager',
  'EventBridge',
  'web',
] as const;
/** One of {@link SERVICES}. */
export type Service = (typeof SERVICES)[number];

/** One call through a port. */
export interface PortCall {
  readonly service: Service;
  /** The port's method. */
  readonly method: string;
  /** Of SQS: how many calls of the API it is. */
  readonly calls: number;
  /** Of DynamoDB: how many items are read at once. */
  readonly items: number;
  readonly isWrite: boolean;
}

const READING = /^(get|list|query|due|read|review|whoAmI|describe|fetch|find)/;
/** SendMessageBatch takes ten messages. */
const BATCH = 10;

/** The same ports, with `around` awaited before each call. */
export function withCalls(ports: TurnPorts, around: (call: PortCall) => Promise<void> | void): TurnPorts {
  const seen = <T extends object>(service: Service, port: T): T =>
    new Proxy(port, {
      get(of, method) {
        const member: unknown = Reflect.get(of, method);
        if (typeof member !== 'function') return member;
        return async (...given: unknown[]) => {
          const messages = service === 'SQS' ? (given[1] as readonly unknown[]).length : 1;
          const name = String(method);
          const calls = Math.ceil(messages / BATCH);
          await around({ service, method: name, calls, items: 1, isWrite: !READING.test(name) });
          return Reflect.apply(member, of, given);
        };
      },
    });
  /** As over DynamoDB, gets at one time are one call. */
  const gathering = (table: Table): Table => ({
    ...seen('DynamoDB', table),
    get: gatheredGets(async (keys) => {
      await around({ service: 'DynamoDB', method: 'get', calls: 1, items: keys.length, isWrite: false });
      return Promise.all(keys.map((key) => table.get(key)));
    }),
  });
  const { world } = ports;
  return {
    ...ports,
    table: gathering(ports.table),
    ledger: seen('DynamoDB', ports.ledger),
    queues: seen('SQS', ports.queues),
    notices: seen('EventBridge', ports.notices),
    web: seen('web', ports.web),
    world: {
      secrets: seen('Secrets Manager', world.secrets),
      account: async (account) => {
        const { iam, secrets } = await world.account(account);
        return { iam: seen('IAM', iam), secrets: seen('Secrets Manager', secrets) };
      },
      eks: async (account, region) => seen('EKS', await world.eks(account, region)),
      cluster: async (account, cluster) => {
        const opened = await world.cluster(account, cluster);
        return { ...opened, kubernetes: seen('Kubernetes', opened.kubernetes) };
      },
    },
  };
}
