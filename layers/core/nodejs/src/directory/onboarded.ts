import * as z from 'zod';
import { parsePrincipalArn, reservedRole } from '../access/arn.ts';
import { isFailure } from '../access/failure.ts';
import { ENVIRONMENT_PATTERN, IAM_PATH, NAME_PATTERN } from '../access/names.ts';
import { allItems } from '../ports/all-items.ts';
import type { TableReader } from '../ports/table.ts';
import type { Fact } from './fact.ts';
import { type ApplicationItem, applicationsPrefix, ID_LIMIT, ONBOARDED, type OnboardedItem } from './items.ts';

const environmentName = z
  .string()
  .regex(
    ENVIRONMENT_PATTERN,
    'is no name of an environment (lower-case letters, digits, single hyphens between, at most 63)',
  );
const namespace = z.string().regex(NAME_PATTERN, 'is no name of a namespace');
const role = z.string().superRefine((text, context) => {
  const unfit = unfitRole(text);
  if (unfit !== undefined) context.addIssue(unfit);
});

/** An environment as events and commands name it: which cluster it is, and by which role, where one exists. */
export const environmentForm = z.strictObject({
  name: environmentName,
  cluster: z.strictObject({
    account: z.string().regex(/^\d{12}$/, 'is no AWS account id (12 digits)'),
    region: z.string().regex(/^[a-z]{2,3}(-[a-z]{2,12}){1,2}-\d{1,2}$/, 'is no AWS Region'),
    name: z.string().regex(/^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/, 'is no name of an EKS cluster'),
  }),
  role: role.optional(),
});

/** An environment that is none any more. */
export const environmentNamed = z.strictObject({ name: environmentName });

/** An application as events and commands name it. */
export const applicationForm = z.strictObject({
  environment: environmentName,
  namespace,
  role: role.optional(),
  /** Id of a group. */
  group: z
    .string()
    .regex(/^[\p{L}\p{M}\p{N}\p{P}\p{S}]{1,256}$/u, 'is no id of a group (visible characters, at most 256)')
    .refine((id) => Buffer.byteLength(id) <= ID_LIMIT, `is longer than ${ID_LIMIT} bytes`)
    .optional(),
});

/** An application that is none any more. */
export const applicationNamed = z.strictObject({ environment: environmentName, namespace });

/** What an event or a command says of an environment: without `cluster` it is none any more. */
export function environmentFact(
  said: z.infer<typeof environmentForm> | z.infer<typeof environmentNamed>,
  at: number,
): Extract<Fact, { type: 'environment' }> {
  if (!('cluster' in said)) return { type: 'environment', name: said.name, state: 'absent', at };
  const { name, cluster, role: named } = said;
  return { type: 'environment', name, state: 'present', at, cluster, ...(named === undefined ? {} : { role: named }) };
}

/** What an event or a command says of an application. */
export function applicationFact(
  { environment, namespace: name, role: named, group }: z.infer<typeof applicationForm>,
  state: 'present' | 'absent',
  at: number,
): Extract<Fact, { type: 'application' }> {
  const about = { type: 'application', environment, namespace: name, at } as const;
  if (state === 'absent') return { ...about, state };
  return {
    ...about,
    state,
    ...(named === undefined ? {} : { role: named }),
    ...(group === undefined ? {} : { group }),
  };
}

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
    if (arn.type !== 'role') return `is no role (it is of type ${arn.type})`;
    if (arn.path.startsWith(IAM_PATH)) return 'is of Gatehouse’s own making: leave the role out';
    const reserved = reservedRole(arn);
    return reserved && `cannot be used: ${reserved.why}`;
  } catch (error) {
    if (!isFailure(error, 'invalid')) throw error;
    return error.message.replace(/^.* IAM principal: /, 'is no ARN of an IAM role: ');
  }
}
