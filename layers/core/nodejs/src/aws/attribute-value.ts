import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { Failure } from '../access/failure.ts';
import type { Json } from '../access/json.ts';

/**
 * JSON as DynamoDB writes it. Its own, because `@aws-sdk/util-dynamodb` refuses objects with a key `constructor`, and
 * both it and the client lose a key `__proto__`, which is therefore stored with one more underscore in front.
 * @throws Failure `invalid` for what is not JSON, and for numbers that would not come back the same.
 */
export function toAttributeValue(value: Json): AttributeValue {
  if (value === null) return { NULL: true };
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'boolean') return { BOOL: value };
  if (typeof value === 'number') {
    if (Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return { N: String(value) };
    throw new Failure('invalid', `a table cannot hold the number ${value}`);
  }
  if (Array.isArray(value)) return { L: value.map((member: Json) => toAttributeValue(member)) };
  if (typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value))) {
    return { M: toAttributes(value as Readonly<Record<string, Json | undefined>>) };
  }
  throw new Failure('invalid', `a table holds JSON only, not ${Object.prototype.toString.call(value)}`);
}

/** The attributes of an item. Members that are `undefined` are left out. */
export function toAttributes(item: Readonly<Record<string, Json | undefined>>): Record<string, AttributeValue> {
  return Object.fromEntries(
    Object.entries(item).flatMap(([name, value]) =>
      value === undefined ? [] : [[storedName(name), toAttributeValue(value)]],
    ),
  );
}

/** What {@link toAttributeValue} wrote. @throws Failure `invalid` for types that JSON does not have. */
export function fromAttributeValue(value: AttributeValue): Json {
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return Number(value.N);
  if (value.BOOL !== undefined) return value.BOOL;
  if (value.NULL !== undefined) return null;
  if (value.L !== undefined) return value.L.map(fromAttributeValue);
  if (value.M !== undefined) return fromAttributes(value.M);
  throw new Failure('invalid', `a table of Gatehouse holds JSON only, not the type ${Object.keys(value).join()}`);
}

/** What {@link toAttributes} wrote. */
export function fromAttributes(attributes: Readonly<Record<string, AttributeValue>>): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [readName(name), fromAttributeValue(value)]),
  );
}

function storedName(name: string): string {
  return /^_{2,}proto__$/.test(name) ? `_${name}` : name;
}

function readName(name: string): string {
  return /^_{3,}proto__$/.test(name) ? name.slice(1) : name;
}
