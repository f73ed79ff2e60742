import { activationSecretName } from '../access/names.ts';
import type { Cluster } from '../access/policy.ts';
import { connectionSubject } from '../access/subject.ts';
import type { KubernetesObject } from '../ports/kubernetes.ts';
import type { ConnectorObjectClaim } from '../resources/connector-object/model.ts';
import { IMPERSONATION_ROLE } from '../resources/impersonation/model.ts';
import type { NamespaceClaim } from '../resources/namespace/model.ts';
import { formatObjectRef } from '../resources/object-ref.ts';
import type { OwnedClaim } from '../resources/resource.ts';

/** Where the connector runs, and what its service account is called. */
export const CONNECTOR_NAMESPACE = 'eks-connector';
/** See {@link CONNECTOR_NAMESPACE}. */
export const CONNECTOR_ACCOUNT = 'eks-connector';
/** The secret in the cluster from which the agent takes its activation. */
export const ACTIVATION_SECRET = 'eks-connector-activation-config';

/** What runs in the pods (https://github.com/aws/amazon-eks-connector, charts/eks-connector/values.yaml). */
const IMAGES = {
  connector: 'public.ecr.aws/eks-connector/eks-connector:0.0.11',
  agent: 'public.ecr.aws/amazon-ssm-agent/amazon-ssm-agent:3.3.40.0',
} as const;

/** As many agents as AWS' own manifests start: each keeps its registration in a secret of its own. */
const REPLICAS = 2;

/**
 * What the connector needs in a cluster, in the order in which it is made. The agents' state is in secrets that they write
 * themselves; it goes with the namespace. Whom they may impersonate is not part of it: that follows from the people.
 * @param expiry When the activation ends, milliseconds UTC: by it the cluster's secret tells of which registration it is.
 */
export function desiredConnector(cluster: Cluster, expiry: number): OwnedClaim[] {
  const { account, region, name } = cluster;
  const subject = connectionSubject(name);
  const namespace: NamespaceClaim = {
    kind: 'namespace',
    object: CONNECTOR_NAMESPACE,
    onAbsent: 'create-and-delete',
  };
  const activation = { secret: activationSecretName(account, region, name), expiry };
  const objects = [
    ...connectorObjects(region).map((manifest) =>
      isActivation(manifest) ? claimOf(manifest, { activation }) : claimOf(manifest, {}),
    ),
  ];
  return [{ subject, claim: namespace }, ...objects.map((claim) => ({ subject, claim }))];
}

const isActivation = ({ kind, metadata }: KubernetesObject) => kind === 'Secret' && metadata.name === ACTIVATION_SECRET;

function claimOf(manifest: KubernetesObject, more: Pick<ConnectorObjectClaim, 'activation'>): ConnectorObjectClaim {
  const { kind, metadata } = manifest;
  const { name, namespace } = metadata;
  const object = formatObjectRef({ kind, name, ...(namespace === undefined ? {} : { namespace }) });
  return { kind: 'connector-object', object, manifest, ...more };
}

/** The objects of the connector but its namespace. The secret of the activation is empty here. */
export function connectorObjects(region: string): readonly KubernetesObject[] {
  return [...rights(), ...settings(), statefulSet(region)];
}

const inNamespace = (name: string) => ({ name, namespace: CONNECTOR_NAMESPACE });
const RBAC = { apiVersion: 'rbac.authorization.k8s.io/v1' } as const;
const ACCOUNT = { kind: 'ServiceAccount', ...inNamespace(CONNECTOR_ACCOUNT) } as const;

/** The service account, and what it may: keep its state, ask for the version, impersonate whom the people's part names. */
function rights(): readonly KubernetesObject[] {
  const states = Array.from({ length: REPLICAS }, (_, index) => `eks-connector-state-${index}`);
  const roleRef = (kind: 'Role' | 'ClusterRole', name: string) => ({
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name },
    subjects: [ACCOUNT],
  });
  return [
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: inNamespace(CONNECTOR_ACCOUNT),
      automountServiceAccountToken: false,
    },
    {
      ...RBAC,
      kind: 'Role',
      metadata: inNamespace('eks-connector-secret-access'),
      rules: [
        { apiGroups: [''], resources: ['secrets'], resourceNames: states, verbs: ['get', 'update'] },
        { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
      ],
    },
    {
      ...RBAC,
      kind: 'RoleBinding',
      metadata: inNamespace('eks-connector-secret-access'),
      ...roleRef('Role', 'eks-connector-secret-access'),
    },
    {
      ...RBAC,
      kind: 'ClusterRole',
      metadata: { name: 'eks-connector-cluster-meta-access' },
      rules: [{ nonResourceURLs: ['/version'], verbs: ['get'] }],
    },
    {
      ...RBAC,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'eks-connector-cluster-meta-access' },
      ...roleRef('ClusterRole', 'eks-connector-cluster-meta-access'),
    },
    {
      ...RBAC,
      kind: 'ClusterRoleBinding',
      metadata: { name: IMPERSONATION_ROLE },
      ...roleRef('ClusterRole', IMPERSONATION_ROLE),
    },
  ];
}

function settings(): readonly KubernetesObject[] {
  const agent = {
    Profile: { KeyAutoRotateDays: 7 },
    Agent: { ContainerMode: true },
    Identity: { ConsumptionOrder: ['OnPrem'] },
  };
  return [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        ...inNamespace('eks-connector-token'),
        annotations: { 'kubernetes.io/service-account.name': CONNECTOR_ACCOUNT },
      },
      type: 'kubernetes.io/service-account-token',
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: inNamespace('eks-connector-agent'),
      data: { 'amazon-ssm-agent.json': JSON.stringify(agent, null, 2), 'seelog.xml': LOG_TO_CONSOLE },
    },
    { apiVersion: 'v1', kind: 'Secret', metadata: inNamespace(ACTIVATION_SECRET), type: 'Opaque' },
  ];
}

/** The agent's log goes where kubectl logs finds it. */
const LOG_TO_CONSOLE = `<seelog type="adaptive" minlevel="info">
  <outputs formatid="plain"><console formatid="plain"/></outputs>
  <formats><format id="plain" format="%Date %Time %LEVEL %Msg%n"/></formats>
</seelog>
`;

/** Init container, agent and proxy. Code and id of the activation come from the secret, and stand in no other object. */
function statefulSet(region: string): KubernetesObject {
  const fromSecret = (name: string, key: string) => ({
    name,
    valueFrom: { secretKeyRef: { name: ACTIVATION_SECRET, key } },
  });
  const podName = { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } };
  const vault = { name: 'eks-agent-vault', mountPath: '/var/lib/amazon/ssm/Vault' };
  const token = {
    name: 'service-account-token',
    mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
  };
  const shared = { name: 'eks-connector-shared', mountPath: '/var/eks/shared' };
  const config = (file: string) => ({
    name: 'eks-agent-config',
    mountPath: `/etc/amazon/ssm/${file}`,
    subPath: file,
  });
  const container = (name: string, image: string) => ({
    name,
    image,
    imagePullPolicy: 'IfNotPresent',
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { add: ['DAC_OVERRIDE'], drop: ['ALL'] },
    },
  });
  const labels = { app: 'eks-connector' };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { ...inNamespace('eks-connector'), labels },
    spec: {
      replicas: REPLICAS,
      serviceName: 'eks-connector',
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: CONNECTOR_ACCOUNT,
          tolerations: [
            { effect: 'NoSchedule', key: 'node-role.kubernetes.io/control-plane' },
            { key: 'CriticalAddonsOnly', operator: 'Exists' },
          ],
          initContainers: [
            {
              ...container('connector-init', IMAGES.connector),
              env: [podName, fromSecret('EKS_ACTIVATION_CODE', 'code'), fromSecret('EKS_ACTIVATION_ID', 'id')],
              args: [
                'init',
                '--activation.id=$(EKS_ACTIVATION_ID)',
                '--activation.code=$(EKS_ACTIVATION_CODE)',
                `--agent.region=${region}`,
              ],
              volumeMounts: [token, vault],
            },
          ],
          containers: [
            {
              ...container('connector-agent', IMAGES.agent),
              env: [{ name: 'AWS_EC2_METADATA_DISABLED', value: 'true' }],
              volumeMounts: [shared, vault, config('amazon-ssm-agent.json'), config('seelog.xml')],
            },
            {
              ...container('connector-proxy', IMAGES.connector),
              env: [podName],
              args: ['server'],
              volumeMounts: [token, shared, vault],
            },
          ],
          volumes: [
            { name: 'eks-connector-shared', emptyDir: {} },
            { name: 'eks-agent-vault', emptyDir: {} },
            { name: 'eks-agent-config', configMap: { name: 'eks-connector-agent' } },
            { name: 'service-account-token', secret: { secretName: 'eks-connector-token' } },
          ],
        },
      },
    },
  };
}
