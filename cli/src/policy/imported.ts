import { Failure } from '@gatehouse/core/access/failure';
import { sameJson } from '@gatehouse/core/access/json';
import type { AccessPolicy } from '@gatehouse/core/access/policy';
import {
  type Imported,
  type ImportedGrant,
  type ImportInput,
  importAccess,
  type LeftOut,
  type Taken,
} from '@gatehouse/core/operations/import';
import { readPolicy } from '@gatehouse/core/policy/read';
import { requirePolicy } from '@gatehouse/core/policy/require';
import { parse } from 'yaml';
import { type Addition, flow, newDocument, withAdditions } from './additions.ts';

/** A document made of what a cluster has, and what became of each of its mappings. */
export interface ImportedPolicy extends Imported {
  /** Passes `validate`. */
  readonly document: string;
}

/** What reading a document again and again may find; each round takes out at least one thing. */
const ROUNDS = 1_000;

/**
 * Makes a policy document of what a cluster has, or adds to one; whatever a policy may not say is left out of it, with the reason
 * that reading it gives. Pure.
 * @throws Failure `invalid` where the document that is added to is wrong itself, or of no form to be added to.
 */
export function importedPolicy(input: Omit<ImportInput, 'taken'>, base?: string): ImportedPolicy {
  const before = base === undefined ? undefined : baseOf(base);
  const whole = importAccess({ ...input, ...(before ? { taken: before.taken } : {}) });
  let imported = before ? withoutKnown(whole, input.cluster.name, before) : whole;
  for (let round = 0; round < ROUNDS; round++) {
    const document = written(imported, input, before);
    const reading = readPolicy(document);
    if (reading.ok) return { ...imported, document };
    const [error] = reading.errors;
    const next = without(imported, error!, { grants: before?.grants ?? 0, protected: before?.protected ?? 0 });
    if (next === undefined) {
      throw new Failure('invalid', `what was made of it is no policy: ${error?.field}: ${error?.message}`, {
        remedy: error?.remedy ?? '',
      });
    }
    imported = next;
  }
  throw new Failure('invalid', 'no policy could be made of it');
}

interface Base {
  readonly text: string;
  readonly policy: AccessPolicy;
  readonly taken: Taken;
  readonly clusters: ReadonlySet<string>;
  readonly grants: number;
  readonly protected: number;
}

function baseOf(text: string): Base {
  const policy = requirePolicy(text);
  // What is valid has no other shape; levels that no grant uses are in the document alone.
  const document = parse(text) as { levels?: Record<string, unknown>; protected?: { principals?: unknown[] } };
  const accounts = [...policy.accounts.map(({ id }) => id), ...policy.clusters.map(({ account }) => account)];
  return {
    text,
    policy,
    taken: {
      grants: new Set(policy.grants.map(({ name }) => name)),
      levels: new Map(Object.entries(document.levels ?? {})),
      accounts: new Set(accounts),
    },
    clusters: new Set(policy.clusters.map(({ name }) => name)),
    grants: policy.grants.length,
    protected: document.protected?.principals?.length ?? 0,
  };
}

/** Without what the document that is added to says already, so that importing twice is importing once. */
function withoutKnown(imported: Imported, cluster: string, { policy }: Base): Imported {
  const isKnown = ({ principal, level, namespaces }: ImportedGrant) =>
    policy.grants.some(
      (grant) =>
        grant.to.some((one) => 'principal' in one && one.principal === principal) &&
        grant.level.name === level &&
        sameJson(grant.clusters.names, [cluster]) &&
        sameJson([...grant.namespaces].sort(), namespaces),
    );
  const known = imported.grants.filter(isKnown);
  return {
    ...imported,
    grants: imported.grants.filter((grant) => !known.includes(grant)),
    protected: imported.protected.filter((arn) => !policy.protected.principals.includes(arn)),
    leftOut: [
      ...imported.leftOut,
      ...known.map(({ from, principal }): LeftOut => {
        return { reason: 'granted', place: from, arn: principal, why: 'the document grants it already' };
      }),
    ],
  };
}

/** Without what an error is about, and with the reason; undefined where it is about none of what was imported. */
function without(
  imported: Imported,
  { field, message, remedy }: { readonly field: string; readonly message: string; readonly remedy: string },
  before: { readonly grants: number; readonly protected: number },
): Imported | undefined {
  const grant = /^grants\[(\d+)\]/.exec(field)?.[1];
  const guarded = /^protected\.principals\[(\d+)\]/.exec(field)?.[1];
  const level = /^levels\.([a-z0-9-]+)/.exec(field)?.[1] ?? /^levels\["?([a-z0-9-]+)/.exec(field)?.[1];
  const arn = guarded === undefined ? undefined : imported.protected[Number(guarded) - before.protected];
  const gone = imported.grants.filter(
    (one, index) =>
      (grant !== undefined && index === Number(grant) - before.grants) ||
      one.level === level ||
      // Protected by the document that is added to, so the grant goes.
      (guarded !== undefined && arn === undefined && message.includes(`"${one.name}"`)),
  );
  if (gone.length === 0 && arn === undefined) return undefined;
  const leftOut = gone.map(
    ({ principal, from }): LeftOut => ({
      reason: 'not-expressible',
      place: from,
      arn: principal,
      why: `a policy does not take it: ${message}`,
      remedy,
    }),
  );
  const grants = imported.grants.filter((one) => !gone.includes(one));
  return {
    ...imported,
    grants,
    levels: imported.levels.filter(({ name }) => grants.some((one) => one.level === name)),
    protected: imported.protected.filter((one) => one !== arn),
    leftOut: [...imported.leftOut, ...leftOut],
  };
}

function written(
  { grants, levels, protected: guarded, leftOut, differences }: Imported,
  { cluster }: Pick<ImportInput, 'cluster'>,
  before: Base | undefined,
): string {
  const { name, account, region } = cluster;
  const isKnown = before?.clusters.has(name);
  const additions: Addition[] = [
    ...(isKnown
      ? []
      : [{ section: 'clusters' as const, text: `${name}: ${flow({ account, region, mode: 'observe' })}` }]),
    ...levels.map(({ name: level, level: gives }) => ({
      section: 'levels' as const,
      text: `${level}: ${flow(gives)}`,
    })),
    ...grants.map(
      (grant): Addition => ({
        section: 'grants',
        comments: [
          grant.from,
          ...differences.filter(({ principal }) => principal === grant.principal).map(({ text }) => `  ${text}`),
        ],
        text: flow({
          name: grant.name,
          to: { principal: grant.principal },
          on: { clusters: name, ...(grant.namespaces.length > 0 ? { namespaces: grant.namespaces } : {}) },
          level: grant.level,
          through: grant.through,
        }),
      }),
    ),
    ...guarded.map((arn) => ({ section: 'protected' as const, text: flow(arn) })),
  ];
  if (before && additions.length === 0) return before.text;
  const tail = [
    ...(leftOut.length === 0 ? [] : [`Left out of what aws-auth of ${name} says:`, ...leftOut.flatMap(leftOutLines)]),
    `Whoever created ${name} may administer it, too, and stands in no ConfigMap: name them under protected.`,
  ];
  const head = [
    `What aws-auth and RBAC of ${name} give, written by "gatehouse import". Each line of aws-auth stays in force, and its grant`,
    'waits, until somebody takes that line out.',
  ];
  return before ? withAdditions(before.text, additions, { tail }) : newDocument(additions, { head, tail });
}

function leftOutLines({ place, arn, why, remedy }: LeftOut): string[] {
  return [`- ${place}${arn === '' ? '' : ` ${arn}`}: ${why}`, ...(remedy === undefined ? [] : [`  try: ${remedy}`])];
}
