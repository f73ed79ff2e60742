import type { Json } from '../access/json.ts';
import type { Cluster, Grant } from '../access/policy.ts';
import type { PolicyDocument } from '../ports/iam.ts';

/** A grant, and the clusters of its that are in reach of a principal. */
export interface GrantedClusters {
  readonly grant: Pick<Grant, 'level'>;
  readonly clusters: readonly Pick<Cluster, 'arn' | 'mode'>[];
}

/** What the EKS console asks about a cluster that is looked at. */
const VIEWS = [
  'eks:AccessKubernetesApi',
  'eks:ListAddons',
  'eks:ListFargateProfiles',
  'eks:ListIdentityProviderConfigs',
  'eks:ListNodegroups',
  'eks:ListTagsForResource',
  'eks:ListUpdates',
] as const;

/** What it asks that EKS knows no cluster for. */
const VIEWS_OF_ALL = ['eks:DescribeAddonVersions', 'eks:ListClusters'] as const;

/** Every action that the policy of a principal may hold: the permissions boundary allows exactly these. */
export const CLUSTER_POLICY_ACTIONS: readonly string[] = [
  'eks:DescribeCluster',
  'eks:DescribeNodegroup',
  ...VIEWS,
  ...VIEWS_OF_ALL,
];

/**
 * What a principal may do in AWS: look its clusters up, and with a console level view them, too
 * (https://docs.aws.amazon.com/eks/latest/userguide/view-kubernetes-resources.html). What it sees of a cluster's objects is up to
 * RBAC.
 */
export function clusterPolicy(grants: readonly GrantedClusters[]): PolicyDocument {
  return documentOf(lookUpStatement(grants), ...viewStatements(grants));
}

/** Of that, only to look the clusters up: what a managed policy of machines holds. */
export function lookUpPolicy(grants: readonly GrantedClusters[]): PolicyDocument {
  return documentOf(lookUpStatement(grants));
}

/** Of that, only to view them; undefined where no level has the console. */
export function viewPolicy(grants: readonly GrantedClusters[]): PolicyDocument | undefined {
  const statements = viewStatements(grants);
  return statements.length === 0 ? undefined : documentOf(...statements);
}

function documentOf(...statements: readonly Json[]): PolicyDocument {
  return { Version: '2012-10-17', Statement: statements };
}

function lookUpStatement(grants: readonly GrantedClusters[]): Json {
  return { Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: oneOrMore(namedIn(grants)) };
}

function viewStatements(grants: readonly GrantedClusters[]): readonly Json[] {
  const viewed = namedIn(grants.filter(({ grant }) => grant.level.console));
  const nodegroups = viewed.map((arn) => `${arn.replace(':cluster/', ':nodegroup/')}/*`);
  if (viewed.length === 0) return [];
  return [
    { Effect: 'Allow', Action: [...VIEWS], Resource: oneOrMore(viewed) },
    { Effect: 'Allow', Action: 'eks:DescribeNodegroup', Resource: oneOrMore(nodegroups) },
    { Effect: 'Allow', Action: [...VIEWS_OF_ALL], Resource: '*' },
  ];
}

/** Clusters that only observe are left out, unless there are no others: then all this is a plan. */
function namedIn(grants: readonly GrantedClusters[]): string[] {
  const all = grants.flatMap(({ clusters }) => clusters);
  const inUse = all.filter(({ mode }) => mode !== 'observe');
  return [...new Set((inUse.length > 0 ? inUse : all).map(({ arn }) => arn))].sort();
}

/** IAM gives a list of one back as the one. */
const oneOrMore = (arns: readonly string[]) => (arns.length === 1 ? arns[0]! : arns);
