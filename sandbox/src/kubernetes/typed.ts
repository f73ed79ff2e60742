import { goType, isRecord, UnreadableBody } from './body.ts';
import type { Shape, Struct } from './shapes.ts';

/**
 * Reads the members of a struct as Go's decoder does: checks types, drops what the struct does not have, leaves out null and what
 * is empty.
 * @param unknown gets the paths of what was dropped, in the order of the document.
 * @throws UnreadableBody.
 */
export function readStruct(
  shape: Struct,
  value: Readonly<Record<string, unknown>>,
  unknown: string[],
): Readonly<Record<string, unknown>> {
  return new Reader(unknown).members(shape, value, { struct: shape.struct, fields: [] }, '');
}

/** Where the reader is, as errors say it: the innermost struct, and the members that led there. */
interface Place {
  readonly struct: string;
  readonly fields: readonly string[];
}

class Reader {
  readonly #unknown: string[];

  constructor(unknown: string[]) {
    this.#unknown = unknown;
  }

  /** `at` is where this stands in the document, with indexes. */
  members({ members }: Struct, value: Readonly<Record<string, unknown>>, { struct, fields }: Place, at: string) {
    const read: [string, unknown][] = [];
    for (const [name, member] of Object.entries(value)) {
      const here = at === '' ? name : `${at}.${name}`;
      const shape = Object.hasOwn(members, name) ? members[name] : undefined;
      if (shape === undefined) this.#unknown.push(here);
      else read.push([name, this.#value(shape, member, { struct, fields: [...fields, name] }, here)]);
    }
    return Object.fromEntries(read.filter(([, member]) => member !== undefined && member !== ''));
  }

  #value(shape: Shape, value: unknown, place: Place, at: string): unknown {
    if (value === null || value === undefined) return undefined;
    if (shape === 'any') return value;
    if (typeof shape === 'string') return scalar(shape, value, place);
    if ('list' in shape) return this.#list(shape, value, place, at);
    if (!isRecord(value)) throw mismatch(shape, value, place);
    if ('struct' in shape) return this.members(shape, value, { ...place, struct: shape.struct }, at);
    const entries = Object.entries(value).map(([key, member]) => {
      return [key, this.#value(shape.map, member, place, `${at}.${key}`) ?? ''] as const;
    });
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  }

  #list(shape: { readonly list: Shape }, value: unknown, place: Place, at: string): unknown {
    if (!Array.isArray(value)) throw mismatch(shape, value, place);
    const empty = shape.list === 'string' ? '' : {};
    const items = value.map((item, index) => this.#value(shape.list, item, place, `${at}[${index}]`) ?? empty);
    return items.length === 0 ? undefined : items;
  }
}

function scalar(shape: Extract<Shape, string>, value: unknown, place: Place): unknown {
  switch (shape) {
    case 'boolean':
      if (typeof value === 'boolean') return value;
      break;
    case 'integer':
    case 'count':
      if (Number.isInteger(value)) return shape === 'count' && value === 0 ? undefined : value;
      break;
    default:
      if (typeof value !== 'string') break;
      if (shape === 'time') return wholeSeconds(value);
      return shape === 'bytes' ? inBase64(value) : value;
  }
  throw mismatch(shape, value, place);
}

function mismatch(shape: Shape, value: unknown, { struct, fields }: Place): UnreadableBody {
  const where = `${struct}.${fields.join('.')}`;
  return new UnreadableBody(
    `json: cannot unmarshal ${goType(value)} into Go struct field ${where} of type ${goName(shape)}`,
  );
}

function goName(shape: Shape): string {
  if (typeof shape === 'object') {
    if ('list' in shape) return `[]${goName(shape.list)}`;
    return 'map' in shape ? `map[string]${goName(shape.map)}` : `v1.${shape.struct}`;
  }
  const names: Readonly<Record<string, string>> = {
    boolean: 'bool',
    integer: 'int64',
    count: 'int64',
    bytes: '[]uint8',
  };
  return names[shape] ?? 'string';
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

function inBase64(text: string): string {
  const plain = text.replace(/[\r\n]/g, '');
  if (BASE64.test(plain) && plain.length % 4 === 0) return plain;
  const wrong = plain.search(/[^A-Za-z0-9+/]/);
  throw new UnreadableBody(
    `illegal base64 data at input byte ${wrong < 0 ? plain.length - (plain.length % 4) : wrong}`,
  );
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** A time as the API keeps it: whole seconds, UTC. */
function wholeSeconds(text: string): string {
  if (RFC3339.test(text) && !Number.isNaN(Date.parse(text))) return `${new Date(text).toISOString().slice(0, 19)}Z`;
  const wrong = JSON.stringify(text);
  throw new UnreadableBody(`parsing time ${wrong} as "2006-01-02T15:04:05Z07:00": cannot parse ${wrong} as "2006"`);
}
