import { parsePrincipalArn, reservedRole } from '../access/arn.ts';
import { isFailure } from '../access/failure.ts';
import { IAM_PATH } from '../access/names.ts';
import { allItems } from '../ports/all-items.ts';
import type { TableReader } from '../ports/table.ts';
import { type ApplicationItem, applicationsPrefix, ONBOARDED, type OnboardedItem } from './items.ts';

/** All environments and applications that any event spoke of, gone ones included. */
export async function readOnboarded(reader: TableReader): Promise<readonly OnboardedItem[]> {
  return (await allItems(reader, ONBOARDED)) as unknown as readonly OnboardedItem[];
}

/** The applications of an environment, gone ones included. */
export async function applicationsOf(reader: TableReader, environment: string): Promise<readonly ApplicationItem[]> {
  const items = await allItems(reader, ONBOARDED, applicationsPrefix(environment));
  return items as unknown as readonly ApplicationItem[];
}

/**
 * Why an ARN cannot be that of a role somebody names for an environment or application, as the rest of a sentence; undefined
 * where it can: a role by its own ARN, nobody else's by nature and none that Gatehouse makes.
 */
export function unfitRole(text: string): string | undefined {
  try {
    const arn = parsePrincipalArn(text);
    if (arn.type !== 'role') return `is a ${arn.type}, not a role`;
    if (arn.path.startsWith(IAM_PATH)) return 'is of Gatehouse’s own making: leave the role out';
    const reserved = reservedRole(arn);
    return reserved && `cannot be used: ${reserved.why}`;
  } catch (error) {
    if (!isFailure(error, 'invalid')) throw error;
    return error.message.replace(/^.* IAM principal: /, 'is no ARN of an IAM role: ');
  }
}
