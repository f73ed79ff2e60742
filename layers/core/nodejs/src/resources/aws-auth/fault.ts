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
  const pending: [Node, boolean][] = [[root, false]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [node, inFlow] = next;
    if (node.kind === 'alias') continue;
    const found = node.kind === 'scalar' ? scalarFault(node, inFlow) : undefined;
    if (found !== undefined) return { reason: found, offset: node.start };
    if (node.kind === 'sequence') pending.push(...node.items.map((item): [Node, boolean] => [item, node.bracketed]));
    if (node.kind !== 'mapping') continue;
    for (const [key, value] of node.pairs) {
      const reason = pairFault(text, key, value);
      if (reason !== undefined) return { reason, offset: key.start };
      pending.push([key, inFlow || node.bracketed], [value, inFlow || node.bracketed]);
    }
  }
  return undefined;
}

/** Characters that Go's reader refuses, or takes for the end of a line where ours does not. */
const STRAY = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u0085\u2028\u2029]/;

function findTextFault(text: string, root: Node | undefined): Fault | undefined {
  const stray = STRAY.exec(text);
  if (stray !== null) {
    const code = stray[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    return { reason: `it holds the character U+${code} unescaped`, offset: stray.index };
  }
  const indented = /^[ \t]+(---|\.\.\.)(?=\s|$)/m.exec(text);
  if (indented !== null) return { reason: `"${indented[1]}" is indented`, offset: indented.index };
  const tab = /^[ -]*\t/m.exec(text);
  if (tab !== null) return { reason: 'a tab stands where only spaces may', offset: tab.index };
  const headEnd = root === undefined || root.start === root.end ? text.length : root.start;
  const head = /^\uFEFF?(%|\.\.\.)/m.exec(text.slice(0, headEnd));
  if (head === null) return undefined;
  return { reason: `${JSON.stringify(head[1])} stands before the list`, offset: head.index };
}

function scalarFault(scalar: ScalarNode, inFlow: boolean): string | undefined {
  if (!scalar.plain) return undefined;
  if (scalar.tag === '' && isInfinite(scalar.value)) return `${scalar.value} has no place in JSON`;
  if (inFlow && /^:|\?/.test(scalar.value)) return `"${scalar.value}" needs quotes between brackets`;
  return undefined;
}

function pairFault(text: string, written: Node, value: Node): string | undefined {
  const key = resolved(written);
  if (key.kind !== 'scalar') return `a ${key.kind} is used as a key; are quotes missing around {{ }}?`;
  if (key.plain && key.tag === '' && isNull(key.value)) return 'a key is null';
  if (key.plain && key.value === '<<' && !merges(value)) return 'only mappings can be merged with <<';
  if (/[\r\n]/.test(text.slice(written.start, written.end))) return 'a key is longer than its line';
  if (!/[ \t]*[:,\]}]/y.test(text.slice(written.end, written.end + 80))) return 'a key is apart from its colon';
  if (value.kind !== 'mapping' || value.bracketed) return undefined;
  const begins = value.pairs[0]?.[0].start ?? value.start;
  return /[\r\n]/.test(text.slice(written.end, begins)) ? undefined : 'a mapping begins on the line of its key';
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
