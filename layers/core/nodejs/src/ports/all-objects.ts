import type { Kubernetes, KubernetesObject, ObjectKind } from './kubernetes.ts';

/** All objects of a kind, page by page. */
export async function allObjects(kubernetes: Kubernetes, kind: ObjectKind): Promise<KubernetesObject[]> {
  const objects: KubernetesObject[] = [];
  let from: string | undefined;
  do {
    const page = await kubernetes.list(kind, { limit: 500, ...(from === undefined ? {} : { continue: from }) });
    objects.push(...page.items);
    from = page.continue;
  } while (from !== undefined);
  return objects;
}
