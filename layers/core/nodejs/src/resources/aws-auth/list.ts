import { type EntryReading, type GivenUsernames, readEntry } from './entry.ts';
import { findFault, isNull } from './fault.ts';
import type { AwsAuthList } from './model.ts';
import { lineOf, type Node, readSyntax, type ScalarNode, type SequenceNode } from './syntax.ts';

/** An entry of a list, read. */
export interface ListEntry extends EntryReading {
  /** Counted from 1. */
  readonly line: number;
}

/** Why a list cannot be edited, or not in this way. */
export interface Refusal {
  readonly refused: 'does-not-parse' | 'is-no-list' | 'cannot-be-edited';
  readonly reason: string;
  /** Counted from 1, where it is known. */
  readonly line?: number;
}

/** One list of aws-auth, parsed once, from which it can be read and edited. */
export interface ListDocument {
  readonly text: string;
  readonly list: AwsAuthList;
  readonly entries: readonly ListEntry[];
  /** With which the entries were read. */
  readonly given: GivenUsernames;
  readonly layout: Layout;
}

/** How a list is written, and where its entries stand. */
export type Layout =
  /** Nothing but a form of emptiness; `at` is the null or empty list to be replaced, if one stands there. */
  | { readonly style: 'empty'; readonly at?: { readonly start: number; readonly end: number } }
  | { readonly style: 'block'; readonly items: readonly Item[]; readonly indent: string; readonly reachesEnd: boolean }
  | { readonly style: 'flow'; readonly items: readonly Item[]; readonly root: SequenceNode };

/** An entry with its place. In the block style it begins with its dash. */
export interface Item {
  readonly start: number;
  readonly end: number;
  readonly node: Node;
}

/** Texts that the authenticator takes for an empty list without parsing them (`isSkippable` in configmap.go). */
const SKIPPED: ReadonlySet<string> = new Set(['', '``', '""', "''"]);

/** Reads the text of one list (`data.mapRoles` or `data.mapUsers`; undefined: the key is absent). */
export function readList(
  list: AwsAuthList,
  text: string | undefined,
  given: GivenUsernames = new Set(),
): ListDocument | Refusal {
  const source = text ?? '';
  if (SKIPPED.has(source.trim())) {
    const layout = source.trim() === '' ? {} : { at: { start: 0, end: source.length } };
    return { text: source, list, entries: [], given, layout: { style: 'empty', ...layout } };
  }
  const syntax = readSyntax(source);
  if ('reason' in syntax) return { refused: 'does-not-parse', reason: syntax.reason, line: syntax.line };
  const fault = findFault(source, syntax.root);
  if (fault !== undefined) {
    return { refused: 'does-not-parse', reason: fault.reason, line: lineOf(source, fault.offset) };
  }
  const layout = layoutOf(source, syntax.root, syntax.reachesEnd);
  if ('refused' in layout) return layout;
  const items = layout.style === 'empty' ? [] : layout.items;
  const lines = new LineCounter(source);
  const entries = items.map((item) => ({ ...readEntry(list, item.node, given), line: lines.at(item.start) }));
  return { text: source, list, entries, given, layout };
}

function layoutOf(text: string, root: Node | undefined, reachesEnd: boolean): Layout | Refusal {
  if (root === undefined) return { style: 'empty' };
  if (root.kind === 'scalar' && root.plain && root.tag === '' && isNull(root.value)) return emptyAt(root);
  if (root.kind !== 'sequence') {
    return { refused: 'is-no-list', reason: `it holds a ${root.kind}, not a list`, line: lineOf(text, root.start) };
  }
  if (root.bracketed) {
    const items = root.items.map((node) => ({ start: node.start, end: node.end, node }));
    return { style: 'flow', items, root };
  }
  return blockLayout(text, root, reachesEnd);
}

function emptyAt(root: ScalarNode): Layout {
  return root.value === '' ? { style: 'empty' } : { style: 'empty', at: { start: root.start, end: root.end } };
}

/** Finds each entry's dash: the first one, at the column of the list, on a line behind the entry before. */
function blockLayout(text: string, root: SequenceNode, reachesEnd: boolean): Layout | Refusal {
  const items: Item[] = [];
  const first = root.contentStart;
  const column = first - lineStart(text, first);
  const indent = text.slice(first - column, first).replace(/[^ ]/g, '');
  let from = first;
  for (const node of root.items) {
    const dash = items.length === 0 ? first : findDash(text, from, column);
    if (dash === undefined || (dash > node.start && node.end > node.start)) {
      return { refused: 'cannot-be-edited', reason: 'an entry was not found again', line: lineOf(text, node.start) };
    }
    const end = Math.max(node.end, dash + 1);
    items.push({ start: dash, end, node });
    from = end;
  }
  return { style: 'block', items, indent, reachesEnd };
}

function findDash(text: string, from: number, column: number): number | undefined {
  for (let line = lineEnd(text, from); line < text.length; line = lineEnd(text, line)) {
    line = afterNewline(text, line);
    const blank = text.slice(line, line + column).trim() === '';
    if (blank && text[line + column] === '-' && /^$|\s/.test(text[line + column + 1] ?? '')) return line + column;
  }
  return undefined;
}

const NEWLINES: ReadonlySet<string> = new Set(['\n', '\r']);

/** The offset of the start of a line; a byte order mark is no part of it. */
export function lineStart(text: string, offset: number): number {
  let start = offset;
  // Step by step: looking for a kind of newline that the text does not have would lead to its beginning each time.
  while (start > 0 && !NEWLINES.has(text[start - 1]!)) start -= 1;
  return start === 0 && text.startsWith('\uFEFF') ? 1 : start;
}

/** The offset of the end of a line, before its newline. */
export function lineEnd(text: string, offset: number): number {
  const newline = /[\r\n]/g;
  newline.lastIndex = offset;
  return newline.test(text) ? newline.lastIndex - 1 : text.length;
}

/** The offset behind the newline that begins at `offset`; `offset` where none does. */
export function afterNewline(text: string, offset: number): number {
  if (text[offset] === '\r' && text[offset + 1] === '\n') return offset + 2;
  return text[offset] === '\r' || text[offset] === '\n' ? offset + 1 : offset;
}

class LineCounter {
  readonly #text: string;
  /** Of the next newline. */
  #newline: number;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
    this.#newline = text.indexOf('\n');
  }

  /** The line of an offset, counted from 1; offsets must not go down. */
  at(offset: number): number {
    for (; this.#newline >= 0 && this.#newline < offset; this.#line++) {
      this.#newline = this.#text.indexOf('\n', this.#newline + 1);
    }
    return this.#line;
  }
}
