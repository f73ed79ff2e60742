import type { MappingNode, Node } from './syntax.ts';

/** Something that is YAML, and yet makes the authenticator drop the whole text. */
export interface Fault {
  readonly reason: string;
  /** Where it stands. */
  readonly offset: number;
}

/**
 * Looks for what the authenticator's way from YAML to JSON refuses. The commonest is an unquoted `{{...}}`: a mapping as the
 * key of a mapping.
 */
export function findFault(root: Node): Fault | undefined {
  const pending: Node[] = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.kind === 'scalar' && node.plain && node.tag === '' && isInfinite(node.value)) {
      return { reason: `${node.value} has no place in JSON`, offset: node.start };
    }
    if (node.kind === 'sequence') pending.push(...node.items);
    if (node.kind !== 'mapping') continue;
    const fault = faultyKey(node);
    if (fault !== undefined) return fault;
    pending.push(...node.pairs.map(([, value]) => value));
  }
  return undefined;
}

/** Characters that Go's reader refuses, or takes for the end of a line where ours does not. */
const STRAY = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u0085\u2028\u2029]/;

/** What makes the two readers of YAML disagree on a text, before its nodes are looked at. */
export function findTextFault(text: string, root: Node | undefined): Fault | undefined {
  const stray = STRAY.exec(text);
  if (stray !== null) {
    const code = stray[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    return { reason: `it holds the character U+${code} unescaped`, offset: stray.index };
  }
  const head = /^\uFEFF?(%|\.\.\.)/m.exec(text.slice(0, root?.start ?? text.length));
  return head === null ? undefined : { reason: `"${head[1]}" stands before the list`, offset: head.index };
}

function faultyKey(mapping: MappingNode): Fault | undefined {
  for (const [written, value] of mapping.pairs) {
    const key = resolved(written);
    const offset = written.start;
    if (key.kind !== 'scalar')
      return { reason: `a ${key.kind} is used as a key; are quotes missing around {{ }}?`, offset };
    if (key.plain && key.tag === '' && isNull(key.value)) return { reason: 'a key is null', offset };
    if (key.plain && key.value === '<<' && !merges(value))
      return { reason: 'only mappings can be merged with <<', offset };
  }
  return undefined;
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
