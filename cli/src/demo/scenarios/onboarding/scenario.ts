import { CLUSTER_OBJECTS } from '../../clusters.ts';
import { examplePolicy, type Scenario, type Scene } from '../../scenario.ts';
import { applicationAct, environmentAct } from './join.ts';
import { leaveAct } from './leave.ts';
import type { Memory } from './memory.ts';
import { refusalAct } from './refuse.ts';

const ACTS: readonly (readonly [title: string, act: (scene: Scene, memory: Memory) => Promise<void>])[] = [
  ['The platform makes a cluster: it becomes an environment', environmentAct],
  ['It makes a namespace there for a team: an application', applicationAct],
  ['What the policy does not allow', refusalAct],
  ['Application and environment go again', leaveAct],
];

/** A developer platform onboards a cluster and a namespace by events, and takes both back. */
export function onboardingScenario(): Scenario {
  const memory: Memory = {};
  return {
    about: 'a developer platform onboards a cluster and a namespace, and needs nothing else',
    policyFile: examplePolicy('onboarding'),
    clusterObjects: CLUSTER_OBJECTS,
    acts: ACTS.map(([title, act]) => ({ title, play: (scene: Scene) => act(scene, memory) })),
  };
}
