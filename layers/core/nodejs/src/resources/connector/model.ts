import type { ConnectorProvider } from '../../access/policy.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Eks, EksCluster } from '../../ports/eks.ts';
import type { AccountPorts } from '../../ports/world.ts';
import type { Claim } from '../resource.ts';

/** The service that registers clusters elsewhere; its linked role is the account's, and stays when all of them are gone. */
export const CONNECTOR_SERVICE = 'eks-connector.amazonaws.com';
/** What AWS calls the role linked to it. */
export const CONNECTOR_LINKED_ROLE = 'AWSServiceRoleForAmazonEKSConnector';

/** What the kind works on: one account, and EKS in one Region of it. */
export interface ConnectorPorts extends AccountPorts {
  readonly eks: Eks;
  readonly clock: Clock;
  /** The secret in which the activation of a registration is kept, and nowhere else; its value is {@link ActivationSecret}. */
  secretOf(name: string): string;
}

/**
 * The registration of a cluster elsewhere. `object` is its name in EKS.
 *
 *     { kind: 'connector', object: 'edge-lab', provider: 'EKS_ANYWHERE',
 *       roleArn: 'arn:aws:iam::111122223333:role/gatehouse/connector/gatehouse-connector-eu-west-1-edge-lab' }
 */
export interface ConnectorClaim extends Claim {
  readonly kind: 'connector';
  readonly provider: ConnectorProvider;
  /** The role of its agent. */
  readonly roleArn: string;
}

/** The value of an activation's secret. */
export interface ActivationSecret {
  readonly activationId: string;
  readonly activationCode: string;
  /** Milliseconds UTC; tells of which registration it is. */
  readonly activationExpiry: number;
}

/** What is observed of a name in EKS, and of the secret that goes with it. The activation itself is no part of it. */
export type ConnectorState =
  | { readonly present: false; readonly secret: 'kept' | 'missing' }
  | {
      readonly present: true;
      readonly arn: string;
      readonly status: EksCluster['status'];
      readonly tags: Readonly<Record<string, string>>;
      /** Absent: it is a cluster that EKS runs. */
      readonly registration?: {
        readonly provider: string;
        readonly roleArn: string;
        /** Milliseconds UTC. */
        readonly expiry?: number;
        /** PENDING, and nobody can activate it any more. */
        readonly expired: boolean;
      };
      /** Whether the activation of this very registration is in the secret. */
      readonly secret: 'kept' | 'missing';
    };

/** A registration that is there. */
export type PresentConnector = Extract<ConnectorState, { present: true }>;

/** No such name, and no secret. */
export const ABSENT_CONNECTOR: ConnectorState = { present: false, secret: 'missing' };
