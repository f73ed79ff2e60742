import { parsePrincipalArn } from '@gatehouse/core/access/arn';
import type { Json } from '@gatehouse/core/access/json';
import type { PolicyDocument } from '@gatehouse/core/ports/iam';
import { asList, type Statement, statementsOf } from './documents.ts';
import { evaluate, matchesAction, matchesConditions } from './evaluate.ts';
import { type IamState, managedDocument, principalByArn, type SimRole, type SimUser } from './state.ts';

/** Who asks for a role. */
export interface Caller {
  /** ARN of a user (with its path), of an assumed role, or of an account's root. */
  readonly arn: string;
  /** As the request tells it; a trust document may ask for it. */
  readonly externalId?: string;
}

/** Whether STS would let the caller in, and if not, why. */
export type Assumable = { readonly allowed: true } | { readonly allowed: false; readonly reason: string };

/** The caller as the simulator knows them: who they are in IAM, and what their requests tell. */
interface KnownCaller {
  readonly account: string;
  /** Ids and ARNs under which a trust document may name them. */
  readonly names: ReadonlySet<string>;
  readonly root: string;
  readonly principal: SimRole | SimUser | undefined;
  readonly context: Map<string, string>;
}

const SESSION_NAME = /^[\w+=,.@-]{2,64}$/;
const denied = (reason: string): Assumable => ({ allowed: false, reason });

/**
 * Would sts:AssumeRole succeed? Evaluates the role's trust document and, where AWS does, the caller's identity policies:
 * in the same account a document that names the user or role (or everybody) is enough, one that names the account leaves
 * it to their identity policies; across accounts both must allow. Boundaries are not evaluated; of AWS's own managed
 * policies only AdministratorAccess, which allows everything.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export function assumable(state: IamState, roleArn: string, caller: Caller, sessionName: string): Assumable {
  const role = principalByArn(state, roleArn);
  // STS tells nobody whether a role exists.
  const refused = (why: string) =>
    denied(`User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${roleArn} (${why})`);
  if (role?.kind !== 'role') return refused('there is no such role');
  if (!SESSION_NAME.test(sessionName)) return denied(`"${sessionName}" is not a role session name`);
  const known = knownCaller(state, caller, sessionName);
  if (!known) return refused('there is no such caller');
  if (caller.arn === known.root) return denied('Roles may not be assumed by root accounts.');

  const statements = statementsOf(role.trust)
    .filter((statement) => matchesAction(statement, 'sts:AssumeRole') && matchesConditions(statement, known.context))
    .map((statement) => ({ effect: statement.Effect, match: principalMatch(statement, known) }))
    .filter(({ match }) => match !== undefined);
  if (statements.some(({ effect }) => effect === 'Deny')) return refused('its trust policy denies it');
  if (statements.length === 0) return refused('its trust policy does not allow it');

  const own = evaluate(identityPolicies(state, known.principal), 'sts:AssumeRole', roleArn, known.context);
  if (own === 'explicit-deny') return refused('an identity-based policy denies it');
  const sameAccount = parsePrincipalArn(roleArn).account === known.account;
  const named = statements.some(({ match }) => match === 'caller');
  if (own === 'allowed' || (sameAccount && named)) return { allowed: true };
  return refused('no identity-based policy allows it');
}

/** Somebody whom an OIDC provider vouches for, by a token that was verified. */
export interface FederatedCaller {
  /** ARN of the provider in IAM. */
  readonly provider: string;
  /** Its host and path, as condition keys begin. */
  readonly keys: string;
  readonly claims: Readonly<Record<string, string | readonly string[]>>;
}

/**
 * Would sts:AssumeRoleWithWebIdentity succeed? Only the role's trust document decides: the caller has no policies.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
 */
export function assumableWithToken(
  state: IamState,
  roleArn: string,
  { provider, keys, claims }: FederatedCaller,
  sessionName: string,
): Assumable {
  const refused = denied('Not authorized to perform sts:AssumeRoleWithWebIdentity');
  const role = principalByArn(state, roleArn);
  if (role?.kind !== 'role') return refused;
  const context = new Map<string, string | readonly string[]>([
    ['sts:rolesessionname', sessionName],
    ['aws:federatedprovider', provider],
  ]);
  for (const [claim, value] of Object.entries(claims)) context.set(`${keys}:${claim}`.toLowerCase(), value);
  const statements = statementsOf(role.trust).filter(
    (statement) =>
      matchesAction(statement, 'sts:AssumeRoleWithWebIdentity') &&
      isFederated(statement, provider) &&
      matchesConditions(statement, context),
  );
  if (statements.some(({ Effect }) => Effect === 'Deny')) return refused;
  return statements.some(({ Effect }) => Effect === 'Allow') ? { allowed: true } : refused;
}

function isFederated({ Principal: principal }: Statement, provider: string): boolean {
  if (principal === '*') return true;
  const { Federated, AWS } = principal as Record<string, Json>;
  return asList(Federated).includes(provider) || asList(AWS).includes('*');
}

function knownCaller(state: IamState, caller: Caller, sessionName: string): KnownCaller | undefined {
  const arn = parsePrincipalArn(caller.arn);
  const root = `arn:${arn.partition}:iam::${arn.account}:root`;
  const context = new Map([
    ['sts:rolesessionname', sessionName],
    ['aws:principalaccount', arn.account],
  ]);
  if (caller.externalId !== undefined) context.set('sts:externalid', caller.externalId);
  const base = { account: arn.account, root, context };
  if (arn.type === 'root') return { ...base, names: new Set([root]), principal: undefined };
  if (arn.type === 'federated-user') return undefined;
  if (arn.type === 'assumed-role') {
    const role = state.accounts.get(arn.account)?.roles.get(arn.name.toLowerCase());
    if (role?.name !== arn.name) return undefined;
    context.set('aws:userid', `${role.id}:${arn.session}`);
    context.set('aws:principalarn', caller.arn);
    return { ...base, names: new Set([role.id, caller.arn]), principal: role };
  }
  const user = principalByArn(state, caller.arn);
  if (user?.kind !== 'user') return undefined;
  context.set('aws:userid', user.id).set('aws:username', user.name).set('aws:principalarn', caller.arn);
  return { ...base, names: new Set([user.id]), principal: user };
}

/** How a statement means the caller: by name (or as everybody), by their account, or not at all. */
function principalMatch(statement: Statement, caller: KnownCaller): 'caller' | 'account' | undefined {
  const principal = statement.Principal;
  const names = principal === '*' ? ['*'] : asList((principal as Record<string, Json>).AWS).map(String);
  if (names.some((name) => name === '*' || caller.names.has(name))) return 'caller';
  return names.includes(caller.root) ? 'account' : undefined;
}

const ADMINISTRATOR: PolicyDocument = { Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };

/** What a principal's own policies say, as documents for {@link evaluate}. */
export function identityPolicies(state: IamState, principal: SimRole | SimUser | undefined): readonly PolicyDocument[] {
  if (!principal) return [];
  const inline = [...principal.inline.values()].map((text) => JSON.parse(text) as PolicyDocument);
  const managed = [...principal.attached].flatMap((arn) =>
    [managedDocument(state, arn)].filter((one) => one !== undefined),
  );
  const administrator = [...principal.attached].some((arn) => arn.endsWith(':aws:policy/AdministratorAccess'));
  return [...inline, ...managed, ...(administrator ? [ADMINISTRATOR] : [])];
}
