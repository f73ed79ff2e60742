import { fileURLToPath } from 'node:url';
import type { PlayedInternet } from '@gatehouse/sandbox/internet/played-internet';
import type { SeedObject } from '@gatehouse/sandbox/kubernetes/api-state';
import type { Show } from './show.ts';
import type { Stage } from './stage.ts';

/** What every act works with. What acts hand on to each other, a scenario keeps for itself. */
export interface Scene {
  readonly stage: Stage;
  readonly show: Show;
}

/** A part of a story: it does something, and shows what came of it. */
export interface Act {
  readonly title: string;
  play(scene: Scene): Promise<void>;
}

/** A story that `gatehouse demo` tells, from beginning to end, in a sandbox of its own. */
export interface Scenario {
  /** One sentence of what it shows, for the first line. */
  readonly about: string;
  /** The access policy that the sandbox begins with. */
  readonly policyFile: string;
  /** What is in the clusters before Gatehouse comes, by the cluster's name. */
  readonly clusterObjects: Readonly<Record<string, readonly SeedObject[]>>;
  /** Hosts of the internet that it needs: issuers. */
  readonly internet?: PlayedInternet;
  readonly acts: readonly Act[];
  /** Ends what it started itself. */
  close?(): Promise<void>;
}

/** An access policy of the documentation: what a how-to explains, its scenario plays. */
export function examplePolicy(name: string): string {
  return fileURLToPath(new URL(`../../../docs/examples/${name}.yaml`, import.meta.url));
}
