import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ApiState } from '../../sandbox/src/kubernetes/api-state.ts';
import { makeCertificates } from '../../sandbox/src/kubernetes/certificates.ts';
import { kubeconfig } from '../../sandbox/src/kubernetes/kubeconfig.ts';
import { type KubernetesServer, startKubernetesServer } from '../../sandbox/src/kubernetes/server.ts';
import { ADMIN } from '../contracts/kubernetes-api/api.ts';
import { countingRandom } from '../fakes/random.ts';
import { type RealCluster, startRealCluster } from './cluster.ts';

const TOKEN = 'token-of-admin';

/** A cluster as kubectl reaches it. */
interface Reached {
  readonly name: string;
  readonly url: string;
  readonly kubeconfig: string;
}

let folder: string;
let simulator: KubernetesServer;
let real: RealCluster;
let clusters: readonly Reached[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-kubectl-'));
  const wallClock = { now: () => Date.now() };
  const tls = await makeCertificates('simulator', wallClock);
  simulator = await startKubernetesServer({
    state: new ApiState({ clock: wallClock, random: countingRandom() }),
    authenticate: async (bearer) => (bearer === TOKEN ? ADMIN : undefined),
    host: '127.0.0.1',
    port: 0,
    tls,
  });
  real = await startRealCluster({ users: { [TOKEN]: ADMIN } });
  clusters = [
    { name: 'simulator', url: simulator.url, ca: tls.ca },
    { name: 'real', url: real.url, ca: real.identity.apiServer.ca },
  ].map(({ name, url, ca }) => {
    const path = join(folder, `${name}.kubeconfig`);
    writeFileSync(path, kubeconfig({ name: 'cluster', server: url, ca }, { token: TOKEN }));
    return { name, url, kubeconfig: path };
  });
});
afterAll(async () => {
  await real?.stop();
  await simulator?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function kubectl(cluster: Reached, words: readonly string[], input: string): Promise<Run> {
  const child = spawn(inject('components').kubectl, words, {
    env: { KUBECONFIG: cluster.kubeconfig, HOME: folder, PATH: '/usr/bin:/bin', TZ: 'UTC' },
  });
  const texts = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (chunk: string) => {
      texts[stream] += chunk;
    });
  }
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const { url } = cluster;
  return { code, stdout: alike(texts.stdout, url), stderr: alike(texts.stderr, url) };
}

/** Without what differs between any two clusters: uids, versions, times, addresses, and how an object is printed in a fault. */
function alike(text: string, url: string): string {
  return text
    .replaceAll(url, 'URL')
    .replaceAll(new URL(url).host, 'HOST')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME')
    .replaceAll(/(resourceVersion"?: ?")\d+"/g, '$1VERSION"')
    .replaceAll(/(patch: Invalid value: )".*?[^\\]": /g, '$1PATCHED: ')
    .replaceAll(/ \d+m?\d*s(?= |$)/gm, ' AGE')
    .replaceAll(/^(NAME.* AGE) *$/gm, '$1')
    .replaceAll(/[EWI]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+/g, 'LOG');
}

const RBAC = 'rbac.authorization.k8s.io/v1';
const role = (verb: string, more: object = {}) =>
  JSON.stringify({
    apiVersion: RBAC,
    kind: 'Role',
    metadata: { name: 'applied', namespace: 'pay' },
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: [verb] }],
    ...more,
  });
const binding = (...users: string[]) =>
  JSON.stringify({
    apiVersion: RBAC,
    kind: 'RoleBinding',
    metadata: { name: 'applied', namespace: 'pay' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'applied' },
    subjects: users.map((name) => ({ kind: 'User', name })),
  });

/** In this order, on one cluster each: what a person does by hand, and what scripts do. */
const COMMANDS: [command: string, input?: string][] = [
  ['get --raw /healthz'],
  ['api-resources --api-group=rbac.authorization.k8s.io -o wide'],
  ['auth whoami -o jsonpath={.status.userInfo.username}'],
  ['auth can-i create roles'],
  ['auth can-i create roles --as ann'],
  ['auth can-i get /version --as ann'],
  ['create namespace pay'],
  ['create namespace pay'],
  ['get namespace pay -o yaml'],
  ['create configmap c --from-literal=k=1 -n pay'],
  ['create configmap c --from-literal=k=1 -n nowhere'],
  ['create secret generic s --from-literal=k=1 -n pay'],
  ['create serviceaccount bot -n pay'],
  ['create role r --verb=get,list --resource=pods,pods/log -n pay -o yaml'],
  ['create role r --verb=get --resource=pods -n pay'],
  ['create rolebinding b --role=r --user=ann --group=ops --serviceaccount=pay:bot -n pay -o yaml'],
  ['create clusterrole r --verb=get --non-resource-url=/metrics'],
  ['create clusterrolebinding b --clusterrole=view --group=viewers --dry-run=server -o yaml'],
  ['get clusterrolebinding b'],
  ['get role r -n pay'],
  ['get rolebinding b -n pay'],
  ['get rolebinding b -n pay -o wide'],
  ['get roles,rolebindings,configmaps,serviceaccounts,secrets -n pay --ignore-not-found'],
  ['get configmap c -n pay'],
  ['get secret s -n pay'],
  ['get serviceaccounts -n pay'],
  ['get namespace pay'],
  ['get namespace pay --show-labels'],
  ['get namespaces -l kubernetes.io/metadata.name=pay'],
  ['get rolebindings -A --field-selector metadata.name=b'],
  ['get rolebindings -n pay --sort-by=.metadata.name'],
  ['get rolebinding b -n pay -o custom-columns=ROLE:.roleRef.name,WHO:.subjects[*].name'],
  ['get configmaps -n pay --field-selector metadata.name=c --chunk-size=1'],
  ['get clusterroles -l kubernetes.io/bootstrapping=rbac-defaults --field-selector metadata.name=view'],
  ['get roles -n none'],
  ['create clusterrolebinding b --clusterrole=view --group=viewers'],
  ['set subject clusterrolebinding b --user=eve'],
  ['get clusterrolebinding b -o jsonpath={.subjects}'],
  ['describe clusterrolebinding b'],
  ['describe role r -n pay'],
  ['get clusterrole view -o yaml'],
  ['get clusterrole edit -o yaml'],
  ['get clusterrole admin -o yaml'],
  ['get clusterrole cluster-admin -o yaml'],
  ['create clusterrole gathers --aggregation-rule=into=gathers'],
  ['get clusterrole gathers -o yaml'],
  ['auth can-i --list -n pay --as ann'],
  ['auth can-i get pods -n pay --as ann'],
  ['auth can-i delete pods -n pay --as ann'],
  ['get pods -n pay --as ann -o name'],
  ['get secrets -n pay --as ann'],
  ['delete configmap c -n pay --as ann'],
  ['get roles,rolebindings -n pay -o name'],
  ['get role r -n pay -o yaml'],
  ['get role none -n pay'],
  ['get foos'],
  ['get configmaps -n pay -l x=y -o name'],
  ['label configmap c x=y -n pay'],
  ['get configmaps -n pay -l x=y -o name'],
  ['get configmaps -n pay -l x=y=z'],
  ['get configmaps -n pay --field-selector metadata.name=c -o name'],
  ['get configmaps -n pay --field-selector data=c'],
  ['annotate configmap c note=hello -n pay'],
  ['patch configmap c -n pay -p {"data":{"k":"2"}}'],
  ['patch configmap c -n pay --type merge -p {"data":{"l":"3"}}'],
  ['patch configmap c -n pay --type json -p [{"op":"remove","path":"/data/l"}]'],
  ['patch configmap c -n pay --type json -p [{"op":"remove","path":"/data/none"}]'],
  ['patch configmap c -n pay --type merge -p {"data":{"l":3}}'],
  ['get configmap c -n pay -o json'],
  ['apply -f -', role('get')],
  ['apply -f -', role('get')],
  ['diff -f -', role('get')],
  ['apply -f -', role('list')],
  ['apply -f - --dry-run=server -o yaml', role('watch')],
  ['get role applied -n pay -o yaml'],
  ['apply -f -', role('get', { color: 'red' })],
  ['create -f -', role('get', { color: 'red' })],
  ['create -f - --validate=warn', role('get', { color: 'red', metadata: { name: 'warned', namespace: 'pay' } })],
  ['create -f -', role('get', { rules: [{ verbs: [] }], metadata: { name: 'A/b', namespace: 'pay' } })],
  ['apply -f -', binding('ann', 'bob')],
  ['apply -f -', binding('bob')],
  ['get rolebinding applied -n pay -o yaml'],
  ['replace -f -', binding('bob', 'eve')],
  ['replace -f -', binding('bob').replace('"Role"', '"ClusterRole"')],
  ['auth reconcile -f -', role('create')],
  ['auth reconcile -f -', binding('carl')],
  ['apply -f - --as ann', role('delete')],
  [
    'apply --server-side -f -',
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'd', namespace: 'pay' } }),
  ],
  ['wait --for=jsonpath={.data.k}=2 configmap/c -n pay --timeout=5s'],
  ['wait --for=jsonpath={.data.k}=9 configmap/c -n pay --timeout=1s'],
  ['wait --for=delete configmap/none -n pay --timeout=5s'],
  ['get configmap c -n pay -w --request-timeout=1s'],
  ['get configmap c -n pay -w --output-watch-events --request-timeout=1s'],
  ['get configmap c -n pay -w -o name --request-timeout=1s'],
  ['get configmaps -n pay -w -l x=y --as ann --request-timeout=1s'],
  ['apply --server-side -f -', role('get', { metadata: { name: 'own', namespace: 'pay' } })],
  ['apply --server-side -f - --dry-run=server', role('list', { metadata: { name: 'own', namespace: 'pay' } })],
  ['diff --server-side -f -', role('get', { metadata: { name: 'own', namespace: 'pay' } })],
  ['delete role own -n pay'],
  ['delete rolebinding applied -n pay'],
  ['delete rolebinding applied -n pay'],
  ['delete -f - --ignore-not-found', binding('bob')],
  ['delete configmaps -n pay -l x=y'],
  ['delete namespace kube-system'],
  ['delete namespace pay --wait=false'],
];

describe('kubectl says the same to a simulated cluster and to a real one', () => {
  it.each(COMMANDS.map(([command, input = '']) => [command, input] as const))('%s', async (command, input) => {
    const [simulated, actual] = await Promise.all(clusters.map((one) => kubectl(one, command.split(' '), input)));
    expect(simulated).toEqual(actual);
  });
});
