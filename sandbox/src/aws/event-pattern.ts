import { Failure } from '@gatehouse/core/access/failure';

/** A pattern of an EventBridge rule, checked. */
export type EventPattern = { readonly [key: string]: EventPattern | readonly Matcher[] };

type Scalar = string | number | boolean | null;
type Matcher =
  | Scalar
  | { readonly prefix: string }
  | { readonly suffix: string }
  | { readonly exists: boolean }
  | { readonly 'anything-but': readonly Scalar[] | { readonly prefix: string } };

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isScalar = (value: unknown): value is Scalar =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value);

/**
 * Checks a pattern. Played: exact values, `prefix`, `suffix`, `exists`, `anything-but` (values or a prefix), nesting.
 * @throws Failure `unsupported` that names the operator otherwise, `invalid` for what is no pattern.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function parseEventPattern(value: unknown, where: string): EventPattern {
  if (!isObject(value) || Object.keys(value).length === 0) {
    throw new Failure('invalid', `${where}: an event pattern is an object with at least one field`);
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      const place = `${where}.${key}`;
      if (key.startsWith('$')) throw new Failure('unsupported', `${place}: unsupported event pattern operator ${key}`);
      return [key, Array.isArray(member) ? parseMatchers(member, place) : parseEventPattern(member, place)];
    }),
  );
}

function parseMatchers(list: readonly unknown[], where: string): readonly Matcher[] {
  if (list.length === 0) throw new Failure('invalid', `${where}: an empty list matches nothing`);
  return list.map((item) => parseMatcher(item, where));
}

function parseMatcher(item: unknown, where: string): Matcher {
  if (isScalar(item)) return item;
  const [[operator, operand] = ['', undefined], ...more] = isObject(item) ? Object.entries(item) : [];
  const wrong = () =>
    new Failure('unsupported', `${where}: unsupported event pattern operator ${JSON.stringify(item)}`);
  if (more.length > 0) throw wrong();
  if (operator === 'prefix' && typeof operand === 'string') return { prefix: operand };
  if (operator === 'suffix' && typeof operand === 'string') return { suffix: operand };
  if (operator === 'exists' && typeof operand === 'boolean') return { exists: operand };
  if (operator !== 'anything-but') throw wrong();
  if (isScalar(operand)) return { 'anything-but': [operand] };
  if (Array.isArray(operand) && operand.every(isScalar)) return { 'anything-but': operand };
  if (isObject(operand) && Object.keys(operand).length === 1 && typeof operand.prefix === 'string') {
    return { 'anything-but': { prefix: operand.prefix } };
  }
  throw wrong();
}

/** Whether an event matches: every field of the pattern does; a list in the event matches where one of its items does. */
export function matchesPattern(pattern: EventPattern, event: unknown): boolean {
  return Object.entries(pattern).every(([key, member]) => {
    const present = isObject(event) && Object.hasOwn(event, key);
    const value = present ? event[key] : undefined;
    if (Array.isArray(member))
      return (member as readonly Matcher[]).some((matcher) => matches(matcher, value, present));
    if (Array.isArray(value)) return value.some((item) => matchesPattern(member as EventPattern, item));
    return matchesPattern(member as EventPattern, value);
  });
}

function matches(matcher: Matcher, value: unknown, present: boolean): boolean {
  if (isObject(matcher) && 'exists' in matcher) return (present && !isObject(value)) === matcher.exists;
  if (!present) return false;
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.some((each) => matchesOne(matcher, each));
}

function matchesOne(matcher: Matcher, value: unknown): boolean {
  if (!isObject(matcher)) return value === matcher;
  if ('prefix' in matcher) return typeof value === 'string' && value.startsWith(matcher.prefix);
  if ('suffix' in matcher) return typeof value === 'string' && value.endsWith(matcher.suffix);
  if (!('anything-but' in matcher)) return false;
  const but = matcher['anything-but'];
  if (Array.isArray(but)) return !but.includes(value as Scalar);
  return !(typeof value === 'string' && value.startsWith((but as { prefix: string }).prefix));
}
