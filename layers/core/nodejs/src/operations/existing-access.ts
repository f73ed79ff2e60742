import { formatPrincipalArn, parsePrincipalArn } from '../access/arn.ts';
import { isFailure } from '../access/failure.ts';
import type { AccessPolicy, Cluster } from '../access/policy.ts';
import { readAwsAuth } from '../effective-access/aws-auth.ts';
import { eachAtOnce } from '../ports/at-once.ts';
import type { AccountPorts } from '../ports/world.ts';
import { AWS_AUTH_REF } from '../resources/aws-auth/model.ts';
import { accountById } from '../work/clusters.ts';
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

/** Reads it. @throws Failure where the cluster cannot be read. */
export async function existingAccess(
  ports: TurnPorts,
  policy: AccessPolicy,
  cluster: Cluster,
): Promise<ExistingAccess> {
  const { name, account, region } = cluster;
  const owner = await accountById(ports.table, policy, account);
  const { kubernetes } = await ports.world.cluster(owner, cluster);
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
  const found = await eachAtOnce(arns, async (mapped) => {
    const { type, name } = parsePrincipalArn(mapped);
    const one = type === 'role' ? await iam.getRole(name) : await iam.getUser(name);
    return one ? [{ mapped, arn: formatPrincipalArn(parsePrincipalArn(one.arn)) }] : [];
  });
  return found.flat();
}
