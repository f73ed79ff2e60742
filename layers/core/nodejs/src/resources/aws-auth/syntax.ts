import { createHash } from 'node:crypto';
import {
  COLLECTION_STYLE,
  EVENT_ID,
  type Event,
  getScalarValue,
  parseEvents,
  SCALAR_STYLE,
  YAMLException,
} from 'js-yaml';

/**
 * A node of a YAML text and where it stands. `start` and `end` are offsets of its first token (anchor and tag included) and
 * behind its last; an empty node has `start === end`.
 */
export type Node = ScalarNode | SequenceNode | MappingNode | AliasNode;

interface Span {
  start: number;
  end: number;
  /** As written, without `!` handling; empty where there is none. */
  readonly tag: string;
  readonly anchored: boolean;
}
export interface ScalarNode extends Span {
  readonly kind: 'scalar';
  readonly value: string;
  readonly plain: boolean;
  /** A block scalar whose last line is not ended: appending a line after it would change it. */
  readonly unended: boolean;
}
export interface SequenceNode extends Span {
  readonly kind: 'sequence';
  /** In brackets or braces, the flow style. */
  readonly bracketed: boolean;
  /** Of its bracket, or of its first dash. */
  readonly contentStart: number;
  readonly items: Node[];
}
export interface MappingNode extends Span {
  readonly kind: 'mapping';
  /** In brackets or braces, the flow style. */
  readonly bracketed: boolean;
  readonly pairs: [Node, Node][];
}
export interface AliasNode extends Span {
  readonly kind: 'alias';
  readonly target: Node;
}

/** The first document of a text; `root` is undefined where it has no content at all. */
export interface Syntax {
  readonly root: Node | undefined;
  /** False where text follows the document: an end marker or another document. */
  readonly reachesEnd: boolean;
}

/** Why a text is no YAML. */
export interface SyntaxProblem {
  readonly reason: string;
  /** Counted from 1. */
  readonly line: number;
}

/** More than anybody writes, and few enough to follow. */
const MOST_ALIASES = 1000;

/** Reads a YAML text into nodes with positions, without deciding what its scalars mean. */
export function readSyntax(text: string): Syntax | SyntaxProblem {
  try {
    const events = parseEvents(text, {});
    const first = events[0];
    if (first === undefined) return { root: undefined, reachesEnd: true };
    const aliases = events.filter((event) => event.type === EVENT_ID.ALIAS);
    if (aliases.length > MOST_ALIASES) {
      return {
        reason: `it has more than ${MOST_ALIASES} aliases`,
        line: lineOf(text, aliases[MOST_ALIASES]!.anchorStart),
      };
    }
    const documents = events.filter((event) => event.type === EVENT_ID.DOCUMENT).length;
    const explicitEnd = first.type === EVENT_ID.DOCUMENT && first.explicitEnd;
    return { root: new Composer(text, events).document(), reachesEnd: documents === 1 && !explicitEnd };
  } catch (error) {
    if (error instanceof YAMLException) return { reason: error.reason, line: (error.mark?.line ?? 0) + 1 };
    if (error instanceof BadProperty) return { reason: error.message, line: lineOf(text, error.offset) };
    throw error;
  }
}

/** The line of an offset, counted from 1. */
export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

class BadProperty extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Names that every reader understands, and what may follow them. */
const TAG = /^!(<[^>]+>|\w*!?[\w:;/?@&=+$.~*'()%-]+)?$/;
const BEHIND_TAG = /^\s?$/;
const ANCHOR = /^[\w-]+$/;
const BEHIND_ANCHOR = /^[\s,\]}]?$/;
const BEHIND_ALIAS = /^[\s,\]}:]?$/;

/** Builds nodes from js-yaml's events, which give the start of a collection but not its end. */
class Composer {
  readonly #text: string;
  readonly #events: readonly Event[];
  /** Undefined while the anchored node is being read. */
  readonly #anchors = new Map<string, Node | undefined>();
  #next = 1;
  /** Behind the last token seen. */
  #seen = 0;

  constructor(text: string, events: readonly Event[]) {
    this.#text = text;
    this.#events = events;
  }

  document(): Node | undefined {
    return this.#events[this.#next]?.type === EVENT_ID.POP ? undefined : this.#node();
  }

  #node(): Node {
    const event = this.#events[this.#next++]!;
    if (event.type === EVENT_ID.ALIAS) return this.#alias(event.anchorStart, event.anchorEnd);
    if (event.type !== EVENT_ID.SCALAR && event.type !== EVENT_ID.SEQUENCE && event.type !== EVENT_ID.MAPPING) {
      throw new TypeError(`unexpected YAML event ${event.type}`);
    }
    const tag = event.tagStart < 0 ? '' : this.#text.slice(event.tagStart, event.tagEnd);
    const anchored = event.anchorStart >= 0;
    let begins = tag === '' ? Number.POSITIVE_INFINITY : event.tagStart;
    if (anchored) begins = Math.min(begins, event.anchorStart - 1);
    this.#seen = Math.max(this.#seen, event.tagEnd, event.anchorEnd);
    this.#checkProperty(event.tagStart, event.tagEnd, TAG, BEHIND_TAG);
    this.#checkProperty(event.anchorStart, event.anchorEnd, ANCHOR, BEHIND_ANCHOR);
    let node: Node;
    if (event.type === EVENT_ID.SCALAR) {
      const quoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
      const block = event.style === SCALAR_STYLE.LITERAL_BLOCK || event.style === SCALAR_STYLE.FOLDED_BLOCK;
      if (event.valueStart >= 0) {
        begins = Math.min(begins, event.valueStart - (quoted ? 1 : 0));
        this.#seen = Math.max(
          this.#seen,
          event.valueEnd + (quoted ? 1 : 0) - (block ? this.#newlineBefore(event.valueEnd) : 0),
        );
      }
      const read = event.valueStart < 0 ? '' : getScalarValue(this.#text, event);
      const unended = block && read !== '' && !/[\r\n]/.test(this.#text[event.valueEnd - 1] ?? '');
      // js-yaml ends the last line of a block also where the text does not; Go does not.
      const value = unended ? read.replace(/\n$/, '') : read;
      const plain = event.style === SCALAR_STYLE.PLAIN;
      node = { kind: 'scalar', start: 0, end: 0, tag, anchored, value, plain, unended };
    } else {
      const flow = event.style === COLLECTION_STYLE.FLOW;
      // A single pair in a flow sequence, `[a: b]`, is a flow mapping without brackets of its own.
      const bracketed = flow && /[[{]/.test(this.#text[event.start] ?? '');
      begins = Math.min(begins, event.start);
      this.#seen = Math.max(this.#seen, event.start + (bracketed ? 1 : 0));
      node =
        event.type === EVENT_ID.SEQUENCE
          ? { kind: 'sequence', start: 0, end: 0, tag, anchored, bracketed, contentStart: event.start, items: [] }
          : { kind: 'mapping', start: 0, end: 0, tag, anchored, bracketed, pairs: [] };
    }
    node.start = Number.isFinite(begins) ? begins : this.#seen;
    const name = anchored ? this.#text.slice(event.anchorStart, event.anchorEnd) : '';
    if (anchored) this.#anchors.set(name, undefined);
    if (node.kind === 'sequence' || node.kind === 'mapping') this.#children(node);
    if (anchored) this.#anchors.set(name, node);
    node.end = Math.max(this.#seen, node.start);
    return node;
  }

  #children(node: SequenceNode | MappingNode): void {
    while (this.#events[this.#next]!.type !== EVENT_ID.POP) {
      const child = this.#node();
      if (node.kind === 'sequence') node.items.push(child);
      else node.pairs.push([child, this.#node()]);
    }
    this.#next++;
    if (node.bracketed) this.#seen = skipTo(this.#text, this.#seen, /[\]}]/) + 1;
  }

  /** Go's reader knows fewer names of tags and anchors, and wants them apart from what follows. */
  #checkProperty(start: number, end: number, name: RegExp, next: RegExp): void {
    if (start < 0) return;
    const written = this.#text.slice(start, end);
    if (name.test(written) && next.test(this.#text.charAt(end))) return;
    throw new BadProperty(`the tag or anchor "${written}" is not one that every reader understands`, start);
  }

  /** A block scalar's value ends behind its last newline; its last line ends before it. */
  #newlineBefore(offset: number): number {
    return /\r?\n?$/.exec(this.#text.slice(Math.max(0, offset - 2), offset))![0].length;
  }

  #alias(start: number, end: number): Node {
    this.#checkProperty(start, end, ANCHOR, BEHIND_ALIAS);
    const name = this.#text.slice(start, end);
    const target = this.#anchors.get(name);
    if (target === undefined) {
      const why = this.#anchors.has(name) ? 'stands within what it names' : 'has no anchor';
      throw new BadProperty(`the alias *${name} ${why}`, start);
    }
    this.#seen = end;
    return { kind: 'alias', start: start - 1, end, tag: '', anchored: false, target };
  }
}

/** The offset at or after `from` of the first character that fits, comments left aside; the text's length where none does. */
export function skipTo(text: string, from: number, wanted: RegExp): number {
  for (let offset = from; offset < text.length; offset++) {
    const character = text[offset]!;
    if (wanted.test(character)) return offset;
    if (character !== '#') continue;
    while (offset < text.length && text[offset] !== '\n' && text[offset] !== '\r') offset++;
  }
  return text.length;
}

/** Whether two nodes say the same, wherever they stand. Aliases count as what they name. */
export function sameValue(a: Node, b: Node): boolean {
  if (a.kind === 'alias' || b.kind === 'alias') return describe(a) === describe(b);
  if (a.tag !== b.tag) return false;
  if (a.kind === 'scalar') {
    return b.kind === 'scalar' && a.value === b.value && a.plain === b.plain && a.unended === b.unended;
  }
  if (a.kind === 'sequence') {
    return (
      b.kind === 'sequence' &&
      a.items.length === b.items.length &&
      a.items.every((item, index) => sameValue(item, b.items[index]!))
    );
  }
  return (
    b.kind === 'mapping' &&
    a.pairs.length === b.pairs.length &&
    a.pairs.every(([key, value], index) => {
      const [otherKey, otherValue] = b.pairs[index]!;
      return sameValue(key, otherKey) && sameValue(value, otherValue);
    })
  );
}

/**
 * What a node says, as a text: equal texts mean equal values wherever they stand. Aliases are hashed, so that nested ones
 * cannot make the text explode.
 */
function describe(node: Node): string {
  if (node.kind === 'alias') return `*${describeTarget(node.target)}`;
  if (node.kind === 'sequence') return `${node.tag}[${node.items.map(describe).join()}]`;
  if (node.kind === 'mapping')
    return `${node.tag}{${node.pairs.map(([key, value]) => `${describe(key)}:${describe(value)}`).join()}}`;
  return `${node.tag}${node.plain ? 'p' : 'q'}${node.unended ? 'u' : ''}${JSON.stringify(node.value)}`;
}

const described = new WeakMap<Node, string>();

function describeTarget(target: Node): string {
  const known = described.get(target) ?? createHash('sha256').update(describe(target)).digest('hex');
  described.set(target, known);
  return known;
}
