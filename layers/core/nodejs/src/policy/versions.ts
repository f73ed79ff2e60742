import { digest } from '../access/digest.ts';
import { Failure, isFailure } from '../access/failure.ts';
import { canonicalJson, sameJson } from '../access/json.ts';
import type { AccessPolicy, PolicyVersion } from '../access/policy.ts';
import { clearDirty, dirtyNow } from '../directory/dirty.ts';
import type { Cause } from '../directory/fact.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Item, Key, Table } from '../ports/table.ts';
import { ACTIVE_KEY, storedPolicy, type WrittenInForce, writtenInForce } from './in-force.ts';
import { POLICY_LIMIT } from './read.ts';
import { requirePolicy } from './require.ts';
import { compare, type PolicyChange, withoutWidening } from './widening.ts';

/**
 * The policy's items, all with `pk: policy`:
 *
 * | sk | what |
 * |---|---|
 * | `version#00000001` | a document as uploaded; never changes |
 * | `active` | what is in force: the effective policy and the version it follows; `dirty` until it is planned |
 * | `in-force#00000001#<rev>` | every policy that was put in force, in order; written before `active` |
 * | `planned` | which of those the planner saw through to the end |
 * | `uploaded` | that a document was uploaded, `dirty` until it is read, and why the last one was refused (`uploaded.ts`) |
 *
 * A version's state is not stored, it follows from `active`: so no crash can leave the two at odds.
 */
const PARTITION = 'policy';
const VERSION = 'version#';
const IN_FORCE = 'in-force#';
const PLANNED_KEY: Key = { pk: PARTITION, sk: 'planned' };

/** How often a conditional write is tried again before the caller hears of the conflict. */
const TRIES = 20;

/** What policy versions need from the world. */
export interface PolicyPorts {
  readonly table: Table;
  readonly clock: Clock;
  readonly random: Random;
}

/** `proposed`: (partly) waiting for a person. `superseded`: another was uploaded or put in force since. */
export type VersionState = 'proposed' | 'active' | 'superseded';

/** A document as it was uploaded. */
export interface UploadedVersion {
  readonly version: number;
  readonly digest: string;
  readonly text: string;
  /** Milliseconds UTC. */
  readonly uploadedAt: number;
  readonly by: string;
  readonly state: VersionState;
}

/** What an upload did. */
export interface UploadOutcome {
  readonly version: number;
  readonly digest: string;
  /** `unchanged`: this document is in force, or waits, already. */
  readonly state: 'active' | 'proposed' | 'unchanged' | 'superseded';
  readonly widens: readonly PolicyChange[];
  readonly narrows: readonly PolicyChange[];
}

/**
 * Takes in a policy document. What narrows is in force at once. What widens is, too, where the document was reviewed before
 * (`trusted`); else the version is `proposed` until {@link activatePolicy}. Safe to repeat after a crash.
 * @throws Failure `invalid` (its `cause` is a `PolicyRefusal` with every error) while the old version stays in force;
 *   `conflict` where others kept writing; `too-large`.
 */
export async function uploadPolicy(
  ports: PolicyPorts,
  upload: {
    readonly text: string;
    readonly by: string;
    readonly cause: Cause;
    readonly trusted: boolean;
    /** The version that the text was made from: where another one is the newest by now, it is a conflict. */
    readonly after?: number;
    /** A version of its own also where the newest is the same document. */
    readonly anew?: boolean;
  },
): Promise<UploadOutcome> {
  const policy = requirePolicy(upload.text);
  const { version, digest } = await storeVersion(ports, upload);
  for (let tries = 0; tries < TRIES; tries++) {
    const current = await writtenInForce(ports.table);
    const comparison = compare(current?.policy, policy);
    const outcome = { version, digest, ...comparison };
    if (current && current.version > version) return { ...outcome, state: 'superseded' };
    if (current?.version === version && !current.partial) return { ...outcome, state: 'unchanged' };
    const waits = comparison.widens.length > 0 && !upload.trusted;
    const effective = waits ? withoutWidening(current?.policy, policy) : policy;
    if (waits && (!current || sameJson(effective, current.policy))) return { ...outcome, state: 'proposed' };
    const next = { version, digest, policy: effective, partial: waits };
    if (await putInForce(ports, current, next, upload.cause))
      return { ...outcome, state: waits ? 'proposed' : 'active' };
  }
  throw conflict();
}

/**
 * Puts a proposed version in force as a whole: a person agreed to what it widens. Safe to repeat.
 * @throws Failure `not-found`; `invalid` where a later version was uploaded since, which the person has not seen.
 */
export async function activatePolicy(
  ports: PolicyPorts,
  version: number,
  by: string,
  cause: Cause,
): Promise<{ readonly version: number; readonly digest: string; readonly state: 'active' | 'unchanged' }> {
  for (let tries = 0; tries < TRIES; tries++) {
    const uploaded = await readVersion(ports.table, version);
    if (!uploaded)
      throw new Failure('not-found', `there is no policy version ${version}`, {
        remedy: 'gatehouse status names the one that is in force, and the one that waits',
      });
    if (uploaded.state === 'superseded') {
      throw new Failure('invalid', `policy version ${version} is superseded`, {
        remedy: 'upload its document again, look at what it changes today, and activate that version',
      });
    }
    if (uploaded.state === 'active') return { version, digest: uploaded.digest, state: 'unchanged' };
    const current = await writtenInForce(ports.table);
    const next = { version, digest: uploaded.digest, policy: requirePolicy(uploaded.text), partial: false, by };
    if (await putInForce(ports, current, next, cause)) return { version, digest: uploaded.digest, state: 'active' };
  }
  throw conflict();
}

/**
 * Every policy under which something may have been given that nobody has looked at since: the last one that was planned and
 * all that were in force after it and before `current`, oldest first. A policy that was in force only for a moment counts, because
 * a turn may have followed it.
 */
export async function policiesBefore(table: Table, current: WrittenInForce): Promise<readonly AccessPolicy[]> {
  const planned = await table.get(PLANNED_KEY);
  const from = typeof planned?.sequence === 'number' ? planned.sequence : 0;
  const policies: AccessPolicy[] = [];
  let after = numbered(IN_FORCE, from);
  for (;;) {
    const page = await table.query(PARTITION, { prefix: IN_FORCE, after });
    for (const item of page.items) {
      if ((item.sequence as number) >= current.sequence) return policies;
      policies.push(storedPolicy(item.policy));
    }
    if (page.next === undefined) return policies;
    after = page.next;
  }
}

/** The policy that was planned last: what the planner compares with. Undefined before the first. */
export async function previousPolicy(table: Table): Promise<AccessPolicy | undefined> {
  const planned = await table.get(PLANNED_KEY);
  if (!planned) return undefined;
  const item = await table.get(inForceKey(planned.sequence as number, planned.rev as string));
  return item ? storedPolicy(item.policy) : undefined;
}

/**
 * The planner has marked everything that follows from `planned`, as it read it: remembers that, and takes it out of what
 * waits, unless another policy came into force meanwhile.
 * @returns false where the policy in force must be planned again.
 */
export async function markPolicyPlanned(table: Table, planned: WrittenInForce): Promise<boolean> {
  const { sequence, version, rev } = planned;
  try {
    await table.put({ ...PLANNED_KEY, sequence, version, rev }, { anyOf: [{ absent: true }, { less: { sequence } }] });
  } catch (error) {
    // Another planner is as far, or further.
    if (!isFailure(error, 'conflict')) throw error;
  }
  return planned.dirty === undefined ? true : clearDirty(table, ACTIVE_KEY, planned.dirty);
}

/** A version as it was uploaded. */
export async function readVersion(table: Table, version: number): Promise<UploadedVersion | undefined> {
  const item = await table.get({ pk: PARTITION, sk: numbered(VERSION, version) });
  if (!item) return undefined;
  const [current, newest] = await Promise.all([writtenInForce(table), newestVersion(table)]);
  return uploadedVersion(item, current, (newest?.version as number | undefined) ?? version);
}

/** All versions, the newest first, at most `limit`. */
export async function listVersions(table: Table, limit = 50): Promise<readonly UploadedVersion[]> {
  const current = await writtenInForce(table);
  const { items } = await table.query(PARTITION, { prefix: VERSION, reverse: true, limit });
  const newest = (items[0]?.version as number | undefined) ?? 0;
  return items.map((item) => uploadedVersion(item, current, newest));
}

const numbered = (prefix: string, number: number) => `${prefix}${String(number).padStart(8, '0')}`;

const inForceKey = (sequence: number, rev: string): Key => ({
  pk: PARTITION,
  sk: `${numbered(IN_FORCE, sequence)}#${rev}`,
});

const conflict = () =>
  new Failure('conflict', `the policy was written by others ${TRIES} times while it was being changed`);

function uploadedVersion(item: Item, current: WrittenInForce | undefined, newest: number): UploadedVersion {
  const version = item.version as number;
  const inForce = current?.version === version;
  const state =
    inForce && !current.partial
      ? 'active'
      : version === newest && (inForce || version > (current?.version ?? 0))
        ? 'proposed'
        : 'superseded';
  return {
    version,
    digest: item.digest as string,
    text: item.text as string,
    uploadedAt: item.uploadedAt as number,
    by: item.by as string,
    state,
  };
}

/** The number of the newest version; 0 before the first. */
export async function newestVersionNumber(table: Table): Promise<number> {
  return ((await newestVersion(table))?.version as number | undefined) ?? 0;
}

async function newestVersion(table: Table): Promise<Item | undefined> {
  const { items } = await table.query(PARTITION, { prefix: VERSION, reverse: true, limit: 1 });
  return items[0];
}

/** Gives a document its number. The newest document keeps its own when it is uploaded again. */
async function storeVersion(
  ports: PolicyPorts,
  { text, by, after, anew = false }: { text: string; by: string; after?: number; anew?: boolean },
): Promise<{ version: number; digest: string }> {
  const textDigest = digest(text);
  for (let tries = 0; tries < TRIES; tries++) {
    const newest = await newestVersion(ports.table);
    const last = (newest?.version as number | undefined) ?? 0;
    if (newest?.digest === textDigest && !anew) return { version: last, digest: textDigest };
    if (after !== undefined && after !== last) {
      throw new Failure(
        'conflict',
        `policy version ${last} was uploaded after version ${after}, which this one changes`,
        {
          remedy: 'begin again with the newest version',
          retryable: false,
        },
      );
    }
    const version = last + 1;
    const key = { pk: PARTITION, sk: numbered(VERSION, version) };
    try {
      await ports.table.put(
        { ...key, version, digest: textDigest, text, by, uploadedAt: ports.clock.now() },
        { absent: true },
      );
      return { version, digest: textDigest };
    } catch (error) {
      if (!isFailure(error, 'conflict')) throw error;
    }
  }
  throw conflict();
}

/** @returns false where somebody else put another policy in force since `current` was read. */
async function putInForce(
  ports: PolicyPorts,
  current: WrittenInForce | undefined,
  next: PolicyVersion & { readonly partial: boolean; readonly by?: string },
  cause: Cause,
): Promise<boolean> {
  const policy = canonicalJson(next.policy);
  if (Buffer.byteLength(policy) > POLICY_LIMIT) {
    throw new Failure(
      'too-large',
      `what may be in force of policy version ${next.version} is over ${POLICY_LIMIT} bytes`,
      {
        remedy: 'change fewer levels at a time',
      },
    );
  }
  const sequence = (current?.sequence ?? 0) + 1;
  const now = ports.clock.now();
  const rev = ports.random.token();
  const record = { version: next.version, digest: next.digest, partial: next.partial, sequence, rev, policy };
  // If `active` is lost to somebody else, this one stays behind as one policy too many to look at, which does no harm.
  await ports.table.put({ ...inForceKey(sequence, rev), ...record, at: now, ...byOf(next) });
  const item: Item = {
    ...ACTIVE_KEY,
    ...record,
    cause: { ...cause },
    ...dirtyNow(ports, 'fact-0'),
  };
  try {
    await ports.table.put(item, current ? { equals: { rev: current.rev } } : { absent: true });
    return true;
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
    return false;
  }
}

const byOf = (next: { readonly by?: string }) => (next.by === undefined ? {} : { by: next.by });
