import type { ObjectState } from '../managed-object.ts';
import type { Kind } from '../resource.ts';
import { applyConnectorObject, observeConnectorObject } from './apply.ts';
import { diffConnectorObject } from './diff.ts';
import type { ConnectorClusterPorts, ConnectorObjectClaim } from './model.ts';

/** Objects of the EKS connector in its cluster: README.md. */
export const connectorObjectKind: Kind<ConnectorObjectClaim, ObjectState, ConnectorClusterPorts> = {
  name: 'connector-object',
  iamActions: ['secretsmanager:GetSecretValue'],
  keepsSnapshot: false,
  observe: observeConnectorObject,
  diff: diffConnectorObject,
  apply: applyConnectorObject,
};
