import type { PolicyDocument } from '@gatehouse/core/ports/iam';
import type { EventPattern } from '../aws/event-pattern.ts';

/** One Lambda function. */
export interface FunctionWiring {
  readonly logicalId: string;
  readonly name: string;
  readonly arn: string;
  /** The module that exports the handler, as a path below the template's folder. */
  readonly module: string;
  /** The name under which the module exports it. */
  readonly exportName: string;
  /** ARNs of its layers. */
  readonly layers: readonly string[];
  readonly timeoutSeconds: number;
  readonly memoryMegabytes: number;
  readonly environment: Readonly<Record<string, string>>;
  /** How many instances may run at once, where the template reserves a number. */
  readonly reservedConcurrency?: number;
  readonly role: { readonly name: string; readonly path: string; readonly arn: string };
  /** What its role may do. */
  readonly policies: readonly PolicyDocument[];
  /** What happens to an event that the function did not manage, when it was invoked asynchronously. */
  readonly asynchronous: {
    readonly retries: number;
    readonly deadLetterQueueArn?: string;
    /** A destination gets a record of the invocation, a dead-letter queue the event itself. */
    readonly deadLetterForm: 'record' | 'event';
  };
}

/** One SQS queue. */
export interface QueueWiring {
  readonly logicalId: string;
  readonly name: string;
  readonly arn: string;
  readonly url: string;
  /** As CreateQueue takes them. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** A queue from which a function is fed. */
export interface MappingWiring {
  readonly function: string;
  readonly queueArn: string;
  readonly batchSize: number;
  readonly windowSeconds: number;
  readonly partialBatches: boolean;
  readonly maximumConcurrency?: number;
}

/** A function that is invoked from time to time. */
export interface ScheduleWiring {
  readonly name: string;
  readonly function: string;
  readonly everySeconds: number;
  /** JSON text given to the function. */
  readonly input: string;
  readonly retries: number;
  readonly deadLetterQueueArn?: string;
}

/** Events of a bus that match a pattern go to a function. */
export interface RuleWiring {
  readonly name: string;
  readonly arn: string;
  readonly bus: string;
  readonly pattern: EventPattern;
  readonly functions: readonly string[];
  readonly retries: number;
  readonly deadLetterQueueArn?: string;
}

/** A route of the HTTP API. `method` is `ANY` or upper-case. Path parameters stand in braces, a greedy one ends in `+`. */
export interface RouteWiring {
  readonly method: string;
  readonly path: string;
  readonly function: string;
}

/** One DynamoDB table; `input` is what CreateTable takes. */
export interface TableWiring {
  readonly logicalId: string;
  readonly name: string;
  readonly arn: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** One secret; `generate` where CloudFormation would make its value up. */
export interface SecretWiring {
  readonly logicalId: string;
  readonly name: string;
  readonly arn: string;
  readonly value?: string;
  readonly generate?: {
    readonly length: number;
    readonly template?: string;
    readonly key?: string;
    readonly excludePunctuation: boolean;
  };
}

/** One bucket; `eventBridge` where it tells the default bus of new objects. */
export interface BucketWiring {
  readonly logicalId: string;
  readonly name: string;
  readonly eventBridge: boolean;
  readonly versioned: boolean;
}

/** A managed policy of the template; permissions boundaries are such. */
export interface PolicyWiring {
  readonly name: string;
  readonly arn: string;
  readonly document: PolicyDocument;
}

/** Everything that a template wires together. Functions are named by their names, queues by their ARNs. */
export interface Wiring {
  readonly account: string;
  readonly region: string;
  readonly functions: readonly FunctionWiring[];
  readonly queues: readonly QueueWiring[];
  readonly mappings: readonly MappingWiring[];
  readonly schedules: readonly ScheduleWiring[];
  readonly rules: readonly RuleWiring[];
  readonly routes: readonly RouteWiring[];
  readonly tables: readonly TableWiring[];
  readonly secrets: readonly SecretWiring[];
  readonly buckets: readonly BucketWiring[];
  readonly buses: readonly string[];
  readonly policies: readonly PolicyWiring[];
  readonly outputs: Readonly<Record<string, string>>;
}
