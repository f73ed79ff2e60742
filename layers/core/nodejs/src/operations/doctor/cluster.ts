import { awsAuthArn } from '../../access/arn.ts';
import { type Failure, isFailure } from '../../access/failure.ts';
import type { AccessPolicy, AccessRule, Account, Cluster } from '../../access/policy.ts';
import { wayOf } from '../../access/way.ts';
import { AWS_AUTH_RULES, bootstrapRules, CONTROLLER_USERNAME } from '../../bootstrap/manifest.ts';
import { type AwsAuthMappings, identify, readAwsAuth } from '../../effective-access/aws-auth.ts';
import { covers, type RbacObjects, rulesOf, type Who } from '../../effective-access/rbac.ts';
import { selects } from '../../policy/selection.ts';
import type { EksCluster } from '../../ports/eks.ts';
import type { World } from '../../ports/world.ts';
import { AWS_AUTH_REF } from '../../resources/aws-auth/model.ts';
import { rbacOf } from '../access-report.ts';
import { callerFor } from '../person.ts';
import { type Check, failed } from './check.ts';

/** What was read of a cluster; a Failure where it could not be. */
export interface ClusterFacts {
  readonly cluster: Cluster;
  /** The role by which Gatehouse comes. */
  readonly roleArn: string;
  /** Undefined: EKS knows no such cluster. */
  readonly eks: EksCluster | undefined | Failure;
  readonly me: Who | Failure;
  readonly awsAuth: AwsAuthMappings | Failure;
  readonly rbac: RbacObjects | Failure;
  /** What Gatehouse must hold for the levels in force: on the whole cluster, and in kube-system. */
  readonly needed: { readonly everywhere: readonly AccessRule[]; readonly inKubeSystem: readonly AccessRule[] };
  /** Whether somebody comes by a session whose name is part of who they are. */
  readonly hasSessions: boolean;
}

/** Reads all of it, at once; reads alone. */
export async function clusterFacts(
  world: World,
  policy: AccessPolicy,
  cluster: Cluster,
  account: Account,
  roleArn: string,
): Promise<ClusterFacts> {
  const opened = orFailure(() => world.cluster(account, cluster));
  const read = async <T>(work: (kubernetes: Awaited<ReturnType<World['cluster']>>['kubernetes']) => Promise<T>) => {
    const ports = await opened;
    return isFailure(ports) ? ports : orFailure(() => work(ports.kubernetes));
  };
  const eks = async () => (await world.eks(account, cluster.region)).describeCluster(cluster.name);
  const [described, me, awsAuth, rbac] = await Promise.all([
    orFailure(eks),
    read((kubernetes) => kubernetes.whoAmI()),
    read(async (kubernetes) => readAwsAuth((await kubernetes.read(AWS_AUTH_REF))?.data)),
    read(rbacOf),
  ]);
  const grants = policy.grants.filter((grant) => selects(grant, cluster));
  const sessions = new Set(['shared-role', 'permission-set']);
  return {
    cluster,
    roleArn,
    eks: described,
    me,
    awsAuth,
    rbac,
    needed: { everywhere: bootstrapRules(policy, cluster).rules, inKubeSystem: AWS_AUTH_RULES },
    hasSessions: grants.some((grant) => sessions.has(wayOf(grant))),
  };
}

async function orFailure<T>(work: () => Promise<T>): Promise<T | Failure> {
  try {
    return await work();
  } catch (error) {
    if (isFailure(error)) return error;
    throw error;
  }
}

/** What is well and what is not on a cluster, by what was read. */
export function judgeCluster(facts: ClusterFacts): readonly Check[] {
  const checks = [reachable(facts), modeOf(facts)];
  if (facts.cluster.connected) return checks;
  checks.splice(1, 0, authentication(facts));
  // What cannot be reached is told once.
  if (isFailure(facts.me) && !isFailure(facts.me, 'unauthorized')) return checks;
  checks.push(ownEntry(facts));
  if (!isFailure(facts.me)) checks.push(rights(facts, facts.me));
  if (facts.hasSessions) checks.push(sessionNames(facts));
  return checks;
}

function reachable({ cluster, eks, me }: ClusterFacts): Check {
  const about = { check: 'reachable', of: cluster.name };
  if (!cluster.connected) {
    if (isFailure(eks)) return failed('reachable', cluster.name, eks);
    if (!eks) {
      const fix = `correct clusters.${cluster.name} in the policy; aws eks list-clusters --region ${cluster.region}`;
      return { ...about, verdict: 'fail', saw: `EKS knows no cluster ${cluster.arn}`, fix };
    }
    if (eks.status !== 'ACTIVE' && eks.status !== 'UPDATING') {
      const fix = `aws eks wait cluster-active --name ${cluster.name} --region ${cluster.region}`;
      return { ...about, verdict: 'warn', saw: `its status is ${eks.status}`, fix };
    }
    if (isFailure(me, 'unreachable', 'deadline') && eks.isPublic === false) {
      const fix = 'deploy with the parameter SubnetIds, so that the functions run near it';
      return { ...about, verdict: 'fail', saw: `its endpoint is private, and it does not answer: ${me.message}`, fix };
    }
  }
  if (isFailure(me, 'unauthorized')) return { ...about, verdict: 'ok', saw: 'its API server answers' };
  if (isFailure(me)) return failed('reachable', cluster.name, me);
  const version = eks && !isFailure(eks) && eks.version ? `, Kubernetes ${eks.version}` : '';
  return { ...about, verdict: 'ok', saw: `its API server answers${version}` };
}

function authentication({ cluster, eks }: ClusterFacts): Check {
  const about = { check: 'authentication', of: cluster.name };
  if (!eks || isFailure(eks))
    return { ...about, verdict: 'not-checked', saw: 'EKS did not say', fix: 'mend the above' };
  const mode = eks.authenticationMode;
  if (mode !== 'API') return { ...about, verdict: 'ok', saw: `its mode is ${mode}: aws-auth counts` };
  const saw = 'its mode is API: it does not read aws-auth, so nobody whom Gatehouse maps gets in';
  const fix = `EKS never goes back from API (aws eks describe-cluster --name ${cluster.name} --query cluster.accessConfig): take the cluster out of the policy, or let its people in by access entries of your own`;
  return { ...about, verdict: 'fail', saw, fix };
}

function ownEntry({ cluster, awsAuth, me, roleArn }: ClusterFacts): Check {
  const about = { check: 'own-entry', of: cluster.name };
  const fix = `eksctl create iamidentitymapping --cluster ${cluster.name} --region ${cluster.region} --arn ${awsAuthArn(roleArn)} --username ${CONTROLLER_USERNAME} --no-duplicate-arns`;
  if (isFailure(me)) {
    return { ...about, verdict: 'fail', saw: `the cluster does not let ${roleArn} in: ${me.message}`, fix };
  }
  if (me.username !== CONTROLLER_USERNAME) {
    const saw = `the cluster takes Gatehouse for "${me.username}", not for ${CONTROLLER_USERNAME}`;
    return { ...about, verdict: 'fail', saw, fix };
  }
  if (me.groups.includes('system:masters')) {
    const saw = 'Gatehouse is in system:masters there: it could do anything';
    return { ...about, verdict: 'warn', saw, fix: `take the group out of its entry; ${fix}` };
  }
  if (isFailure(awsAuth)) return { ...about, verdict: 'ok', saw: `it is let in as ${me.username}` };
  const found = identify(awsAuth, callerFor(roleArn));
  const by = 'username' in found && found.username === me.username ? 'by aws-auth' : 'by an access entry';
  return { ...about, verdict: 'ok', saw: `it is let in as ${me.username}, ${by}` };
}

/** So many lacking rights are told. */
const MOST_TOLD = 3;

function rights({ cluster, rbac, needed }: ClusterFacts, me: Who): Check {
  const about = { check: 'rights', of: cluster.name };
  const fix = `gatehouse bootstrap ${cluster.name} | kubectl apply -f -`;
  if (isFailure(rbac)) return { ...about, verdict: 'fail', saw: `its own rights cannot be read: ${rbac.message}`, fix };
  const lacking = [
    ...covers(rulesOf(rbac, me), needed.everywhere).uncovered,
    ...covers(rulesOf(rbac, me, 'kube-system'), needed.inKubeSystem).uncovered,
  ];
  if (lacking.length === 0) return { ...about, verdict: 'ok', saw: 'the bootstrap suffices for the levels in force' };
  const told = lacking.slice(0, MOST_TOLD).map(textOf).join(', ');
  const more = lacking.length > MOST_TOLD ? ` and ${lacking.length - MOST_TOLD} more` : '';
  return { ...about, verdict: 'fail', saw: `it lacks what the levels in force need: ${told}${more}`, fix };
}

function textOf({
  verbs,
  apiGroups = [],
  resources = [],
  resourceNames = [],
  nonResourceURLs = [],
}: AccessRule): string {
  const [group = ''] = apiGroups;
  const what = nonResourceURLs[0] ?? `${resources[0]}${group === '' ? '' : `.${group}`}`;
  return `${verbs[0]} ${what}${resourceNames.length === 0 ? '' : ` "${resourceNames[0]}"`}`;
}

function modeOf({ cluster }: ClusterFacts): Check {
  const about = { check: 'mode', of: cluster.name };
  switch (cluster.mode) {
    case 'enforce':
      return { ...about, verdict: 'ok', saw: 'enforce' };
    case 'observe':
      return { ...about, verdict: 'ok', saw: 'observe: nothing is written there' };
    case 'paused':
      return {
        ...about,
        verdict: 'warn',
        saw: 'paused: nobody is given anything',
        fix: `gatehouse mode ${cluster.name} enforce`,
      };
  }
}

function sessionNames({ cluster }: ClusterFacts): Check {
  return {
    check: 'session-names',
    of: cluster.name,
    verdict: 'not-checked',
    saw: 'only a login shows whether its authenticator renders {{SessionNameRaw}}',
    fix: 'as a member: kubectl auth whoami; the username must end in the name of the session, with its @',
  };
}
