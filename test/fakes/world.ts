import { parseClusterArn } from '@gatehouse/core/access/arn';
import { Failure } from '@gatehouse/core/access/failure';
import type { Account } from '@gatehouse/core/access/policy';
import type { Eks } from '@gatehouse/core/ports/eks';
import type { Kubernetes } from '@gatehouse/core/ports/kubernetes';
import type { Secrets } from '@gatehouse/core/ports/secrets';
import type { World } from '@gatehouse/core/ports/world';
import { assumable } from '../../sandbox/src/aws/iam/assume.ts';
import type { IamState } from '../../sandbox/src/aws/iam/state.ts';
import { type MemoryIam, memoryIam } from './iam.ts';

/** What a {@link memoryWorld} is made of. */
export interface MemoryWorldOptions {
  readonly iamState: IamState;
  /** Gatehouse's own: its account, and the session in which it runs. */
  readonly own: { readonly account: string; readonly sessionArn: string };
  readonly secrets: Secrets;
  /** One for all accounts and Regions. */
  readonly eks: Eks;
  /** By the cluster's ARN. */
  readonly clusters: ReadonlyMap<string, Kubernetes>;
}

/** The world in memory: other accounts are entered by the same trust rules as in AWS, clusters as EKS describes them. */
export function memoryWorld(options: MemoryWorldOptions): World & { readonly iam: ReadonlyMap<string, MemoryIam> } {
  const { iamState, own, secrets, eks, clusters } = options;
  const iam = new Map([...iamState.accounts.keys()].map((account) => [account, memoryIam(iamState, account)]));
  const enter = ({ id, roleArn, externalId }: Account): void => {
    const reached = roleArn?.split(':')[4] ?? own.account;
    if (roleArn !== undefined) {
      const caller = { arn: own.sessionArn, ...(externalId === undefined ? {} : { externalId }) };
      const answer = assumable(iamState, roleArn, caller, 'gatehouse');
      if (!answer.allowed) throw new Failure('forbidden', `assuming ${roleArn}: ${answer.reason}`);
    }
    if (reached !== id) throw new Failure('forbidden', `account ${id} was to be entered, but it is ${reached}`);
  };
  /** A cluster elsewhere is reached where its secret says how; here any text does. */
  const elsewhere = async (arn: string, secret: string | undefined): Promise<Kubernetes> => {
    if (secret === undefined) throw new Failure('unsupported', `${arn} is not reached by Gatehouse`);
    if ((await secrets.read(secret)) === undefined) throw new Failure('invalid', `the secret ${secret} does not exist`);
    const kubernetes = clusters.get(arn);
    if (!kubernetes) throw new Failure('unreachable', `the cluster ${arn} does not answer`);
    return kubernetes;
  };
  return {
    iam,
    secrets,
    async account(account) {
      enter(account);
      return { iam: iam.get(account.id)!, secrets };
    },
    async eks(account) {
      enter(account);
      return eks;
    },
    async cluster(account, { arn, connected }) {
      if (parseClusterArn(arn).account !== account.id) {
        throw new Failure('forbidden', `the cluster ${arn} is not in the account ${account.id}`);
      }
      if (connected) return { kubernetes: await elsewhere(arn, connected.kubeconfigSecret) };
      enter(account);
      const found = await eks.describeCluster(parseClusterArn(arn).name);
      const kubernetes = clusters.get(arn);
      if (!found || found.arn !== arn || found.status === 'DELETING') {
        throw new Failure('not-found', `the cluster ${arn} does not exist`);
      }
      if (found.status === 'CREATING') throw new Failure('unreachable', `the cluster ${arn} is still being created`);
      if (!kubernetes) throw new Failure('unreachable', `the cluster ${arn} does not answer`);
      return { kubernetes };
    },
  };
}
