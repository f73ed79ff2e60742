import { type AwsAuthMappings, type DecidingMappings, inForce } from './aws-auth.ts';

/**
 * For whom what they become differs between two states of aws-auth: lower-cased ARNs as its entries name them, and the 12-digit
 * accounts that `mapAccounts` admits in one and not in the other. Sorted, each once.
 */
export function principalsChanged(before: AwsAuthMappings, after: AwsAuthMappings): string[] {
  const [was, is] = [inForce(before), inForce(after)];
  const arns = [
    ...[...was].filter(([arn, deciding]) => outcome(deciding) !== outcome(is.get(arn))).map(([arn]) => arn),
    ...[...is.keys()].filter((arn) => !was.has(arn)),
  ];
  const accounts = [
    ...before.accounts.filter((account) => !after.accounts.includes(account)),
    ...after.accounts.filter((account) => !before.accounts.includes(account)),
  ];
  return [...new Set([...arns, ...accounts])].sort();
}

/** What entries make of a caller; the templates stand for all their renderings. Undefined where there are none. */
function outcome(deciding: DecidingMappings | undefined): string | undefined {
  const each = deciding?.mappings.map(({ username, groups }) => JSON.stringify([username, sortedOnce(groups)]));
  return each && sortedOnce(each).join();
}

/** Nearly always one or none: nothing is made for these. */
function sortedOnce(texts: readonly string[]): readonly string[] {
  return texts.length < 2 ? texts : [...new Set(texts)].sort();
}
