import type { Kind } from '../resource.ts';
import { applyConnector, observeConnector } from './apply.ts';
import { diffConnector } from './diff.ts';
import type { ConnectorClaim, ConnectorPorts, ConnectorState } from './model.ts';

/** Registrations of clusters elsewhere: README.md. */
export const connectorKind: Kind<ConnectorClaim, ConnectorState, ConnectorPorts> = {
  name: 'connector',
  iamActions: [
    'eks:DescribeCluster',
    'eks:RegisterCluster',
    'eks:DeregisterCluster',
    'eks:TagResource',
    // EKS makes and removes the activation in the caller's name.
    'ssm:CreateActivation',
    'ssm:DeleteActivation',
    'iam:PassRole',
    'iam:GetRole',
    'iam:CreateServiceLinkedRole',
    'secretsmanager:GetSecretValue',
    'secretsmanager:CreateSecret',
    'secretsmanager:PutSecretValue',
    'secretsmanager:TagResource',
    'secretsmanager:DeleteSecret',
  ],
  keepsSnapshot: false,
  observe: observeConnector,
  diff: diffConnector,
  apply: applyConnector,
};
