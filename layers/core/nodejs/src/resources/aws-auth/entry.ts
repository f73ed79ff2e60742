import { USERNAME_PREFIX } from '../../access/names.ts';
import { isNull, resolved } from './fault.ts';
import { type AwsAuthList, folded } from './model.ts';
import type { Node, ScalarNode } from './syntax.ts';

/**
 * What an entry of a list says of one principal, as far as the editor must know. Where an entry says a thing twice (keys are
 * not case-sensitive, and may repeat), every reading is kept: the authenticator believes one of them.
 */
export interface EntryReading {
  /** Folded; see `folded`. */
  readonly arns: readonly string[];
  readonly usernames: readonly string[];
  /** Names one principal, and in every reading its username begins with `gatehouse:` or is one that was given to it. */
  readonly marked: boolean;
  /** Names a principal once, a username once, no groups and no SSO permission set. */
  readonly simple: boolean;
}

/** The key that names the principal, by list. */
export const ARN_KEY: Readonly<Record<AwsAuthList, string>> = { mapRoles: 'rolearn', mapUsers: 'userarn' };

/**
 * Usernames that the access policy gives to principals: without the prefix, so that only this says which entry is Gatehouse's.
 * See {@link givenKey}.
 */
export type GivenUsernames = ReadonlySet<string>;

/** That a principal was given a username. */
export const givenKey = (arn: string, username: string): string => `${folded(arn)} ${username}`;

/** Reads an entry of a list. What is no mapping names nobody. */
export function readEntry(list: AwsAuthList, node: Node, given: GivenUsernames): EntryReading {
  const arns: string[] = [];
  const usernames: string[] = [];
  let plain = true;
  for (const { key, value } of resolved(node).kind === 'mapping' ? pairsOf(node) : []) {
    const name = folded(textOf(key) ?? '');
    if (name === ARN_KEY[list]) arns.push(folded(textOf(value) ?? ''));
    else if (name === 'username') usernames.push(textOf(value) ?? '');
    else if (name === 'groups') plain &&= isEmpty(value);
    else if (name === 'sso') plain = false;
  }
  const isOurs = (username: string) => username.startsWith(USERNAME_PREFIX) || given.has(givenKey(arns[0]!, username));
  const namesOne = arns.length > 0 && arns.every((arn) => arn === arns[0]);
  return {
    arns,
    usernames,
    marked: namesOne && usernames.length > 0 && usernames.every(isOurs),
    simple: plain && arns.length === 1 && usernames.length === 1,
  };
}

interface Pair {
  readonly key: Node;
  readonly value: Node;
  readonly merged: boolean;
}

/**
 * The members of an entry, merged ones (`<<`) included. A member behind a merge overrides what was merged, as all readers have
 * it; where readers differ (a merge behind the member, a key given twice), both stay.
 */
function pairsOf(node: Node): readonly Pair[] {
  const mapping = resolved(node);
  if (mapping.kind === 'sequence') return mapping.items.flatMap(pairsOf);
  const known = mapping.anchored ? readPairs.get(mapping) : undefined;
  if (known !== undefined) return known;
  let pairs: Pair[] = [];
  for (const [key, value] of mapping.kind === 'mapping' ? mapping.pairs : []) {
    const name = textOf(key);
    if (name === '<<') {
      for (const pair of pairsOf(value)) {
        if (pairs.every((other) => other.value !== pair.value)) pairs.push({ ...pair, merged: true });
      }
    } else {
      if (pairs.some(({ merged }) => merged)) {
        pairs = pairs.filter((pair) => !pair.merged || textOf(pair.key) !== name);
      }
      pairs.push({ key, value, merged: false });
    }
  }
  if (mapping.anchored) readPairs.set(mapping, pairs);
  return pairs;
}

/** Each mapping that can be merged is read once, whatever number of times it is. */
const readPairs = new WeakMap<Node, readonly Pair[]>();

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
