import { kubernetesApiContract } from '../../contracts/kubernetes-api/contract.ts';
import { newState, send } from './cluster.ts';

kubernetesApiContract('the simulator', 'simulator', () => {
  const state = newState();
  return { request: async (who, method, url, body, headers) => send(state, who, method, url, body, headers) };
});
