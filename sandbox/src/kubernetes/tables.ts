import { type Headers, headerValues } from './impersonation.ts';
import { apiVersionOf, type Resource } from './kinds.ts';
import type { StoredObject } from './storage.ts';

/** A column; one of priority 1 is shown by `-o wide` only. */
interface Column {
  readonly name: string;
  readonly type: 'string' | 'date';
  readonly format: string;
  readonly description: string;
  readonly priority: 0 | 1;
}

type Cell = string | number;
/** What an object's row holds. `now`: milliseconds since 1970. */
type Row = (object: StoredObject, now: number) => readonly Cell[];
interface Layout {
  readonly columns: readonly Column[];
  readonly row: Row;
}

const column = (name: string, more: Partial<Column> = {}): Column => {
  return { name, type: 'string', format: '', description: '', priority: 0, ...more };
};
const NAME = column('Name', { format: 'name' });
const AGE = column('Age');

const size = (value: unknown): number => Object.keys(value ?? {}).length;
const ageOf = ({ metadata }: StoredObject, now: number): string => age(now - Date.parse(metadata.creationTimestamp));

const BINDING: Layout = {
  columns: [
    NAME,
    column('Role'),
    AGE,
    ...['Users', 'Groups', 'ServiceAccounts'].map((name) => column(name, { priority: 1 })),
  ],
  row: (object, now) => {
    const { kind, name } = object.roleRef as { kind: string; name: string };
    const subjects = (object.subjects ?? []) as readonly { kind: string; name: string; namespace?: string }[];
    const named = (of: string) => subjects.filter((subject) => subject.kind === of);
    const accounts = named('ServiceAccount').map((subject) => `${subject.namespace ?? ''}/${subject.name}`);
    const names = ['User', 'Group'].map((of) => named(of).map((subject) => subject.name));
    const wide = [...names, accounts].map((each) => each.join(', '));
    return [object.metadata.name, `${kind}/${name}`, ageOf(object, now), ...wide];
  },
};
const ROLE: Layout = {
  columns: [NAME, column('Created At', { type: 'date' })],
  row: ({ metadata }) => [metadata.name, metadata.creationTimestamp],
};

/**
 * How kube-apiserver prints the kinds that access is made of (`pkg/printers/internalversion/printers.go`; roles have the table of
 * `apiserver/pkg/registry/rest/table.go`). What is not here is answered as the objects themselves.
 */
const LAYOUTS: ReadonlyMap<string, Layout> = new Map<string, Layout>([
  ['Role', ROLE],
  ['ClusterRole', ROLE],
  ['RoleBinding', BINDING],
  ['ClusterRoleBinding', BINDING],
  [
    'Namespace',
    {
      columns: [NAME, column('Status'), AGE],
      row: (object, now) => [
        object.metadata.name,
        (object.status as { phase?: string } | undefined)?.phase ?? '',
        ageOf(object, now),
      ],
    },
  ],
  [
    'ConfigMap',
    {
      columns: [NAME, column('Data'), AGE],
      row: (object, now) => [object.metadata.name, size(object.data) + size(object.binaryData), ageOf(object, now)],
    },
  ],
  [
    'Secret',
    {
      columns: [NAME, column('Type'), column('Data'), AGE],
      row: (object, now) => [object.metadata.name, String(object.type ?? ''), size(object.data), ageOf(object, now)],
    },
  ],
  [
    'ServiceAccount',
    {
      columns: [NAME, column('Secrets'), AGE],
      row: (object, now) => [object.metadata.name, size(object.secrets), ageOf(object, now)],
    },
  ],
]);

/** Makes tables of what is answered. */
export interface Tables {
  /** An object or a list as a table. Without `headers` it goes on from the table before. */
  of(body: object, headers?: boolean): object;
}

/**
 * The tables that a request wants rather than objects: undefined where it does not, or where its kind has none.
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
 */
export function wantedTables(
  { headers, query }: { readonly headers: Headers; readonly query: URLSearchParams },
  resource: Resource,
  now: () => number,
): Tables | undefined {
  const layout = LAYOUTS.get(resource.kind);
  if (layout === undefined || !prefersTable(headers)) return undefined;
  const include = query.get('includeObject') ?? 'Metadata';
  const shown = (object: StoredObject) => {
    if (include === 'None') return {};
    if (include === 'Object') return { object: { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind } };
    return { object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata } };
  };
  const of = (body: object, withHeaders = true) => {
    const list = body as { readonly items?: readonly StoredObject[]; readonly metadata: object };
    const objects = list.items ?? [body as StoredObject];
    const { resourceVersion } = list.metadata as { resourceVersion?: string };
    return {
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: list.items === undefined ? { resourceVersion } : list.metadata,
      columnDefinitions: withHeaders ? layout.columns : null,
      rows: objects.map((object) => ({ cells: layout.row(object, now()), ...shown(object) })),
    };
  };
  return { of };
}

/** The first that is accepted and can be served decides. */
function prefersTable(headers: Headers): boolean {
  for (const accepted of headerValues(headers, 'accept').flatMap((value) => value.split(','))) {
    const [type = '', ...parameters] = accepted.split(';').map((part) => part.trim().toLowerCase());
    if (type !== 'application/json' && type !== '*/*') continue;
    const as = parameters.find((parameter) => parameter.startsWith('as='));
    if (as === undefined) return false;
    if (as === 'as=table' && parameters.includes('v=v1') && parameters.includes('g=meta.k8s.io')) return true;
  }
  return false;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A time that has passed, as a person says it (`apimachinery/pkg/util/duration/duration.go`, `HumanDuration`). */
function age(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 2 * MINUTE) return `${Math.max(seconds, 0)}s`;
  const two = (unit: number, name: string, smaller: number, smallerName: string, within: number) => {
    const rest = Math.floor(seconds / smaller) % within;
    return `${Math.floor(seconds / unit)}${name}${rest === 0 ? '' : `${rest}${smallerName}`}`;
  };
  if (seconds < 10 * MINUTE) return two(MINUTE, 'm', 1, 's', 60);
  if (seconds < 3 * HOUR) return `${Math.floor(seconds / MINUTE)}m`;
  if (seconds < 8 * HOUR) return two(HOUR, 'h', MINUTE, 'm', 60);
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)}h`;
  if (seconds < 8 * DAY) return two(DAY, 'd', HOUR, 'h', 24);
  if (seconds < 2 * 365 * DAY) return `${Math.floor(seconds / DAY)}d`;
  if (seconds < 8 * 365 * DAY) return two(365 * DAY, 'y', DAY, 'd', 365);
  return `${Math.floor(seconds / (365 * DAY))}y`;
}
