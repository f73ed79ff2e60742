import { digest } from '../access/digest.ts';
import type { Json } from '../access/json.ts';
import type { Subject } from '../access/subject.ts';
import type { Target } from '../access/target.ts';
import { appendEntry } from '../ledger/ledger.ts';
import { allItems } from '../ports/all-items.ts';
import type { Item, TableReader } from '../ports/table.ts';
import type { Finding } from '../resources/resource.ts';
import type { Run } from './carry-out.ts';
import { REMARK_PREFIX, targetPk } from './keys.ts';
import type { TurnPorts } from './turn-ports.ts';

/** A finding that keeps nothing from being done, and that a person should know: somebody else's entry still admits, say. */
export interface Remark {
  readonly finding: Finding;
  /** When it was seen first, milliseconds UTC. */
  readonly since: number;
}

/** What a turn looked at, and so can say is no longer so. */
export interface Looked {
  readonly objects: ReadonlySet<string>;
  readonly subjects: ReadonlySet<Subject>;
}

/** What nobody looks at again is not shown for ever. */
const KEPT_SECONDS = 30 * 24 * 60 * 60;

/** Tells the ledger what a turn remarked for the first time, keeps it for `status`, and forgets what is no longer so. */
export async function keepRemarks(
  ports: Pick<TurnPorts, 'table' | 'ledger' | 'clock'>,
  place: { readonly target: Target; readonly chain: string; readonly run: Run },
  findings: readonly Finding[],
  looked: Looked,
): Promise<void> {
  const { target, chain, run } = place;
  const now = ports.clock.now();
  const seen = new Map(
    findings.filter(({ severity }) => severity === 'notice').map((finding) => [sortKeyOf(finding), finding]),
  );
  const known = new Set<string>();
  for (const item of await remarkItems(ports.table, target)) {
    known.add(item.sk);
    const { object, subject } = readRemark(item).finding;
    const isLookedAt = looked.objects.has(object) && (subject === undefined || looked.subjects.has(subject));
    if (isLookedAt && !seen.has(item.sk)) await ports.table.delete({ pk: item.pk, sk: item.sk });
  }
  for (const [sk, finding] of seen) {
    if (known.has(sk)) continue;
    // Told before it is kept: a crash in between tells it twice, not never.
    await appendEntry(ports, chain, {
      kind: 'finding',
      run: run.id,
      target,
      policyVersion: run.policyVersion,
      causes: run.causes,
      changes: [],
      finding,
    });
    const expiresAt = Math.floor(now / 1000) + KEPT_SECONDS;
    await ports.table.put({ pk: targetPk(target), sk, finding: finding as unknown as Json, since: now, expiresAt });
  }
}

/** What was remarked on a target and is, as far as is known, still so. */
export async function readRemarks(reader: TableReader, target: Target): Promise<Remark[]> {
  return (await remarkItems(reader, target)).map(readRemark);
}

const remarkItems = (reader: TableReader, target: Target): Promise<Item[]> =>
  allItems(reader, targetPk(target), REMARK_PREFIX);

const readRemark = ({ finding, since }: Item): Remark => ({
  finding: finding as unknown as Finding,
  since: Number(since),
});

function sortKeyOf({ code, object, subject, message }: Finding): string {
  return `${REMARK_PREFIX}${digest([code, object, subject ?? null, message])}`;
}
