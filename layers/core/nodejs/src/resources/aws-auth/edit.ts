import { ARN_KEY } from './entry.ts';
import {
  afterNewline,
  type Item,
  type Layout,
  type ListDocument,
  type ListEntry,
  lineEnd,
  lineStart,
  type Refusal,
  readList,
} from './list.ts';
import { folded } from './model.ts';
import { sameValue, skipTo } from './syntax.ts';

/**
 * What shall become of Gatehouse's entries for one principal: exactly one, which says this, or none where `username` is absent.
 * Entries for the same ARN whose username neither begins with `gatehouse:` nor was given to it are foreign and stay.
 */
export interface ListEdit {
  readonly arn: string;
  readonly username?: string;
}

/** An entry as it shall be written. */
interface Wanted {
  readonly key: string;
  readonly arn: string;
  readonly username: string;
}

type Block = Extract<Layout, { style: 'block' }>;
type Flow = Extract<Layout, { style: 'flow' }>;
type Empty = Extract<Layout, { style: 'empty' }>;

interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The text of one list after `edits`, or why not. Entries that are as they shall be stay untouched, to the byte. */
export function editList(document: ListDocument, edits: readonly ListEdit[]): string | Refusal {
  const steps = stepsOf(document, edits);
  if (steps.removed.size === 0 && steps.replaced.size === 0 && steps.added.length === 0) return document.text;
  for (const attempt of attempts(document, steps)) {
    if (attempt !== undefined && holds(document, attempt, edits)) return attempt;
  }
  return {
    refused: 'cannot-be-edited',
    reason:
      'every way of writing it would change an entry that is not Gatehouse’s, or leave one of Gatehouse’s in force',
  };
}

/** What is to be done with which entry, by its index. */
interface Steps {
  readonly removed: ReadonlySet<number>;
  readonly replaced: ReadonlyMap<number, Wanted>;
  readonly added: readonly Wanted[];
}

function stepsOf(document: ListDocument, edits: readonly ListEdit[]): Steps {
  const removed = new Set<number>();
  const replaced = new Map<number, Wanted>();
  const added: Wanted[] = [];
  const ours = indexOfOurs(document);
  for (const edit of edits) {
    const indexes = ours.get(folded(edit.arn)) ?? [];
    // The last of duplicates is the one in force: it is the one to keep.
    const kept = edit.username === undefined ? undefined : indexes.at(-1);
    for (const index of indexes) if (index !== kept) removed.add(index);
    if (edit.username === undefined) continue;
    const wanted = { key: ARN_KEY[document.list], arn: edit.arn, username: edit.username };
    if (kept === undefined) added.push(wanted);
    else if (!says(document.entries[kept]!, wanted)) replaced.set(kept, wanted);
  }
  return { removed, replaced, added };
}

function indexOfOurs(document: ListDocument): ReadonlyMap<string, readonly number[]> {
  const ours = new Map<string, number[]>();
  document.entries.forEach((entry, index) => {
    if (!entry.marked) return;
    for (const arn of entry.arns) {
      const indexes = ours.get(arn);
      if (indexes) indexes.push(index);
      else ours.set(arn, [index]);
    }
  });
  return ours;
}

/** True where an entry says exactly this and nothing that matters besides. */
export function says(entry: ListEntry, wanted: { arn: string; username: string }): boolean {
  return entry.simple && entry.arns[0] === folded(wanted.arn) && entry.usernames[0] === wanted.username;
}

/** The ways of writing the same edits, the most natural one first; each is checked before it is believed. */
function* attempts(document: ListDocument, steps: Steps): Generator<string | undefined> {
  const { layout } = document;
  if (layout.style === 'flow') {
    yield replaceWholeFlow(document, layout, steps);
    yield editFlow(document, layout, steps);
  } else if (layout.style === 'empty') {
    yield fillEmpty(document, layout, steps, blockEntries);
    yield fillEmpty(document, layout, steps, flowList);
  } else {
    for (const leave of ['nothing', 'last-newline', 'comment'] as const) {
      for (const place of ['end', 'behind-last', 'before-first'] as const) {
        yield editBlock(document, layout, steps, leave, place);
        if (steps.added.length === 0) break;
      }
    }
  }
}

/** Re-reads what was written: the entries not edited are the same, byte for byte, and the edited ones say what they shall. */
function holds(before: ListDocument, text: string, edits: readonly ListEdit[]): boolean {
  const after = readList(before.list, text, before.given);
  if ('refused' in after) return false;
  const wanted = new Map(edits.map((edit) => [folded(edit.arn), edit.username]));
  const edited = (entry: ListEntry) => entry.marked && entry.arns.some((arn) => wanted.has(arn));
  const [were, are] = [foreignItems(before, edited), foreignItems(after, edited)];
  const isSame = (item: Item, other: Item) =>
    before.text.slice(item.start, item.end) === text.slice(other.start, other.end) && sameValue(item.node, other.node);
  if (were.length !== are.length || !were.every((item, index) => isSame(item, are[index]!))) return false;
  const found = after.entries.filter(edited);
  const expected = edits.filter((edit) => edit.username !== undefined).length;
  return (
    found.length === expected &&
    found.every((entry) => entry.simple && wanted.get(entry.arns[0]!) === entry.usernames[0])
  );
}

function foreignItems({ layout, entries }: ListDocument, edited: (entry: ListEntry) => boolean): readonly Item[] {
  return layout.style === 'empty' ? [] : layout.items.filter((_item, index) => !edited(entries[index]!));
}

function editBlock(
  document: ListDocument,
  layout: Block,
  steps: Steps,
  leave: 'nothing' | 'last-newline' | 'comment',
  place: 'end' | 'behind-last' | 'before-first',
): string | undefined {
  const { text } = document;
  const newline = newlineOf(text);
  const entry = (edit: Wanted) => blockEntry(edit, layout.indent, newline);
  const splices: Splice[] = [];
  layout.items.forEach((item, index) => {
    const wanted = steps.replaced.get(index);
    const end = lineEnd(text, item.end);
    if (wanted !== undefined) splices.push({ start: item.start, end, text: entry(wanted).slice(layout.indent.length) });
    if (!steps.removed.has(index)) return;
    if (leave === 'comment') splices.push({ start: item.start, end, text: '#' });
    else splices.push({ start: entryLine(text, item), end: afterNewline(text, end), text: '' });
  });
  const added = steps.added.map(entry).join(newline);
  const kept = layout.items.filter((_item, index) => !steps.removed.has(index));
  if (added !== '' && place === 'before-first') {
    const start = entryLine(text, layout.items[0]!);
    splices.unshift({ start, end: start, text: `${added}${newline}` });
  }
  if (added !== '' && place === 'behind-last') {
    const last = kept.at(-1);
    if (last === undefined) return undefined;
    const start = lineEnd(text, last.end);
    splices.push({ start, end: start, text: `${newline}${added}` });
  }
  const cut = applySplices(text, splices);
  const edited = leave === 'nothing' ? withoutLastNewline(text, cut) : cut;
  if (added === '' || place !== 'end') return edited;
  if (!layout.reachesEnd) return undefined;
  const ended = edited === '' || /[\r\n]$/.test(edited);
  return ended ? `${edited}${added}${newline}` : `${edited}${newline}${added}`;
}

/** A text that did not end in a newline does not after its last entry was cut either. */
function withoutLastNewline(before: string, after: string): string {
  return /[\r\n]$/.test(before) ? after : after.replace(/\r?\n$/, '');
}

/** The start of an entry's first line; its dash where something else stands before it on the line. */
function entryLine(text: string, item: Item): number {
  const start = lineStart(text, item.start);
  return text.slice(start, item.start).trim() === '' ? start : item.start;
}

function fillEmpty(
  document: ListDocument,
  layout: Empty,
  steps: Steps,
  write: (added: readonly Wanted[], newline: string) => string,
): string {
  const { text } = document;
  const newline = newlineOf(text);
  const added = write(steps.added, newline);
  if (layout.at !== undefined) {
    const rest = text.slice(layout.at.end);
    return `${text.slice(0, layout.at.start)}${added}${rest === '' ? newline : rest}`;
  }
  if (text.trim() === '') return `${added}${newline}`;
  return /[\r\n]$/.test(text) ? `${text}${added}${newline}` : `${text}${newline}${added}`;
}

/** An empty flow list on a line of its own becomes a block list, which people read more easily. */
function replaceWholeFlow(document: ListDocument, layout: Flow, steps: Steps): string | undefined {
  const { start, end } = layout.root;
  const alone = start === lineStart(document.text, start) && document.text.slice(end).trim() === '';
  if (!alone || document.text.slice(start, end).replace(/\s/g, '') !== '[]') return undefined;
  return fillEmpty(document, { style: 'empty', at: { start, end } }, steps, blockEntries);
}

function editFlow(document: ListDocument, layout: Flow, steps: Steps): string | undefined {
  const { text } = document;
  const { items, root } = layout;
  const splices: Splice[] = [];
  const kept = items.map((_item, index) => index).filter((index) => !steps.removed.has(index));
  const lastKept = kept.at(-1);
  items.forEach((item, index) => {
    const wanted = steps.replaced.get(index);
    if (wanted !== undefined) splices.push({ start: item.start, end: item.end, text: flowEntry(wanted) });
    if (!steps.removed.has(index)) return;
    const next = items[index + 1];
    const behindKept = lastKept !== undefined && index > lastKept;
    if (behindKept) splices.push(...cutComma(text, items[index - 1]!.end, item.start));
    splices.push({ start: item.start, end: item.end, text: '' });
    if (!behindKept) splices.push(...cutComma(text, item.end, next?.start ?? root.end - 1));
  });
  if (steps.added.length > 0) {
    const entries = steps.added.map(flowEntry);
    const behind = lastKept === undefined ? root.contentStart + 1 : items[lastKept]!.end;
    const separator = flowSeparator(text, layout);
    const added = entries.join(separator);
    splices.push({ start: behind, end: behind, text: lastKept === undefined ? added : `${separator}${added}` });
  }
  return applySplices(text, splices);
}

/** Cuts the gap between two entries; where a comment stands in it, only its comma. */
function cutComma(text: string, from: number, to: number): Splice[] {
  const gap = text.slice(from, to);
  if (/^\s*,\s*$/.test(gap)) return [{ start: from, end: to, text: '' }];
  const comma = skipTo(text, from, /,/);
  return comma < to ? [{ start: comma, end: comma + 1, text: '' }] : [];
}

/** The comma and white space that stand between the entries of this list. */
function flowSeparator(text: string, layout: Flow): string {
  const { items, root } = layout;
  if (items.length >= 2) {
    const gap = text.slice(items.at(-2)!.end, items.at(-1)!.start);
    return /^,\s*$/.test(gap) ? gap : ', ';
  }
  const lead = text.slice(root.contentStart + 1, items[0]?.start ?? root.contentStart + 1);
  return /^\s*[\r\n]\s*$/.test(lead) ? `,${lead}` : ', ';
}

function blockEntries(added: readonly Wanted[], newline: string): string {
  return added.map((edit) => blockEntry(edit, '', newline)).join(newline);
}

function flowList(added: readonly Wanted[]): string {
  return `[${added.map(flowEntry).join(', ')}]`;
}

function blockEntry(edit: Wanted, indent: string, newline: string): string {
  const arn = /^[\w+=,.@:/-]*[\w+=,.@/-]$/.test(edit.arn) ? edit.arn : JSON.stringify(edit.arn);
  // Quoted, because a plain `{{...}}` would begin a mapping and break the whole list.
  return `${indent}- ${edit.key}: ${arn}${newline}${indent}  username: ${JSON.stringify(edit.username)}`;
}

function flowEntry(edit: Wanted): string {
  return `{"${edit.key}": ${JSON.stringify(edit.arn)}, "username": ${JSON.stringify(edit.username)}}`;
}

function applySplices(text: string, splices: readonly Splice[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const splice of splices.toSorted((a, b) => a.start - b.start)) {
    parts.push(text.slice(at, splice.start), splice.text);
    at = Math.max(at, splice.end);
  }
  return parts.join('') + text.slice(at);
}

function newlineOf(text: string): string {
  return /\r?\n/.exec(text)?.[0] ?? '\n';
}
