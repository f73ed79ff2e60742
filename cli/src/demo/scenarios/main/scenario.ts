import { fileURLToPath } from 'node:url';
import { CLUSTER_OBJECTS } from '../../clusters.ts';
import type { Scene as PlainScene, Scenario } from '../../scenario.ts';
import { accessAct } from './access.ts';
import { bytesAct } from './bytes.ts';
import { joinAct } from './join.ts';
import { leaveAct } from './leave.ts';
import { ledgerAct } from './ledger.ts';
import type { Memory, Scene } from './memory.ts';
import { policyAct } from './policy.ts';
import { repeatAct } from './repeat.ts';
import { sendersAct } from './senders.ts';

const ACTS: readonly (readonly [title: string, act: (scene: Scene) => Promise<void>])[] = [
  ['A policy is put in force', policyAct],
  ['Two people join a group; their identity providers tell', joinAct],
  ['They come in, with sessions and tokens of their own', accessAct],
  ['Others who tell: Okta asks back, Cognito, EKS and IAM report', sendersAct],
  ['The same events once more', repeatAct],
  ['Mia leaves the group while her session lives', leaveAct],
  ["aws-auth: what was not Gatehouse's", bytesAct],
  ['The ledger', ledgerAct],
];

/** The main story: a member comes and goes, from the webhook to the cluster's answer. */
export function mainScenario(): Scenario {
  const memory: Memory = {};
  return {
    about: 'a group change becomes proven cluster access, and is taken back',
    policyFile: fileURLToPath(new URL('../../../../../sandbox/policy.yaml', import.meta.url)),
    clusterObjects: CLUSTER_OBJECTS,
    acts: ACTS.map(([title, act]) => ({ title, play: (scene: PlainScene) => act({ ...scene, memory }) })),
  };
}
