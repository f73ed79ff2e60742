import { expect } from 'vitest';
import {
  binding,
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CONFIG_MAPS,
  GROUP,
  NAMESPACES,
  ROLE_BINDINGS,
  ROLES,
  refused,
  role,
  rule,
  SECRETS,
} from './api.ts';
import type { Suite } from './contract.ts';

const MIB = 1024 * 1024;
const named = (name: string, more: object = {}) => ({ metadata: { name }, ...more });
const owned = (...ownerReferences: object[]) => ({ metadata: { name: 'a', ownerReferences } });
const owner = (more: object) => ({ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', ...more });
const bindingOf = (...subjects: object[]) => binding('a', 'ClusterRole', 'view', subjects);
const gathering = (aggregationRule: object) => named('a', { aggregationRule });
const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end " +
  "with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NAME_PART =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
  "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

type Row = readonly [title: string, url: string, body: object, message: string | RegExp];

const NAMES: readonly Row[] = [
  [
    'a name',
    CONFIG_MAPS,
    { metadata: {} },
    'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
  ],
  [
    'a DNS name',
    CONFIG_MAPS,
    named('A_b'),
    `ConfigMap "A_b" is invalid: metadata.name: Invalid value: "A_b": ${SUBDOMAIN}`,
  ],
  ['a DNS name that is not too long', CONFIG_MAPS, named('a'.repeat(254)), /: must be no more than 253 characters$/],
  [
    'a DNS label for a namespace',
    NAMESPACES,
    named('a.b'),
    'Namespace "a.b" is invalid: metadata.name: Invalid value: "a.b": must not contain dots',
  ],
  [
    'a DNS label for a namespace that is not too long',
    NAMESPACES,
    named('a'.repeat(64)),
    /is invalid: \[metadata\.name: Invalid value: "a{64}": must be no more than 63 characters, metadata\.labels: Invalid value: "a{64}": must be no more than 63 characters\]$/,
  ],
  [
    'a path segment for a role',
    CLUSTER_ROLES,
    role('a/%b'),
    `ClusterRole.${GROUP} "a/%b" is invalid: [metadata.name: Invalid value: "a/%b": may not contain '/', metadata.name: Invalid value: "a/%b": may not contain '%']`,
  ],
  [
    'a role that is not called ..',
    CLUSTER_ROLES,
    role('..'),
    `ClusterRole.${GROUP} ".." is invalid: metadata.name: Invalid value: "..": may not be '..'`,
  ],
  [
    'a prefix from which a name can be made',
    CONFIG_MAPS,
    { metadata: { name: 'ok', generateName: 'A_' } },
    `ConfigMap "ok" is invalid: metadata.generateName: Invalid value: "A_": ${SUBDOMAIN}`,
  ],
];

const META: readonly Row[] = [
  [
    'labels that are names',
    CONFIG_MAPS,
    { metadata: { name: 'a', labels: { 'a b': 'c' } } },
    `ConfigMap "a" is invalid: metadata.labels: Invalid value: "a b": ${NAME_PART}`,
  ],
  [
    'labels with at most one prefix',
    CONFIG_MAPS,
    { metadata: { name: 'a', labels: { 'a/b/c': 'd' } } },
    /Invalid value: "a\/b\/c": a qualified name must consist of alphanumeric .* with an optional DNS subdomain prefix and '\/' \(e\.g\. 'example\.com\/MyName'\)$/,
  ],
  [
    'labels whose prefix is not empty',
    CONFIG_MAPS,
    { metadata: { name: 'a', labels: { '/b': 'c' } } },
    'ConfigMap "a" is invalid: metadata.labels: Invalid value: "/b": prefix part must be non-empty',
  ],
  [
    'labels whose prefix is a DNS name',
    CONFIG_MAPS,
    { metadata: { name: 'a', labels: { 'A/b': 'c' } } },
    `ConfigMap "a" is invalid: metadata.labels: Invalid value: "A/b": prefix part ${SUBDOMAIN}`,
  ],
  [
    'labels with a name',
    CONFIG_MAPS,
    { metadata: { name: 'a', labels: { 'a/': 'c' } } },
    `ConfigMap "a" is invalid: [metadata.labels: Invalid value: "a/": name part must be non-empty, metadata.labels: Invalid value: "a/": ${NAME_PART}]`,
  ],
  [
    'labels that are not too long',
    CONFIG_MAPS,
    { metadata: { name: 'a', labels: { ['x'.repeat(64)]: 'c' } } },
    /metadata\.labels: Invalid value: "x{64}": name part must be no more than 63 characters$/,
  ],
  [
    'label values that are not too long',
    CONFIG_MAPS,
    { metadata: { name: 'a', labels: { a: 'x'.repeat(64) } } },
    /metadata\.labels: Invalid value: "x{64}": must be no more than 63 characters$/,
  ],
  [
    'label values without spaces',
    CONFIG_MAPS,
    { metadata: { name: 'a', labels: { a: 'b c' } } },
    /metadata\.labels: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric/,
  ],
  [
    'annotations that are names',
    CONFIG_MAPS,
    { metadata: { name: 'a', annotations: { 'a b': 'c' } } },
    `ConfigMap "a" is invalid: metadata.annotations: Invalid value: "a b": ${NAME_PART}`,
  ],
  [
    'at most 256 KiB of annotations',
    CONFIG_MAPS,
    { metadata: { name: 'a', annotations: { a: 'x'.repeat(262_144) } } },
    'ConfigMap "a" is invalid: metadata.annotations: Too long: may not be more than 262144 bytes',
  ],
  [
    'finalizers that are qualified',
    CONFIG_MAPS,
    { metadata: { name: 'a', finalizers: ['foo'] } },
    'ConfigMap "a" is invalid: metadata.finalizers[0]: Invalid value: "foo": name is neither a standard finalizer name nor is it fully qualified',
  ],
  [
    'finalizers that are names',
    CONFIG_MAPS,
    { metadata: { name: 'a', finalizers: ['a b/c'] } },
    /^ConfigMap "a" is invalid: metadata\.finalizers: Invalid value: "a b\/c": prefix part a lowercase RFC 1123 subdomain/,
  ],
  [
    'finalizers that do not contradict each other',
    CONFIG_MAPS,
    { metadata: { name: 'a', finalizers: ['orphan', 'foregroundDeletion'] } },
    'ConfigMap "a" is invalid: metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
  ],
  [
    'owners that are named',
    CONFIG_MAPS,
    owned({}),
    'ConfigMap "a" is invalid: [metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty, metadata.ownerReferences.kind: Invalid value: "": must not be empty, metadata.ownerReferences.name: Invalid value: "": must not be empty, metadata.ownerReferences.uid: Invalid value: "": must not be empty]',
  ],
  [
    'owners with a version',
    CONFIG_MAPS,
    owned(owner({ apiVersion: 'a/b/c' })),
    'ConfigMap "a" is invalid: metadata.ownerReferences.apiVersion: Invalid value: "a/b/c": version must not be empty',
  ],
  [
    'owners that are no events',
    CONFIG_MAPS,
    owned(owner({ kind: 'Event' })),
    'ConfigMap "a" is invalid: metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"p","uid":"u"}: /v1, Kind=Event is disallowed from being an owner',
  ],
  [
    'one owner that controls',
    CONFIG_MAPS,
    owned(owner({ controller: true }), owner({ name: 'q', uid: 'v', controller: true })),
    /: Only one reference can have Controller set to true\. Found "true" in references for Pod\/p and Pod\/q$/,
  ],
];

const DATA: readonly Row[] = [
  [
    'keys that are file names',
    CONFIG_MAPS,
    named('a', { data: { 'a/b': '' } }),
    'ConfigMap "a" is invalid: data[a/b]: Invalid value: "a/b": a valid config key must consist of alphanumeric characters, ' +
      "'-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
  ],
  ['no key that leads up', CONFIG_MAPS, named('a', { data: { '..x': '' } }), /: must not start with '\.\.'$/],
  ['no key that is a folder', CONFIG_MAPS, named('a', { data: { '.': '' } }), /: must not be '\.'$/],
  [
    'keys that are not too long',
    CONFIG_MAPS,
    named('a', { data: { ['k'.repeat(254)]: '' } }),
    /: must be no more than 253 characters$/,
  ],
  [
    'keys once',
    CONFIG_MAPS,
    named('a', { data: { k: '' }, binaryData: { k: '' } }),
    'ConfigMap "a" is invalid: data[k]: Invalid value: "k": duplicate of key present in binaryData',
  ],
  [
    'at most 1 MiB of data',
    CONFIG_MAPS,
    named('a', { data: { a: 'x'.repeat(MIB), b: 'x' } }),
    'ConfigMap "a" is invalid: []: Too long: may not be more than 1048576 bytes',
  ],
  [
    'at most 1 MiB in a Secret',
    SECRETS,
    named('a', { data: { a: Buffer.alloc(MIB + 1).toString('base64') } }),
    'Secret "a" is invalid: data: Too long: may not be more than 1048576 bytes',
  ],
  [
    'key and certificate in a Secret of TLS',
    SECRETS,
    named('a', { type: 'kubernetes.io/tls' }),
    'Secret "a" is invalid: [data[tls.crt]: Required value, data[tls.key]: Required value]',
  ],
  [
    'an account of a Secret that is its token',
    SECRETS,
    named('a', { type: 'kubernetes.io/service-account-token' }),
    'Secret "a" is invalid: metadata.annotations[kubernetes.io/service-account.name]: Required value',
  ],
];

const RULES: readonly Row[] = [
  [
    'verbs',
    CLUSTER_ROLES,
    role('a', { apiGroups: [''], resources: ['pods'] }),
    `ClusterRole.${GROUP} "a" is invalid: rules[0].verbs: Required value: verbs must contain at least one value`,
  ],
  [
    'a group',
    CLUSTER_ROLES,
    role('a', { resources: ['pods'], verbs: ['get'] }),
    `ClusterRole.${GROUP} "a" is invalid: rules[0].apiGroups: Required value: resource rules must supply at least one api group`,
  ],
  [
    'resources',
    CLUSTER_ROLES,
    role('a', { apiGroups: [''], verbs: ['get'] }),
    `ClusterRole.${GROUP} "a" is invalid: rules[0].resources: Required value: resource rules must supply at least one resource`,
  ],
  [
    'either resources or paths',
    CLUSTER_ROLES,
    role('a', { ...rule('', 'pods', 'get'), nonResourceURLs: ['/x'] }),
    `ClusterRole.${GROUP} "a" is invalid: rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs`,
  ],
  [
    'no paths in a namespace',
    ROLES,
    role('a', { nonResourceURLs: ['/x'], verbs: ['get'] }),
    `Role.${GROUP} "a" is invalid: rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs`,
  ],
  [
    'rules that say something',
    ROLES,
    role('a', {}),
    `Role.${GROUP} "a" is invalid: [rules[0].verbs: Required value: verbs must contain at least one value, rules[0].apiGroups: Required value: resource rules must supply at least one api group, rules[0].resources: Required value: resource rules must supply at least one resource]`,
  ],
  [
    'a selector of what a role gathers',
    CLUSTER_ROLES,
    gathering({}),
    `ClusterRole.${GROUP} "a" is invalid: aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil`,
  ],
  [
    'labels in a selector that are names',
    CLUSTER_ROLES,
    gathering({ clusterRoleSelectors: [{ matchLabels: { 'a b': 'c' } }] }),
    `ClusterRole.${GROUP} "a" is invalid: [aggregationRule.clusterRoleSelectors[0].matchLabels: Invalid value: "a b": ${NAME_PART}, aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.]`,
  ],
  [
    'operators in a selector that exist',
    CLUSTER_ROLES,
    gathering({ clusterRoleSelectors: [{ matchExpressions: [{ key: 'a', operator: 'Foo' }] }] }),
    `ClusterRole.${GROUP} "a" is invalid: [aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator: Invalid value: "Foo": not a valid selector operator, aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.]`,
  ],
];

const BINDINGS: readonly Row[] = [
  [
    'a role that can be bound everywhere',
    CLUSTER_ROLE_BINDINGS,
    binding('a', 'Role', 'view'),
    `ClusterRoleBinding.${GROUP} "a" is invalid: roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"`,
  ],
  [
    'a kind of role',
    ROLE_BINDINGS,
    named('a'),
    `RoleBinding.${GROUP} "a" is invalid: [roleRef.kind: Unsupported value: "": supported values: "Role", "ClusterRole", roleRef.name: Required value]`,
  ],
  [
    'the name of a role',
    CLUSTER_ROLE_BINDINGS,
    binding('a', 'ClusterRole', ''),
    `ClusterRoleBinding.${GROUP} "a" is invalid: roleRef.name: Required value`,
  ],
  [
    'a name that a role can have',
    CLUSTER_ROLE_BINDINGS,
    binding('a', 'ClusterRole', 'a/b'),
    `ClusterRoleBinding.${GROUP} "a" is invalid: roleRef.name: Invalid value: "a/b": may not contain '/'`,
  ],
  [
    'a role of the RBAC group',
    CLUSTER_ROLE_BINDINGS,
    named('a', { roleRef: { apiGroup: 'x', kind: 'ClusterRole', name: 'view' } }),
    `ClusterRoleBinding.${GROUP} "a" is invalid: roleRef.apiGroup: Unsupported value: "x": supported values: "${GROUP}"`,
  ],
  [
    'subjects of a known kind',
    CLUSTER_ROLE_BINDINGS,
    bindingOf({ kind: 'Robot', name: 'x' }),
    `ClusterRoleBinding.${GROUP} "a" is invalid: subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"`,
  ],
  [
    'users with a name',
    CLUSTER_ROLE_BINDINGS,
    bindingOf({ kind: 'User', name: '' }),
    `ClusterRoleBinding.${GROUP} "a" is invalid: subjects[0].name: Required value`,
  ],
  [
    'users of the RBAC group',
    CLUSTER_ROLE_BINDINGS,
    bindingOf({ kind: 'User', name: 'x', apiGroup: 'other' }),
    `ClusterRoleBinding.${GROUP} "a" is invalid: subjects[0].apiGroup: Unsupported value: "other": supported values: "${GROUP}"`,
  ],
  [
    'service accounts of the core group',
    CLUSTER_ROLE_BINDINGS,
    bindingOf({ kind: 'ServiceAccount', name: 'x', namespace: 'y', apiGroup: GROUP }),
    `ClusterRoleBinding.${GROUP} "a" is invalid: subjects[0].apiGroup: Unsupported value: "${GROUP}": supported values: ""`,
  ],
  [
    'the namespace of a service account, where every namespace is meant',
    CLUSTER_ROLE_BINDINGS,
    bindingOf({ kind: 'ServiceAccount', name: 'x' }),
    `ClusterRoleBinding.${GROUP} "a" is invalid: subjects[0].namespace: Required value`,
  ],
  [
    'a name that a service account can have',
    CLUSTER_ROLE_BINDINGS,
    bindingOf({ kind: 'ServiceAccount', name: 'X_', namespace: 'y' }),
    `ClusterRoleBinding.${GROUP} "a" is invalid: subjects[0].name: Invalid value: "X_": ${SUBDOMAIN}`,
  ],
];

const WORKLOADS: readonly Row[] = [
  [
    'a container of a pod',
    `${NAMESPACES}/default/pods`,
    named('a'),
    'Pod "a" is invalid: spec.containers: Required value',
  ],
  [
    'name and image of a container',
    `${NAMESPACES}/default/pods`,
    named('a', { spec: { containers: [{}] } }),
    'Pod "a" is invalid: [spec.containers[0].name: Required value, spec.containers[0].image: Required value]',
  ],
  [
    'selector and template of a deployment',
    '/apis/apps/v1/namespaces/default/deployments',
    named('a'),
    'Deployment.apps "a" is invalid: [spec.selector: Required value, spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`, spec.template.spec.containers: Required value]',
  ],
];

/** What an object must be to be stored. */
export const validation: Suite = (it) => {
  for (const [title, url, body, message] of [...NAMES, ...META, ...DATA, ...RULES, ...BINDINGS, ...WORKLOADS]) {
    it(`an object needs ${title}`, async ({ admin }) => {
      expect(await admin.post(url, body)).toMatchObject(refused(422, message));
    });
  }

  it('says where each thing is wrong', async ({ admin }) => {
    const wrong = binding('a/', 'Foo', '', [
      { kind: 'Robot', name: '' },
      { kind: 'User', name: '' },
    ]);
    const required = (field: string) => ({ field, message: 'Required value', reason: 'FieldValueRequired' });
    expect((await admin.post(CLUSTER_ROLE_BINDINGS, wrong)).body.details).toEqual({
      name: 'a/',
      group: GROUP,
      kind: 'ClusterRoleBinding',
      causes: [
        { field: 'metadata.name', message: `Invalid value: "a/": may not contain '/'`, reason: 'FieldValueInvalid' },
        {
          field: 'roleRef.kind',
          message: 'Unsupported value: "Foo": supported values: "ClusterRole"',
          reason: 'FieldValueNotSupported',
        },
        required('roleRef.name'),
        required('subjects[0].name'),
        {
          field: 'subjects[0].kind',
          message: 'Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
          reason: 'FieldValueNotSupported',
        },
        required('subjects[1].name'),
      ],
    });
  });

  it('takes a ConfigMap of exactly 1 MiB, counted in bytes of values', async ({ admin }) => {
    const data = { a: 'ü'.repeat(MIB / 2) };
    expect((await admin.post(CONFIG_MAPS, named('a', { data }))).status).toBe(201);
    expect((await admin.post(CONFIG_MAPS, named('b', { data: { a: `${data.a}x` } }))).status).toBe(422);
  });

  it('takes RBAC names with colons, and no more than etcd can hold', async ({ admin }) => {
    await admin.made(CLUSTER_ROLES, role('gatehouse:ops'));
    const many = Array.from({ length: 30_000 }, (_one, index) => ({ kind: 'User', name: `user-number-${index}` }));
    expect(await admin.post(CLUSTER_ROLE_BINDINGS, bindingOf(...many))).toMatchObject(
      refused(500, 'etcdserver: request is too large', undefined),
    );
  });

  it('takes the finalizers of garbage collection', async ({ admin }) => {
    await admin.made(CONFIG_MAPS, { metadata: { name: 'a', finalizers: ['orphan'] } });
  });

  it('takes a service account without its namespace, where the binding has one', async ({ admin }) => {
    await admin.made(ROLE_BINDINGS, bindingOf({ kind: 'ServiceAccount', name: 'x' }));
  });
};
