import type { Json } from '@gatehouse/core/access/json';
import type { PolicyDocument } from '@gatehouse/core/ports/iam';
import { asList, type Statement, statementsOf } from './documents.ts';

/** What a request tells besides action and resource: condition keys, in lower case, and their values. */
export type RequestContext = ReadonlyMap<string, string | readonly string[]>;

/** What policies say: an explicit deny wins over everything, and silence denies. */
export type Verdict = 'allowed' | 'explicit-deny' | 'implicit-deny';

/**
 * Evaluates identity policies for one request
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html), without boundaries,
 * service control policies and session policies.
 * @throws Error naming a condition operator that it does not know: a wrong verdict would be worse.
 */
export function evaluate(
  policies: readonly PolicyDocument[],
  action: string,
  resource: string,
  context: RequestContext = new Map(),
): Verdict {
  const matching = policies
    .flatMap(statementsOf)
    .filter(
      (statement) =>
        matchesAction(statement, action) &&
        matchesResource(statement, resource, context) &&
        matchesConditions(statement, context),
    );
  if (matching.some((statement) => statement.Effect === 'Deny')) return 'explicit-deny';
  return matching.some((statement) => statement.Effect === 'Allow') ? 'allowed' : 'implicit-deny';
}

/** True where the statement's Action (or NotAction) covers `action`. Actions know no case. */
export function matchesAction(statement: Statement, action: string): boolean {
  const covers = (pattern: Json) => glob(String(pattern).toLowerCase()).test(action.toLowerCase());
  if (statement.Action !== undefined) return asList(statement.Action).some(covers);
  return !asList(statement.NotAction).some(covers);
}

function matchesResource(statement: Statement, resource: string, context: RequestContext): boolean {
  const covers = (pattern: Json) => patternWith(String(pattern), context)?.test(resource) ?? false;
  if (statement.Resource !== undefined) return asList(statement.Resource).some(covers);
  return !asList(statement.NotResource).some(covers);
}

type Operator = (pattern: string, value: string, context: RequestContext) => boolean;

const equals: Operator = (pattern, value, context) => substitute(pattern, context) === value;
const like: Operator = (pattern, value, context) => patternWith(pattern, context)?.test(value) ?? false;

/** Operators by name in lower case; those in `NEGATED` are true where their opposite is false for every value. */
const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['stringequals', equals],
  [
    'stringequalsignorecase',
    (pattern, value, context) => substitute(pattern, context)?.toLowerCase() === value.toLowerCase(),
  ],
  ['stringlike', like],
  // Each of the six parts of an ARN is matched by itself; a resource has no further colon in the ARNs that IAM compares here.
  ['arnequals', like],
  ['arnlike', like],
  ['bool', (pattern, value) => pattern.toLowerCase() === value.toLowerCase()],
]);

const NEGATED: ReadonlyMap<string, string> = new Map([
  ['stringnotequals', 'stringequals'],
  ['stringnotequalsignorecase', 'stringequalsignorecase'],
  ['stringnotlike', 'stringlike'],
  ['arnnotequals', 'arnequals'],
  ['arnnotlike', 'arnlike'],
]);

/** True where every condition of the statement holds. @throws Error naming an unknown operator. */
export function matchesConditions(statement: Statement, context: RequestContext): boolean {
  const blocks = Object.entries((statement.Condition ?? {}) as Record<string, Record<string, Json>>);
  return blocks.every(([operator, tests]) =>
    Object.entries(tests).every(([key, wanted]) => holds(operator, key, asList(wanted).map(String), context)),
  );
}

function holds(written: string, key: string, wanted: readonly string[], context: RequestContext): boolean {
  const quantified = /^(?:(foranyvalue|forallvalues):)?(.+?)(ifexists)?$/.exec(written.toLowerCase())!;
  const [, quantifier, name = '', ifExists] = quantified;
  const found = context.get(key.toLowerCase());
  const values = found === undefined ? undefined : typeof found === 'string' ? [found] : found;
  if (name === 'null') return wanted.includes(String(values === undefined));
  const negated = NEGATED.get(name);
  const operator = OPERATORS.get(negated ?? name);
  if (!operator) throw new Error(`The simulator does not know the condition operator "${written}".`);
  if (values === undefined) {
    if (ifExists !== undefined || quantifier === 'forallvalues') return true;
    return negated !== undefined && quantifier === undefined;
  }
  const one = (value: string) =>
    wanted.some((pattern) => operator(pattern, value, context)) !== (negated !== undefined);
  return quantifier === 'forallvalues' || (negated !== undefined && quantifier === undefined)
    ? values.every(one)
    : values.some(one);
}

/** `text` with its `${variables}` filled in; undefined where one has no single value. `${*}`, `${?}`, `${$}` are literal. */
function substitute(text: string, context: RequestContext): string | undefined {
  const parts = variableParts(text, context);
  return parts?.map((part) => part.text).join('');
}

/** As {@link substitute}, with `*` and `?` of the text itself (never of a value) as wildcards. */
function patternWith(text: string, context: RequestContext): RegExp | undefined {
  const parts = variableParts(text, context);
  if (!parts) return undefined;
  const source = parts.map((part) => (part.literal ? escaped(part.text) : globSource(part.text))).join('');
  return new RegExp(`^${source}$`, 's');
}

function variableParts(text: string, context: RequestContext): { text: string; literal: boolean }[] | undefined {
  const parts: { text: string; literal: boolean }[] = [];
  for (const piece of text.split(/(\$\{[^}]*\})/)) {
    const variable = /^\$\{([^}]*)\}$/.exec(piece)?.[1];
    if (variable === undefined) parts.push({ text: piece, literal: false });
    else if (/^[*?$]$/.test(variable)) parts.push({ text: variable, literal: true });
    else {
      const value = context.get(variable.toLowerCase());
      if (typeof value !== 'string') return undefined;
      parts.push({ text: value, literal: true });
    }
  }
  return parts;
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
const globSource = (text: string) => escaped(text).replaceAll('\\*', '.*').replaceAll('\\?', '.');
const glob = (pattern: string) => new RegExp(`^${globSource(pattern)}$`, 's');
