import { expect } from 'vitest';
import { envelope, field, mapEntry, numberField, ROLE_BINDING } from '../../builders/protobuf.ts';
import {
  type Caller,
  CLUSTER_ROLES,
  CONFIG_MAPS,
  GROUP,
  NAMESPACES,
  REVIEWS,
  ROLE_BINDINGS,
  refused,
  SECRETS,
} from './api.ts';
import type { Suite } from './contract.ts';

/** As kubectl sends it to create and to ask. */
const sent = (who: Caller, url: string, body: Uint8Array, method = 'POST') =>
  who.send(method, url, body, { 'content-type': 'application/vnd.kubernetes.protobuf', accept: 'application/json' });
const named = (name: string, ...more: Buffer[]) => field(1, Buffer.concat([field(1, name), ...more]));

/** Metadata without anything, which has a generation of 0 and a time of its own. */
const UNNAMED = field(1, Buffer.concat([field(1, ''), field(3, ''), numberField(7, 0), field(8, '')]));

/** Bodies in Kubernetes' own encoding. */
export const protobuf: Suite = (it) => {
  it('makes the object that JSON would', async ({ admin }) => {
    expect(await sent(admin, ROLE_BINDINGS, ROLE_BINDING)).toMatchObject({
      status: 201,
      body: {
        metadata: { name: 'x', namespace: 'default' },
        subjects: [
          { kind: 'User', apiGroup: GROUP, name: 'a' },
          { kind: 'Group', apiGroup: GROUP, name: 'b' },
        ],
        roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: 'view' },
      },
    });
  });

  it('holds maps, bytes, numbers and booleans', async ({ admin }) => {
    const metadata = named('m', field(11, mapEntry('l', '1')), field(12, mapEntry('a', '')));
    const data = [field(2, mapEntry('k', 'v')), field(2, mapEntry('e', '')), field(3, mapEntry('b', '\u0001'))];
    const configMap = await sent(admin, CONFIG_MAPS, envelope('v1', 'ConfigMap', metadata, ...data, numberField(4, 1)));
    expect(configMap.body).toMatchObject({
      metadata: { labels: { l: '1' }, annotations: { a: '' } },
      data: { k: 'v', e: '' },
      binaryData: { b: 'AQ==' },
      immutable: true,
    });
    const secret = envelope('v1', 'Secret', named('s'), field(2, mapEntry('k', 'v')), field(4, mapEntry('t', 'text')));
    expect((await sent(admin, SECRETS, secret)).body.data).toEqual({ k: 'dg==', t: 'dGV4dA==' });
  });

  it('holds rules, and what a role gathers', async ({ admin }) => {
    const rule = Buffer.concat([field(1, 'get'), field(1, 'list'), field(2, ''), field(3, 'pods')]);
    const paths = Buffer.concat([field(1, 'get'), field(5, '/x')]);
    const role = await sent(
      admin,
      CLUSTER_ROLES,
      envelope(`${GROUP}/v1`, 'ClusterRole', named('r'), field(2, rule), field(2, paths)),
    );
    expect(role.body.rules).toEqual([
      { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] },
      { nonResourceURLs: ['/x'], verbs: ['get'] },
    ]);
    const selector = Buffer.concat([
      field(1, mapEntry('a', 'b')),
      field(2, Buffer.concat([field(1, 'c'), field(2, 'In'), field(3, 'd')])),
    ]);
    const gathering = await sent(
      admin,
      CLUSTER_ROLES,
      envelope(`${GROUP}/v1`, 'ClusterRole', named('g'), field(3, field(1, selector))),
    );
    expect(gathering.body.aggregationRule).toEqual({
      clusterRoleSelectors: [
        { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'c', operator: 'In', values: ['d'] }] },
      ],
    });
  });

  it('asks for reviews', async ({ admin }) => {
    const attributes = field(1, Buffer.concat([field(1, 'default'), field(2, 'list'), field(5, 'pods')]));
    const own = envelope('authorization.k8s.io/v1', 'SelfSubjectAccessReview', UNNAMED, field(2, attributes));
    expect((await sent(admin, `${REVIEWS}/selfsubjectaccessreviews`, own)).body.status).toEqual({ allowed: true });
    const spec = field(2, Buffer.concat([attributes, field(3, 'ann'), field(4, 'g'), field(6, 'u')]));
    const other = envelope('authorization.k8s.io/v1', 'SubjectAccessReview', UNNAMED, spec);
    expect((await sent(admin, `${REVIEWS}/subjectaccessreviews`, other)).body).toMatchObject({
      spec: { user: 'ann', groups: ['g'], uid: 'u', resourceAttributes: { namespace: 'default', verb: 'list' } },
      status: { allowed: false },
    });
    const whoAmI = envelope('authentication.k8s.io/v1', 'SelfSubjectReview', field(1, ''), field(2, field(1, '')));
    const { body } = await sent(admin, '/apis/authentication.k8s.io/v1/selfsubjectreviews', whoAmI);
    expect(body.status.userInfo.username).toBe('admin');
    const rules = envelope(
      'authorization.k8s.io/v1',
      'SelfSubjectRulesReview',
      field(1, ''),
      field(2, field(1, 'default')),
    );
    expect((await sent(admin, `${REVIEWS}/selfsubjectrulesreviews`, rules)).status).toBe(201);
  });

  it('deletes on conditions', async ({ admin }) => {
    await admin.made(CONFIG_MAPS, { metadata: { name: 'a' } });
    const options = (...fields: Buffer[]) => envelope('v1', 'DeleteOptions', ...fields);
    expect((await sent(admin, `${CONFIG_MAPS}/a`, options(field(2, field(1, 'other'))), 'DELETE')).status).toBe(409);
    expect((await sent(admin, `${CONFIG_MAPS}/a`, options(field(4, 'Background')), 'DELETE')).status).toBe(200);
  });

  it('may hold fields that are not known', async ({ admin }) => {
    const body = envelope('v1', 'ConfigMap', named('a'), field(9, 'x'), numberField(10, 300));
    expect((await sent(admin, `${CONFIG_MAPS}?fieldValidation=Strict`, body)).status).toBe(201);
  });

  const UNRECOGNIZED = 'the object provided is unrecognized (must be of type RoleBinding)';
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  for (const [title, bytes, message] of [
    [
      'JSON',
      Buffer.from('{}'),
      `${UNRECOGNIZED}: provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] ({})`,
    ],
    ['nothing', Buffer.alloc(0), `${UNRECOGNIZED}: empty data (<empty>)`],
    ['nothing but its mark', ROLE_BINDING.subarray(0, 4), `${UNRECOGNIZED}: empty body (6b387300)`],
    [
      'its beginning',
      ROLE_BINDING.subarray(0, 20),
      `${UNRECOGNIZED}: unexpected EOF (${hex(ROLE_BINDING.subarray(0, 20))})`,
    ],
    [
      'all but its end',
      ROLE_BINDING.subarray(0, -3),
      `${UNRECOGNIZED}: unexpected EOF (${hex(ROLE_BINDING.subarray(0, 30))} ...)`,
    ],
    [
      'of another kind',
      envelope('v1', 'ConfigMap', named('a')),
      'ConfigMap in version "v1" cannot be handled as a RoleBinding: converting (v1.ConfigMap) to (rbac.RoleBinding): unknown conversion',
    ],
    [
      'wrongly typed',
      envelope(`${GROUP}/v1`, 'RoleBinding', field(1, numberField(1, 5))),
      'RoleBinding in version "v1" cannot be handled as a RoleBinding: proto: wrong wireType = 0 for field Name',
    ],
  ] as const) {
    it(`is not ${title}`, async ({ admin }) => {
      expect(await sent(admin, ROLE_BINDINGS, bytes)).toMatchObject(refused(400, message));
    });
  }

  it('holds any kind', async ({ admin }) => {
    const pod = envelope('v1', 'Pod', named('p'));
    expect(await sent(admin, `${NAMESPACES}/default/pods`, pod)).toMatchObject(
      refused(422, 'Pod "p" is invalid: spec.containers: Required value'),
    );
  });
};
