import { startIssuer } from '@gatehouse/sandbox/internet/issuer';
import { CLUSTER_OBJECTS } from '../../clusters.ts';
import { examplePolicy, type Scene as PlainScene, type Scenario } from '../../scenario.ts';
import { associateAct } from './associate.ts';
import { goAct } from './go.ts';
import { ACCOUNTS, HOST, KUBERNETES, type Memory, type Scene, tokenSeconds, WIKI } from './people.ts';
import { signInAct } from './sign-in.ts';
import { unsoundAct } from './unsound.ts';

const ACTS: readonly (readonly [title: string, act: (scene: Scene) => Promise<void>])[] = [
  ['The policy gives the cluster an identity provider', associateAct],
  ['People sign in to it, and come to the cluster with its tokens', signInAct],
  ['A new issuer that nobody can reach: told, and nothing is taken away', unsoundAct],
  ['The provider goes from the policy', goAct],
];

/** The story of an OIDC provider: associated, used, and gone without a trace. */
export async function oidcScenario(): Promise<Scenario> {
  const issuer = await startIssuer({ host: HOST, accounts: ACCOUNTS, clients: [KUBERNETES, WIKI], tokenSeconds });
  const memory: Memory = {};
  return {
    about: "people come into a cluster with tokens of their company's own identity provider",
    policyFile: examplePolicy('oidc'),
    clusterObjects: { 'prod-eu': CLUSTER_OBJECTS['prod-eu']! },
    internet: { [HOST]: issuer.played },
    acts: ACTS.map(([title, act]) => ({ title, play: (scene: PlainScene) => act({ ...scene, issuer, memory }) })),
    close: () => issuer.stop(),
  };
}
