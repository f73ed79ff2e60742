import type { Kubernetes } from '../ports/kubernetes.ts';
import { kubernetesOn } from './api.ts';
import { type ApiServer, transportTo } from './transport.ts';

/**
 * The API server of one cluster, over HTTPS.
 * @throws Failure `invalid` where the address is not https; the calls as the port says.
 */
export function kubernetesOver(options: ApiServer): Kubernetes {
  return kubernetesOn(transportTo(options));
}
