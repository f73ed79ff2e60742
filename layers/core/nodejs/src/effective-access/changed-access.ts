import { type AwsAuthMapping, type AwsAuthMappings, foldCase, keyOf } from './aws-auth.ts';

/**
 * For whom what they become differs between two states of aws-auth: lower-cased ARNs as its entries name them, and the 12-digit
 * accounts that `mapAccounts` admits in one and not in the other. Sorted, each once.
 */
export function principalsChanged(before: AwsAuthMappings, after: AwsAuthMappings): string[] {
  const [was, is] = [outcomes(before), outcomes(after)];
  const arns = [...was.keys(), ...is.keys()].filter((arn) => was.get(arn) !== is.get(arn));
  const accounts = [
    ...before.accounts.filter((account) => !after.accounts.includes(account)),
    ...after.accounts.filter((account) => !before.accounts.includes(account)),
  ];
  return [...new Set([...arns, ...accounts])].sort();
}

/** By lower-cased ARN, what its entries make of a caller; the templates stand for all their renderings. */
function outcomes(mappings: AwsAuthMappings): ReadonlyMap<string, string> {
  const result = new Map<string, string>();
  for (const list of ['mapUsers', 'mapRoles'] as const) {
    const entries = new Map<string, Map<string, AwsAuthMapping>>();
    for (const mapping of list === 'mapRoles' ? mappings.roles : mappings.users) {
      const arn = foldCase(mapping.arn);
      const rivals = entries.get(arn) ?? new Map<string, AwsAuthMapping>();
      entries.set(arn, rivals.set(keyOf(list, mapping), mapping));
    }
    // mapRoles comes last, because it is asked first: what mapUsers says of the same ARN never counts.
    for (const [arn, rivals] of entries) result.set(arn, outcome([...rivals.values()]));
  }
  return result;
}

function outcome(rivals: readonly AwsAuthMapping[]): string {
  const each = rivals.map(({ username, groups }) => JSON.stringify([username, [...new Set(groups)].sort()]));
  return [...new Set(each)].sort().join();
}
