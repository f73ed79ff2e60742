import fc from 'fast-check';
import {
  ADMIN,
  type Answer,
  type ApiUnderTest,
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CONFIG_MAPS,
  GROUP,
  JSON_PATCH,
  MERGE,
  ROLE_BINDINGS,
  ROLES,
  rule,
  SECRETS,
  STRATEGIC,
  user,
  type Who,
} from '../contracts/kubernetes-api/api.ts';

/** What a request builds on: what its sender saw last of the object, what was before that, or nothing. */
type Base = 'latest' | 'stale' | 'none';

/** One request of a storm. */
export interface Step {
  readonly who: 'admin' | 'writer';
  readonly at: number;
  readonly act:
    | { readonly do: 'get' | 'list' | 'delete collection' }
    | { readonly do: 'create' | 'replace'; readonly change: number; readonly base: Base; readonly dryRun: boolean }
    | { readonly do: 'patch'; readonly change: number; readonly base: Base; readonly type: string }
    | { readonly do: 'delete'; readonly base: Base; readonly policy: string | undefined };
}

/** Where: collection and name. */
const PLACES = [
  [CONFIG_MAPS, 'a'],
  [CONFIG_MAPS, 'b'],
  [ROLES, 'a'],
  [ROLE_BINDINGS, 'a'],
  [CLUSTER_ROLES, 'test:a'],
  [CLUSTER_ROLE_BINDINGS, 'test:a'],
  [SECRETS, 'a'],
] as const;

const pods = (...verbs: string[]) => rule('', 'pods', ...verbs);
const users = (...names: string[]) => names.map((name) => ({ kind: 'User', name }));
const metadata = (more: object) => ({ metadata: more });

/** What is written, of each kind: right and wrong. */
const CHANGES: Readonly<Record<string, readonly object[]>> = {
  [CONFIG_MAPS]: [
    { data: { k: '1' } },
    { data: { k: '2', l: '3' } },
    { data: null },
    { immutable: true },
    { data: { 'a/b': '' } },
    { data: { k: 5 } },
    { other: 1 },
    metadata({ labels: { x: 'y' } }),
    metadata({ labels: { x: null }, annotations: { a: 'b' } }),
    metadata({ labels: { 'x y': 'z' } }),
    metadata({ finalizers: ['example.com/hold'] }),
    metadata({ finalizers: null }),
    metadata({ name: 'other' }),
  ],
  [ROLES]: [
    { rules: [pods('get')] },
    { rules: [pods('get', 'list'), pods('delete')] },
    { rules: [rule('', 'secrets', 'get')] },
    { rules: [{ verbs: ['get'] }] },
    metadata({ labels: { x: 'y' } }),
    metadata({ finalizers: ['example.com/hold'] }),
    metadata({ finalizers: null }),
  ],
  [ROLE_BINDINGS]: [
    { roleRef: { kind: 'Role', name: 'a' }, subjects: users('x') },
    { roleRef: { kind: 'Role', name: 'a' }, subjects: users('x', 'y') },
    { roleRef: { kind: 'ClusterRole', name: 'view' }, subjects: users('x') },
    { subjects: users('z') },
    { subjects: null },
    { subjects: [{ kind: 'Robot', name: 'x' }] },
    metadata({ labels: { x: 'y' } }),
  ],
  [SECRETS]: [
    { stringData: { k: '1' } },
    { data: { k: 'MQ==', l: 'Mg==' } },
    { data: { k: '1' } },
    { type: 'other' },
    { type: 'kubernetes.io/tls' },
    { immutable: true },
    metadata({ labels: { x: 'y' }, annotations: { 'kubernetes.io/service-account.name': 's' } }),
  ],
};
const LIKE: Readonly<Record<string, string>> = {
  [CLUSTER_ROLES]: ROLES,
  [CLUSTER_ROLE_BINDINGS]: ROLE_BINDINGS,
};
const changesAt = (collection: string) => CHANGES[LIKE[collection] ?? collection]!;

const weighted = <T>(...rows: readonly (readonly [weight: number, value: T])[]) =>
  fc.constantFrom(...rows.flatMap(([weight, value]) => Array.from({ length: weight }, () => value)));
const acts: fc.Arbitrary<Step['act']> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('get' as const, 'list' as const) }) },
  {
    weight: 7,
    arbitrary: fc.record({
      do: weighted([2, 'create' as const], [5, 'replace' as const]),
      change: fc.nat(),
      base: weighted<Base>([4, 'latest'], [1, 'stale'], [1, 'none']),
      dryRun: weighted([4, false], [1, true]),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('patch' as const),
      change: fc.nat(),
      base: weighted<Base>([2, 'none'], [2, 'latest'], [1, 'stale']),
      type: fc.constantFrom(MERGE, STRATEGIC, JSON_PATCH),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('delete' as const),
      base: fc.constantFrom<Base>('none', 'latest', 'stale'),
      policy: fc.constantFrom(undefined, undefined, 'Background', 'Orphan'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete collection' as const) }) },
);

/**
 * Storms of requests of an administrator, and of somebody who may write and cannot grant all. Each is about few objects, which
 * are there more often than not: requests on nothing are answered alike soon.
 */
export const storms: fc.Arbitrary<readonly Step[]> = fc
  .uniqueArray(fc.nat({ max: PLACES.length - 1 }), { minLength: 1, maxLength: 2 })
  .chain((places) =>
    fc.array(
      fc.record({
        who: weighted([3, 'admin' as const], [1, 'writer' as const]),
        at: fc.constantFrom(...places),
        act: acts,
      }),
      { minLength: 10, maxLength: 40 },
    ),
  );

const WRITER = user('writer');
/** What the second sender of a storm may do. */
export const WRITER_RULES = [
  rule(GROUP, '*', 'get', 'list', 'create', 'update', 'patch', 'delete', 'deletecollection'),
  rule('', 'configmaps', 'get', 'list', 'create', 'update', 'patch', 'delete'),
  rule('', 'secrets', 'get', 'create', 'update'),
  pods('get', 'list'),
];

// biome-ignore lint/suspicious/noExplicitAny: objects are sent back as they came.
type Seen = any;

/** What came back, with what any two clusters differ in made alike. */
export interface Answered {
  readonly status: number;
  readonly body: unknown;
  readonly warning?: string;
}

/** Sends a storm, each request when the one before is answered. */
export async function answersTo(api: ApiUnderTest, storm: readonly Step[]): Promise<readonly Answered[]> {
  const seen = new Map<number, Seen[]>();
  const alike = new Alike();
  const answers: Answered[] = [];
  for (const step of storm) {
    const answer = await send(api, step, seen.get(step.at) ?? []);
    const { kind, metadata } = answer.body ?? {};
    // What was only tried names managers of fields that are not so.
    const tried = 'dryRun' in step.act && step.act.dryRun;
    if (answer.status < 300 && metadata?.uid && kind !== 'Status' && !tried) {
      seen.set(step.at, [answer.body, ...(seen.get(step.at) ?? [])]);
    }
    answers.push(alike.answer(answer));
  }
  return answers;
}

function send(api: ApiUnderTest, { who, at, act }: Step, seen: readonly Seen[]): Promise<Answer> {
  const [collection, name] = PLACES[at]!;
  const sender: Who = who === 'admin' ? ADMIN : WRITER;
  const json = { 'content-type': 'application/json' };
  const url = `${collection}/${name}`;
  switch (act.do) {
    case 'get':
      return api.request(sender, 'GET', url);
    case 'list':
      return api.request(sender, 'GET', `${collection}?labelSelector=x&limit=1`);
    case 'delete collection':
      return api.request(sender, 'DELETE', `${collection}?labelSelector=x`);
    case 'create':
    case 'replace': {
      const base = basis(act.base, seen);
      const change = pick(changesAt(collection), act.change);
      const of = act.do === 'create' ? { name } : { ...base?.metadata, name };
      const body = { ...(act.do === 'create' ? {} : base), ...change, metadata: { ...of, ...inMetadata(change) } };
      const dryRun = act.dryRun ? '?dryRun=All' : '';
      return act.do === 'create'
        ? api.request(sender, 'POST', collection + dryRun, body, json)
        : api.request(sender, 'PUT', url + dryRun, body, json);
    }
    case 'patch': {
      const change = pick(changesAt(collection), act.change);
      const version = basis(act.base, seen)?.metadata.resourceVersion;
      const based = version === undefined ? {} : { resourceVersion: version };
      const merged = { ...change, metadata: { ...inMetadata(change), ...based } };
      // A strategic patch has words of its own for a number that should be a text.
      const type = act.type === STRATEGIC && 'data' in change ? MERGE : act.type;
      const body = type === JSON_PATCH ? asJsonPatch(change) : merged;
      return api.request(sender, 'PATCH', url, body, { 'content-type': type });
    }
    case 'delete': {
      const { uid, resourceVersion } = basis(act.base, seen)?.metadata ?? {};
      const policy = act.policy === undefined ? {} : { propagationPolicy: act.policy };
      const options = uid === undefined ? policy : { preconditions: { uid, resourceVersion } };
      return api.request(sender, 'DELETE', url, options, json);
    }
  }
}

const basis = (base: Base, seen: readonly Seen[]): Seen =>
  base === 'none' ? undefined : seen[base === 'latest' ? 0 : 1];
const pick = <T>(all: readonly T[], index: number): T => all[index % all.length]!;
const inMetadata = (change: object) => (change as { metadata?: object }).metadata ?? {};
const asJsonPatch = (change: object) =>
  Object.entries(change).map(([member, value]) => ({ op: 'add', path: `/${member}`, value }));

/** Gives uids and versions the number in which they came up, the same in every cluster. */
class Alike {
  readonly #ids = new Map<string, string>();

  answer({ status, body, warning }: Answer): Answered {
    return { status, body: this.#value(body, ''), ...(warning === undefined ? {} : { warning }) };
  }

  #value(value: unknown, member: string): unknown {
    if (Array.isArray(value)) return value.map((one) => this.#value(one, member));
    if (value !== null && typeof value === 'object') return this.#object(value);
    if (typeof value !== 'string') return value;
    if (member === 'uid' || member === 'resourceVersion') return this.#known(value);
    if (/Timestamp$/.test(member)) return 'time';
    return member === 'message' ? this.#message(value) : value;
  }

  #object(value: object): object {
    const isList = 'items' in value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([name]) => name !== 'managedFields' && name !== 'continue')
        .sort(([a], [b]) => (a < b ? -1 : 1))
        // The version of a list counts what others write, too.
        .map(([name, member]) => [name, isList && name === 'metadata' ? {} : this.#value(member, name)]),
    );
  }

  #known(id: string): string {
    const known = this.#ids.get(id) ?? `#${this.#ids.size}`;
    this.#ids.set(id, known);
    return known;
  }

  #message(text: string): string {
    return text
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, (id) => this.#known(id))
      .replaceAll(
        /(ResourceVersion in [\w ]+ \()(\d+)\)/g,
        (_whole, words: string, id: string) => `${words}${this.#known(id)})`,
      )
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'time')
      .replace(/(Invalid value: )"\{.*": /s, '$1patched: ');
  }
}
