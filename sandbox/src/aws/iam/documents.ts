import { parsePrincipalArn } from '@gatehouse/core/access/arn';
import type { Json } from '@gatehouse/core/access/json';
import type { PolicyDocument } from '@gatehouse/core/ports/iam';
import { type IamState, principalByArn, principalById } from './state.ts';

/** An error as IAM answers it. */
export class IamError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const malformed = (message: string) => new IamError('MalformedPolicyDocument', 400, message);

/** One statement of a policy document, of whatever form. */
export type Statement = Readonly<Record<string, Json | undefined>>;

/** One value or a list of them, as a list. */
export function asList(value: Json | undefined): readonly Json[] {
  return value === undefined ? [] : Array.isArray(value) ? (value as readonly Json[]) : [value];
}

/** The statements of a document. */
export function statementsOf(document: PolicyDocument): readonly Statement[] {
  return asList(document.Statement) as readonly Statement[];
}

/** The characters that IAM counts: all but white space outside of strings. */
export function documentSize(document: PolicyDocument): number {
  return JSON.stringify(document).length;
}

function parse(text: string): PolicyDocument {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw malformed('This policy contains invalid Json');
  }
  if (document === null || typeof document !== 'object' || Array.isArray(document)) {
    throw malformed('Syntax errors in policy.');
  }
  return document as PolicyDocument;
}

const DOCUMENT_MEMBERS = new Set(['Version', 'Id', 'Statement']);
const STATEMENT_MEMBERS = new Set([
  ...['Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource'],
  ...['Principal', 'NotPrincipal', 'Condition'],
]);

function checkShape(document: PolicyDocument): void {
  if (Object.keys(document).some((member) => !DOCUMENT_MEMBERS.has(member)))
    throw malformed('Syntax errors in policy.');
  if (document.Version !== undefined && document.Version !== '2012-10-17' && document.Version !== '2008-10-17') {
    throw malformed('The policy failed legacy parsing');
  }
  const statements = statementsOf(document);
  if (statements.length === 0) throw malformed('Syntax errors in policy.');
  const sids = statements.map((statement) => statement.Sid).filter((sid) => sid !== undefined);
  if (new Set(sids).size < sids.length) throw malformed('Statement IDs (SID) in a single policy must be unique.');
  for (const statement of statements) {
    if (statement === null || typeof statement !== 'object') throw malformed('Syntax errors in policy.');
    if (Object.keys(statement).some((member) => !STATEMENT_MEMBERS.has(member)))
      throw malformed('Syntax errors in policy.');
    if (statement.Sid !== undefined && !/^[A-Za-z0-9]*$/.test(String(statement.Sid))) {
      throw malformed(
        `Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*`,
      );
    }
    if (statement.Effect !== 'Allow' && statement.Effect !== 'Deny') {
      throw malformed(`Invalid effect: ${JSON.stringify(statement.Effect)}`);
    }
    const actions = [...asList(statement.Action), ...asList(statement.NotAction)];
    if (actions.length === 0) throw malformed('Policy statement must contain actions.');
    for (const action of actions) {
      if (typeof action !== 'string' || !/^(\*|[\w-]+:[\w*?]+)$/.test(action)) {
        throw malformed(`Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.`);
      }
    }
  }
}

/** Reads and checks an identity policy, as PutRolePolicy and PutUserPolicy do. @throws IamError MalformedPolicyDocument. */
export function readIdentityPolicy(text: string): PolicyDocument {
  const document = parse(text);
  checkShape(document);
  for (const statement of statementsOf(document)) {
    if (statement.Principal !== undefined || statement.NotPrincipal !== undefined) {
      throw malformed('Policy document should not specify a principal.');
    }
    const resources = [...asList(statement.Resource), ...asList(statement.NotResource)];
    if (resources.length === 0) throw malformed('Policy statement must contain resources.');
    for (const resource of resources) {
      if (typeof resource !== 'string' || !(resource === '*' || resource.startsWith('arn:'))) {
        throw malformed(`Resource ${JSON.stringify(resource)} must be in ARN format or "*".`);
      }
    }
  }
  return document;
}

const TRUST_ACTION =
  /^sts:(\*|AssumeRole\*?|AssumeRoleWithSAML|AssumeRoleWithWebIdentity|TagSession|SetSourceIdentity)$/;
/** Characters of a trust document, without a raised quota (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html). */
const TRUST_LIMIT = 2048;

/**
 * Reads and checks a trust document, and gives it the form in which IAM keeps it: users and roles of known accounts by
 * their unique ids. A document that names one who does not exist is refused; accounts that the state does not hold are
 * taken on trust.
 * @throws IamError MalformedPolicyDocument, LimitExceeded.
 */
export function readTrust(state: IamState, text: string): PolicyDocument {
  const document = parse(text);
  checkShape(document);
  if (documentSize(document) > TRUST_LIMIT) {
    throw new IamError('LimitExceeded', 409, `Cannot exceed quota for ACLSizePerRole: ${TRUST_LIMIT}`);
  }
  for (const statement of statementsOf(document)) {
    if (statement.Resource !== undefined || statement.NotResource !== undefined) {
      throw malformed('Has prohibited field Resource');
    }
    if (statement.Principal === undefined) {
      throw malformed(
        statement.NotPrincipal === undefined
          ? 'Missing required field Principal'
          : 'AssumeRolepolicy contained invalid NotPrincipal',
      );
    }
    for (const action of asList(statement.Action)) {
      if (!TRUST_ACTION.test(String(action))) {
        throw malformed('AssumeRole policy may only specify STS AssumeRole actions.');
      }
    }
  }
  return mapAwsPrincipals(document, (principal) => storedPrincipal(state, principal));
}

/** A trust document as GetRole tells it: ids of those who exist as ARNs, ids of deleted ones as they are. */
export function shownTrust(state: IamState, stored: PolicyDocument): PolicyDocument {
  return mapAwsPrincipals(stored, (principal) => principalById(state, principal)?.arn ?? principal);
}

function storedPrincipal(state: IamState, text: string): string {
  if (text === '*') return text;
  if (/^\d{12}$/.test(text)) return `arn:${state.partition}:iam::${text}:root`;
  const invalid = () => malformed(`Invalid principal in policy: "AWS":"${text}"`);
  // IAM does take back an id that it showed before, as long as its principal exists.
  if (/^A(ROA|IDA)[A-Z2-7]+$/.test(text)) {
    if (!principalById(state, text)) throw invalid();
    return text;
  }
  let arn: ReturnType<typeof parsePrincipalArn>;
  try {
    arn = parsePrincipalArn(text);
  } catch {
    throw invalid();
  }
  if (arn.partition !== state.partition) throw invalid();
  if ((arn.type !== 'user' && arn.type !== 'role') || !state.accounts.has(arn.account)) return text;
  const principal = principalByArn(state, text);
  if (!principal) throw invalid();
  return principal.id;
}

function mapAwsPrincipals(document: PolicyDocument, change: (principal: string) => string): PolicyDocument {
  const statement = statementsOf(document).map((entry): Statement => {
    const principal = entry.Principal;
    if (principal === '*') return entry;
    if (principal === null || typeof principal !== 'object' || Array.isArray(principal)) {
      throw malformed('Syntax errors in policy.');
    }
    const { AWS, ...others } = principal as Record<string, Json>;
    const unknown = Object.keys(others).find((kind) => !['Service', 'Federated', 'CanonicalUser'].includes(kind));
    if (unknown) throw malformed(`Invalid principal in policy: "${unknown}"`);
    if (AWS === undefined) return entry;
    const names = asList(AWS).map((name) => {
      if (typeof name !== 'string') throw malformed('Syntax errors in policy.');
      return change(name);
    });
    if (names.length === 0) throw malformed('Invalid principal in policy.');
    return { ...entry, Principal: { ...others, AWS: names.length === 1 ? names[0]! : names } };
  });
  return { ...document, Statement: statement };
}
