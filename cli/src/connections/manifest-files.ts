import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifestText } from '@gatehouse/core/kubernetes/manifest-text';
import { ACTIVATION_SECRET } from '@gatehouse/core/plan/connector-manifests';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';

/** The manifests of a connector, by who may read them. */
export interface ManifestFiles {
  /** Everything but the activation. */
  readonly objects: string;
  /** The secret of the activation: readable by its owner alone. */
  readonly activation: string;
}

/** Whether an object is the secret from which the agent takes its activation. */
export const isActivation = ({ kind, metadata }: KubernetesObject): boolean =>
  kind === 'Secret' && metadata.name === ACTIVATION_SECRET;

/**
 * Writes manifests into a folder, which is made where it is not there; answers their paths. `kubectl apply -f` takes the files
 * of a folder in the order of their names, so the namespace comes first.
 */
export function writeManifests(folder: string, objects: readonly KubernetesObject[]): ManifestFiles {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const paths = { objects: join(folder, '1-eks-connector.yaml'), activation: join(folder, '2-activation.yaml') };
  writeFileSync(paths.objects, manifestText(objects.filter((object) => !isActivation(object))), { mode: 0o644 });
  writeFileSync(paths.activation, manifestText(objects.filter(isActivation)), { mode: 0o600 });
  // The mode of a file that was there already is left alone by writing.
  chmodSync(paths.activation, 0o600);
  return paths;
}
