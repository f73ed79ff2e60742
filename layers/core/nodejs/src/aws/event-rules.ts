import {
  EventBridgeClient,
  type EventBridgeClientConfig,
  ListRulesCommand,
  ListTargetsByRuleCommand,
  type Rule,
} from '@aws-sdk/client-eventbridge';
import { jsonObject } from '../access/json.ts';
import { CLIENT_DEFAULTS } from './client-defaults.ts';
import { orFailure } from './failures.ts';

/** A rule of the default bus. */
export interface EventRule {
  readonly name: string;
  readonly enabled: boolean;
  /** The `source`s of its pattern. */
  readonly sources: readonly string[];
  /** How many targets it has. */
  readonly targets: number;
}

/** The rules of the default bus whose pattern names one of these sources. @throws Failure where they cannot be read. */
export async function eventRules(
  sources: readonly string[],
  caller: Pick<EventBridgeClientConfig, 'region' | 'credentials' | 'endpoint'>,
): Promise<readonly EventRule[]> {
  const client = new EventBridgeClient({ ...CLIENT_DEFAULTS, ...caller });
  try {
    return await rulesBy(client, sources);
  } finally {
    client.destroy();
  }
}

async function rulesBy(client: EventBridgeClient, sources: readonly string[]): Promise<readonly EventRule[]> {
  const rules: Rule[] = [];
  let NextToken: string | undefined;
  do {
    const token = NextToken === undefined ? {} : { NextToken };
    const page = await orFailure('listing the rules of EventBridge', () => client.send(new ListRulesCommand(token)));
    rules.push(...(page.Rules ?? []));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  const named = rules
    .map((rule) => ({ rule, of: sourcesIn(rule).filter((source) => sources.includes(source)) }))
    .filter(({ of }) => of.length > 0);
  return Promise.all(
    named.map(async ({ rule: { Name = '', State }, of }) => {
      const { Targets = [] } = await orFailure(`listing the targets of the rule ${Name}`, () =>
        client.send(new ListTargetsByRuleCommand({ Rule: Name })),
      );
      return { name: Name, enabled: State !== 'DISABLED', sources: of, targets: Targets.length };
    }),
  );
}

function sourcesIn({ EventPattern = '' }: Rule): readonly string[] {
  const { source } = jsonObject(EventPattern) ?? {};
  return Array.isArray(source) ? source.filter((one) => typeof one === 'string') : [];
}
