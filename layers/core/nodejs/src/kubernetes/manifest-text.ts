import { dump } from 'js-yaml';
import type { KubernetesObject } from '../ports/kubernetes.ts';

/** Objects as `kubectl apply -f` reads them: YAML documents in the order in which they are made. */
export function manifestText(objects: readonly KubernetesObject[]): string {
  return objects.map((object) => `---\n${dump(object, { lineWidth: -1, noRefs: true })}`).join('');
}
