import { EVENT_ID, type Event, getScalarValue, parseEvents, SCALAR_STYLE, YAMLException } from 'js-yaml';
import { RESERVED_PREFIXES, USERNAME_PREFIX } from '../access/names.ts';

/** Something wrong in a policy document, for the person who wrote it. Lines and columns count from 1. JSON-able. */
export interface PolicyError {
  readonly line: number;
  readonly column: number;
  /** Path of the field, like `grants[1].on.clusters`; empty for the document as a whole. */
  readonly field: string;
  /** One sentence: the thing and why it is wrong. */
  readonly message: string;
  /** What to write instead. */
  readonly remedy: string;
}

/** Steps from the document's root to a value. */
export type Path = readonly (string | number)[];

/** A value of the document with its place. A scalar that YAML would not read as text keeps its text in `notText`. */
export type PolicyNode = { readonly offset: number } & (
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'notText'; readonly text: string; readonly type: 'number' | 'boolean' | 'null' }
  | { readonly kind: 'list'; readonly items: readonly PolicyNode[] }
  | {
      readonly kind: 'map';
      readonly entries: ReadonlyMap<string, { readonly key: PolicyNode; readonly value: PolicyNode }>;
    }
);

/** Largest document that is read, in bytes of UTF-8. */
export const DOCUMENT_LIMIT = 256 * 1024;

/** Deepest nesting that is read; a policy needs 7. */
const DEPTH_LIMIT = 20;

/** A document that was parsed: its tree, its plain value, and where everything stands. */
export interface PolicySource {
  readonly root: PolicyNode;
  /** What is wrong with single texts and keys, wherever they stand. */
  readonly findings: readonly PolicyError[];
  /** The tree as plain values: maps without a prototype, and null, numbers and booleans where YAML sees them. */
  readonly value: unknown;
  /** An error about the value at a path, or about the nearest one above it that exists. */
  at(path: Path, message: string, remedy: string): PolicyError;
  /** An error about the key of a map. */
  atKey(path: Path, message: string, remedy: string): PolicyError;
  /** The node at a path, if there is one. */
  find(path: Path): PolicyNode | undefined;
}

/** Carries one PolicyError out of the parser. */
class Refusal extends Error {
  readonly offset: number;
  readonly path: Path;
  readonly remedy: string;
  constructor(offset: number, path: Path, message: string, remedy: string) {
    super(message);
    this.offset = offset;
    this.path = path;
    this.remedy = remedy;
  }
}

/**
 * Parses a YAML text into a tree with positions. Less than YAML on purpose: one document, no anchors, aliases, tags or
 * merge keys, no duplicate keys, keys are text, nothing hidden in names (control characters, `{{`, reserved prefixes).
 * Never throws.
 */
export function parseDocument(text: string): PolicySource | { readonly errors: readonly PolicyError[] } {
  const place = locator(text);
  const error = (offset: number, path: Path, message: string, remedy: string): PolicyError => ({
    ...place(offset),
    field: formatPath(path),
    message,
    remedy,
  });
  if (Buffer.byteLength(text) > DOCUMENT_LIMIT) {
    const message = `the document is larger than ${DOCUMENT_LIMIT / 1024} KiB`;
    return {
      errors: [error(0, [], message, 'name groups instead of users, and use label selectors, to make it smaller')],
    };
  }
  try {
    const root = new TreeBuilder(text).build();
    const findings: PolicyError[] = [];
    checkTexts(root, [], (offset, path, message, remedy) => findings.push(error(offset, path, message, remedy)));
    return {
      root,
      findings,
      value: plain(root),
      at: (path, message, remedy) => error(nearest(root, path).offset, path, message, remedy),
      atKey: (path, message, remedy) => error(keyOffset(root, path), path, message, remedy),
      find: (path) => descend(root, path),
    };
  } catch (cause) {
    if (cause instanceof Refusal) return { errors: [error(cause.offset, cause.path, cause.message, cause.remedy)] };
    if (!(cause instanceof YAMLException)) throw cause;
    const message = `the document is not YAML: ${cause.reason}`;
    return { errors: [error(cause.mark?.position ?? 0, [], message, 'check indentation, brackets and quotes here')] };
  }
}

/** A path as people write it: `grants[1].on.clusters`, `labels["a.b"]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      const name = String(step);
      if (!/^[\w-]+$/.test(name)) return `[${JSON.stringify(name)}]`;
      return index === 0 ? name : `.${name}`;
    })
    .join('');
}

/** Offset to line and column. The parser accepts \n, \r\n and \r as line ends. */
function locator(text: string): (offset: number) => { line: number; column: number } {
  const starts = [0, ...Array.from(text.matchAll(/\r\n|\r|\n/g), (end) => end.index + end[0].length)];
  const mark = text.startsWith('\ufeff') ? 1 : 0;
  return (offset) => {
    let line = 0;
    let above = starts.length;
    while (above - line > 1) {
      const middle = (line + above) >> 1;
      if (starts[middle]! <= offset) line = middle;
      else above = middle;
    }
    return { line: line + 1, column: Math.max(0, offset - starts[line]! - (line === 0 ? mark : 0)) + 1 };
  };
}

class TreeBuilder {
  readonly #text: string;
  readonly #events: readonly Event[];
  #next = 0;
  /** Where the parser is, for values that have no text of their own. */
  #offset = 0;

  constructor(text: string) {
    this.#text = text;
    this.#events = parseEvents(text, { maxDepth: DEPTH_LIMIT });
  }

  build(): PolicyNode {
    const documents = this.#events.filter((event) => event.type === EVENT_ID.DOCUMENT).length;
    if (documents > 1) {
      throw new Refusal(
        this.#secondDocument(),
        [],
        'there is more than one YAML document',
        'keep one policy in one file, without ---',
      );
    }
    this.#next = 1;
    if (this.#events[1] === undefined || this.#events[1].type === EVENT_ID.POP) {
      throw new Refusal(0, [], 'the document is empty', 'begin with "apiVersion: gatehouse/v1"');
    }
    return this.#node([]);
  }

  #secondDocument(): number {
    const second = /^---/gm;
    second.exec(this.#text);
    return second.exec(this.#text)?.index ?? this.#text.search(/^---/m);
  }

  #node(path: Path): PolicyNode {
    const event = this.#events[this.#next++]!;
    if (event.type === EVENT_ID.ALIAS) {
      throw new Refusal(event.anchorStart - 1, path, 'aliases (*name) are not allowed', 'write the value out');
    }
    if (event.type !== EVENT_ID.SCALAR && event.type !== EVENT_ID.SEQUENCE && event.type !== EVENT_ID.MAPPING) {
      return { kind: 'notText', type: 'null', text: '', offset: this.#offset };
    }
    if (event.anchorStart >= 0) {
      throw new Refusal(
        event.anchorStart - 1,
        path,
        'anchors (&name) are not allowed',
        'remove it and write values out',
      );
    }
    if (event.tagStart >= 0) {
      throw new Refusal(
        event.tagStart,
        path,
        'tags (!name) are not allowed',
        'remove it; to make a value text, put it in quotes',
      );
    }
    if (event.type === EVENT_ID.SCALAR) return this.#scalar(event);
    if (event.start >= 0) this.#offset = event.start;
    return event.type === EVENT_ID.SEQUENCE ? this.#list(path) : this.#map(path);
  }

  #scalar(event: Extract<Event, { type: typeof EVENT_ID.SCALAR }>): PolicyNode {
    const quoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
    const empty = event.valueStart < 0 || (!quoted && event.valueStart === event.valueEnd);
    if (!empty) this.#offset = event.valueStart - (quoted ? 1 : 0);
    const offset = this.#offset;
    const text = event.valueStart < 0 ? '' : getScalarValue(this.#text, event);
    const type = event.style === SCALAR_STYLE.PLAIN || empty ? typeOfPlain(quoted ? 'text' : text) : undefined;
    return type ? { kind: 'notText', type, text, offset } : { kind: 'text', text, offset };
  }

  #list(path: Path): PolicyNode {
    const offset = this.#offset;
    const items: PolicyNode[] = [];
    while (this.#events[this.#next]?.type !== EVENT_ID.POP) items.push(this.#node([...path, items.length]));
    this.#next++;
    return { kind: 'list', items, offset };
  }

  #map(path: Path): PolicyNode {
    const offset = this.#offset;
    const entries = new Map<string, { key: PolicyNode; value: PolicyNode }>();
    while (this.#events[this.#next]?.type !== EVENT_ID.POP) {
      const key = this.#node(path);
      if (key.kind === 'list' || key.kind === 'map') {
        throw new Refusal(key.offset, path, 'a key must be text', 'write "name: value"');
      }
      const at = [...path, key.text];
      if (key.kind === 'notText') {
        throw new Refusal(
          key.offset,
          at,
          `the key ${key.text || '(empty)'} is read as a ${key.type}`,
          `put it in quotes: "${key.text}"`,
        );
      }
      if (key.text === '__proto__')
        throw new Refusal(key.offset, at, 'the key __proto__ is not allowed', 'use another name');
      if (key.text === '<<')
        throw new Refusal(key.offset, at, 'merge keys (<<) are not allowed', 'write the fields out');
      if (entries.has(key.text)) {
        throw new Refusal(key.offset, at, `the key "${key.text}" is there twice in one map`, 'keep one of the two');
      }
      entries.set(key.text, { key, value: this.#node(at) });
    }
    this.#next++;
    return { kind: 'map', entries, offset };
  }
}

/** What the YAML 1.2 core schema makes of a plain scalar; undefined for text (https://yaml.org/spec/1.2.2/#1032-tag-resolution). */
function typeOfPlain(text: string): 'number' | 'boolean' | 'null' | undefined {
  if (/^(~|null|Null|NULL|)$/.test(text)) return 'null';
  if (/^(true|True|TRUE|false|False|FALSE)$/.test(text)) return 'boolean';
  if (
    /^([-+]?\d+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/.test(
      text,
    )
  ) {
    return 'number';
  }
  return undefined;
}

function plain(node: PolicyNode): unknown {
  switch (node.kind) {
    case 'text':
      return node.text;
    case 'notText':
      return node.type === 'null'
        ? null
        : node.type === 'boolean'
          ? node.text.toLowerCase() === 'true'
          : Number(node.text);
    case 'list':
      return node.items.map(plain);
    case 'map': {
      const map: Record<string, unknown> = Object.create(null);
      for (const [key, { value }] of node.entries) map[key] = plain(value);
      return map;
    }
  }
}

function descend(node: PolicyNode, path: Path): PolicyNode | undefined {
  let here: PolicyNode | undefined = node;
  for (const step of path) {
    if (here?.kind === 'list' && typeof step === 'number') here = here.items[step];
    else if (here?.kind === 'map') here = here.entries.get(String(step))?.value;
    else return undefined;
  }
  return here;
}

function nearest(root: PolicyNode, path: Path): PolicyNode {
  for (let length = path.length; length > 0; length--) {
    const node = descend(root, path.slice(0, length));
    if (node) return node;
  }
  return root;
}

function keyOffset(root: PolicyNode, path: Path): number {
  const parent = descend(root, path.slice(0, -1));
  const key = parent?.kind === 'map' ? parent.entries.get(String(path.at(-1)))?.key : undefined;
  return (key ?? nearest(root, path)).offset;
}

type Report = (offset: number, path: Path, message: string, remedy: string) => void;

/** Longest text anywhere in a policy: an ARN with path has up to 600 characters. */
const TEXT_LIMIT = 1024;

function checkTexts(node: PolicyNode, path: Path, report: Report): void {
  if (node.kind === 'text') checkText(node.text, node.offset, path, report);
  if (node.kind === 'list')
    for (const [index, item] of node.items.entries()) checkTexts(item, [...path, index], report);
  if (node.kind !== 'map') return;
  for (const [name, { key, value }] of node.entries) {
    checkText(name, key.offset, [...path, name], report);
    checkTexts(value, [...path, name], report);
  }
}

function checkText(text: string, offset: number, path: Path, report: Report): void {
  if (text.length > TEXT_LIMIT) report(offset, path, `a text is longer than ${TEXT_LIMIT} characters`, 'shorten it');
  const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.exec(text);
  if (hidden || !text.isWellFormed()) {
    const code = hidden ? hidden[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0') : 'half a character';
    report(
      offset,
      path,
      `the text holds an invisible character (U+${code})`,
      'remove it, and any line break in the text',
    );
  }
  if (text.includes('{{') || text.includes('}}')) {
    report(
      offset,
      path,
      'the text holds {{ or }}, which aws-auth would read as a template',
      'use a text without double braces',
    );
  }
  // A tag that clusters are found by is only compared, and AWS's own tags begin with aws: or eks:.
  if (path[0] === 'discover' && path[2] === 'tag') return;
  const reserved = [...RESERVED_PREFIXES, USERNAME_PREFIX].find((prefix) => text.toLowerCase().startsWith(prefix));
  if (reserved) {
    const message = `"${text.slice(0, 80)}" begins with ${reserved}, which is reserved for Kubernetes, AWS and Gatehouse itself`;
    report(offset, path, message, 'use another name; groups are named by the id their source gives them');
  }
}
