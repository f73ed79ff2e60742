import type { AccessReport } from '@gatehouse/core/operations/access-report';
import { askedText } from '@gatehouse/core/operations/denial';
import type { AwsOptions } from '../aws/options.ts';
import { ownSession } from './own-session.ts';

/** What a cluster showed to whoever acted as one login. */
export interface Impersonation {
  readonly username: string;
  readonly whoAmI: { readonly username: string; readonly groups: readonly string[] };
  /** Whether every answer was that of the access review before, and everything is an administrator's alone. */
  readonly agrees: boolean;
  readonly differences: readonly string[];
}

/**
 * Asks a cluster as each login of a report, by the caller's own right to impersonate: who am I, everything on everything, and all
 * that the report asked.
 * @throws Failure `forbidden` where the caller may not impersonate.
 */
export async function impersonate(report: AccessReport, options: AwsOptions): Promise<readonly Impersonation[]> {
  const shown: Impersonation[] = [];
  for (const { username, groups } of report.logins) {
    if (username === undefined) continue;
    const session = await ownSession(report.cluster, { ...options, impersonated: { user: username, groups } });
    const whoAmI = await session.whoAmI();
    const differences: string[] = whoAmI.username === username ? [] : [`the cluster took them for ${whoAmI.username}`];
    for (const answer of report.answers.filter((one) => one.username === username)) {
      const { username: _username, expected: _expected, because: _because, allowed: before, ...asked } = answer;
      const { allowed } = await session.mayI(asked);
      if (allowed !== before) differences.push(`as them: ${allowed ? 'may' : 'may not'} ${askedText(asked)}`);
    }
    const { allowed: everything } = await session.mayI({ verb: '*', group: '*', resource: '*' });
    if (everything && !report.administrator.expected) differences.push('as them: may do everything with everything');
    shown.push({ username, whoAmI, agrees: differences.length === 0, differences });
  }
  return shown;
}
