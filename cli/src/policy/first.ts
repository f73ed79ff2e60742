import type { Found } from '../aws/found-clusters.ts';
import { type Addition, commentText, flow, newDocument } from './additions.ts';

/** What a person chose. */
export interface Choices {
  /** Who says who people are. */
  readonly source: string;
  /** Id of the group that administers all clusters. */
  readonly group?: string | undefined;
  /** The permission set by which that group comes in. */
  readonly permissionSet?: string | undefined;
}

/** A first policy of what there is: commented, in observe mode, and right in itself. Pure. */
export function firstPolicy({ account, clusters, permissionSets }: Found, choices: Choices): string {
  const own = clusters.filter(({ connector }) => connector === undefined);
  const elsewhere = clusters.filter(({ connector }) => connector !== undefined);
  const additions: Addition[] = [
    ...own.map((cluster): Addition => {
      const { name, region, tags } = cluster;
      const env = Object.entries(tags).find(([key]) => /^env(ironment)?$/i.test(key))?.[1];
      const labels = env !== undefined && LABEL_VALUE.test(env) ? { labels: { env } } : {};
      const text = `${name}: ${flow({ account, region, ...labels, mode: 'observe' })}`;
      return { section: 'clusters', comments: remarksOn(cluster), text };
    }),
    ...identitiesFor(choices, account),
    ...grantFor(choices),
  ];
  const tail = [
    ...(choices.group === undefined ? GRANT_EXAMPLES(choices, permissionSets) : []),
    ...(permissionSets.length === 0
      ? []
      : [`Permission sets with a role in this account: ${permissionSets.join(', ')}.`]),
    ...elsewhere.map(({ name }) => `${name} runs elsewhere: gatehouse register-cluster ${name}`),
    'What Gatehouse must never touch, whatever happens:',
    `protected: { principals: ["arn:aws:iam::${account}:role/break-glass"] }`,
  ];
  return newDocument(additions, { head: HEAD, tail });
}

const HEAD = [
  'The access policy: who gets which level on which clusters and namespaces. Written by "gatehouse init".',
  'In mode observe Gatehouse plans and reports, and changes nothing on a cluster; enforce is for when a plan reads as it should.',
];

const LABEL_VALUE = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

function remarksOn({ version, authenticationMode, status }: Found['clusters'][number]): string[] {
  const modes = {
    CONFIG_MAP: 'by aws-auth',
    API_AND_CONFIG_MAP: 'by aws-auth and access entries',
    API: 'by access entries alone: aws-auth, which Gatehouse writes, is not read there',
  };
  const state = status === 'ACTIVE' ? '' : `, ${status}`;
  return [`Kubernetes ${version ?? 'of an unknown version'}${state}; people come in ${modes[authenticationMode]}`];
}

function identitiesFor({ source, group, permissionSet }: Choices, account: string): Addition[] {
  if (group === undefined) return [];
  const rule =
    permissionSet === undefined
      ? { source, template: `arn:aws:iam::${account}:user/{login}` }
      : { source, session: '{login}' };
  const comments = [
    permissionSet === undefined
      ? 'How a user of the source becomes an IAM user: {id}, {login}, {email} or {localPart} of the login.'
      : 'What Identity Center calls the sessions of a user: {id}, {login}, {email} or {localPart} of the login.',
  ];
  return [{ section: 'identities', comments, text: flow(rule) }];
}

function grantFor({ source, group, permissionSet }: Choices): Addition[] {
  if (group === undefined) return [];
  const way = permissionSet === undefined ? { through: 'role' } : { through: 'sso', permissionSet };
  const text = flow({
    name: 'administrators',
    to: { group, source },
    on: { clusters: '*' },
    level: 'cluster-admin',
    ...way,
  });
  return [{ section: 'grants', comments: ['Groups are named by their ids, which nobody can take over.'], text }];
}

const GRANT_EXAMPLES = ({ source }: Choices, permissionSets: readonly string[]): string[] => [
  'Grants: whom, where, what, and by which way in. For example:',
  'identities:',
  permissionSets.length > 0
    ? `  - { source: ${source}, session: "{login}" }`
    : `  - { source: ${source}, template: "arn:aws:iam::111122223333:user/{login}" }`,
  'grants:',
  `  - { name: administrators, to: { group: ID-OF-A-GROUP, source: ${source} }, on: { clusters: "*" }, level: cluster-admin, ${
    permissionSets.length > 0 ? `through: sso, permissionSet: ${commentText(permissionSets[0]!)}` : 'through: role'
  } }`,
];
