import { parsePrincipalArn } from '../access/arn.ts';
import { iamRoleName, USERNAME_PREFIX } from '../access/names.ts';
import type { AccessPolicy, AccessRule, Cluster, Grant } from '../access/policy.ts';
import { memberOf, type Subject } from '../access/subject.ts';
import { clusterTarget, lookUpTarget, permissionSetTarget, roleTarget, type Target } from '../access/target.ts';
import { roleOf, sharedSubjects } from '../access/way.ts';
import { readAwsAuth } from '../effective-access/aws-auth.ts';
import { type RbacObjects, type Right, rightsOf } from '../effective-access/rbac.ts';
import type { BindingWish } from '../plan/bindings.ts';
import { selects } from '../policy/selection.ts';
import { allItems } from '../ports/all-items.ts';
import { allObjects } from '../ports/all-objects.ts';
import type { Kubernetes } from '../ports/kubernetes.ts';
import { AWS_AUTH_REF } from '../resources/aws-auth/model.ts';
import type { RoleBindingClaim } from '../resources/role-binding/model.ts';
import { type Expectation, questionsFor } from '../verify/questions.ts';
import type { Holding } from '../verify/rule-match.ts';
import { verify } from '../verify/verify.ts';
import { accountById } from '../work/clusters.ts';
import { FactReader } from '../work/fact-reader.ts';
import { MARK_PREFIX, targetPk } from '../work/keys.ts';
import { readMark } from '../work/marks.ts';
import { readMemberFacts } from '../work/member-facts.ts';
import { allRecords } from '../work/records.ts';
import { readRemarks } from '../work/remarks.ts';
import type { TurnPorts } from '../work/turn-ports.ts';
import { bindingsWanted, holdingOf } from '../work/verification.ts';
import { type Asked, whyNot } from './denial.ts';
import { type Login, loginOf, loginsOf } from './logins.ts';
import { type Person, personNamed, personText } from './person.ts';

/** What is not done yet, or must be mended first. */
export interface Trouble {
  readonly code: string;
  readonly message: string;
  readonly remedy?: string;
}

/** What a cluster says to one question, asked as one login. */
export interface LoginAnswer {
  readonly login: Login;
  readonly allowed: boolean;
  /** The API server's own words: by which binding. */
  readonly reason?: string;
}

/** May they? And why, or why not. */
export interface AccessAnswer {
  readonly cluster: string;
  readonly person: string;
  readonly allowed: boolean;
  readonly answers: readonly LoginAnswer[];
  /** Of a denial, a sentence each. */
  readonly because: readonly string[];
  readonly troubles: readonly Trouble[];
}

/** A right that a login has, and what gives it. */
export interface HeldRight extends Right {
  readonly username: string;
  /** The grant that it is for; absent: a binding of somebody else's. */
  readonly grant?: string;
}

/** What was asked of the cluster, and what it should have said. */
export interface ReportedAnswer extends Asked {
  readonly username: string;
  readonly expected: boolean;
  readonly allowed: boolean;
  readonly because: string;
}

/** All that somebody can do on a cluster. */
export interface AccessReport {
  readonly cluster: string;
  readonly person: string;
  readonly logins: readonly Login[];
  readonly rights: readonly HeldRight[];
  /** Everything on everything. `expected`: the policy makes them an administrator. */
  readonly administrator: { readonly allowed: boolean; readonly expected: boolean };
  readonly answers: readonly ReportedAnswer[];
  readonly troubles: readonly Trouble[];
  /** Whether they are let in as, and may do, what the policy says. */
  readonly ok: boolean;
}

/** No finding: nobody has to mend anything. */
const NOT_DONE_YET = 'waiting';
const EVERYTHING: Asked = { verb: '*', group: '*', resource: '*' };
const AUTHENTICATED = 'system:authenticated';

/** Somebody on a cluster, as far as policy, directory, aws-auth and RBAC tell. */
export interface Known {
  readonly person: Person;
  readonly subject?: Subject;
  /** The grants of the policy on the cluster, and which of them are theirs. */
  readonly grants: readonly Grant[];
  readonly theirs: ReadonlySet<string>;
  readonly wishes: readonly BindingWish[];
  readonly logins: readonly Login[];
  readonly kubernetes: Kubernetes;
  readonly knownRoles: ReadonlyMap<string, readonly AccessRule[]>;
}

/** Asks a cluster whether somebody may do something, by every way in that they have; and finds out why not. */
export async function answerFor(
  ports: TurnPorts,
  policy: AccessPolicy,
  cluster: Cluster,
  text: string,
  asked: Asked,
): Promise<AccessAnswer> {
  const known = await knownOf(ports, policy, cluster, text);
  const { logins, kubernetes, grants, theirs, knownRoles } = known;
  const answers: LoginAnswer[] = [];
  for (const login of logins) {
    const answer =
      login.username === undefined ? { allowed: false } : await kubernetes.review(questionOf(login, asked));
    answers.push({ login, ...answer });
  }
  const allowed = answers.some((answer) => answer.allowed);
  const refused = logins.flatMap(({ arn, refused: why }) => (why === undefined ? [] : [`${arn}: ${why}`]));
  const lacking = allowed ? [] : whyNot({ asked, grants, theirs, known: knownRoles });
  const drifted =
    !allowed && lacking.length === 0 && refused.length === 0
      ? ['the policy gives it, and the cluster does not: it is not done yet, or somebody undid it']
      : [];
  return {
    cluster: cluster.name,
    person: personText(known.person),
    allowed,
    answers,
    because: allowed ? [] : [...refused, ...lacking, ...drifted],
    troubles: await troublesOf(ports, cluster, known),
  };
}

/** Lists all that somebody can do on a cluster, and asks the cluster what the policy says of it. */
export async function reportOn(
  ports: TurnPorts,
  policy: AccessPolicy,
  cluster: Cluster,
  text: string,
): Promise<AccessReport> {
  const known = await knownOf(ports, policy, cluster, text);
  const { kubernetes, logins, wishes, grants, knownRoles } = known;
  const rbac = await rbacOf(kubernetes);
  const rights: HeldRight[] = [];
  const expectations: Expectation[] = [];
  let administrator = { allowed: false, expected: false };
  for (const login of logins) {
    const { username, groups } = login;
    if (username === undefined) continue;
    for (const right of rightsOf(rbac, { username, groups: [...groups, AUTHENTICATED] })) {
      // What every login of a cluster has is nothing of theirs.
      if (right.isForAll) continue;
      const grant = grantOf(right.binding);
      rights.push({ username, ...right, ...(grant === undefined ? {} : { grant }) });
    }
    const has = holdingsOf(wishes, username, grants);
    expectations.push(...questionsFor({ username, groups, has, had: [], knownRoles }));
    const { allowed } = await kubernetes.review(questionOf(login, EVERYTHING));
    const expected = has.some(
      ({ level, namespaces }) =>
        namespaces.length === 0 && 'clusterRole' in level && level.clusterRole === 'cluster-admin',
    );
    administrator = { allowed: administrator.allowed || allowed, expected: administrator.expected || expected };
  }
  const { results, ok } = await verify(kubernetes, expectations);
  const isLetIn = logins.every(({ refused, expected }) => refused === undefined && expected === undefined);
  return {
    cluster: cluster.name,
    person: personText(known.person),
    logins,
    rights,
    administrator,
    answers: results.map(({ expectation: { question, allowed: expected, because }, allowed }) => {
      const { user: username, groups: _groups, ...asked } = question;
      return { username, ...asked, expected, allowed, because };
    }),
    troubles: await troublesOf(ports, cluster, known),
    ok: ok && isLetIn && administrator.allowed === administrator.expected,
  };
}

/** Reads all of it. @throws Failure `not-found` where nobody is known by this name. */
export async function knownOf(ports: TurnPorts, policy: AccessPolicy, cluster: Cluster, text: string): Promise<Known> {
  const reader = new FactReader(ports.table);
  const person = await personNamed(reader, policy, text);
  const grants = policy.grants.filter((grant) => selects(grant, cluster));
  const { kubernetes } = await ports.world.cluster(await accountById(reader, policy, cluster.account), cluster);
  const mappings = readAwsAuth((await kubernetes.read(AWS_AUTH_REF))?.data);
  const knownRoles = await rolesNamed(kubernetes, grants);
  const common = { person, grants, kubernetes, knownRoles };
  const asked = 'arn' in person ? { grants: [], ...loginOf(mappings, person.arn) } : undefined;
  const subject = 'subject' in person ? person.subject : await subjectBound(reader, cluster, asked?.username);
  if (subject === undefined) return { ...common, theirs: new Set(), wishes: [], logins: asked ? [asked] : [] };
  const member = await readMemberFacts(reader, policy, subject, cluster);
  const wishes = await bindingsWanted(reader, policy, cluster, grants, subject);
  const logins = await loginsOf(reader, policy, cluster, { member, wishes, mappings });
  // Who named a session asks about this one.
  const one = asked && logins.filter(({ arn }) => arn === asked.arn);
  return { ...common, subject, theirs: member.grants, wishes, logins: asked ? (one?.length ? one : [asked]) : logins };
}

/** The subject for whom a username was bound. */
async function subjectBound(
  reader: FactReader,
  cluster: Cluster,
  username: string | undefined,
): Promise<Subject | undefined> {
  if (!username?.startsWith(USERNAME_PREFIX)) return undefined;
  for await (const [subject, claims] of allRecords(reader, clusterTarget(cluster.arn))) {
    const isTheirs = claims.some(
      ({ claim }) => claim.kind === 'role-binding' && (claim as RoleBindingClaim).username === username,
    );
    if (isTheirs) return subject;
  }
  return undefined;
}

/** The rules of the ClusterRoles that the levels of grants name, as the cluster has them. */
async function rolesNamed(kubernetes: Kubernetes, grants: readonly Grant[]) {
  const names = new Set(grants.flatMap(({ level }) => ('clusterRole' in level ? [level.clusterRole] : [])));
  const known = new Map<string, readonly AccessRule[]>();
  for (const name of names) {
    const role = await kubernetes.read({ kind: 'ClusterRole', name });
    known.set(name, role?.rules ?? []);
  }
  return known;
}

function holdingsOf(wishes: readonly BindingWish[], username: string, grants: readonly Grant[]): Holding[] {
  const holdings = new Map<string, Holding>();
  for (const wish of wishes) {
    const grant = grants.find(({ name }) => name === wish.grant);
    if (grant && wish.username === username) holdings.set(`${grant.name} ${wish.roleRef.name}`, holdingOf(grant, wish));
  }
  return [...holdings.values()];
}

function questionOf({ username = '', groups }: Login, asked: Asked) {
  return { user: username, groups: [...groups, AUTHENTICATED], ...asked };
}

/** The grant that a binding of Gatehouse's is for, by its name. */
function grantOf(binding: string): string | undefined {
  return /^(?:ClusterRoleBinding |RoleBinding [^/]+\/)gatehouse:([^:]+):/.exec(binding)?.[1];
}

/** All RBAC objects of a cluster. */
export async function rbacOf(kubernetes: Kubernetes): Promise<RbacObjects> {
  const [roles, clusterRoles, roleBindings, clusterRoleBindings] = await Promise.all([
    allObjects(kubernetes, 'Role'),
    allObjects(kubernetes, 'ClusterRole'),
    allObjects(kubernetes, 'RoleBinding'),
    allObjects(kubernetes, 'ClusterRoleBinding'),
  ]);
  return { roles, clusterRoles, roleBindings, clusterRoleBindings };
}

/** What waits or stands in the way, of theirs and of what their grants share: on the cluster, and in IAM. */
export async function troublesOf(
  { table }: TurnPorts,
  cluster: Cluster,
  { subject, grants, theirs }: Known,
): Promise<readonly Trouble[]> {
  if (subject === undefined) return [];
  const own = grants.filter(({ name }) => theirs.has(name));
  const concerned = new Set<Subject>([subject, ...own.flatMap(sharedSubjects)]);
  const parts = memberOf(subject);
  const targets: Target[] = [
    clusterTarget(cluster.arn),
    ...own.flatMap((grant) => (roleOf(grant) ? [roleTarget(cluster.account, iamRoleName(grant.name))] : [])),
    ...own.flatMap(({ permissionSet }) => (permissionSet ? [permissionSetTarget(cluster.account, permissionSet)] : [])),
    ...(parts?.type === 'principal' ? [lookUpTarget(parsePrincipalArn(parts.arn))] : []),
  ];
  const troubles: Trouble[] = [];
  for (const target of targets) {
    for (const item of await allItems(table, targetPk(target), MARK_PREFIX)) {
      const mark = readMark(item);
      // What is only to be seen once more is done.
      if (!concerned.has(mark.subject) || mark.confirming) continue;
      const why = mark.finding ?? mark.failure;
      troubles.push(why ? troubleOf(why) : { code: NOT_DONE_YET, message: `${mark.subject} is still to be looked at` });
    }
    for (const { finding } of await readRemarks(table, target)) {
      if (finding.subject !== undefined && concerned.has(finding.subject)) troubles.push(troubleOf(finding));
    }
  }
  return [...new Map(troubles.map((trouble) => [`${trouble.code} ${trouble.message}`, trouble])).values()];
}

/** What is wrong, of a failure, a finding or a mark, as an answer tells it. */
export function troubleOf({
  code,
  message,
  remedy,
}: {
  code: string;
  message: string;
  remedy?: string | undefined;
}): Trouble {
  return { code, message, ...(remedy === undefined ? {} : { remedy }) };
}
