import * as z from 'zod';
import { NAME_PATTERN } from '../access/names.ts';
import { CONNECTOR_PROVIDERS } from '../access/policy.ts';

/**
 * The forms that texts of a policy have. A form's key is the message of its zod issue; `readPolicy` makes sentences of it.
 */
export const FORMS = {
  name: {
    pattern: NAME_PATTERN,
    is: 'a name (lower-case letters, digits and inner hyphens, at most 63)',
    example: 'payments-operators',
  },
  account: { pattern: /^\d{12}$/, is: 'an AWS account id (12 digits)', example: '"111122223333"' },
  region: { pattern: /^[a-z]{2,3}(-[a-z]{2,12}){1,2}-\d{1,2}$/, is: 'an AWS Region', example: 'eu-west-1' },
  roleGlob: {
    pattern: /^arn:aws[a-z0-9-]*:iam::\d{12}:role\/[\w+=,.@/*-]{1,512}$/,
    is: 'the ARN of an IAM role, with * for any characters',
    example: 'arn:aws:iam::111122223333:role/platform/*',
  },
  clusterName: {
    pattern: /^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/,
    is: 'the name of an EKS cluster (letters, digits, - and _, at most 100)',
    example: 'prod-eu',
  },
  clusterGlob: {
    pattern: /^[0-9A-Za-z*][A-Za-z0-9_*-]{0,99}$/,
    is: 'a cluster name, with * for any characters',
    example: 'prod-*',
  },
  namespaceGlob: {
    pattern: /^[a-z0-9*]([a-z0-9*-]{0,61}[a-z0-9*])?$/,
    is: 'a namespace, with * for any characters',
    example: 'team-*',
  },
  labelKey: {
    pattern: /^([a-z0-9.-]{1,253}\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/,
    is: 'the key of a label',
    example: 'env',
  },
  labelValue: {
    pattern: /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/,
    is: 'the value of a label',
    example: 'prod',
  },
  tag: {
    pattern: /^[\p{L}\p{N} _.:/=+@-]{0,256}$/u,
    is: 'a key or value of an AWS tag',
    example: 'gatehouse: managed',
  },
  arn: { pattern: /^arn:aws[a-z0-9-]*:/, is: 'an ARN', example: 'arn:aws:iam::111122223333:role/name' },
  externalId: {
    pattern: /^[\w+=,.@:/-]{2,1224}$/,
    is: 'an external id (2 or more of letters, digits, +=,.@:/-)',
    example: 'a random UUID',
  },
  namespace: {
    pattern: /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    is: 'the name of a namespace (wildcards are not possible)',
    example: 'payments',
  },
  id: { pattern: /^\S(.{0,254}\S)?$/u, is: 'an id (1 to 256 characters, no space around it)', example: '00g1abcd' },
  attribute: { pattern: /^[\w.:/-]{1,256}$/, is: 'the name of a user attribute', example: 'awsUserArn' },
  apiGroup: {
    pattern: /^(\*|[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|)$/,
    is: 'an API group ("" is the core group)',
    example: 'apps',
  },
  resource: {
    pattern: /^(\*|[a-z0-9.-]{1,253})(\/[a-z0-9-]{1,63})?$/,
    is: 'a resource in lower-case plural, perhaps with a subresource',
    example: 'pods/log',
  },
  verb: { pattern: /^(\*|[a-z]{1,63})$/, is: 'a verb', example: 'get' },
  url: { pattern: /^(\*|\/[^*\s]*\*?)$/, is: 'a path that begins with /, with * only at its end', example: '/healthz' },
  clusterRole: {
    pattern: /^(?!\.{1,2}$)[A-Za-z0-9][A-Za-z0-9:._-]{0,252}$/,
    is: 'the name of a ClusterRole',
    example: 'view',
  },
  rbacName: {
    pattern: /^(?!\.{1,2}$)[A-Za-z0-9][A-Za-z0-9:._-]{0,252}$/,
    is: 'the name of a Role or binding',
    example: 'ci-deployer',
  },
  permissionSet: {
    pattern: /^[\w+=,.@-]{1,32}$/,
    is: 'the name of a permission set (at most 32 of letters, digits, +=,.@-_)',
    example: 'PaymentsOps',
  },
  iamName: {
    pattern: /^[\w+=,.@-]{1,64}$/,
    is: 'a name in IAM (at most 64 of letters, digits, +=,.@-_)',
    example: 'eks-cicd-user',
  },
  policyName: {
    pattern: /^[\w+=,.@-]{1,128}$/,
    is: 'the name of an IAM policy (at most 128 of letters, digits, +=,.@-_)',
    example: 'EKS_CICD_User_Policy',
  },
  username: {
    pattern: /^[A-Za-z0-9][\w+=,.@:/-]{0,127}$/,
    is: 'a username in a cluster (letters, digits, +=,.@:/-_, at most 128)',
    example: 'eks-cicd-user',
  },
  webIdentityProvider: {
    pattern: /^[a-z0-9.-]+\.[a-z]{2,}(:\d{1,5})?(\/[\w~.%/-]+)?$/,
    is: 'the host and path of an OIDC provider, without https://',
    example: 'token.actions.githubusercontent.com',
  },
  pattern: {
    pattern: /^[^\s"$]{1,512}$/,
    is: 'a value or a pattern with * and ? (no spaces, quotes or $)',
    example: 'repo:acme/payments:ref:refs/heads/main',
  },
  issuer: {
    pattern: /^https?:\/\/\S{1,500}$/,
    is: 'the URL of an issuer',
    example: 'https://acme.okta.com/oauth2/default',
  },
  claimName: { pattern: /^[\w:./-]{1,256}$/, is: 'the name of a claim', example: 'groups' },
  secretName: {
    pattern: /^[A-Za-z0-9/_+=.@-]{1,512}$/,
    is: 'the name of a secret in Secrets Manager',
    example: 'gatehouse/kubeconfigs/edge-lab',
  },
} as const satisfies Record<string, { pattern: RegExp; is: string; example: string }>;

const form = (name: keyof typeof FORMS) => z.string().regex(FORMS[name].pattern, { error: name });
/** A list must say something: an empty one would read as "nothing" and mean "everything". */
const filled = <T extends z.ZodType>(item: T) => z.array(item).min(1).max(1000);

const mode = z.enum(['observe', 'enforce', 'paused']);
const labels = z.record(form('labelKey'), form('labelValue'));

const account = z.strictObject({
  roleArn: form('arn').optional().describe('Role that Gatehouse takes on in this account.'),
  externalId: form('externalId').optional(),
  permissionsBoundary: form('arn')
    .optional()
    .describe('Policy put as boundary on every principal made in this account.'),
});

const cluster = z.strictObject({
  account: form('account'),
  region: form('region'),
  labels: labels.optional(),
  mode: mode.optional().describe('observe (the default) only reports; paused gives nothing but still takes away.'),
  kind: z.enum(['eks', 'connected']).optional().describe('connected: it runs elsewhere, behind the EKS connector.'),
  provider: z.enum(CONNECTOR_PROVIDERS).optional().describe('What runs a connected cluster.'),
  kubeconfigSecret: form('secretName')
    .optional()
    .describe('Secret with a kubeconfig by which a connected cluster is reached. Without: manifests to apply by hand.'),
});

const discovery = z.strictObject({
  account: form('account'),
  region: form('region'),
  tag: z.record(form('tag'), form('tag')).describe('Tags a cluster must carry, all of them.'),
  mode: mode.optional(),
});

const rule = z.strictObject({
  apiGroups: filled(form('apiGroup')).optional(),
  resources: filled(form('resource')).optional(),
  resourceNames: filled(form('id')).optional(),
  nonResourceURLs: filled(form('url')).optional(),
  verbs: filled(form('verb')),
});

const level = z.strictObject({
  rules: filled(rule).max(200).optional(),
  clusterRole: form('clusterRole').optional().describe('A ClusterRole that exists on every cluster.'),
  clusterWide: filled(rule)
    .max(50)
    .optional()
    .describe('Rules for the whole cluster, also where the grant is for single namespaces.'),
  console: z
    .literal(true)
    .optional()
    .describe('Opens the EKS console, too: eks:AccessKubernetesApi, list and describe.'),
  eksPolicy: form('id').optional().describe('The EKS access policy that equals this level. Documentation only so far.'),
});

const identity = z.strictObject({
  source: z.string(),
  map: z.record(form('id'), form('arn')).optional().describe('IAM user ARN by user id.'),
  attribute: form('attribute').optional().describe('User attribute that holds the ARN of an IAM user.'),
  template: form('arn').optional().describe('IAM user ARN with {id}, {login}, {email} or {localPart}.'),
  session: form('pattern')
    .optional()
    .describe('Session name that Identity Center or a SAML provider sets, with {id}, {login}, {email} or {localPart}.'),
});

const grantee = z.strictObject({
  group: form('id').optional().describe('Id of a group, as its source gives it.'),
  user: form('id').optional().describe('Id of a user, as its source gives it.'),
  source: z.string().optional(),
  machine: form('name').optional(),
  principal: form('arn').optional().describe('ARN of an IAM role or user that exists: mapped, and left as it is.'),
  claim: form('id').optional().describe('A group as the OIDC provider of the cluster writes it into tokens.'),
  provider: form('name').optional().describe('The provider of the claim, of identityProviders.'),
});

const scope = z.strictObject({
  clusters: z
    .union([form('clusterGlob'), filled(form('clusterGlob'))])
    .optional()
    .describe('A name, a name with *, or a list of them.'),
  labels: labels.optional().describe('Labels a cluster must have, all of them.'),
  namespaces: filled(form('namespace')).optional().describe('Left out: the whole cluster.'),
  absentNamespaces: z.enum(['refuse', 'create', 'create-and-delete']).optional(),
});

const saml = z.strictObject({
  provider: form('iamName').describe('Name of the SAML provider in IAM.'),
  subjects: filled(form('pattern')).optional().describe('saml:sub, one of these; * and ? are wildcards.'),
  groups: filled(form('pattern')).optional().describe('saml:edupersonaffiliation, one of these.'),
});

const webIdentity = z.strictObject({
  provider: form('webIdentityProvider'),
  audiences: filled(form('pattern')).optional().describe('aud, one of these. Left out: sts.amazonaws.com.'),
  subjects: filled(form('pattern')).describe('sub, one of these; * and ? are wildcards.'),
});

const trustedAccount = z.strictObject({ account: form('account'), externalId: form('externalId').optional() });

const trust = z.strictObject({
  principals: filled(form('arn')).optional(),
  accounts: filled(trustedAccount).optional(),
  webIdentity: z.union([webIdentity, filled(webIdentity)]).optional(),
});

const machine = z.strictObject({
  user: form('iamName').optional().describe('Name of its IAM user. Left out: gatehouse-NAME.'),
  username: form('username').optional().describe('Its name in clusters. Left out: derived from the IAM user.'),
  policy: form('policyName')
    .optional()
    .describe('Name of the managed policy of its IAM user. Left out: EKS_CICD_User_Policy.'),
  trust: trust.optional().describe('Who may assume its role, for grants through: role.'),
});

const identityProvider = z.strictObject({
  preset: z
    .enum(['okta', 'auth0', 'entra', 'cognito', 'keycloak'])
    .optional()
    .describe('Fills in claims and prefixes.'),
  issuer: form('issuer'),
  clientId: form('id'),
  usernameClaim: form('claimName').optional(),
  usernamePrefix: form('username').optional(),
  groupsClaim: form('claimName').optional(),
  groupsPrefix: form('username').optional(),
  requiredClaims: z.record(form('claimName'), form('id')).optional(),
  on: z.strictObject({
    clusters: z.union([form('clusterGlob'), filled(form('clusterGlob'))]).optional(),
    labels: labels.optional(),
  }),
  logs: filled(z.enum(['audit', 'authenticator']))
    .optional()
    .describe('Control plane logs to switch on. CloudWatch bills for them.'),
});

const grant = z.strictObject({
  name: form('name'),
  to: z.union([grantee, filled(grantee).max(50)]).describe('Whom it is for: one, or a list that shares one role.'),
  on: scope,
  level: z.string(),
  through: z.enum(['role', 'user', 'sso', 'oidc', 'connector']),
  permissionSet: form('permissionSet').optional().describe('Of through: sso.'),
  saml: saml.optional().describe('People come by a SAML provider instead of IAM users. Of through: role.'),
  names: z
    .strictObject({ role: form('rbacName').optional(), binding: form('rbacName').optional() })
    .optional()
    .describe('Names of its Role and of the binding of a single grantee. Left out: derived from the grant.'),
});

const onboardingRules = z.strictObject({
  level: z.string().optional(),
  trust: trust
    .optional()
    .describe('Who may assume the role that is made; {environment} and {namespace} are filled in.'),
  adopt: filled(form('roleGlob')).optional().describe('ARNs of roles that may be named instead, with * as wildcard.'),
  people: filled(grantee).max(50).optional().describe('Groups and users who get the same level there.'),
});

const onboarding = z.strictObject({
  environments: z
    .strictObject({
      accounts: filled(form('account')).describe('Accounts whose clusters may join.'),
      mode: mode.optional(),
      ...onboardingRules.shape,
    })
    .describe('Clusters that join by an event or a command. Level: cluster-admin, unless another is named.'),
  applications: z
    .strictObject({
      namespaces: filled(form('namespaceGlob'))
        .optional()
        .describe('Which namespaces may be applications, with * as wildcard; all but kube-* where left out.'),
      absentNamespaces: scope.shape.absentNamespaces,
      groupsOf: z.string().optional().describe('The source whose groups an application may name.'),
      ...onboardingRules.shape,
    })
    .optional()
    .describe('Namespaces on environments. Level: namespace-admin, unless another is named.'),
});

/** The document `gatehouse/v1` as it is written, before references are resolved and defaults filled in. */
export const policyDocument = z.strictObject({
  apiVersion: z.literal('gatehouse/v1'),
  accounts: z.record(form('account'), account).optional(),
  clusters: z.record(form('clusterName'), cluster).optional(),
  discover: z.array(discovery).optional(),
  levels: z.record(form('name'), level).optional(),
  identities: z.array(identity).optional(),
  machines: z.record(form('name'), machine).optional(),
  identityProviders: z.record(form('name'), identityProvider).optional(),
  grants: z.array(grant).optional(),
  protected: z.strictObject({ principals: z.array(form('arn')) }).optional(),
  onboarding: onboarding.optional().describe('What events and commands may onboard, and what comes of it.'),
});

/** A policy document of the right shape. */
export type PolicyDocument = z.infer<typeof policyDocument>;
/** A grant as it is written. */
export type GrantDocument = z.infer<typeof grant>;
/** A grantee as it is written. */
export type GranteeDocument = z.infer<typeof grantee>;

/** The grantees of a grant: a single one is a list of one. */
export function granteesOf(to: GrantDocument['to']): readonly GranteeDocument[] {
  return Array.isArray(to) ? to : [to];
}

/** A machine as it is written. */
export type MachineDocument = z.infer<typeof machine>;
/** An OIDC provider as it is written. */
export type IdentityProviderDocument = z.infer<typeof identityProvider>;
/** A level as it is written. */
export type LevelDocument = z.infer<typeof level>;
/** The trust of a machine as it is written. */
export type TrustDocument = z.infer<typeof trust>;
/** The onboarding of environments and applications as it is written. */
export type OnboardingDocument = z.infer<typeof onboarding>;
/** What the rules of both have in common. */
export type OnboardingRulesDocument = z.infer<typeof onboardingRules>;
