import { Failure } from './failure.ts';

/** An IAM or STS ARN, taken apart. */
export interface PrincipalArn {
  readonly partition: string;
  /** 12 digits. */
  readonly account: string;
  readonly type: 'role' | 'user' | 'assumed-role' | 'root' | 'federated-user';
  /** Begins and ends with `/`; `/` where there is none. */
  readonly path: string;
  /** Role or user name; empty for root. */
  readonly name: string;
  /** Session name of an assumed role. */
  readonly session?: string;
}

const ARN = /^arn:(aws[a-z0-9-]*):(iam|sts)::(\d{12}):(root|(role|user|assumed-role|federated-user)\/([\x21-\x7e]+))$/;

/**
 * Takes an IAM or STS principal ARN apart. Accepted:
 *
 *     arn:aws:iam::111122223333:role/path/name
 *     arn:aws:iam::111122223333:user/path/name
 *     arn:aws:iam::111122223333:root
 *     arn:aws:sts::111122223333:assumed-role/name/session
 *     arn:aws:sts::111122223333:federated-user/name
 *
 * @throws Failure `invalid` for anything else, wildcards included.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
 */
export function parsePrincipalArn(text: string): PrincipalArn {
  const match = ARN.exec(text);
  const invalid = (why: string) =>
    new Failure('invalid', `"${text}" is not the ARN of an IAM principal: ${why}`, {
      remedy: 'write it like arn:aws:iam::111122223333:role/name',
    });
  if (!match) throw invalid('it does not have the form of one');
  const [, partition = '', service, account = '', resource = '', kind, rest = ''] = match;
  if (/[*?]/.test(rest)) throw invalid('it holds a wildcard');
  if (resource === 'root') return { partition, account, type: 'root', path: '/', name: '' };
  const parts = rest.split('/');
  if (parts.some((part) => part === '')) throw invalid('a part of its path is empty');
  if (service === 'sts') {
    if (kind === 'federated-user' && parts.length === 1) {
      return { partition, account, type: 'federated-user', path: '/', name: rest };
    }
    if (kind !== 'assumed-role' || parts.length !== 2)
      throw invalid('an STS principal is an assumed role or a federated user');
    return { partition, account, type: 'assumed-role', path: '/', name: parts[0]!, session: parts[1]! };
  }
  if (kind !== 'role' && kind !== 'user') throw invalid('an IAM principal is a role, a user or root');
  const name = parts.at(-1)!;
  const path = parts.length === 1 ? '/' : `/${parts.slice(0, -1).join('/')}/`;
  return { partition, account, type: kind, path, name };
}

/** The ARN of a principal, as IAM writes it. */
export function formatPrincipalArn(arn: PrincipalArn): string {
  const service = arn.type === 'assumed-role' || arn.type === 'federated-user' ? 'sts' : 'iam';
  const head = `arn:${arn.partition}:${service}::${arn.account}:`;
  if (arn.type === 'root') return `${head}root`;
  if (arn.type === 'assumed-role') return `${head}assumed-role/${arn.name}/${arn.session ?? ''}`;
  return `${head}${arn.type}${arn.path}${arn.name}`;
}

/**
 * The ARN under which aws-auth must name a principal: a role without its path, a user with it.
 * Source: aws-iam-authenticator `pkg/arn/arn.go`.
 */
export function awsAuthArn(text: string): string {
  const arn = parsePrincipalArn(text);
  return arn.type === 'role' ? formatPrincipalArn({ ...arn, path: '/' }) : formatPrincipalArn(arn);
}

/** The partition of a Region, by its name (https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html). */
export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  if (region.startsWith('us-gov-')) return 'aws-us-gov';
  return 'aws';
}

/** The ARN of an EKS cluster. */
export function clusterArn(account: string, region: string, name: string): string {
  return `arn:${partitionOf(region)}:eks:${region}:${account}:cluster/${name}`;
}

const CLUSTER_ARN = /^arn:(aws[a-z0-9-]*):eks:([a-z0-9-]+):(\d{12}):cluster\/([0-9A-Za-z][A-Za-z0-9_-]{0,99})$/;

/** Takes an EKS cluster's ARN apart. @throws Failure `invalid`. */
export function parseClusterArn(text: string): { region: string; account: string; name: string } {
  const match = CLUSTER_ARN.exec(text);
  if (!match) throw new Failure('invalid', `"${text}" is not the ARN of an EKS cluster`);
  return { region: match[2]!, account: match[3]!, name: match[4]! };
}

/** IAM path of the roles by which Gatehouse itself works (`template.yaml`). */
const SYSTEM_PATH = '/gatehouse-system/';

/** Roles that AWS services, Identity Center and Gatehouse itself keep for themselves; nobody assumes or maps them by their ARN. */
export function reservedRole({ type, path, name }: PrincipalArn): { why: string; remedy: string } | undefined {
  if (type !== 'role') return undefined;
  if (path.startsWith(SYSTEM_PATH)) {
    return { why: 'Gatehouse itself works by it', remedy: 'name a role of your own' };
  }
  if (path.startsWith('/aws-service-role/') || name.startsWith('AWSServiceRoleFor')) {
    return { why: 'it is the service-linked role of an AWS service', remedy: 'name a role of your own' };
  }
  if (path.startsWith('/aws-reserved/') || name.startsWith('AWSReservedSSO_')) {
    return {
      why: 'it belongs to an Identity Center permission set, and its name changes',
      remedy: 'use through: sso with permissionSet: ...',
    };
  }
  return undefined;
}
