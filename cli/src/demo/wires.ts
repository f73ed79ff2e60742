import type { Wiring } from '@gatehouse/sandbox/template/wiring';

/** Functions that nothing invokes: no route, queue, rule or schedule. By the name in the template. */
export function uninvoked({ functions, routes, mappings, rules, schedules }: Wiring): readonly string[] {
  const invoked = new Set([...routes, ...mappings, ...schedules].map((wire) => wire.function));
  for (const rule of rules) for (const name of rule.functions) invoked.add(name);
  return functions.filter(({ name }) => !invoked.has(name)).map(({ logicalId }) => logicalId);
}

/** What would be lost when it fails for good: queues and functions of rules that have no dead-letter queue. */
export function withoutDeadLetters({ functions, queues, mappings, rules }: Wiring): readonly string[] {
  const fed = queues.filter(({ arn }) => mappings.some(({ queueArn }) => queueArn === arn));
  const ruled = functions.filter(({ name }) => rules.some((rule) => rule.functions.includes(name)));
  return [
    ...fed.filter(({ attributes }) => attributes.RedrivePolicy === undefined).map(({ logicalId }) => logicalId),
    ...ruled
      .filter(({ asynchronous }) => asynchronous.deadLetterQueueArn === undefined)
      .map(({ logicalId }) => logicalId),
  ];
}
