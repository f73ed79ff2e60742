import type { Json } from '../access/json.ts';
import { sameJson } from '../access/json.ts';
import type { Subject } from '../access/subject.ts';
import type { Target } from '../access/target.ts';
import { claimsBySubject } from '../plan/turn-claims.ts';
import { allItems } from '../ports/all-items.ts';
import { eachAtOnce } from '../ports/at-once.ts';
import type { Item, Table, TableReader } from '../ports/table.ts';
import type { AwsAuthClaim } from '../resources/aws-auth/model.ts';
import type { IamUserClaim } from '../resources/iam-user/model.ts';
import type { Claim, OwnedClaim } from '../resources/resource.ts';
import { namedKey, RECORD_PREFIX, recordKey, targetPk, whereKey } from './keys.ts';

/** What was made, or is about to be made, for a subject on a target. */
export async function readRecord(reader: TableReader, target: Target, subject: Subject): Promise<OwnedClaim[]> {
  const item = await reader.get(recordKey(target, subject));
  return item ? claimsOf(item, subject) : [];
}

/** One page of all that is recorded on a target. `next`: the subject to go on after. */
export async function readRecords(
  reader: TableReader,
  target: Target,
  after: string | undefined,
  limit: number,
): Promise<{ records: Map<Subject, OwnedClaim[]>; next?: string }> {
  const page = await reader.query(targetPk(target), {
    prefix: RECORD_PREFIX,
    limit,
    ...(after === undefined ? {} : { after: `${RECORD_PREFIX}${after}` }),
  });
  const records = new Map<Subject, OwnedClaim[]>();
  for (const item of page.items) {
    const subject = item.sk.slice(RECORD_PREFIX.length) as Subject;
    records.set(subject, claimsOf(item, subject));
  }
  return page.next === undefined ? { records } : { records, next: page.next.slice(RECORD_PREFIX.length) };
}

/** Records in a page of {@link allRecords}. */
const PAGE = 500;

/** All that is recorded on a target, subject by subject; no page is read before it is needed. */
export async function* allRecords(reader: TableReader, target: Target): AsyncGenerator<[Subject, OwnedClaim[]]> {
  let after: string | undefined;
  do {
    const page = await readRecords(reader, target, after, PAGE);
    yield* page.records;
    after = page.next;
  } while (after !== undefined);
}

/** The targets on which something is recorded for a subject. */
export async function targetsOf(reader: TableReader, subject: Subject): Promise<Target[]> {
  return (await allItems(reader, `where#${subject}`)).map((item) => item.sk as Target);
}

/** The targets that name a principal or managed policy: clusters whose aws-auth maps it, users that have it attached. */
export async function targetsNaming(reader: TableReader, arn: string): Promise<Target[]> {
  return (await allItems(reader, namedKey(arn, '').pk)).map((item) => item.sk as Target);
}

/**
 * Brings the records of some subjects to what is given, before or after the writes that they stand for. Pointers are written
 * ahead of what they point to and removed after it, so that a crash in between leaves one too many, never one too few.
 * Answers the ARNs that the target names no more.
 */
export async function writeRecords(
  table: Table,
  target: Target,
  before: readonly OwnedClaim[],
  after: readonly OwnedClaim[],
): Promise<string[]> {
  const was = claimsBySubject(before);
  const is = claimsBySubject(after);
  await eachAtOnce(is, async ([subject, claims]) => {
    const known = was.get(subject);
    if (known && sameJson(known.map(stored), claims.map(stored))) return;
    const named = arnsOf(claims.map(({ claim }) => claim));
    if (!known) await table.put({ ...whereKey(subject, target) });
    for (const arn of named.difference(arnsOf((known ?? []).map(({ claim }) => claim)))) {
      await table.put({ ...namedKey(arn, target) });
    }
    await table.put({ ...recordKey(target, subject), subject, claims: claims.map(stored) });
  });
  const over = [...was.keys()].filter((subject) => !is.has(subject));
  await eachAtOnce(over, async (subject) => {
    await table.delete(recordKey(target, subject));
    await table.delete(whereKey(subject, target));
  });
  const released = arnsOf(before.map(({ claim }) => claim)).difference(arnsOf(after.map(({ claim }) => claim)));
  await eachAtOnce(released, (arn) => table.delete(namedKey(arn, target)));
  return [...released];
}

function claimsOf(item: Item, subject: Subject): OwnedClaim[] {
  const claims = (item.claims ?? []) as unknown as readonly { grant?: string; claim: Claim }[];
  return claims.map(({ grant, claim }) => ({ subject, claim, ...(grant === undefined ? {} : { grant }) }));
}

const stored = ({ grant, claim }: OwnedClaim): Json =>
  ({ ...(grant === undefined ? {} : { grant }), claim }) as unknown as Json;

function arnsOf(claims: readonly Claim[]): Set<string> {
  return new Set(
    claims.flatMap((claim) => {
      if (claim.kind === 'aws-auth') return [(claim as AwsAuthClaim).arn];
      return claim.kind === 'iam-user' ? ((claim as IamUserClaim).attached ?? []) : [];
    }),
  );
}
