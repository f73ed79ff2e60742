import type { ClusterMode } from '@gatehouse/core/access/policy';
import type { OnboardingFinding } from '@gatehouse/core/policy/onboarding';
import type { UploadError } from '@gatehouse/core/policy/uploaded';
import type { Finding } from '@gatehouse/core/resources/resource';

/** A mark: what is to be done, or to be seen, for a subject on a target. */
export type Mark = StatusOutcome['waiting'][number];

/** Whether a mark is a second look: all is written, and IAM is read once more, or the cluster is asked. */
export function isSecondLook({ target, confirming, failure }: Mark): boolean {
  return confirming === true || (target.startsWith('verify/') && failure === undefined);
}

/** What the operation `status` answers. */
export interface StatusOutcome {
  /** Null before the first. `partial`: what the version widens waits for a person. */
  readonly policy: { readonly version: number; readonly digest: string; readonly partial?: boolean } | null;
  /** The newest version, where it waits for a person to agree to what it widens. */
  readonly proposed?: { readonly version: number; readonly by: string; readonly uploadedAt: number };
  readonly clusters: readonly { readonly name: string; readonly arn: string; readonly mode: ClusterMode }[];
  /** What is onboarded, where the policy onboards anything, and what of it gets nothing, or not all. */
  readonly onboarding?: {
    readonly environments: number;
    readonly applications: number;
    readonly findings: readonly OnboardingFinding[];
  };
  /** The last document that was refused, where none was accepted since. */
  readonly refused?: { readonly at: number; readonly errors: readonly UploadError[] };
  /** What is marked and not done. Times in milliseconds UTC. */
  readonly waiting: readonly {
    readonly target: string;
    readonly subject: string;
    readonly urgency: string;
    readonly since: number;
    readonly attempts: number;
    readonly notBefore: number;
    /** All is written, and is only to be seen once more. */
    readonly confirming?: true;
    /** Why it failed last. */
    readonly failure?: { readonly code: string; readonly message: string; readonly remedy?: string };
  }[];
  /** What a person must mend. */
  readonly findings: readonly (Finding & { readonly target: string; readonly since: number })[];
}
