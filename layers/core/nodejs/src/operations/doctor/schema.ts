import type { StateSchema } from '../../schema/version.ts';
import type { Check } from './check.ts';

/**
 * Whether the items of the state table are of the version that this release writes. One that is more than one version away is never
 * judged here: the table does not open.
 */
export function judgeSchema({ version, migrating }: StateSchema, known: number): Check {
  const about = { check: 'schema' } as const;
  if (migrating !== undefined) {
    const saw = `a migration of the state from version ${version} to ${migrating.to} has begun and not ended`;
    const fix = migrating.to < known ? 'gatehouse upgrade --state-back' : 'gatehouse upgrade';
    return { ...about, verdict: 'warn', saw, fix };
  }
  const saw = `the state is of version ${version}`;
  if (version === known) return { ...about, verdict: 'ok', saw: `${saw}, as this release writes it` };
  const mended =
    version < known
      ? { why: `this release writes version ${known}`, fix: 'gatehouse upgrade' }
      : {
          why: `this release writes version ${known}: a newer one was here`,
          fix: 'deploy the newer release again, or with it: gatehouse upgrade --state-back',
        };
  return { ...about, verdict: 'warn', saw: `${saw}; ${mended.why}`, fix: mended.fix };
}
