import { USERNAME_PREFIX } from '../../access/names.ts';
import { isNull, resolved } from './fault.ts';
import { type AwsAuthList, folded } from './model.ts';
import { describe, type MappingNode, type Node, type ScalarNode } from './syntax.ts';

/**
 * What an entry of a list says of one principal, as far as the editor must know. Where an entry says a thing twice (keys are
 * not case-sensitive, and may repeat), every reading is kept: the authenticator believes one of them.
 */
export interface EntryReading {
  /** Folded; see `folded`. */
  readonly arns: readonly string[];
  readonly usernames: readonly string[];
  /** Names one principal, and its username begins with `gatehouse:` in every reading. */
  readonly marked: boolean;
  /** Names a principal once, a username once, no groups and no SSO permission set. */
  readonly simple: boolean;
}

/** The key that names the principal, by list. */
export const ARN_KEY: Readonly<Record<AwsAuthList, string>> = { mapRoles: 'rolearn', mapUsers: 'userarn' };

/** Reads an entry of a list. What is no mapping names nobody. */
export function readEntry(list: AwsAuthList, node: Node): EntryReading {
  const arns: string[] = [];
  const usernames: string[] = [];
  let plain = true;
  for (const [key, value] of pairsOf(node)) {
    const name = folded(textOf(key) ?? '');
    if (name === ARN_KEY[list]) arns.push(folded(textOf(value) ?? ''));
    else if (name === 'username') usernames.push(textOf(value) ?? '');
    else if (name === 'groups') plain &&= isEmpty(value);
    else if (name === 'sso') plain = false;
  }
  const namesOne = arns.length > 0 && arns.every((arn) => arn === arns[0]);
  return {
    arns,
    usernames,
    marked: namesOne && usernames.length > 0 && usernames.every((username) => username.startsWith(USERNAME_PREFIX)),
    simple: plain && arns.length === 1 && usernames.length === 1,
  };
}

function* pairsOf(node: Node): Generator<readonly [Node, Node]> {
  const pending: Node[] = [node];
  const visited = new Set<MappingNode>();
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const mapping = resolved(next);
    if (mapping.kind === 'sequence') pending.push(...mapping.items);
    if (mapping.kind !== 'mapping' || visited.has(mapping)) continue;
    visited.add(mapping);
    for (const pair of mapping.pairs) {
      if (textOf(pair[0]) === '<<') pending.push(pair[1]);
      else yield pair;
    }
  }
}

/** The text of a scalar; undefined for anything else. */
export function textOf(node: Node): string | undefined {
  const scalar = resolved(node);
  if (scalar.kind !== 'scalar') return undefined;
  return isBinary(scalar) ? Buffer.from(scalar.value, 'base64').toString('utf8') : scalar.value;
}

function isBinary(scalar: ScalarNode): boolean {
  return scalar.tag === '!!binary' || scalar.tag === '!<tag:yaml.org,2002:binary>';
}

function isEmpty(node: Node): boolean {
  const value = resolved(node);
  if (value.kind === 'sequence') return value.items.length === 0;
  return value.kind === 'scalar' && value.plain && isNull(value.value);
}

/** The value of an entry, comparable: see `describe`. */
export const entryValue = (node: Node): string => describe(node);
