import { partitionOf } from '../access/arn.ts';
import type { Json } from '../access/json.ts';
import { KUBECONFIG_SECRET_PREFIX } from '../access/names.ts';

/** The function that registers clusters elsewhere, and nothing else. */
export const CONNECT_FUNCTION_NAME = 'gatehouse-connect-cluster';

/**
 * What a team needs in IAM to register clusters elsewhere through Gatehouse, and no more: to ask for it, to read the activations
 * (for manifests that are applied by hand), and to keep kubeconfigs where Gatehouse finds them. Nothing of IAM and nothing of EKS:
 * those calls are Gatehouse's own.
 */
export function connectorAdminPolicy({
  account,
  region,
}: {
  readonly account: string;
  readonly region: string;
}): Readonly<Record<string, Json>> {
  const here = (service: string, resource: string) =>
    `arn:${partitionOf(region)}:${service}:${region}:${account}:${resource}`;
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'AskGatehouse',
        Effect: 'Allow',
        Action: 'lambda:InvokeFunction',
        Resource: here('lambda', `function:${CONNECT_FUNCTION_NAME}`),
      },
      {
        Sid: 'ReadActivations',
        Effect: 'Allow',
        Action: 'secretsmanager:GetSecretValue',
        Resource: here('secretsmanager', 'secret:gatehouse/connectors/*'),
      },
      {
        Sid: 'KeepKubeconfigs',
        Effect: 'Allow',
        Action: [
          'secretsmanager:CreateSecret',
          'secretsmanager:PutSecretValue',
          'secretsmanager:DescribeSecret',
          'secretsmanager:DeleteSecret',
        ],
        Resource: here('secretsmanager', `secret:${KUBECONFIG_SECRET_PREFIX}*`),
      },
    ],
  };
}
