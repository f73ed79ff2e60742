import { kubernetesContract } from '../../contracts/kubernetes.ts';
import { asUser, memoryKubernetes } from '../../fakes/kubernetes.ts';

kubernetesContract('in memory', () => {
  const admin = memoryKubernetes();
  return { admin, as: (username) => admin.as(asUser(username)) };
});
