import type { Subject } from '../access/subject.ts';

/**
 * What one subject wants of one object on a target: a line in aws-auth, a subject in a binding, the rules of a Role.
 * JSON-able, compared by canonical JSON. Recorded in the table before it is made, so that it can always be taken back.
 */
export interface Claim {
  /** The kind's name: the folder under `core/resources/`. */
  readonly kind: string;
  /** The object it lives in, unique among the objects of its kind on the target; for people to read, too. */
  readonly object: string;
}

/** A claim and whose it is. */
export interface OwnedClaim<C extends Claim = Claim> {
  readonly subject: Subject;
  /** The grant it follows from. What blocks one grant of a subject does not block its others. */
  readonly grant?: string;
  readonly claim: C;
}

/** Something that a person should know, or must mend before a claim can be made. JSON-able. */
export interface Finding {
  /** Stable, kebab-case: `foreign-entry`, `does-not-parse`, `namespace-absent`, `escalation`, `lockout`, ... */
  readonly code: string;
  /** `blocks`: what the finding is about was not done. `notice`: it was, or there was nothing to do. */
  readonly severity: 'blocks' | 'notice';
  readonly object: string;
  /** Absent: it concerns everything on the object. */
  readonly subject?: Subject;
  /** One sentence: the thing, where it stands, why it is wrong. */
  readonly message: string;
  /** What to do, with the command where there is one. */
  readonly remedy: string;
}

/** One line of a change, for people. */
export interface ChangeLine {
  readonly sign: '+' | '-' | '~';
  readonly text: string;
  /** Whose claim causes it. */
  readonly subject?: Subject;
}

/** One write of one object: from what was observed to what shall be. JSON-able. */
export interface Change<O = unknown> {
  readonly kind: string;
  readonly object: string;
  readonly action: 'create' | 'update' | 'delete';
  readonly before: O;
  readonly after: O;
  readonly lines: readonly ChangeLine[];
}

/** What a kind's `diff` says of one object: at most one change, and what it found. */
export interface Diff<O = unknown> {
  readonly change?: Change<O>;
  readonly findings: readonly Finding[];
}

/** The claims of a turn on one object. Both hold only what the turn's subjects claim; what others claim stays untouched. */
export interface ObjectClaims<C extends Claim = Claim> {
  /** What must be there. */
  readonly wanted: readonly OwnedClaim<C>[];
  /** What was recorded as made and must be gone. */
  readonly unwanted: readonly OwnedClaim<C>[];
  /** Claims of `wanted` that are recorded as made by Gatehouse already; what is present but not among these is foreign. */
  readonly recorded: readonly OwnedClaim<C>[];
}

/**
 * A kind of resource. `O` is its observed state, a JSON-able value that also expresses absence; `P` the ports it needs.
 *
 * Laws, checked for every kind by one property test:
 * - `diff` is pure; after applying its change (`observed = change.after`), the same claims give no change.
 * - what no claim of the turn mentions is the same in `before` and `after`.
 * - `apply` is safe to repeat; "not found" on removal is success.
 */
export interface Kind<C extends Claim = Claim, O = unknown, P = unknown> {
  readonly name: C['kind'];
  /** AWS actions that `observe` and `apply` call, as an IAM policy names them. */
  readonly iamActions: readonly string[];
  /** Whether `before` is kept as a snapshot ahead of each write. */
  readonly keepsSnapshot: boolean;
  /** Reads one object; one call where the API allows it. */
  observe(ports: P, object: string): Promise<O>;
  diff(object: string, observed: O, claims: ObjectClaims<C>): Diff<O>;
  /**
   * Makes one change, and answers what is now there as far as the calls tell (usually `change.after` with its new version).
   * @throws Failure `conflict` where the object changed since `before` was observed: the caller observes and plans again.
   */
  apply(ports: P, change: Change<O>): Promise<O>;
  /**
   * What was begun on the object and is not over, in words; undefined where nothing is. Until it is, whoever claims the object
   * stays recorded and marked, and it is looked at again: no turn waits for it.
   */
  underWay?(observed: O): string | undefined;
}
