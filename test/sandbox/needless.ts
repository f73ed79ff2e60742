import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { PolicyDocument } from '@gatehouse/core/ports/iam';
import type { CallRecord, Verdict } from '../../sandbox/src/aws/endpoint.ts';
import type { BusEvent } from '../../sandbox/src/aws/event-bus.ts';
import { matchesPattern } from '../../sandbox/src/aws/event-pattern.ts';
import { evaluate } from '../../sandbox/src/aws/iam/evaluate.ts';
import type { Sandbox } from '../../sandbox/src/sandbox.ts';
import type { FunctionWiring } from '../../sandbox/src/template/wiring.ts';

type Asked = Pick<Verdict, 'principal' | 'action' | 'resource' | 'context'>;

/** Everything for which a wire of the template was needed while a sandbox worked. */
export class Job {
  readonly #asked = new Map<string, Asked>();
  readonly #events: BusEvent[] = [];
  readonly #invoked = new Set<string>();

  watch({ endpoint, stack }: Sandbox): void {
    endpoint.observeVerdicts((verdict) => {
      if (verdict.allowed) this.#ask(verdict);
    });
    endpoint.observe((call) => this.#assumed(call, endpoint.home.account));
    endpoint.events.listen((_bus, event) => this.#events.push(event));
    stack.functions.observe(({ function: name, error }) => {
      if (error === undefined) this.#invoked.add(name);
    });
  }

  /** STS asks a caller's policies for itself. */
  #assumed({ action, caller, status }: CallRecord, home: string): void {
    const [, name] = /:assumed-role\/([^/]+)\//.exec(caller) ?? [];
    if (action !== 'AssumeRole' || status !== 200 || name === undefined) return;
    const resource = 'arn:aws:iam::222233334444:role/gatehouse-system/gatehouse-member';
    this.#ask({
      principal: `arn:aws:iam::${home}:role/${name}`,
      action: 'sts:AssumeRole',
      resource,
      context: new Map(),
    });
  }

  #ask(asked: Asked): void {
    this.#asked.set([asked.principal, asked.action, asked.resource, ...asked.context.values()].join(' '), asked);
  }

  /**
   * The wires without which all that happened would have happened all the same: statements of policies, queues and rules
   * that feed functions, settings in functions' environments.
   */
  async needless(sandbox: Sandbox, root: string): Promise<string[]> {
    const { functions, rules, mappings } = sandbox.stack.wiring;
    const found: string[] = [];
    for (const { role, policies } of new Map(functions.map((each) => [each.role.arn, each])).values()) {
      const own = [...this.#asked.values()].filter(({ principal }) => principal.split('/').at(-1) === role.name);
      const fed = mappings.filter(({ function: name }) =>
        functions.some((each) => each.name === name && each.role.arn === role.arn),
      );
      for (const { queueArn } of fed) own.push(...feeding(role.arn, queueArn));
      found.push(...needlessStatements(role.name, policies, own));
    }
    for (const { name, pattern } of rules) {
      const others = rules.filter((rule) => rule.name !== name);
      const only = this.#events.some(
        (event) => matchesPattern(pattern, event) && !others.some((other) => matchesPattern(other.pattern, event)),
      );
      if (!only) found.push(`rule ${name}`);
    }
    found.push(...mappings.flatMap(({ function: name }) => (this.#invoked.has(name) ? [] : [`mapping of ${name}`])));
    return [...found, ...(await needlessSettings(functions, root))];
  }
}

/** What Lambda does for a function that a queue feeds. */
const feeding = (principal: string, resource: string): Asked[] =>
  ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'].map((action) => ({
    principal,
    action,
    resource,
    context: new Map(),
  }));

function needlessStatements(role: string, policies: readonly PolicyDocument[], asked: readonly Asked[]): string[] {
  const statements = policies.flatMap(({ Statement }) => (Array.isArray(Statement) ? Statement : [Statement]));
  return statements.flatMap((statement) => {
    const rest = [{ Version: '2012-10-17', Statement: statements.filter((each) => each !== statement) }];
    const needed = asked.some(
      ({ action, resource, context }) => evaluate(rest as PolicyDocument[], action, resource, context) !== 'allowed',
    );
    return needed
      ? []
      : [`${role}: ${(statement as { Effect: string }).Effect} ${String((statement as { Action: unknown }).Action)}`];
  });
}

/** Settings without which every function still starts. */
async function needlessSettings(functions: readonly FunctionWiring[], root: string): Promise<string[]> {
  const needed = new Map<string, boolean>();
  for (const { name, module, environment } of functions) {
    const url = pathToFileURL(join(root, dirname(module), 'environment.ts')).href;
    const { fromEnvironment } = (await import(url)) as { fromEnvironment: (env: NodeJS.ProcessEnv) => unknown };
    // As Lambda sets them.
    const given = { AWS_REGION: 'eu-west-1', AWS_LAMBDA_FUNCTION_NAME: name };
    fromEnvironment({ ...given, ...environment });
    for (const setting of Object.keys(environment)) {
      const { [setting]: _gone, ...rest } = environment;
      const refused = refuses(() => fromEnvironment({ ...given, ...rest }));
      needed.set(setting, refused || needed.get(setting) === true);
    }
  }
  return [...needed].flatMap(([setting, isNeeded]) => (isNeeded ? [] : [setting]));
}

function refuses(call: () => unknown): boolean {
  try {
    call();
    return false;
  } catch {
    return true;
  }
}
