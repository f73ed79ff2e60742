import { formatPrincipalArn, parsePrincipalArn } from '../access/arn.ts';
import { isFailure } from '../access/failure.ts';
import type { AccessPolicy, Cluster } from '../access/policy.ts';
import { readAwsAuth } from '../effective-access/aws-auth.ts';
import type { AccountPorts } from '../ports/world.ts';
import { AWS_AUTH_REF } from '../resources/aws-auth/model.ts';
import { accountById } from '../work/clusters.ts';
import { FactReader } from '../work/fact-reader.ts';
import type { TurnPorts } from '../work/turn-ports.ts';
import { rbacOf } from './access-report.ts';
import { type ExistingRbac, mappedArns, rbacFor } from './import.ts';

/** What stands on a cluster, whoever wrote it, as far as it is about those whom aws-auth maps. JSON-able. */
export interface ExistingAccess {
  readonly cluster: Pick<Cluster, 'name' | 'account' | 'region'>;
  /** `data` of the ConfigMap; null where there is none. */
  readonly awsAuth: Readonly<Record<string, string>> | null;
  readonly rbac: ExistingRbac;
  /** ARNs as aws-auth names them, and as IAM does: there a role has its path. */
  readonly principals: readonly { readonly mapped: string; readonly arn: string }[];
  /** Why IAM could not be asked. */
  readonly unasked?: string;
}

/** Calls to IAM at a time. */
const AT_ONCE = 8;

/** Reads it. @throws Failure where the cluster cannot be read. */
export async function existingAccess(
  ports: TurnPorts,
  policy: AccessPolicy,
  { name, account, region, ...cluster }: Cluster,
): Promise<ExistingAccess> {
  const owner = await accountById(new FactReader(ports.table), policy, account);
  const { kubernetes } = await ports.world.cluster(owner, { name, account, region, ...cluster });
  const awsAuth = (await kubernetes.read(AWS_AUTH_REF))?.data ?? null;
  const mappings = readAwsAuth(awsAuth ?? undefined);
  const rbac = rbacFor(mappings, await rbacOf(kubernetes));
  const known = { cluster: { name, account, region }, awsAuth, rbac };
  const here = mappedArns(mappings).filter((arn) => parsePrincipalArn(arn).account === account);
  try {
    return { ...known, principals: await asInIam(await ports.world.account(owner), here) };
  } catch (error) {
    if (!isFailure(error)) throw error;
    return { ...known, principals: [], unasked: error.message };
  }
}

async function asInIam({ iam }: AccountPorts, arns: readonly string[]): Promise<{ mapped: string; arn: string }[]> {
  const found: { mapped: string; arn: string }[] = [];
  for (let start = 0; start < arns.length; start += AT_ONCE) {
    const some = arns.slice(start, start + AT_ONCE);
    const there = await Promise.all(
      some.map((arn) => {
        const { type, name } = parsePrincipalArn(arn);
        return type === 'role' ? iam.getRole(name) : iam.getUser(name);
      }),
    );
    for (const [index, one] of there.entries()) {
      if (one) found.push({ mapped: some[index]!, arn: formatPrincipalArn(parsePrincipalArn(one.arn)) });
    }
  }
  return found;
}
