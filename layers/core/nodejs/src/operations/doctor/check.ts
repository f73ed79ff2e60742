import { isFailure } from '../../access/failure.ts';

/** `warn`: it works, and somebody should look. `not-checked`: it could not be seen from here. */
export type Verdict = 'ok' | 'warn' | 'fail' | 'not-checked';

/** What one check saw. */
export interface Check {
  /** What was looked at: a stable word. */
  readonly check: string;
  /** Of which cluster, account, source or queue; absent: of the whole. */
  readonly of?: string;
  readonly verdict: Verdict;
  /** One sentence. */
  readonly saw: string;
  /** What to do, with the command. Of every check that fails. */
  readonly fix?: string;
}

/** One check or several that judge the same facts. */
export interface Probe {
  readonly check: string;
  readonly of?: string;
  readonly run: () => Promise<readonly Check[]>;
}

/** All at once. What one of them throws is a failure of its own, and hides no other. */
export async function runProbes(probes: readonly Probe[]): Promise<readonly Check[]> {
  const checks = await Promise.all(
    probes.map(async ({ check, of, run }) => {
      try {
        return await run();
      } catch (error) {
        return [failed(check, of, error)];
      }
    }),
  );
  return checks.flat();
}

/** What could not be looked at: what a person lacks a permission for is not known to be wrong. */
export function failed(check: string, of: string | undefined, error: unknown): Check {
  const about = of === undefined ? { check } : { check, of };
  if (!isFailure(error))
    return { ...about, verdict: 'fail', saw: String(error), fix: 'look at the log of run-operation' };
  const { code, message, remedy } = error;
  const verdict = code === 'forbidden' || code === 'unsupported' ? 'not-checked' : 'fail';
  return { ...about, verdict, saw: `${code}: ${message}`, fix: remedy ?? 'look at the log of run-operation' };
}
