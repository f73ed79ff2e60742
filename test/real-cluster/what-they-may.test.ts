import type { AccessRule } from '@gatehouse/core/access/policy';
import {
  covers,
  mayThey,
  type Question,
  type RbacObjects,
  rulesOf,
  rulesOfRole,
  type Who,
} from '@gatehouse/core/effective-access/rbac';
import { admissionsOf } from '@gatehouse/core/operations/admissions';
import { holdersOf } from '@gatehouse/core/operations/who-can';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { compare, shown, Tally } from './compare.ts';
import { type RbacOracle, startRbacOracle } from './rbac-oracle.ts';
import { plans, RBAC } from './rbac-plans.ts';
import { type Attempt, type World, worldOf } from './rbac-worlds.ts';

let apiServer: RbacOracle;
beforeAll(async () => {
  apiServer = await startRbacOracle();
});
afterAll(() => apiServer?.stop());

const tally = new Tally();
let made = 0;

describe('what RBAC lets people do', () => {
  it('is the same to the model and to the real API server', async () => {
    await compare(
      { of: 'worlds', cases: plans, runs: 220, difference: (plan) => differenceIn(worldOf(plan, ++made)) },
      tally,
    );
  });
});

async function differenceIn(world: World): Promise<string | undefined> {
  await apiServer.put(world.objects);
  const rbac = together(apiServer.own, world.objects);
  const found = await Promise.all([
    ...world.questions.map(({ who, question }) => differenceInAnswer(rbac, who, question)),
    ...world.lists.map(({ who, namespace }) => differenceInRules(rbac, who, namespace)),
    ...world.attempts.map((attempt) => differenceInAttempt(rbac, attempt)),
  ]);
  const first = found.find((one) => one !== undefined);
  if (first === undefined) return undefined;
  return shown({ ...first, 'beside the objects of the cluster': world.objects });
}

function together(one: RbacObjects, other: RbacObjects): RbacObjects {
  return {
    roles: [...one.roles, ...other.roles],
    clusterRoles: [...one.clusterRoles, ...other.clusterRoles],
    roleBindings: [...one.roleBindings, ...other.roleBindings],
    clusterRoleBindings: [...one.clusterRoleBindings, ...other.clusterRoleBindings],
  };
}

type Difference = Readonly<Record<string, unknown>> | undefined;

/** The binding that the API server names must be one by which the model allows it, too; which of several is first is chance. */
async function differenceInAnswer(rbac: RbacObjects, who: Who, question: Question): Promise<Difference> {
  const real = await apiServer.mayThey(who, question);
  const model = mayThey(rbac, who, question);
  tally.count('access reviews', real.allowed);
  const [, kind, name] = /allowed by (ClusterRoleBinding|RoleBinding) "([^"]+)"/.exec(real.reason) ?? [];
  const same =
    real.allowed === model.allowed && (kind === undefined || mayThey(only(rbac, kind, name!), who, question).allowed);
  if (!same) return { who, question, model, real };
  const listed = isListed(rbac, who, question);
  tally.count('lists of who can', listed);
  return listed === real.allowed ? undefined : { who, question, 'listed by who-can': listed, real };
}

/** Nobody comes by aws-auth here, and nothing is Gatehouse's. */
const NOTHING_ELSE = {
  admissions: admissionsOf({ roles: [], users: [], accounts: [], problems: [] }),
  recorded: { byBinding: new Map(), byUsername: new Map() },
  levels: new Map(),
  isElsewhere: false,
};

/** Whether `who-can` would list them, or a group of theirs: everybody listed must be allowed, and everybody else denied. */
function isListed(rbac: RbacObjects, { username, groups }: Who, question: Question): boolean {
  return holdersOf(rbac, question, NOTHING_ELSE).holders.some(({ kind, name }) => {
    if (kind === 'Group') return groups.includes(name);
    return username === (kind === 'ServiceAccount' ? `system:serviceaccount:${name}` : name);
  });
}

/** A RoleBinding is named `name/namespace`. */
function only(rbac: RbacObjects, kind: string, named: string): RbacObjects {
  const [name, namespace] = kind === 'RoleBinding' ? named.split('/') : [named];
  const is = ({ metadata }: { metadata: { name: string; namespace?: string } }) =>
    metadata.name === name && metadata.namespace === namespace;
  return {
    ...rbac,
    roleBindings: kind === 'RoleBinding' ? rbac.roleBindings.filter(is) : [],
    clusterRoleBindings: kind === 'RoleBinding' ? [] : rbac.clusterRoleBindings.filter(is),
  };
}

async function differenceInRules(rbac: RbacObjects, who: Who, namespace: string): Promise<Difference> {
  const real = texts(await apiServer.rulesOf(who, namespace));
  const model = texts(rulesOf(rbac, who, namespace));
  tally.count('lists of rules', real.length > 0);
  return JSON.stringify(real) === JSON.stringify(model) ? undefined : { who, namespace, model, real };
}

/** Each rule as often as it is granted; in an order of its own, because the API server has none. */
function texts(rules: readonly AccessRule[]): readonly string[] {
  return rules
    .map(({ verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }) =>
      JSON.stringify([verbs, apiGroups, resources, resourceNames, nonResourceURLs]),
    )
    .sort();
}

async function differenceInAttempt(rbac: RbacObjects, attempt: Attempt): Promise<Difference> {
  const real = await apiServer.attempt(attempt);
  const { who, object } = attempt;
  const model = object.roleRef === undefined ? roleAttempt(rbac, who, object) : bindingAttempt(rbac, who, object);
  tally.count(`attempts to make a ${object.kind}`, real === 201);
  return real === model ? undefined : { attempt, model, real };
}

const PLURALS: Readonly<Record<string, string>> = { Role: 'roles', ClusterRole: 'clusterroles' };

/** Whoever may `escalate` is not checked (`pkg/registry/rbac/role/policybased/storage.go`). */
function roleAttempt(rbac: RbacObjects, who: Who, { kind, metadata, rules }: KubernetesObject): 201 | 403 {
  const { namespace } = metadata;
  if (isAllowed(rbac, who, { verb: 'escalate', resource: PLURALS[kind]!, namespace })) return 201;
  return isCovered(rbac, who, rules ?? [], namespace) ? 201 : 403;
}

/** Whoever may `bind` that role is not checked (`pkg/registry/rbac/rolebinding/policybased/storage.go`). */
function bindingAttempt(rbac: RbacObjects, who: Who, { metadata, roleRef }: KubernetesObject): 201 | 403 | 404 {
  const { namespace } = metadata;
  const { kind, name } = roleRef!;
  if (isAllowed(rbac, who, { verb: 'bind', resource: PLURALS[kind]!, namespace, name })) return 201;
  const rules = rulesOfRole(rbac, roleRef!, namespace);
  if (rules === undefined) return 404;
  return isCovered(rbac, who, rules, namespace) ? 201 : 403;
}

function isAllowed(
  rbac: RbacObjects,
  who: Who,
  asked: {
    readonly verb: string;
    readonly resource: string;
    readonly namespace: string | undefined;
    readonly name?: string;
  },
): boolean {
  const { namespace, ...question } = asked;
  if (who.groups.includes('system:masters')) return true;
  return mayThey(rbac, who, { ...question, group: RBAC, ...(namespace === undefined ? {} : { namespace }) }).allowed;
}

function isCovered(rbac: RbacObjects, who: Who, rules: readonly AccessRule[], namespace: string | undefined): boolean {
  return covers(rulesOf(rbac, who, namespace), rules).uncovered.length === 0;
}
