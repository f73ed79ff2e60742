import { type GoNode, parseGoYaml, YAML_TAG } from './go-yaml-parser.ts';
import { GoYamlError } from './go-yaml-scanner.ts';

/**
 * A YAML value as the authenticator's reader (Go's `yaml.v2`, YAML 1.1) understands it: plain `yes`, `0123` and `1e3` are no
 * strings.
 */
export type GoValue = GoScalar | GoSequence | GoMapping;
export type GoScalar =
  | { readonly type: 'string'; readonly text: string }
  | { readonly type: 'bool'; readonly value: boolean }
  /** An integer is a bigint. */
  | { readonly type: 'number'; readonly value: bigint | number }
  | { readonly type: 'null' };
export interface GoSequence {
  readonly type: 'sequence';
  readonly items: readonly GoValue[];
}
export interface GoMapping {
  readonly type: 'mapping';
  /** The last of equal keys is kept; a merge (`<<`) counts where it stands. */
  readonly members: ReadonlyMap<GoKey, GoValue>;
}
/** Scalars of different types are different keys, also where they are written alike. */
export type GoKey = string | boolean | bigint | number | null;

/**
 * Reads the first document of a text; undefined where it holds nothing. Aliases become what they name.
 * @throws GoYamlError for what is no YAML, for an alias inside its own anchor, for a tag that its value does not fit.
 */
export function readGoYaml(text: string): GoValue | undefined {
  const root = parseGoYaml(text);
  return root === undefined ? undefined : new Decoder().value(root);
}

/** A list of texts, and what is wrong with it. */
export interface GoTexts {
  readonly texts: readonly string[];
  /** `index`: of the item that counts for nothing, from 0; absent: all that follows is lost. */
  readonly faults: readonly { readonly index?: number; readonly message: string }[];
}

/**
 * Reads the first document as Go reads a `[]string`: scalars by their text, whatever their type. What is a list or a mapping is
 * left out. An error on the way leaves what was read before it, and an empty text for each of the other items.
 * @throws GoYamlError for what is no YAML.
 */
export function readGoTexts(text: string): GoTexts {
  const root = parseGoYaml(text);
  return root === undefined ? { texts: [], faults: [] } : new Decoder().texts(root);
}

/** How many aliases may stand for more than they are: see `decode.go`. */
const MOST_ALIASES = { always: 100, ofAll: 1_000, shareOfFew: 0.99, few: 400_000, shareOfMany: 0.1, many: 4_000_000 };

class Decoder {
  /** The document itself counts. */
  #decoded = 1;
  #decodedInAliases = 0;
  readonly #open = new Set<GoNode>();

  value(node: GoNode): GoValue {
    this.#count();
    switch (node.kind) {
      case 'alias':
        return this.#inAlias(node, () => this.value(node.target));
      case 'scalar':
        return scalarValue(node);
      case 'sequence':
        return { type: 'sequence', items: node.items.map((item) => this.value(item)) };
      case 'mapping': {
        const members = new Map<GoKey, GoValue>();
        this.#addMembers(node.pairs, members);
        return { type: 'mapping', members };
      }
    }
  }

  texts(root: GoNode): GoTexts {
    this.#count();
    if (root.kind !== 'sequence') {
      const isNull = root.kind === 'scalar' && scalarValue(root).type === 'null';
      return { texts: [], faults: isNull ? [] : [{ message: `cannot read a ${root.kind} as a list of texts` }] };
    }
    const texts: string[] = [];
    const faults: { index?: number; message: string }[] = [];
    try {
      for (const [index, item] of root.items.entries()) {
        const text = this.#text(item);
        if (typeof text === 'string') texts.push(text);
        else faults.push({ index, message: `cannot read a ${text.not} as a text` });
      }
    } catch (error) {
      if (!(error instanceof GoYamlError)) throw error;
      faults.push({ message: error.message });
      while (texts.length < root.items.length) texts.push('');
    }
    return { texts, faults };
  }

  #text(node: GoNode): string | { readonly not: 'sequence' | 'mapping' } {
    this.#count();
    if (node.kind === 'alias') return this.#inAlias(node, () => this.#text(node.target));
    if (node.kind !== 'scalar') return { not: node.kind };
    const value = scalarValue(node);
    if (value.type === 'null') return '';
    return value.type === 'string' ? value.text : node.text;
  }

  #count(): void {
    this.#decoded++;
    if (this.#open.size > 0) this.#decodedInAliases++;
    const { always, ofAll, shareOfFew, few, shareOfMany, many } = MOST_ALIASES;
    if (this.#decodedInAliases <= always || this.#decoded <= ofAll) return;
    const between = Math.min(Math.max((this.#decoded - few) / (many - few), 0), 1);
    const share = shareOfFew - (shareOfFew - shareOfMany) * between;
    if (this.#decodedInAliases / this.#decoded <= share) return;
    throw new GoYamlError('document contains excessive aliasing');
  }

  #inAlias<T>(alias: GoNode & { readonly kind: 'alias' }, read: () => T): T {
    if (this.#open.has(alias)) throw new GoYamlError(`anchor '${alias.name}' value contains itself`);
    this.#open.add(alias);
    const value = read();
    this.#open.delete(alias);
    return value;
  }

  #addMembers(pairs: readonly (readonly [GoNode, GoNode])[], members: Map<GoKey, GoValue>): void {
    for (const [key, value] of pairs) {
      if (isMerge(key)) this.#merge(value, members);
      else {
        const name = keyOf(this.value(key));
        members.set(name, this.value(value));
      }
    }
  }

  /** Members of the merged mappings override what stands before the merge; of several, the first named wins. */
  #merge(node: GoNode, members: Map<GoKey, GoValue>): void {
    const merged = node.kind === 'sequence' ? node.items.toReversed() : [node];
    for (const one of merged) {
      const mapping = one.kind === 'alias' ? one.target : one;
      if (mapping.kind !== 'mapping') {
        throw new GoYamlError('map merge requires map or sequence of maps as the value');
      }
      this.#count();
      const add = () => this.#addMembers(mapping.pairs, members);
      if (one.kind !== 'alias') add();
      else {
        this.#inAlias(one, () => {
          this.#count();
          add();
        });
      }
    }
  }
}

function keyOf(value: GoValue): GoKey {
  switch (value.type) {
    case 'string':
      return value.text;
    case 'bool':
    case 'number':
      return value.value;
    case 'null':
      return null;
    default:
      throw new GoYamlError('invalid map key');
  }
}

type ScalarNode = GoNode & { readonly kind: 'scalar' };

function isMerge(node: GoNode): boolean {
  return node.kind === 'scalar' && node.text === '<<' && (node.isImplicit || node.tag === `${YAML_TAG}merge`);
}

/** Tags that say what a scalar must be; with any other it is its text. */
const TYPES: ReadonlySet<string> = new Set(
  ['bool', 'int', 'float', 'null', 'timestamp'].map((name) => YAML_TAG + name),
);

function scalarValue({ text, tag, isImplicit }: ScalarNode): GoScalar {
  if (tag === `${YAML_TAG}binary`) return { type: 'string', text: decoded(text) };
  if (tag === '' ? !isImplicit : !TYPES.has(tag)) return { type: 'string', text };
  const value = resolvePlain(text);
  const type = tag.slice(YAML_TAG.length);
  if (tag === '' || type === typeOf(value, text)) return value;
  if (type === 'float' && value.type === 'number' && fitsInt64(value.value)) {
    return { type: 'number', value: Number(value.value) };
  }
  throw new GoYamlError(`cannot decode ${value.type} \`${text}\` as a !!${type}`);
}

function typeOf(value: GoScalar, text: string): string {
  if (value.type === 'number') return typeof value.value === 'bigint' ? 'int' : 'float';
  return value.type === 'string' && isTimestamp(text) ? 'timestamp' : value.type;
}

const NULL = /^(~|null|Null|NULL)?$/;
const BOOL = /^(?:(y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)|n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/;
const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;

/** What a plain scalar is in YAML 1.1 as `yaml.v2` resolves it (source: its resolve.go); dates stay strings. */
export function resolvePlain(text: string): GoScalar {
  if (NULL.test(text)) return { type: 'null' };
  const bool = BOOL.exec(text);
  if (bool) return { type: 'bool', value: bool[1] !== undefined };
  const number = notFinite(text) ?? (/^[-+.0-9]/.test(text) ? numberOf(text) : undefined);
  return number === undefined ? { type: 'string', text } : { type: 'number', value: number };
}

function notFinite(text: string): number | undefined {
  if (/^\.(nan|NaN|NAN)$/.test(text)) return Number.NaN;
  const infinite = /^([-+]?)\.(inf|Inf|INF)$/.exec(text);
  return infinite ? Number(`${infinite[1]}Infinity`) : undefined;
}

function numberOf(text: string): bigint | number | undefined {
  const digits = text.startsWith('.') ? text : text.replaceAll('_', '');
  const integer = integerOf(digits);
  if (integer !== undefined) return integer;
  const float = FLOAT.test(digits) ? Number(digits) : Number.NaN;
  return Number.isFinite(float) ? float : undefined;
}

const INTEGER = /^([-+]?)(0x[0-9a-f]+|0b[01]+|0o[0-7]+|0[0-7]*|[1-9][0-9]*)$/i;
/** A sign may stand behind the base of a binary one, because Go tries again with what follows. */
const BINARY = /^0b([-+])([01]+)$/;

/** In any base that Go knows; undefined for what does not fit 64 bits. */
function integerOf(digits: string): bigint | undefined {
  const [, sign = '', magnitude = ''] = INTEGER.exec(digits) ?? [];
  const [, innerSign = '', bits = ''] = BINARY.exec(digits) ?? [];
  const written = magnitude || (bits && `0b${bits}`);
  if (written === '') return undefined;
  const value = BigInt(/^0[0-7]+$/.test(written) ? `0o${written}` : written.toLowerCase());
  const signed = sign === '-' || innerSign === '-' ? -value : value;
  const isUnsigned = sign === '' && innerSign === '' && value < 2n ** 64n;
  return isUnsigned || fitsInt64(signed) ? signed : undefined;
}

/** Larger integers than these are no keys of JSON to Go. */
export function fitsInt64(value: bigint | number): boolean {
  return typeof value === 'bigint' && value >= -(2n ** 63n) && value < 2n ** 63n;
}

const TIMESTAMP =
  /^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt ]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})?)?$/;

/** The four layouts of a time that `yaml.v2` knows: with a zone where a `T` is, without one where a space is. */
function isTimestamp(text: string): boolean {
  const match = TIMESTAMP.exec(text);
  if (match === null) return false;
  const [, year, month, day, hour, minute, second, zone] = match;
  const hasTime = hour !== undefined;
  if (hasTime && /[Tt]/.test(text) !== (zone !== undefined)) return false;
  const date = new Date(Date.UTC(2000, Number(month) - 1, Number(day)));
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const isDay = date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
  return isDay && (!hasTime || (Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60));
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Go leaves out ends of lines, but no spaces; each byte that is not part of a character becomes U+FFFD. */
function decoded(base64: string): string {
  const joined = base64.replace(/[\r\n]/g, '');
  if (!BASE64.test(joined)) throw new GoYamlError('!!binary value contains invalid base64 data');
  const bytes = Buffer.from(joined, 'base64');
  let text = '';
  for (let offset = 0; offset < bytes.length; ) {
    const lengths = [1, 2, 3, 4];
    const length = lengths.find((one) => isCharacter(bytes.subarray(offset, offset + one)));
    text += length === undefined ? '\ufffd' : bytes.toString('utf8', offset, offset + length);
    offset += length ?? 1;
  }
  return text;
}

function isCharacter(bytes: Buffer): boolean {
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) && [...text].length === 1;
}
