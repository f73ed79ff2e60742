/**
 * Who may import whom: the table of docs "Folders" as data. A place is the first folder of a module (`core/access`, `cli`,
 * `functions/tick`); a module may always import from its own place.
 */
export interface Direction {
  /** Beginning of the places it speaks of; the first direction that fits a place holds. */
  readonly place: string;
  /** Beginnings of the places it may import. */
  readonly places: readonly string[];
  /** Beginnings of the packages it may import, built-in modules with `node:`. */
  readonly packages: readonly string[];
  /** Whether it may import what is only known when it runs: a handler that a template names, say. */
  readonly computed?: true;
  /** Modules of the place alone, by the end of their path, that may import more. */
  readonly exceptions?: readonly {
    readonly module: RegExp;
    readonly places: readonly string[];
    readonly why: string;
  }[];
}

const AWS_SDK = ['@aws-sdk/', '@aws-crypto/', '@smithy/'];

/** Every place of the project that holds modules. */
export const DIRECTIONS: readonly Direction[] = [
  { place: 'core/access', places: [], packages: ['zod', 'node:crypto'] },
  { place: 'core/policy', places: ['core/access', 'core/directory', 'core/ports'], packages: ['js-yaml', 'zod'] },
  {
    place: 'core/sources',
    places: ['core/access', 'core/directory', 'core/ports'],
    packages: ['node:crypto', 'standardwebhooks', 'zod'],
  },
  { place: 'core/directory', places: ['core/access', 'core/ports'], packages: ['zod'] },
  { place: 'core/resources', places: ['core/access', 'core/ports'], packages: ['js-yaml', 'node:crypto', 'zod'] },
  {
    place: 'core/plan',
    // Of ports it needs the types of what is observed.
    places: ['core/access', 'core/effective-access', 'core/ports', 'core/resources'],
    packages: [],
  },
  {
    place: 'core/work',
    places: [
      'core/access',
      'core/directory',
      'core/leases',
      'core/ledger',
      'core/plan',
      'core/policy',
      'core/ports',
      'core/resources',
      'core/effective-access',
      'core/verify',
    ],
    // Of aws-lambda there are only types.
    packages: ['aws-lambda', 'node:crypto', 'node:zlib', 'zod'],
  },
  {
    place: 'core/operations',
    places: [
      'core/access',
      'core/bootstrap',
      'core/directory',
      'core/effective-access',
      'core/ledger',
      'core/plan',
      'core/policy',
      'core/ports',
      'core/resources',
      'core/schema',
      'core/verify',
      'core/work',
    ],
    packages: ['zod'],
  },
  { place: 'core/effective-access', places: ['core/access', 'core/ports'], packages: [] },
  { place: 'core/bootstrap', places: ['core/access', 'core/policy', 'core/resources'], packages: ['js-yaml'] },
  ...['core/verify', 'core/leases', 'core/ledger'].map((place) => ({
    place,
    places: ['core/access', 'core/directory', 'core/plan', 'core/ports', 'core/resources'],
    packages: [],
  })),
  { place: 'core/ports', places: ['core/access'], packages: [] },
  { place: 'core/schema', places: ['core/access', 'core/ports'], packages: [] },
  {
    place: 'core/aws',
    places: ['core/access', 'core/ports'],
    packages: [...AWS_SDK, '@aws-lambda-powertools/metrics', 'dataloader', 'node:crypto', 'zod'],
    exceptions: [
      {
        module: /\/world\.ts$/,
        places: ['core/kubernetes'],
        why: 'the way into a cluster leads from DescribeCluster to its API server',
      },
      {
        module: /\/(pipeline|turns)\.ts$/,
        places: ['core/web', 'core/work'],
        why: 'they wire, from the environment, all ports that the functions of the pipeline share',
      },
      {
        module: /\/state-(table|items)\.ts$/,
        places: ['core/schema'],
        why: 'a state table is open to those who know its schema, and to whoever migrates it',
      },
    ],
  },
  {
    place: 'core/kubernetes',
    places: ['core/access', 'core/ports'],
    packages: ['@kubernetes/client-node', 'js-yaml', 'node:https', 'zod'],
  },
  { place: 'core/web', places: ['core/ports'], packages: ['node:dns/promises', 'node:http', 'node:https', 'node:net'] },
  { place: 'functions/', places: ['core/'], packages: ['@aws-lambda-powertools/', 'aws-lambda', 'node:', 'zod'] },
  { place: 'cli', places: ['core/', 'sandbox'], packages: [''] },
  { place: 'sandbox', places: ['core/'], packages: [''], computed: true },
  { place: 'test', places: [''], packages: [''], computed: true },
  { place: 'workspace', places: [''], packages: [''], computed: true },
];
