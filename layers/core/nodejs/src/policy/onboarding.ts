import { clusterArn, parsePrincipalArn } from '../access/arn.ts';
import { digest } from '../access/digest.ts';
import { machinesIn } from '../access/grantee.ts';
import { canonicalJson } from '../access/json.ts';
import {
  applicationNames,
  type DerivedNames,
  ENVIRONMENT_LABEL,
  environmentNames,
  iamRoleName,
  NAME_PATTERN,
} from '../access/names.ts';
import type {
  AccessPolicy,
  Cluster,
  Grant,
  Grantee,
  Machine,
  MachineTrust,
  Onboarding,
  OnboardingRules,
} from '../access/policy.ts';
import type { ApplicationSpec, EnvironmentSpec, Fact } from '../directory/fact.ts';
import type { ApplicationItem, EnvironmentItem, OnboardedItem } from '../directory/items.ts';
import { unfitRole } from '../directory/onboarded.ts';
import { principalName, principalSet } from './identity.ts';
import { matchesName } from './selection.ts';

/** Why something that was onboarded gets nothing, or not all. JSON-able. */
export interface OnboardingFinding {
  /** `onboarding-refused`: the policy does not allow it. `environment-awaited`: its environment is not there yet. */
  readonly code: 'onboarding-refused' | 'environment-awaited';
  /** The environment, or the application's. */
  readonly environment: string;
  /** The application's. */
  readonly namespace?: string;
  readonly message: string;
  readonly remedy: string;
}

/** A written policy, and what follows from what was onboarded. */
export interface WithOnboarded {
  readonly policy: AccessPolicy;
  readonly findings: readonly OnboardingFinding[];
}

/**
 * The policy with all that was onboarded, as far as the policy allows it: each environment's cluster, and for each environment
 * and application a grant, with a machine where a role is made. Without anything onboarded it is the policy itself. What one
 * item may not have keeps nothing from any other.
 */
export function withOnboarded(written: AccessPolicy, items: readonly OnboardedItem[]): WithOnboarded {
  const rules = written.onboarding;
  if (!rules) return { policy: written, findings: [] };
  const merger = new Merger(written, rules);
  const present = items.filter(({ state }) => state === 'present').toSorted(inOrder);
  for (const item of present) if (item.type === 'environment') merger.addEnvironment(item);
  for (const item of present) if (item.type === 'application') merger.addApplication(item);
  return merger.result();
}

/** Who became an environment first keeps its cluster, whoever else names it later. */
function inOrder(a: OnboardedItem, b: OnboardedItem): number {
  const [first, second] = [firstSaid(a), firstSaid(b)];
  return first === second ? (a.sk < b.sk ? -1 : 1) : first - second;
}

const firstSaid = (item: OnboardedItem): number =>
  item.type === 'environment' ? (item.since?.[0] ?? item.at) : Number.POSITIVE_INFINITY;

/** The other environments that were ever said to be a cluster that this one ever was. */
export function rivalsOf(environment: EnvironmentItem, items: readonly OnboardedItem[]): EnvironmentItem[] {
  const clusters = new Set(clustersEver(environment));
  return items.flatMap((item) =>
    item.type === 'environment' && item.sk !== environment.sk && clustersEver(item).some((arn) => clusters.has(arn))
      ? [item]
      : [],
  );
}

/** Whether a finding is about an item. */
export function isAbout({ environment, namespace }: OnboardingFinding, item: OnboardedItem): boolean {
  return item.type === 'environment'
    ? namespace === undefined && environment === item.name
    : environment === item.environment && namespace === item.namespace;
}

/**
 * Why nothing of a fact's sort can be onboarded at all, whatever it says: the policy has no rules for it. What goes is always
 * heard, lest it come back with the rules.
 */
export function refusalToOnboard(
  policy: AccessPolicy | undefined,
  fact: Pick<Fact, 'type'> & { readonly state?: string },
): Pick<OnboardingFinding, 'message' | 'remedy'> | undefined {
  if (fact.state !== 'present') return undefined;
  const rules = policy?.onboarding;
  if (fact.type === 'environment' && !rules) {
    return {
      message: 'the access policy in force onboards no environments',
      remedy: 'add onboarding.environments to it',
    };
  }
  if (fact.type === 'application' && !rules?.applications) {
    return {
      message: 'the access policy in force onboards no applications',
      remedy: 'add onboarding.applications to it',
    };
  }
  return undefined;
}

/** What a digest of the items must tell apart. */
export function onboardedDigest(items: readonly OnboardedItem[]): string {
  return digest(
    items.map((item) => {
      const { sk, state, spec } = item;
      return { sk, state, ...(spec ? { spec, since: item.type === 'environment' ? firstSaid(item) : null } : {}) };
    }),
  );
}

/**
 * Items as they may have been before: each that waits to be planned takes on, one after the other, everything that was ever
 * said of it. Under a policy before, any of it may have been given.
 */
export function earlierOnboarded(items: readonly OnboardedItem[]): readonly (readonly OnboardedItem[])[] {
  const waiting = items.filter(({ dirty }) => typeof dirty === 'string');
  const rounds = Math.max(0, ...waiting.map(({ ever }) => ever.length));
  const then = (item: OnboardedItem, round: number): OnboardedItem => {
    const spec = typeof item.dirty === 'string' ? item.ever[round] : undefined;
    return spec === undefined ? item : ({ ...item, state: 'present', spec } as OnboardedItem);
  };
  return [items, ...Array.from({ length: rounds }, (_, round) => items.map((item) => then(item, round)))];
}

/** A grant that follows from an item, and everybody to whom it was ever given. */
export interface DerivedGrant {
  readonly name: string;
  readonly grantees: readonly Grantee[];
}

/** The grants that follow from an item, with whom they were ever for: by its history and by policies that were in force. */
export function grantsEver(item: OnboardedItem, policies: readonly AccessPolicy[]): DerivedGrant[] {
  const names = namesOf(item);
  const rules = policies.flatMap(({ onboarding }) => onboarding ?? []);
  const specs: readonly (EnvironmentSpec & ApplicationSpec)[] = item.ever as never;
  const roles = specs.flatMap(({ role }) => (role === undefined ? [] : [{ principal: role }]));
  const people = rules.flatMap(({ environments, applications }): readonly Grantee[] =>
    item.type === 'environment' ? environments.people : (applications?.people ?? []),
  );
  const groups = rules.flatMap(({ applications }) =>
    specs.flatMap(({ group }) => {
      const source = applications?.groupsOf;
      return group === undefined || source === undefined ? [] : [{ group, source }];
    }),
  );
  const persons = distinct([...people, ...groups]);
  return [
    { name: names.role, grantees: distinct([{ machine: names.role }, ...roles, ...persons]) },
    { name: names.people, grantees: persons },
  ];
}

/** The ARNs of all clusters that an environment ever was. */
export function clustersEver({ ever }: EnvironmentItem): string[] {
  return [...new Set(ever.map(({ cluster }) => clusterArn(cluster.account, cluster.region, cluster.name)))];
}

/** The names of the grants that follow from an item. */
function namesOf(item: OnboardedItem): DerivedNames {
  return item.type === 'environment' ? environmentNames(item.name) : applicationNames(item.environment, item.namespace);
}

/**
 * What may be granted on an environment's cluster by what is onboarded tomorrow: for the rights that Gatehouse itself needs
 * there, which an administrator gives it once.
 */
export function foreseenGrants({ onboarding }: AccessPolicy, cluster: Cluster): Grant[] {
  const environment = cluster.labels[ENVIRONMENT_LABEL];
  if (!onboarding || environment === undefined) return [];
  const grant = (name: string, rules: OnboardingRules, over: Partial<Grant>): Grant => ({
    ...derivedGrant(environment, name, rules, []),
    ...over,
  });
  const { environments, applications } = onboarding;
  return [
    grant('environments', environments, {}),
    ...(applications ? [grant('applications', applications, { absentNamespaces: applications.absentNamespaces })] : []),
  ];
}

/** The namespaces of the cluster itself: whoever has one of them has the cluster. */
const SYSTEM_NAMESPACE = /^kube-/;

/** Ends the look at one item. */
class Refusal extends Error {
  readonly finding: Pick<OnboardingFinding, 'code' | 'message' | 'remedy'>;
  constructor(message: string, remedy: string, over: { readonly code?: OnboardingFinding['code'] } = {}) {
    super(message);
    this.finding = { code: 'onboarding-refused', message, remedy, ...over };
  }
}

class Merger {
  readonly #written: AccessPolicy;
  readonly #rules: Onboarding;
  readonly #clusters: Cluster[];
  readonly #grants: Grant[] = [];
  readonly #machines: Machine[] = [];
  readonly #findings: OnboardingFinding[] = [];
  readonly #accounts = new Map<string, string>();
  readonly #taken: ReadonlySet<string>;

  constructor(written: AccessPolicy, rules: Onboarding) {
    this.#written = written;
    this.#rules = rules;
    this.#clusters = [...written.clusters];
    // A machine need not be described to be one.
    const mentioned = written.grants.flatMap(machinesIn);
    const names = [...[...written.grants, ...written.machines].map(({ name }) => name), ...mentioned];
    this.#taken = new Set([...names, ...names.map(iamRoleName)]);
  }

  result(): WithOnboarded {
    const { grants, machines } = this.#written;
    const policy = {
      ...this.#written,
      clusters: this.#clusters,
      grants: [...grants, ...this.#grants],
      machines: [...machines, ...this.#machines],
    };
    return { policy, findings: this.#findings };
  }

  addEnvironment(item: EnvironmentItem): void {
    const environment = item.name;
    this.#heed({ environment }, () => {
      const { cluster, role } = item.spec!;
      const rules = this.#rules.environments;
      if (!rules.accounts.includes(cluster.account)) {
        throw new Refusal(
          `clusters of the account ${cluster.account} may not become environments`,
          'name a cluster of another account, or add this one to onboarding.environments.accounts in the access policy',
        );
      }
      const arn = clusterArn(cluster.account, cluster.region, cluster.name);
      const known = this.#clusters.find((one) => one.arn === arn);
      const other = known?.labels[ENVIRONMENT_LABEL];
      if (other !== undefined) {
        throw new Refusal(`the cluster ${arn} is the environment "${other}" already`, 'offboard one of the two');
      }
      if (known?.connected) throw new Refusal(`the cluster ${arn} runs elsewhere`, 'grant access to it in the policy');
      const derived = this.#derive(environmentNames(environment), rules, { environment }, cluster.account, role, []);
      const labels = { ...known?.labels, [ENVIRONMENT_LABEL]: environment };
      const joined = known ? { ...known, labels } : { ...cluster, arn, labels, mode: rules.mode };
      if (known) this.#clusters.splice(this.#clusters.indexOf(known), 1, joined);
      else this.#clusters.push(joined);
      this.#accounts.set(environment, cluster.account);
      this.#grants.push(...derived);
    });
  }

  addApplication({ environment, namespace, spec = {} }: ApplicationItem): void {
    const about = { environment, namespace };
    this.#heed(about, () => {
      const rules = this.#rules.applications;
      if (!rules) {
        throw new Refusal('the policy onboards no applications', 'add onboarding.applications to the access policy');
      }
      if (!NAME_PATTERN.test(namespace) || SYSTEM_NAMESPACE.test(namespace)) {
        throw new Refusal(
          `"${namespace}" cannot be an application’s namespace: it is the cluster’s own`,
          'name a namespace of the application',
        );
      }
      if (!rules.namespaces.some((pattern) => matchesName(pattern, namespace))) {
        throw new Refusal(
          `"${namespace}" may not be an application’s namespace`,
          'name another, or add it to onboarding.applications.namespaces in the access policy',
        );
      }
      const account = this.#accounts.get(environment);
      if (account === undefined) {
        throw new Refusal(
          `there is no environment "${environment}" yet`,
          `onboard it: gatehouse onboard environment ${environment} ...`,
          { code: 'environment-awaited' },
        );
      }
      const groups = this.#groupsOf(about, spec.group);
      const derived = this.#derive(applicationNames(environment, namespace), rules, about, account, spec.role, groups);
      const { absentNamespaces } = rules;
      this.#grants.push(...derived.map((grant) => ({ ...grant, namespaces: [namespace], absentNamespaces })));
    });
  }

  /** A group that may not be named is left out, and told: the rest stands. */
  #groupsOf(about: Pick<OnboardingFinding, 'environment' | 'namespace'>, group: string | undefined): Grantee[] {
    if (group === undefined) return [];
    const source = this.#rules.applications?.groupsOf;
    if (source !== undefined) return [{ group, source }];
    this.#findings.push({
      code: 'onboarding-refused',
      ...about,
      message: `the group "${group}" gets nothing: applications may name no groups`,
      remedy: 'leave the group out, or add onboarding.applications.groupsOf to the access policy',
    });
    return [];
  }

  #derive(
    names: DerivedNames,
    rules: OnboardingRules,
    values: { readonly environment: string; readonly namespace?: string },
    account: string,
    role: string | undefined,
    groups: readonly Grantee[],
  ): Grant[] {
    const { environment } = values;
    for (const name of Object.values(names)) {
      if (!this.#taken.has(name) && !this.#taken.has(iamRoleName(name))) continue;
      throw new Refusal(`the policy has a grant or machine "${name}" already`, 'rename it in the access policy');
    }
    const people = distinct([...rules.people, ...groups]);
    if (role !== undefined) {
      this.#checkRole(role, account, rules);
      const adopted = derivedGrant(environment, names.role, rules, [{ principal: role }]);
      return people.length === 0 ? [adopted] : [adopted, derivedGrant(environment, names.people, rules, people)];
    }
    const machines = rules.trust === undefined ? [] : [{ name: names.role, trust: filledIn(rules.trust, values) }];
    const to = [...machines.map(({ name }) => ({ machine: name })), ...people];
    if (to.length === 0) {
      throw new Refusal(
        'it names no role, and the policy says of nobody that they may assume one that is made',
        'name a role, or add trust or people to onboarding in the access policy',
      );
    }
    this.#machines.push(...machines);
    return [derivedGrant(environment, names.role, rules, to)];
  }

  #checkRole(role: string, account: string, { adopt }: OnboardingRules): void {
    const unfit = unfitRole(role);
    if (unfit !== undefined) throw new Refusal(`"${role}" ${unfit}`, 'name an IAM role of the cluster’s account');
    const arn = parsePrincipalArn(role);
    if (arn.account !== account) {
      throw new Refusal(
        `the role ${role} is of the account ${arn.account}, and the cluster of ${account}`,
        `name a role of the account ${account}`,
      );
    }
    if (!adopt.some((pattern) => matchesName(pattern, role))) {
      throw new Refusal(
        `the role ${role} is none that may be named`,
        'name another, leave it out so that one is made, or add it to adopt under onboarding in the access policy',
      );
    }
    if (principalSet(this.#written.protected.principals).has(principalName(arn))) {
      throw new Refusal(`the role ${role} is protected by the policy`, 'name another role');
    }
  }

  #heed(about: Pick<OnboardingFinding, 'environment' | 'namespace'>, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { code, message, remedy } = error.finding;
      this.#findings.push({ code, ...about, message, remedy });
    }
  }
}

function derivedGrant(environment: string, name: string, { level }: OnboardingRules, to: readonly Grantee[]): Grant {
  return {
    name,
    to,
    clusters: { names: ['*'], labels: { [ENVIRONMENT_LABEL]: environment } },
    namespaces: [],
    absentNamespaces: 'refuse',
    level,
    through: 'role',
  };
}

/** A trust with the names of an environment and namespace in place of the placeholders: both are DNS labels. */
function filledIn(
  trust: MachineTrust,
  values: { readonly environment: string; readonly namespace?: string },
): MachineTrust {
  const text = JSON.stringify(trust)
    .replaceAll('{environment}', values.environment)
    .replaceAll('{namespace}', values.namespace ?? '{namespace}');
  return JSON.parse(text) as MachineTrust;
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Map(values.map((value) => [canonicalJson(value), value])).values()];
}
