import { readFileSync } from 'node:fs';
import { Failure } from '@gatehouse/core/access/failure';
import type { ExistingRbac } from '@gatehouse/core/operations/import';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { parseAllDocuments } from 'yaml';

/** What `kubectl get ... -o yaml` or `-o json` wrote: the objects, those of lists too. `-`: standard input. */
function objectsIn(file: string): readonly Record<string, unknown>[] {
  const text = readFileSync(file === '-' ? 0 : file, 'utf8');
  const documents = parseAllDocuments(text);
  const objects: Record<string, unknown>[] = [];
  for (const document of 'empty' in documents ? [] : documents) {
    const [error] = document.errors;
    if (error) throw new Failure('invalid', `${nameOf(file)} is no YAML: ${error.message.split('\n')[0]}`);
    const value: unknown = document.toJS();
    const items = isObject(value) && Array.isArray(value.items) ? value.items : [value];
    objects.push(...items.filter(isObject));
  }
  return objects;
}

const nameOf = (file: string): string => (file === '-' ? 'what came in' : file);

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `data` of the ConfigMap aws-auth. @throws Failure `invalid` where there is no ConfigMap in it. */
export function readAwsAuthFile(file: string): Readonly<Record<string, string>> | undefined {
  const maps = objectsIn(file).filter(({ kind }) => kind === 'ConfigMap');
  const found = maps.find(({ metadata }) => isObject(metadata) && metadata.name === 'aws-auth') ?? maps[0];
  if (!found) {
    throw new Failure('invalid', `there is no ConfigMap in ${nameOf(file)}`, {
      remedy: 'kubectl get configmap aws-auth -n kube-system -o yaml',
    });
  }
  if (!isObject(found.data)) return undefined;
  return Object.fromEntries(
    Object.entries(found.data).filter((member): member is [string, string] => typeof member[1] === 'string'),
  );
}

/** Bindings and Roles. @throws Failure `invalid` where it holds none, or one that is cut. */
export function readRbacFile(file: string): ExistingRbac {
  const objects = objectsIn(file);
  const of = (kind: string) => objects.filter((one) => one.kind === kind).map((one) => checked(one, file));
  const rbac = {
    roles: of('Role'),
    roleBindings: of('RoleBinding'),
    clusterRoleBindings: of('ClusterRoleBinding'),
  };
  if (rbac.roleBindings.length + rbac.clusterRoleBindings.length > 0) return rbac;
  throw new Failure('invalid', `there are no bindings in ${nameOf(file)}`, {
    remedy: 'kubectl get clusterrolebindings,rolebindings,roles -A -o yaml',
  });
}

function checked(object: Record<string, unknown>, file: string): KubernetesObject {
  const { kind, metadata, roleRef, subjects, rules } = object;
  const isNamed = isObject(metadata) && typeof metadata.name === 'string';
  const isRef = kind === 'Role' || (isObject(roleRef) && typeof roleRef.name === 'string');
  const isList = [subjects, rules].every(
    (list) => list === undefined || list === null || (Array.isArray(list) && list.every(isObject)),
  );
  if (isNamed && isRef && isList) return object as unknown as KubernetesObject;
  throw new Failure('invalid', `a ${String(kind)} in ${nameOf(file)} is not as kubectl writes it`, {
    remedy: 'kubectl get clusterrolebindings,rolebindings,roles -A -o yaml',
  });
}
