import type { CallRecord } from '@gatehouse/sandbox/aws/endpoint';
import type { SeenRequest } from '@gatehouse/sandbox/kubernetes/server';

/** A write that an endpoint answered with success. */
export interface SeenWrite {
  /** `IAM`, `Secrets Manager`, `EKS`, or the cluster's name. */
  readonly where: string;
  readonly what: string;
}

const SERVICES: Readonly<Record<string, string>> = { iam: 'IAM', secretsmanager: 'Secrets Manager', eks: 'EKS' };
const READS = /^(Get|List|Describe|GET )/;

/** Counts, at the endpoints themselves, everything that changes IAM, EKS, Secrets Manager or a cluster. */
export class WriteCounter {
  readonly writes: SeenWrite[] = [];

  /** A call of AWS. */
  call({ service, action, status }: CallRecord): void {
    const where = SERVICES[service];
    if (where === undefined || status >= 300 || READS.test(action)) return;
    this.writes.push({ where, what: action });
  }

  /** A request to a cluster; reviews are questions, though they are sent by POST. */
  request(cluster: string, { method, path, status }: SeenRequest): void {
    if (method === 'GET' || method === 'HEAD' || status >= 300 || /reviews(\?|$)/.test(path)) return;
    this.writes.push({ where: cluster, what: `${method} ${path}` });
  }
}
