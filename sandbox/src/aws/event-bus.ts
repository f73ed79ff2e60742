import { randomUUID } from 'node:crypto';
import { partitionOf } from '@gatehouse/core/access/arn';
import { jsonObject } from '@gatehouse/core/access/json';
import * as z from 'zod';
import { AwsError, notPlayed } from './aws-error.ts';
import { type EventPattern, matchesPattern } from './event-pattern.ts';
import { pageOf } from './page.ts';
import { type AwsRequest, type AwsResponse, type Caller, jsonResponse } from './request.ts';

/** An event as a rule's target gets it (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html). */
export interface BusEvent {
  readonly version: '0';
  readonly id: string;
  readonly 'detail-type': string;
  readonly source: string;
  readonly account: string;
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

/** A rule: what matches its pattern is delivered. */
export interface BusRule {
  readonly name: string;
  /** ARNs of the functions that it invokes. */
  readonly targets: readonly string[];
  readonly bus: string;
  readonly pattern: EventPattern;
  deliver(event: BusEvent): void;
}

/** What the producer of an event says. */
export interface NewEvent {
  readonly source: string;
  readonly detailType: string;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly account: string;
  readonly region: string;
  readonly resources?: readonly string[];
  readonly time?: Date;
}

const entry = z.strictObject({
  Source: z.string().min(1),
  DetailType: z.string().min(1).max(128),
  Detail: z.string(),
  EventBusName: z.string().default('default'),
  Resources: z.array(z.string()).default([]),
  Time: z.number().optional(),
  TraceHeader: z.string().optional(),
});
/** Without a limit, a page is the longest that may be asked for. */
const MOST = 100;
const page = { Limit: z.number().int().min(1).max(MOST).default(MOST), NextToken: z.string().optional() };
const READS = {
  ListEventBuses: z.strictObject({ NamePrefix: z.string().optional(), ...page }),
  DescribeEventBus: z.strictObject({ Name: z.string().optional() }),
  ListRules: z.strictObject({ NamePrefix: z.string().optional(), EventBusName: z.string().optional(), ...page }),
  DescribeRule: z.strictObject({ Name: z.string(), EventBusName: z.string().optional() }),
  ListTargetsByRule: z.strictObject({ Rule: z.string(), EventBusName: z.string().optional(), ...page }),
};
/** What a read may say, whichever it is. */
interface Read {
  readonly EventBusName?: string;
  readonly Name?: string;
  readonly NamePrefix?: string;
  readonly Rule?: string;
  readonly Limit?: number;
  readonly NextToken?: string;
}

/** A page of a list under its name. @throws AwsError for a token that is none. */
function listed<Item>(
  name: string,
  all: readonly Item[],
  { Limit = MOST, NextToken }: Read,
  shown: (item: Item) => object,
): object {
  const found = pageOf(all, NextToken, Limit);
  if (!found) throw new AwsError('ValidationException', 'The NextToken value is invalid.');
  return { [name]: found.items.map(shown), ...(found.next === undefined ? {} : { NextToken: found.next }) };
}

const putEvents = z.strictObject({ Entries: z.array(entry).min(1).max(10) });

/** EventBridge: buses and rules. Every event goes to every rule of its bus that matches. */
export class EventBuses {
  readonly #home: string;
  readonly #buses: ReadonlySet<string>;
  readonly #rules: BusRule[] = [];
  readonly #listeners = new Set<(bus: string, event: BusEvent) => void>();

  /** @param home The account that has the buses. */
  constructor(home: string, buses: readonly string[]) {
    this.#home = home;
    this.#buses = new Set(['default', ...buses]);
  }

  /** Adds a rule. */
  addRule(rule: BusRule): void {
    this.#rules.push(rule);
  }

  /** Calls `listener` for every event of every bus; the answer stops that. */
  listen(listener: (bus: string, event: BusEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Puts an event on a bus. */
  put(bus: string, { source, detailType, detail, account, region, resources = [], time }: NewEvent): string {
    const event: BusEvent = {
      version: '0',
      id: randomUUID(),
      'detail-type': detailType,
      source,
      account,
      time: (time ?? new Date()).toISOString().replace(/\.\d+Z$/, 'Z'),
      region,
      resources,
      detail,
    };
    for (const listener of this.#listeners) listener(bus, event);
    for (const rule of this.#rules) if (rule.bus === bus && matchesPattern(rule.pattern, event)) rule.deliver(event);
    return event.id;
  }

  /** What CloudTrail says of a call that changed something; it reaches the default bus. */
  apiCall(
    service: 'iam' | 'eks',
    call: { name: string; region: string; caller: Caller; account: string; parameters: unknown; answer?: unknown },
  ): void {
    const eventSource = `${service}.amazonaws.com`;
    this.put('default', {
      source: `aws.${service}`,
      detailType: 'AWS API Call via CloudTrail',
      account: call.account,
      region: call.region,
      detail: {
        eventVersion: '1.09',
        userIdentity: userIdentity(call.caller),
        eventTime: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
        eventSource,
        eventName: call.name,
        awsRegion: call.region,
        requestParameters: call.parameters,
        responseElements: call.answer ?? null,
        requestID: randomUUID(),
        eventID: randomUUID(),
        eventType: 'AwsApiCall',
        recipientAccountId: call.account,
      },
    });
  }

  /** The API: PutEvents, and what there is of buses, rules and targets. */
  handle(request: AwsRequest): AwsResponse {
    const action = request.headers['x-amz-target']?.split('.')[1] ?? '';
    if (Object.hasOwn(READS, action)) return this.#read(action as keyof typeof READS, request);
    if (action !== 'PutEvents') throw notPlayed(`EventBridge ${action}`);
    const input = putEvents.safeParse(JSON.parse(request.body.toString()));
    if (!input.success) throw new AwsError('ValidationException', z.prettifyError(input.error));
    const names = input.data.Entries.map(({ EventBusName }) => EventBusName.split('/').at(-1)!);
    const account = request.caller.account;
    for (const name of new Set(names)) {
      const arn = `arn:${partitionOf(request.region)}:events:${request.region}:${account}:event-bus/${name}`;
      request.authorize('events:PutEvents', arn);
    }
    const size = input.data.Entries.reduce(
      (sum, { Detail, Source, DetailType }) => sum + Buffer.byteLength(`${Detail}${Source}${DetailType}`),
      0,
    );
    if (size >= 256 * 1024)
      throw new AwsError('ValidationException', 'Total size of the entries in the request is over the limit.');
    const results = input.data.Entries.map((each, index) => this.#accept(each, names[index]!, request));
    return jsonResponse(
      { FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length, Entries: results },
      'application/x-amz-json-1.1',
    );
  }

  /**
   * Buses, rules, and targets are few here, so that one page holds them all; a token is refused.
   * @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Operations.html
   */
  #read(action: keyof typeof READS, request: AwsRequest): AwsResponse {
    const parsed = READS[action].safeParse(JSON.parse(request.body.toString() || '{}'));
    if (!parsed.success) throw new AwsError('ValidationException', z.prettifyError(parsed.error));
    const input = parsed.data as Read;
    const { region, caller } = request;
    const root = `arn:${partitionOf(region)}:events:${region}:${caller.account}`;
    const isBusCall = action === 'ListEventBuses' || action === 'DescribeEventBus';
    const bus = ((isBusCall ? input.Name : input.EventBusName) ?? 'default').split('/').at(-1)!;
    const name = input.Rule ?? input.Name;
    const busArn = (of: string) => `${root}:event-bus/${of}`;
    const ruleArn = (of: string) => `${root}:rule/${bus === 'default' ? '' : `${bus}/`}${of}`;
    const named = {
      DescribeRule: ruleArn(name ?? ''),
      ListTargetsByRule: ruleArn(name ?? ''),
      ListRules: ruleArn('*'),
    };
    request.authorize(`events:${action}`, { ListEventBuses: '*', DescribeEventBus: busArn(bus), ...named }[action]);
    const buses = caller.account === this.#home ? [...this.#buses] : ['default'];
    const prefixed = (text: string) => text.startsWith(input.NamePrefix ?? '');
    const answer = (value: unknown) => jsonResponse(value, 'application/x-amz-json-1.1');
    if (action === 'ListEventBuses') {
      return answer(listed('EventBuses', buses.filter(prefixed), input, (each) => ({ Name: each, Arn: busArn(each) })));
    }
    if (!buses.includes(bus)) throw new AwsError('ResourceNotFoundException', `Event bus ${bus} does not exist.`);
    if (action === 'DescribeEventBus') return answer({ Name: bus, Arn: busArn(bus) });
    const rules = caller.account === this.#home ? this.#rules.filter((rule) => rule.bus === bus) : [];
    const shown = (rule: BusRule) => ({
      Name: rule.name,
      Arn: ruleArn(rule.name),
      EventPattern: JSON.stringify(rule.pattern),
      State: 'ENABLED',
      EventBusName: bus,
    });
    if (action === 'ListRules') {
      const named = rules.filter((rule) => prefixed(rule.name));
      return answer(listed('Rules', named, input, shown));
    }
    const found = rules.find((rule) => rule.name === name);
    if (!found) throw new AwsError('ResourceNotFoundException', `Rule ${name} does not exist on EventBus ${bus}.`);
    if (action === 'DescribeRule') return answer(shown(found));
    const targets = found.targets.map((Arn, index) => ({ Id: `target${index}`, Arn }));
    return answer(listed('Targets', targets, input, (target) => target));
  }

  #accept(each: z.infer<typeof entry>, bus: string, { caller, region }: AwsRequest) {
    if (each.Source.startsWith('aws.')) {
      return { ErrorCode: 'NotAuthorizedForSourceException', ErrorMessage: 'Not authorized for the source.' };
    }
    // EventBridge takes an event for a bus that does not exist, and drops it.
    if (!this.#buses.has(bus) || caller.account !== this.#home) return { EventId: randomUUID() };
    const detail = jsonObject(each.Detail);
    if (!detail) return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
    const event = { source: each.Source, detailType: each.DetailType, resources: each.Resources, detail };
    const time = each.Time === undefined ? {} : { time: new Date(each.Time * 1000) };
    return { EventId: this.put(bus, { ...event, ...time, account: caller.account, region }) };
  }
}

/** @see https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html */
function userIdentity({ arn, account, userId, accessKeyId, userName, roleArn }: Caller): Record<string, unknown> {
  const common = { principalId: userId, arn, accountId: account, accessKeyId };
  if (roleArn === undefined) return { type: 'IAMUser', ...common, userName };
  const sessionIssuer = {
    type: 'Role',
    principalId: userId.split(':')[0],
    arn: roleArn,
    accountId: account,
    userName: roleArn.split('/').at(-1),
  };
  return { type: 'AssumedRole', ...common, sessionContext: { sessionIssuer } };
}
