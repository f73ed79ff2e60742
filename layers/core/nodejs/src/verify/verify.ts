import type { Kubernetes } from '../ports/kubernetes.ts';
import type { Expectation } from './questions.ts';

/** What the cluster said to one question. */
export interface VerifiedExpectation {
  readonly expectation: Expectation;
  readonly allowed: boolean;
  /** The API server's own words: which binding allows it. */
  readonly reason?: string;
}

/**
 * The outcome of a verification. `access-review` says what the evidence is worth: it proves what RBAC allows a username, not
 * that a login becomes that username.
 */
export interface Verification {
  readonly evidence: 'access-review';
  /** In the order of the expectations. */
  readonly results: readonly VerifiedExpectation[];
  /** True where every answer was the one expected. */
  readonly ok: boolean;
}

/** Questions under way at the same time: quick enough, and no storm on the API server. */
const CONCURRENCY = 8;

/** Asks the cluster every question. @throws Failure of the port, once no question is under way any more. */
export async function verify(
  kubernetes: Pick<Kubernetes, 'review'>,
  expectations: readonly Expectation[],
): Promise<Verification> {
  const results: VerifiedExpectation[] = [];
  let next = 0;
  let failed = false;
  const ask = async () => {
    for (let index = next++; index < expectations.length && !failed; index = next++) {
      const expectation = expectations[index]!;
      try {
        results[index] = { expectation, ...(await kubernetes.review(expectation.question)) };
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const asked = await Promise.allSettled(Array.from({ length: Math.min(CONCURRENCY, expectations.length) }, ask));
  for (const outcome of asked) if (outcome.status === 'rejected') throw outcome.reason;
  return {
    evidence: 'access-review',
    results,
    ok: results.every(({ expectation, allowed }) => allowed === expectation.allowed),
  };
}
