import type { ApiUnderTest } from '../../contracts/kubernetes-api/api.ts';
import { kubernetesApiContract } from '../../contracts/kubernetes-api/contract.ts';
import { SIMULATOR_DEVIATIONS } from '../../contracts/kubernetes-api/deviations.ts';
import { newState, send } from './cluster.ts';

const make = (): ApiUnderTest => {
  const state = newState();
  return { request: async (who, method, url, body, headers) => send(state, who, method, url, body, headers) };
};
kubernetesApiContract('the simulator', make, SIMULATOR_DEVIATIONS);
