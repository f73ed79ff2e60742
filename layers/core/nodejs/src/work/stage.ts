import type { AccessPolicy, ClusterMode } from '../access/policy.ts';
import type { Subject } from '../access/subject.ts';
import type { Target } from '../access/target.ts';
import type { OwnedClaim } from '../resources/resource.ts';
import type { Result, Scene } from './carry-out.ts';
import type { CauseOf } from './causes.ts';
import type { FactReader } from './fact-reader.ts';
import type { Mark } from './marks.ts';
import type { TurnPorts } from './turn-ports.ts';

/** What setting a stage takes: the facts, and whom the turn is about. */
export interface StageRequest {
  readonly ports: TurnPorts;
  readonly reader: FactReader;
  readonly policy: AccessPolicy;
  readonly target: Target;
  readonly subjects: readonly Subject[];
  /** Milliseconds UTC after which no call may start. */
  readonly callsUntil: number;
}

/** A scene, and what follows when it has been carried out. */
export interface Stage {
  readonly scene: Scene;
  readonly mode: ClusterMode;
  /** Which subjects depend on which claims, beside those who make them: what fails for a claim fails for them, too. */
  readonly dependents: readonly OwnedClaim[];
  /** Milliseconds after which what was written must be seen once more; undefined where the write itself is proof. */
  confirmAfter(result: Result): Promise<number | undefined>;
  /** Subjects of what was looked up and is gone: a finding of theirs keeps nobody from hearing of it. */
  readonly gone?: ReadonlySet<Subject>;
  /** Marks what comes next: other targets, verification. Answers the targets to wake. */
  follow(result: Result, marks: readonly Mark[], causeOf: CauseOf): Promise<readonly Target[]>;
}
