import { Failure } from '@gatehouse/core/access/failure';
import { isMap, isSeq, type Pair, parseDocument, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml';

/** A section of a policy document whose members are added to. */
export type Section = 'accounts' | 'clusters' | 'levels' | 'identities' | 'grants' | 'protected';

/** One member of a section: a line of YAML in flow style, and what is said above it. */
export interface Addition {
  readonly section: Exclude<Section, 'protected'> | 'protected';
  /** `name: {...}` in a map, `{...}` in a list, an ARN under `protected`. */
  readonly text: string;
  /** One line each, without `#`. */
  readonly comments?: readonly string[];
}

/** In which order a new document has them, and what they are. */
const SECTIONS: Readonly<Record<Section, 'map' | 'list'>> = {
  accounts: 'map',
  clusters: 'map',
  levels: 'map',
  identities: 'list',
  grants: 'list',
  protected: 'list',
};

/** A text from outside in a comment: in one line, and printable whatever is in it. */
export function commentText(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

/** A value in YAML's flow style; what YAML could take for something else than text stands in quotes. */
export function flow(value: unknown): string {
  if (typeof value === 'string') return isPlain(value) ? value : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).flatMap(([key, member]) =>
    member === undefined ? [] : [`${keyText(key)}: ${flow(member)}`],
  );
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

/** A key is text whatever it is called; `on`, which is one of a policy's own, reads better without quotes. */
const keyText = (key: string): string => (key === 'on' ? key : flow(key));

const KEYWORDS = /^(true|false|yes|no|on|off|null|y|n)$/i;
const isPlain = (text: string): boolean => /^[A-Za-z][A-Za-z0-9_-]*$/.test(text) && !KEYWORDS.test(text);

/** A whole document. @param head Lines of a comment above it. @param tail Lines of one below it. */
export function newDocument(
  additions: readonly Addition[],
  { head = [], tail = [] }: { readonly head?: readonly string[]; readonly tail?: readonly string[] },
): string {
  const sections = (Object.keys(SECTIONS) as Section[]).map((section) =>
    sectionText(
      section,
      additions.filter((one) => one.section === section),
    ),
  );
  const parts = [
    [...head.map(commentLine), 'apiVersion: gatehouse/v1'].join('\n'),
    ...sections.filter((text) => text !== ''),
    ...(tail.length === 0 ? [] : [tail.map(commentLine).join('\n')]),
  ];
  return `${parts.join('\n\n')}\n`;
}

const commentLine = (text: string): string => `# ${commentText(text)}`.trimEnd();

function sectionText(section: Section, additions: readonly Addition[]): string {
  if (additions.length === 0) return '';
  const isProtected = section === 'protected';
  const indent = isProtected ? '    ' : '  ';
  const lines = additions.flatMap((one) => memberLines(one, indent));
  return [`${section}:`, ...(isProtected ? ['  principals:'] : []), ...lines].join('\n');
}

function memberLines({ section, text, comments = [] }: Addition, indent: string): string[] {
  const bullet = SECTIONS[section] === 'list' ? '- ' : '';
  return [...comments.map((comment) => `${indent}${commentLine(comment)}`), `${indent}${bullet}${text}`];
}

/**
 * A document with more members, every byte of it kept: members go behind the last one of their section, and sections that are
 * missing to the end.
 * @throws Failure `invalid` where the document is of no form in which that can be done.
 */
export function withAdditions(
  document: string,
  additions: readonly Addition[],
  { tail = [] }: { readonly tail?: readonly string[] } = {},
): string {
  const root = parseDocument(document).contents;
  if (!isMap(root) || root.flow) {
    throw new Failure('invalid', 'the document is no map in block style, so nothing can be added to it by itself', {
      remedy: 'write its sections on lines of their own, or import without --policy and copy what you want',
    });
  }
  const inserts: { readonly at: number; readonly text: string }[] = [];
  const missing: string[] = [];
  for (const section of Object.keys(SECTIONS) as Section[]) {
    const own = additions.filter((one) => one.section === section);
    if (own.length === 0) continue;
    const place = placeIn(document, root, section);
    if (place === undefined) missing.push(sectionText(section, own));
    else if (place.flow) inserts.push({ at: place.at, text: `${place.lead}${own.map(({ text }) => text).join(', ')}` });
    else inserts.push({ at: place.at, text: own.flatMap((one) => memberLines(one, place.indent)).join('\n') });
  }
  let text = document;
  for (const { at, text: more } of inserts.sort((a, b) => b.at - a.at)) {
    const isLine = at === 0 || text[at - 1] === '\n';
    const isAtEnd = at === text.length && !isLine;
    // In block style, members stand on lines of their own; in flow style, within theirs.
    const piece = isLine ? `${more}\n` : isAtEnd ? `\n${more}\n` : more;
    text = text.slice(0, at) + piece + text.slice(at);
  }
  const end = [...missing, ...(tail.length === 0 ? [] : [tail.map(commentLine).join('\n')])];
  if (end.length === 0) return text;
  return `${text}${text.endsWith('\n') ? '' : '\n'}\n${end.join('\n\n')}\n`;
}

type Place =
  | { readonly at: number; readonly flow: false; readonly indent: string }
  | { readonly at: number; readonly flow: true; readonly lead: string };

/** Where members of a section go; undefined where there is no such section. */
function placeIn(document: string, root: YAMLMap, section: Section): Place | undefined {
  const pair = pairOf(root, section);
  if (section !== 'protected') return pair && placeAfter(document, pair, section);
  if (!isMap(pair?.value)) return pair && unfit(section);
  const principals = pairOf(pair.value, 'principals');
  return principals ? placeAfter(document, principals, section) : unfit(section);
}

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((item) => (item.key as Scalar | null)?.value === key);
}

function placeAfter(document: string, { value }: Pair, section: Section): Place {
  if (!isMap(value) && !isSeq(value)) return unfit(section);
  const collection = value as YAMLMap | YAMLSeq;
  const [start, end] = collection.range!;
  if (collection.flow) {
    const inside = document.slice(start + 1, end - 1).trimEnd();
    const at = start + 1 + inside.length;
    return { at, flow: true, lead: inside === '' || inside.endsWith(',') ? ' ' : ', ' };
  }
  const lineStart = document.lastIndexOf('\n', start - 1) + 1;
  const indent = document.slice(lineStart, start);
  if (!/^ *$/.test(indent)) return unfit(section);
  const lineEnd = document.indexOf('\n', Math.max(start, contentEnd(document, end)) - 1);
  return { at: lineEnd < 0 ? document.length : lineEnd + 1, flow: false, indent };
}

/** The end of what is said, without the blank lines that may count as part of it. */
function contentEnd(document: string, end: number): number {
  return document.slice(0, end).trimEnd().length;
}

function unfit(section: Section): never {
  throw new Failure('invalid', `nothing can be added to "${section}" of the document, as it is written`, {
    remedy: 'write it in block style, one member a line; or import without --policy and copy what you want',
  });
}
