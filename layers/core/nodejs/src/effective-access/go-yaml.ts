import {
  EVENT_ID,
  type Event,
  getScalarValue,
  parseEvents,
  SCALAR_STYLE,
  type ScalarEvent,
  YAMLException,
} from 'js-yaml';

/**
 * A YAML value as the authenticator's reader (Go's `yaml.v2`, YAML 1.1) understands it: plain `yes`, `0123` and `1e3` are no
 * strings. Scalars keep their text beside their type, because lists of account ids are read by text.
 */
export type GoValue = GoScalar | GoSequence | GoMapping;
export interface GoScalar {
  readonly type: 'string' | 'bool' | 'number' | 'infinite' | 'null';
  readonly text: string;
}
export interface GoSequence {
  readonly type: 'sequence';
  readonly items: GoValue[];
}
export interface GoMapping {
  readonly type: 'mapping';
  /** By the key as JSON has it: its text, or `true` for `on`. The last of equal keys is kept; a merge (`<<`) counts where it stands. */
  readonly members: Map<string, GoValue>;
  /** A key that JSON cannot hold (null), which makes the authenticator refuse the whole text. */
  unsupportedKey: boolean;
}

/** Why the authenticator would not read a text at all. */
export class GoYamlError extends Error {}

/**
 * Reads the first document of a text; undefined where it holds nothing. Aliases become the very value they name.
 * @throws GoYamlError for what is no YAML, for an alias inside its own anchor, for a tag that its value does not fit.
 */
export function readGoYaml(text: string): GoValue | undefined {
  // YAML 1.1 counts these as ends of a line, js-yaml (YAML 1.2) does not.
  const first = firstDocument(text.replace(/[\u0085\u2028\u2029]/g, '\n'));
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(first)) {
    throw new GoYamlError('control characters are not allowed');
  }
  try {
    const events = parseEvents(first, {});
    return events.length === 0 ? undefined : new Reader(first, events).document();
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw new GoYamlError(`line ${(error.mark?.line ?? 0) + 1}: ${error.reason}`, { cause: error });
  }
}

/**
 * Cuts a text behind its first document; the authenticator reads no further, so an error there does no harm. A marker at the
 * start of a line ends a document always, and so does a line that is indented less than an indented list.
 */
function firstDocument(text: string): string {
  let offset = 0;
  let indent: number | undefined;
  for (const line of text.split(/(?<=\n)/)) {
    const marker = /^\uFEFF?(---|\.\.\.)(?=[ \t\r\n]|$)/.exec(line)?.[1];
    if (marker !== undefined && indent !== undefined) return text.slice(0, offset);
    if (marker === '...') throw new GoYamlError('did not find expected node content');
    if (marker === '---') indent = 0;
    else if (/^%YAML\s+(?!1\.1\s*$)/.test(line) && indent === undefined) {
      throw new GoYamlError('found incompatible YAML document');
    } else if (!/^\uFEFF?([ \t]*(#.*)?\r?\n?|%.*\s*)$/.test(line)) {
      const own = /^ */.exec(line)![0].length;
      if (indent !== undefined && own < indent && line[own] !== '\t') return text.slice(0, offset);
      indent ??= line[own] === '-' ? own : 0;
    }
    offset += line.length;
  }
  return text;
}

class Reader {
  readonly #text: string;
  readonly #events: readonly Event[];
  readonly #anchors = new Map<string, GoValue | undefined>();
  #next = 1;

  constructor(text: string, events: readonly Event[]) {
    this.#text = text;
    this.#events = events;
  }

  document(): GoValue | undefined {
    return this.#events[this.#next]?.type === EVENT_ID.POP ? undefined : this.#value();
  }

  #value(): GoValue {
    const event = this.#events[this.#next++]!;
    switch (event.type) {
      case EVENT_ID.ALIAS:
        return this.#alias(this.#text.slice(event.anchorStart, event.anchorEnd));
      case EVENT_ID.SCALAR:
        return this.#named(event, () => this.#scalar(event));
      case EVENT_ID.SEQUENCE:
        return this.#named(event, () => this.#sequence());
      case EVENT_ID.MAPPING:
        return this.#named(event, () => this.#mapping());
      default:
        throw new GoYamlError(`unexpected YAML event ${event.type}`);
    }
  }

  #named(event: { anchorStart: number; anchorEnd: number }, read: () => GoValue): GoValue {
    if (event.anchorStart < 0) return read();
    const name = this.#text.slice(event.anchorStart, event.anchorEnd);
    this.#anchors.set(name, undefined);
    const value = read();
    this.#anchors.set(name, value);
    return value;
  }

  #alias(name: string): GoValue {
    const value = this.#anchors.get(name);
    if (value !== undefined) return value;
    throw new GoYamlError(
      this.#anchors.has(name) ? `anchor '${name}' value contains itself` : `unknown anchor '${name}' referenced`,
    );
  }

  #scalar(event: ScalarEvent): GoScalar {
    const text = this.#textOf(event);
    const tag = event.tagStart < 0 ? '' : shortTag(this.#text.slice(event.tagStart, event.tagEnd));
    if (tag === '') return event.style === SCALAR_STYLE.PLAIN ? resolvePlain(text) : { type: 'string', text };
    if (tag === '!!binary') return { type: 'string', text: decoded(text) };
    const type = TAGS.get(tag);
    if (type === undefined || type === 'string') return { type: 'string', text };
    const resolved = resolvePlain(text);
    if (resolved.type !== type) throw new GoYamlError(`cannot decode ${resolved.type} \`${text}\` as a ${tag}`);
    return resolved;
  }

  /** js-yaml ends the last line of a block scalar also where the text does not; Go does not. */
  #textOf(event: ScalarEvent): string {
    if (event.valueStart < 0) return '';
    const text = getScalarValue(this.#text, event);
    const block = event.style === SCALAR_STYLE.LITERAL_BLOCK || event.style === SCALAR_STYLE.FOLDED_BLOCK;
    return block && !/[\r\n]/.test(this.#text[event.valueEnd - 1] ?? '') ? text.replace(/\n$/, '') : text;
  }

  #sequence(): GoSequence {
    const sequence: GoSequence = { type: 'sequence', items: [] };
    while (this.#events[this.#next]!.type !== EVENT_ID.POP) sequence.items.push(this.#value());
    this.#next++;
    return sequence;
  }

  #mapping(): GoMapping {
    const mapping: GoMapping = { type: 'mapping', members: new Map(), unsupportedKey: false };
    while (this.#events[this.#next]!.type !== EVENT_ID.POP) {
      const merges = this.#isMergeKey();
      const key = this.#value();
      const value = this.#value();
      if (merges) merge(mapping, value, true);
      else if (key.type === 'sequence' || key.type === 'mapping') throw new GoYamlError('invalid map key');
      else if (key.type === 'null') mapping.unsupportedKey = true;
      else mapping.members.set(key.type === 'bool' ? String(isTrue(key.text)) : key.text, value);
    }
    this.#next++;
    return mapping;
  }

  #isMergeKey(): boolean {
    const event = this.#events[this.#next]!;
    if (event.type !== EVENT_ID.SCALAR || event.valueStart < 0) return false;
    const plain = event.style === SCALAR_STYLE.PLAIN && event.tagStart < 0;
    const tagged = event.tagStart >= 0 && shortTag(this.#text.slice(event.tagStart, event.tagEnd)) === '!!merge';
    return (plain || tagged) && getScalarValue(this.#text, event) === '<<';
  }
}

/** Members of the merged mappings override what stands before the merge; of several, the first named wins. */
function merge(into: GoMapping, value: GoValue, sequenceAllowed: boolean): void {
  if (value.type === 'mapping') {
    for (const [key, member] of value.members) into.members.set(key, member);
    if (value.unsupportedKey) into.unsupportedKey = true;
  } else if (value.type === 'sequence' && sequenceAllowed) {
    for (const item of value.items.toReversed()) merge(into, item, false);
  } else {
    throw new GoYamlError('map merge requires map or sequence of maps as the value');
  }
}

const LONG_TAG = 'tag:yaml.org,2002:';

function shortTag(written: string): string {
  const bare = written.startsWith('!<') ? written.slice(2, -1) : written;
  return bare.startsWith(LONG_TAG) ? `!!${bare.slice(LONG_TAG.length)}` : bare;
}

const TAGS: ReadonlyMap<string, GoScalar['type']> = new Map([
  ['!!str', 'string'],
  ['!!bool', 'bool'],
  ['!!int', 'number'],
  ['!!float', 'number'],
  ['!!null', 'null'],
]);

function decoded(base64: string): string {
  if (!/^(\s*[A-Za-z0-9+/]){0,}\s*={0,2}\s*$/.test(base64)) {
    throw new GoYamlError('!!binary value contains invalid base64 data');
  }
  return Buffer.from(base64, 'base64').toString('utf8');
}

const NULL = /^(~|null|Null|NULL)?$/;
const BOOL = /^(y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON|n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/;
const INFINITE = /^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/;
const INTEGER = /^[-+]?(0x[0-9a-f]+|0o[0-7]+|0b[01]+)$/i;
const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;

/** What a scalar of type `bool` means. */
export function isTrue(text: string): boolean {
  return /^(y|yes|true|on)$/i.test(text);
}

/** The type of a plain scalar in YAML 1.1 as `yaml.v2` resolves it; dates stay strings (source: its resolve.go). */
export function resolvePlain(text: string): GoScalar {
  if (NULL.test(text)) return { type: 'null', text };
  if (BOOL.test(text)) return { type: 'bool', text };
  if (INFINITE.test(text)) return { type: 'infinite', text };
  const digits = text.startsWith('.') ? text : text.replaceAll('_', '');
  const numeric = /^[-+.0-9]/.test(text) && (isInteger(digits) || isFloat(digits));
  return { type: numeric ? 'number' : 'string', text };
}

/** With a prefix of its base; decimal ones count as floats, too. What does not fit 64 bits is none. */
function isInteger(digits: string): boolean {
  return INTEGER.test(digits) && BigInt(digits.replace(/^[-+]/, '').toLowerCase()) < 2n ** 64n;
}

function isFloat(digits: string): boolean {
  return FLOAT.test(digits) && Number.isFinite(Number(digits));
}
