import type { Node, ScalarNode } from './syntax.ts';

/** Something that is YAML, and yet makes the authenticator drop the whole text. */
export interface Fault {
  readonly reason: string;
  /** Where it stands. */
  readonly offset: number;
}

/**
 * Looks for what the authenticator's way from YAML to JSON refuses, though our own reader takes it. The commonest is an
 * unquoted `{{...}}`: a mapping as the key of a mapping. Found by feeding both readers the same texts.
 */
export function findFault(text: string, root: Node | undefined): Fault | undefined {
  const fault = findTextFault(text, root);
  if (fault !== undefined || root === undefined) return fault;
  const pending = [root];
  // Of each, whether it stands within brackets or braces.
  const flows = [false];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    const inFlow = flows.pop()!;
    if (node.kind === 'alias') continue;
    const found = node.kind === 'scalar' ? scalarFault(text, node, inFlow) : undefined;
    if (found !== undefined) return { reason: found, offset: node.start };
    const crowded = crowdedIn(text, node);
    if (crowded !== undefined) return { reason: 'it stands on the line of what is before it', offset: crowded.start };
    if (node.kind === 'sequence') {
      for (const item of node.items) {
        pending.push(item);
        flows.push(node.bracketed);
      }
    }
    if (node.kind !== 'mapping') continue;
    for (const [key, value] of node.pairs) {
      const reason = pairFault(text, key, value);
      if (reason !== undefined) return { reason, offset: key.start };
      pending.push(key, value);
      flows.push(inFlow || node.bracketed, inFlow || node.bracketed);
    }
  }
  return undefined;
}

/** What begins on the line on which the item before it ends, in a block. Where an empty item stands, nobody knows. */
function crowdedIn(text: string, node: Node): Node | undefined {
  if (node.kind === 'scalar' || node.kind === 'alias' || node.bracketed) return undefined;
  let before: Node | undefined;
  for (const one of node.kind === 'sequence' ? node.items : node.pairs) {
    const [first, last] = 'kind' in one ? [one, one] : one;
    if (before !== undefined && isCrowded(text, before, first)) return first;
    before = last;
  }
  return undefined;
}

function isCrowded(text: string, before: Node, first: Node): boolean {
  return before.start !== before.end && first.start !== first.end && !breaksBetween(text, before.end, first.start);
}

/** Whether a line ends between two places. */
function breaksBetween(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    if (text[at] === '\n' || text[at] === '\r') return true;
  }
  return false;
}

/** Characters that Go's reader refuses, or takes for something else than ours does; a byte order mark may only come first. */
const STRAY = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff]|(?<=[\s\S])\ufeff/;

function findTextFault(text: string, root: Node | undefined): Fault | undefined {
  const stray = STRAY.exec(text);
  if (stray !== null) {
    const code = stray[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    return { reason: `it holds the character U+${code} unescaped`, offset: stray.index };
  }
  const indented = /^\uFEFF?[ \t]+(---|\.\.\.)(?=\s|$)/m.exec(text);
  if (indented !== null) return { reason: `"${indented[1]}" is indented`, offset: indented.index };
  const tab = /^\uFEFF?[ -]*\t/m.exec(text);
  if (tab !== null) return { reason: 'a tab stands where only spaces may', offset: tab.index };
  const headEnd = root === undefined || root.start === root.end ? text.length : root.start;
  const head = /^\uFEFF?[ \t]*(%|\.\.\.)/m.exec(text.slice(0, headEnd));
  if (head === null) return undefined;
  return { reason: `${JSON.stringify(head[1])} stands before the list`, offset: head.index };
}

function scalarFault(text: string, scalar: ScalarNode, inFlow: boolean): string | undefined {
  if (!scalar.plain) return tagFault(scalar) ?? escapeFault(text.slice(scalar.start, scalar.end));
  const reason = tagFault(scalar);
  if (reason !== undefined) return reason;
  if (scalar.tag === '' && isInfinite(scalar.value)) return `${scalar.value} has no place in JSON`;
  if (inFlow && /^:|\?/.test(scalar.value)) return `"${scalar.value}" needs quotes between brackets`;
  return undefined;
}

/** Of bytes in base64 Go asks for all characters up to the last, and for none between. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A tag that says what its value must be makes the whole text void where the value is not. */
function tagFault({ tag, value }: ScalarNode): string | undefined {
  if (tag === '') return undefined;
  const type = /^!(?:!|<tag:yaml\.org,2002:)(bool|int|float|null|timestamp|binary)>?$/.exec(tag)?.[1];
  if (type === 'binary') return BASE64.test(value.replace(/[\r\n]/g, '')) ? undefined : 'it holds no valid base64';
  return type === undefined && !tag.includes('%') ? undefined : `the tag ${tag} is one that its value may not fit`;
}

/** Escapes that ours takes and Go's does not: a slash, as JSON may have it, and what is no character. */
function escapeFault(written: string): string | undefined {
  if (!/^(?:[&!]\S*\s+)*"/.test(written)) return undefined;
  if (/\\(?:\r\n|\r|\n)[ \t]*[\r\n]/.test(written)) return 'an empty line stands behind an escaped end of a line';
  const escapes = written.match(/\\(?:u.{4}|U.{8}|[\s\S])/g) ?? [];
  return escapes.map(badEscape).find((reason) => reason !== undefined);
}

function badEscape(written: string): string | undefined {
  const code = /^\\[uU]/.test(written) ? Number.parseInt(written.slice(2), 16) : 0;
  const isCharacter = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return isCharacter && written !== '\\/'
    ? undefined
    : `the escape ${written} is not one that every reader understands`;
}

/** Go looks for the colon 1024 characters far, blanks between included. */
const LONGEST_KEY = 1000;
const MOST_BLANKS = 79;

function pairFault(text: string, written: Node, value: Node): string | undefined {
  const key = resolved(written);
  if (key.kind !== 'scalar') return `a ${key.kind} is used as a key; are quotes missing around {{ }}?`;
  if (key.plain && key.tag === '' && isNull(key.value)) return 'a key is null';
  if (key.plain && key.value === '<<' && !merges(value)) return 'only mappings can be merged with <<';
  if (breaksBetween(text, written.start, written.end)) return 'a key is longer than its line';
  if (written.end - written.start > LONGEST_KEY) return `a key is longer than ${LONGEST_KEY} characters`;
  if (key.plain && /^[-+]?\d\w{16,}$/.test(key.value)) return `the key ${key.value} is too large a number`;
  let colon = written.end;
  while (colon < written.end + MOST_BLANKS && (text[colon] === ' ' || text[colon] === '\t')) colon += 1;
  if (!':,]}'.includes(text[colon] ?? ' ')) return 'a key is apart from its colon';
  if (key.plain && text[colon] === ':' && !/^\s?$/.test(text[colon + 1] ?? ''))
    return 'a colon is not apart from what follows';
  if (value.kind !== 'mapping' || value.bracketed) return undefined;
  const begins = value.pairs[0]?.[0].start ?? value.start;
  return breaksBetween(text, written.end, begins) ? undefined : 'a mapping begins on the line of its key';
}

function merges(value: Node): boolean {
  const target = resolved(value);
  if (target.kind === 'sequence') return target.items.every((item) => resolved(item).kind === 'mapping');
  return target.kind === 'mapping';
}

/** What an alias names, or the node itself. */
export function resolved(node: Node): Exclude<Node, { kind: 'alias' }> {
  let current = node;
  while (current.kind === 'alias') current = current.target;
  return current;
}

/** A plain scalar that YAML takes for null. */
export function isNull(text: string): boolean {
  return /^(~|null|Null|NULL)?$/.test(text);
}

function isInfinite(text: string): boolean {
  return /^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/.test(text);
}
