import { parseTarget, type Target } from '@gatehouse/core/access/target';
import type { Owned } from '@gatehouse/core/operations/inventory';

/** How something that Gatehouse made is removed without it: a line to type. */
export function byHand(target: Target, { kind, object, parts }: Owned): string {
  const parts_ = parseTarget(target);
  const [, , , region = '', , resource = ''] = parts_.type === 'iam' ? [] : parts_.arn.split(':');
  const cluster = resource.replace(/^cluster\//, '');
  const [objectKind = '', first = '', second] = object.split('/');
  switch (kind) {
    case 'aws-auth':
      return 'kubectl edit configmap aws-auth -n kube-system, and take these lines out';
    case 'iam-role':
      return `aws iam list-role-policies --role-name ${object}; aws iam delete-role-policy for each; aws iam delete-role --role-name ${object}`;
    case 'iam-user': {
      const secret = /in the secret (\S+)$/.exec(parts[0] ?? '')?.[1];
      const key = secret === undefined ? '' : `aws secretsmanager delete-secret --secret-id ${secret}; `;
      return `${key}aws iam list-access-keys --user-name ${object}; aws iam delete-access-key and delete-user-policy for each; aws iam delete-user --user-name ${object}`;
    }
    case 'iam-policy':
      return `aws iam delete-policy --policy-arn ${object}`;
    case 'connector':
      return `aws eks deregister-cluster --name ${cluster || object}${region === '' ? '' : ` --region ${region}`}`;
    case 'identity-provider':
      return `aws eks list-identity-provider-configs --cluster-name ${cluster} --region ${region}; aws eks disassociate-identity-provider-config`;
    case 'control-plane-logs':
      return `aws eks update-cluster-config --name ${cluster} --region ${region} --logging ..., if they are no longer wanted`;
    default: {
      const [namespace, name] = second === undefined ? [undefined, first] : [first, second];
      return `kubectl delete ${objectKind.toLowerCase()} '${name}'${namespace === undefined ? '' : ` -n ${namespace}`}`;
    }
  }
}
