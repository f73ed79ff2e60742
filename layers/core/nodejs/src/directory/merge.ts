import { canonicalJson, type Json, sameJson } from '../access/json.ts';
import type { Item } from '../ports/table.ts';
import type { Fact } from './fact.ts';

/** How far ahead of our clock a source's may run, in milliseconds; a later time is taken as "now". */
export const CLOCK_SKEW = 5 * 60_000;
/** From this far ahead on, a time is nonsense and not a clock that runs fast. */
const NONSENSE = 24 * 3_600_000;

/** What a fact makes of the item that holds it, without the bookkeeping (`rev`, `dirty`, `cause`). */
export interface Merged {
  /** The item's own attributes; absent where nothing at all changes. */
  readonly attributes?: Readonly<Record<string, Item[string]>>;
  /**
   * `changed`: a planner must look. `refreshed`: the same, known at a later time. `same`: nothing new.
   * `outdated`: something newer, or a removal of the same time, stands against it.
   */
  readonly outcome: 'changed' | 'refreshed' | 'same' | 'outdated';
}

type Attributes = Record<string, Item[string]>;

/**
 * Merges a fact into what is known. Facts of plausible times give the same item in every order and any number of times:
 *
 * - the later source time wins, field by field for a user;
 * - at the same time, the one that takes away wins (absent, deleted, inactive); between two other values, the greater text;
 * - a group remembers its last deletion although it was made again since;
 * - an environment or application remembers all that was ever said of it, and an environment since when it is one.
 *
 * A time more than {@link CLOCK_SKEW} ahead counts as `now`, so that no fact can outlive all later ones. Its own time is
 * kept as `ahead` (at most a day ahead): what gives access at or before it is outdated, so that neither a repeated nor a
 * late addition of a source whose clock runs fast overrules the removal that followed it.
 */
export function merge(existing: Item | undefined, fact: Fact, now: number): Merged {
  const known: Attributes = existing ? ownAttributes(existing) : {};
  const early = fact.at > now + CLOCK_SKEW;
  const at = early ? now : fact.at;
  const ahead = early ? Math.min(fact.at, now + NONSENSE) : undefined;
  const overtaken =
    existing !== undefined && gives(fact) && (fact.at <= numberOf(known.ahead) || fact.at > now + NONSENSE);
  const next: Attributes = { ...identityOf(fact), ...known };
  if (!overtaken) apply(next, fact, at);
  if (ahead !== undefined && ahead > numberOf(known.ahead)) next.ahead = ahead;
  if (sameJson(next, known)) return { outcome: overtaken || isOlder(known, fact, at) ? 'outdated' : 'same' };
  if (!existing || !sameJson(meaning(next), meaning(known))) return { attributes: next, outcome: 'changed' };
  return { attributes: next, outcome: 'refreshed' };
}

/** Attributes that only a put adds; all else in an item is what `merge` made. */
const BOOKKEEPING = new Set(['pk', 'sk', 'rev', 'cause', 'dirty', 'dueShard', 'dueAt', 'expiresAt']);

function ownAttributes(item: Item): Attributes {
  return Object.fromEntries(Object.entries(item).filter(([name]) => !BOOKKEEPING.has(name)));
}

/** What a planner reads from an item: not when a source last repeated it, nor what was said and overtaken. */
function meaning(attributes: Attributes): Attributes {
  const { at, activeAt, loginAt, emailAt, attributesAt, ahead, ever, since, goneAt, ...rest } = attributes;
  const first = (since as readonly number[] | undefined)?.[0];
  return first === undefined ? rest : { ...rest, since: first };
}

function numberOf(value: Item[string]): number {
  return typeof value === 'number' ? value : Number.NEGATIVE_INFINITY;
}

/** Whether a fact can give somebody access: only such a fact must yield to what came before it. */
function gives(fact: Fact): boolean {
  if (fact.type === 'principal') return false;
  return fact.type === 'user' ? fact.active !== false : fact.state === 'present';
}

function isOlder(known: Attributes, fact: Fact, at: number): boolean {
  return at < numberOf(known.at) || (at === known.at && fact.type !== 'user' && known.state !== stateOf(fact));
}

function identityOf(fact: Fact): Attributes {
  switch (fact.type) {
    case 'membership':
      return { source: fact.source, group: fact.group, user: fact.user };
    case 'group':
      return { source: fact.source, group: fact.group };
    case 'user':
      return { source: fact.source, user: fact.user };
    case 'cluster':
      return { arn: fact.arn };
    case 'principal':
      return { account: fact.account, principal: fact.principal, name: fact.name };
    case 'registration':
      return { account: fact.account, region: fact.region, name: fact.name };
    case 'environment':
      return { type: fact.type, name: fact.name, ever: [] };
    case 'application':
      return { type: fact.type, environment: fact.environment, namespace: fact.namespace, ever: [] };
  }
}

function stateOf(fact: Exclude<Fact, { type: 'user' }>): string {
  return fact.type === 'principal' ? fact.change : fact.state;
}

function apply(item: Attributes, fact: Fact, at: number): void {
  if (fact.type === 'user') {
    applyUser(item, fact, at);
    return;
  }
  if (fact.type === 'registration' || fact.type === 'environment' || fact.type === 'application') {
    applySpecified(item, fact, at);
    return;
  }
  const state = stateOf(fact);
  if (fact.type === 'group' && fact.state === 'deleted') item.deletedAt = Math.max(at, numberOf(item.deletedAt));
  const known = numberOf(item.at);
  const takesAway = state === 'absent' || state === 'deleted';
  if (at > known || (at === known && takesAway)) Object.assign(item, { state, at });
}

/** A fact that says how what is there shall be. */
type Specified = Extract<Fact, { type: 'registration' | 'environment' | 'application' }>;

/** What was said of what is onboarded at any time is kept, also where it was overtaken before it arrived: the order must not matter. */
function applySpecified(item: Attributes, fact: Specified, at: number): void {
  const spec = specOf(fact);
  if (spec !== undefined && fact.type !== 'registration') item.ever = withOne(item.ever as readonly Json[], spec);
  if (fact.type === 'environment') noteSince(item, spec !== undefined, at);
  const known = numberOf(item.at);
  const winsAtOnce = spec === undefined || (item.state === 'present' && text(spec) > text(item.spec));
  if (at < known || (at === known && !winsAtOnce)) return;
  Object.assign(item, { state: fact.state, at });
  if (spec === undefined) delete item.spec;
  else item.spec = spec;
}

/** So many times are kept of an environment that was said again and again: a late removal may lie between the first ones. */
const MOST_TIMES = 16;

/** Since when an environment is one: the first time it was said after its last removal, whichever of the two came first. */
function noteSince(item: Attributes, isPresent: boolean, at: number): void {
  const goneAt = Math.max(numberOf(item.goneAt), isPresent ? Number.NEGATIVE_INFINITY : at);
  const times = new Set([...((item.since ?? []) as readonly number[]), ...(isPresent ? [at] : [])]);
  if (goneAt > Number.NEGATIVE_INFINITY) item.goneAt = goneAt;
  item.since = [...times]
    .filter((time) => time > goneAt)
    .sort((a, b) => a - b)
    .slice(0, MOST_TIMES);
}

function specOf(fact: Specified): Json | undefined {
  if (fact.state === 'absent') return undefined;
  if (fact.type === 'registration') {
    const { provider, kubeconfigSecret, consoleUsers, namespaces } = fact;
    return { provider, consoleUsers, namespaces, ...(kubeconfigSecret === undefined ? {} : { kubeconfigSecret }) };
  }
  const role = fact.role === undefined ? {} : { role: fact.role };
  if (fact.type === 'environment') {
    const { account, region, name } = fact.cluster;
    return { cluster: { account, region, name }, ...role };
  }
  return { ...role, ...(fact.group === undefined ? {} : { group: fact.group }) };
}

function withOne(list: readonly Json[], value: Json): readonly Json[] {
  const texts = new Map([...list, value].map((one) => [text(one), one]));
  return [...texts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

function applyUser(item: Attributes, fact: Extract<Fact, { type: 'user' }>, at: number): void {
  item.at = Math.max(at, numberOf(item.at));
  for (const field of ['active', 'login', 'email', 'attributes'] as const) {
    const value = fact[field];
    if (value === undefined) continue;
    const known = numberOf(item[`${field}At`]);
    if (at > known || (at === known && winsTie(value, item[field]))) {
      item[field] = value;
      item[`${field}At`] = at;
    }
  }
}

function winsTie(value: Item[string], known: Item[string]): boolean {
  if (typeof value === 'boolean') return !value;
  return text(value) > text(known);
}

function text(value: Item[string]): string {
  return canonicalJson(value ?? null);
}
