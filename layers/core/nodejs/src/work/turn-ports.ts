import type { Clock } from '../ports/clock.ts';
import type { Notices } from '../ports/notices.ts';
import type { PublicWeb } from '../ports/public-web.ts';
import type { Queues } from '../ports/queues.ts';
import type { Random } from '../ports/random.ts';
import type { Table } from '../ports/table.ts';
import type { World } from '../ports/world.ts';

/** Everything a turn needs of the world. */
export interface TurnPorts {
  readonly table: Table;
  /** The append-only table. */
  readonly ledger: Table;
  readonly queues: Queues;
  readonly clock: Clock;
  readonly random: Random;
  readonly world: World;
  readonly notices: Notices;
  readonly web: PublicWeb;
  /** ARN of the permissions boundary in Gatehouse's own account, for accounts that the policy gives none. */
  readonly permissionsBoundary?: string;
}

/** How long things may take, in milliseconds, and how many subjects fit into a turn. */
export interface TurnLimits {
  /** After this, no more objects are begun; what is left is another turn's. */
  readonly work: number;
  /** After this, no call to AWS or Kubernetes is started. The function's time-out lies behind it. */
  readonly calls: number;
  /** How long the target is kept from other workers. Longer than the function's time-out. */
  readonly lease: number;
  readonly subjects: number;
  /** Of a turn that grants: fewer, because what is to be taken away waits for its steps. */
  readonly grants: number;
  /** After this, no further turn is begun: the rest of the time is for what is under way. */
  readonly begins: number;
}

/**
 * The limits as deployed: the functions time out after 10 s, and SQS shows their messages again after 60 s. A call that is
 * started last, and takes as long as a call may (3 s), still ends before that.
 */
export const TURN_LIMITS: TurnLimits = {
  work: 5_500,
  calls: 6_500,
  lease: 12_000,
  subjects: 500,
  grants: 100,
  begins: 2_500,
};
