import { expect } from 'vitest';
import { CLUSTER_ROLES, CONFIG_MAPS, MERGE, refused, role, rule, SECRETS } from './api.ts';
import type { Suite } from './contract.ts';

type Row = readonly [title: string, url: string, body: unknown, message: string | RegExp];

const HANDLED = 'ConfigMap in version "v1" cannot be handled as a ConfigMap';
const UNRECOGNIZED = String.raw`^the object provided is unrecognized \(must be of type ConfigMap\): couldn't get version/kind; json parse error: `;

const UNREADABLE: readonly Row[] = [
  [
    'another kind',
    CONFIG_MAPS,
    { kind: 'Secret', metadata: { name: 'a' } },
    /^Secret in version "v1" cannot be handled as a ConfigMap: converting \(v1\.Secret\) to \(core\.ConfigMap\): unknown conversion$/,
  ],
  [
    'a kind that there is not',
    CONFIG_MAPS,
    { kind: 'Foo', metadata: { name: 'a' } },
    'Foo in version "v1" cannot be handled as a ConfigMap: no kind "Foo" is registered for version "v1" in scheme "pkg/runtime/scheme.go:110"',
  ],
  [
    'another version',
    CONFIG_MAPS,
    { apiVersion: 'v2', metadata: { name: 'a' } },
    'ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2" in scheme "pkg/runtime/scheme.go:110"',
  ],
  [
    'another namespace',
    CONFIG_MAPS,
    { metadata: { name: 'a', namespace: 'b' } },
    'the namespace of the provided object does not match the namespace sent on the request',
  ],
  [
    'a number for a text',
    CONFIG_MAPS,
    { metadata: { name: 'a' }, data: { n: 1 } },
    `${HANDLED}: json: cannot unmarshal number into Go struct field ConfigMap.data of type string`,
  ],
  [
    'a list for a map',
    CONFIG_MAPS,
    { metadata: { name: 'a' }, data: ['x'] },
    `${HANDLED}: json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string`,
  ],
  [
    'a text for a boolean',
    CONFIG_MAPS,
    { metadata: { name: 'a' }, immutable: 'yes' },
    `${HANDLED}: json: cannot unmarshal string into Go struct field ConfigMap.immutable of type bool`,
  ],
  [
    'a text for metadata',
    CONFIG_MAPS,
    { metadata: 'x' },
    `${HANDLED}: json: cannot unmarshal string into Go struct field ConfigMap.metadata of type v1.ObjectMeta`,
  ],
  [
    'a number for a name',
    CONFIG_MAPS,
    { metadata: { name: 1 } },
    `${HANDLED}: json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string`,
  ],
  [
    'a number for a label',
    CONFIG_MAPS,
    { metadata: { name: 'a', labels: { x: 1 } } },
    `${HANDLED}: json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string`,
  ],
  [
    'a number for a time',
    CONFIG_MAPS,
    { metadata: { name: 'a', creationTimestamp: 5 } },
    `${HANDLED}: json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string`,
  ],
  [
    'a time that is none',
    CONFIG_MAPS,
    { metadata: { name: 'a', creationTimestamp: 'yesterday' } },
    `${HANDLED}: parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"`,
  ],
  [
    'bytes that are not in base64',
    SECRETS,
    { metadata: { name: 'a' }, data: { a: 'x' } },
    'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0',
  ],
  [
    'a text for a rule',
    CLUSTER_ROLES,
    role('a', 'x' as never),
    'ClusterRole in version "v1" cannot be handled as a ClusterRole: json: cannot unmarshal string into Go struct field ClusterRole.rules of type v1.PolicyRule',
  ],
  [
    'a text for verbs',
    CLUSTER_ROLES,
    role('a', { ...rule('', 'pods'), verbs: 'get' }),
    'ClusterRole in version "v1" cannot be handled as a ClusterRole: json: cannot unmarshal string into Go struct field PolicyRule.rules.verbs of type []string',
  ],
  [
    'an object for rules',
    CLUSTER_ROLES,
    { metadata: { name: 'a' }, rules: {} },
    'ClusterRole in version "v1" cannot be handled as a ClusterRole: json: cannot unmarshal object into Go struct field ClusterRole.rules of type []v1.PolicyRule',
  ],
  ['a list', CONFIG_MAPS, [], new RegExp(`${UNRECOGNIZED}json: cannot unmarshal array into Go value of type struct`)],
  [
    'a number',
    CONFIG_MAPS,
    '5',
    new RegExp(`${UNRECOGNIZED}json: cannot unmarshal number into Go value of type struct`),
  ],
  [
    'a word',
    CONFIG_MAPS,
    'hello',
    new RegExp(String.raw`${UNRECOGNIZED}invalid character 'h' looking for beginning of value \(68656c6c6f\)$`),
  ],
  ['half an object', CONFIG_MAPS, '{"metadata":', new RegExp(`${UNRECOGNIZED}unexpected end of JSON input`)],
  [
    'two objects',
    CONFIG_MAPS,
    '{"metadata":{"name":"a"}}{}',
    new RegExp(
      String.raw`${UNRECOGNIZED}invalid character '\{' after top-level value \(\{"metadata":\{"name":"a"\}\}\{\}\)$`,
    ),
  ],
  [
    'of a version that is retired',
    CLUSTER_ROLES,
    { apiVersion: 'rbac.authorization.k8s.io/v1beta1', kind: 'ClusterRole', metadata: { name: 'a' } },
    'the API version in the data (rbac.authorization.k8s.io/v1beta1) does not match the expected API version (rbac.authorization.k8s.io/v1)',
  ],
  [
    'another kind that is itself unreadable',
    CONFIG_MAPS,
    { kind: 'Secret', metadata: { name: 'a' }, data: { k: '1' } },
    'Secret in version "v1" cannot be handled as a ConfigMap: illegal base64 data at input byte 0',
  ],
  ['nothing', CONFIG_MAPS, '', new RegExp(`${UNRECOGNIZED}unexpected end of JSON input \\(<empty>\\)$`)],
];

/** How a body is read. */
export const bodies: Suite = (it) => {
  for (const [title, url, body, message] of UNREADABLE) {
    it(`is not ${title}`, async ({ admin }) => {
      expect(await admin.post(url, body)).toMatchObject(refused(400, message));
    });
  }

  it('is taken without kind and version', async ({ admin }) => {
    expect(await admin.made(CONFIG_MAPS, { metadata: { name: 'a' } })).toMatchObject({
      kind: 'ConfigMap',
      apiVersion: 'v1',
    });
  });

  it('takes null as if nothing stood there', async ({ admin }) => {
    const made = await admin.made(CONFIG_MAPS, {
      metadata: { name: 'a', labels: null },
      data: { k: null },
      immutable: null,
    });
    expect(made).toMatchObject({ data: { k: '' } });
    expect(made).not.toHaveProperty('immutable');
    expect(made.metadata).not.toHaveProperty('labels');
    expect(await admin.post(CONFIG_MAPS, 'null')).toMatchObject(refused(422, /name or generateName is required/));
  });

  it('drops what a kind does not have, and warns of it', async ({ admin }) => {
    const body = { metadata: { name: 'a', color: 'red' }, data: { a: '1' }, spec: { x: 1 } };
    const answer = await admin.post(CONFIG_MAPS, body);
    expect(answer).toMatchObject({ status: 201, body: { data: { a: '1' } } });
    expect(answer.body).not.toHaveProperty('spec');
    expect(answer.body.metadata).not.toHaveProperty('color');
    expect(answer.warning).toBe('299 - "unknown field \\"metadata.color\\"", 299 - "unknown field \\"spec\\""');
  });

  it('warns of it also where it is refused for something else', async ({ admin }) => {
    const answer = await admin.post(CONFIG_MAPS, { metadata: { name: 'A_b' }, spec: {} });
    expect(answer).toMatchObject({ status: 422, warning: '299 - "unknown field \\"spec\\""' });
  });

  it('warns nobody who does not want to hear it', async ({ admin }) => {
    const answer = await admin.post(`${CONFIG_MAPS}?fieldValidation=Ignore`, { metadata: { name: 'a' }, spec: {} });
    expect(answer.status).toBe(201);
    expect(answer).not.toHaveProperty('warning');
  });

  it('refuses what a kind does not have where fields are validated strictly', async ({ admin }) => {
    const body = { metadata: { name: 'a', color: 'red' }, data: { a: '1' }, spec: { x: 1 } };
    const unknown = 'strict decoding error: unknown field "metadata.color", unknown field "spec"';
    expect(await admin.post(`${CONFIG_MAPS}?fieldValidation=Strict`, body)).toMatchObject(
      refused(400, `${HANDLED}: ${unknown}`),
    );
    const inside = role('a', { ...rule('', 'pods', 'get'), color: 'red' });
    expect(await admin.post(`${CLUSTER_ROLES}?fieldValidation=Strict`, inside)).toMatchObject(
      refused(
        400,
        'ClusterRole in version "v1" cannot be handled as a ClusterRole: strict decoding error: unknown field "rules[0].color"',
      ),
    );
  });

  it('refuses a member twice where fields are validated strictly', async ({ admin }) => {
    const twice = '{"metadata":{"name":"a"},"data":{"a":"1","a":"2"}}';
    expect(await admin.post(`${CONFIG_MAPS}?fieldValidation=Strict`, twice)).toMatchObject(
      refused(400, `${HANDLED}: strict decoding error: duplicate field "data.a"`),
    );
  });

  it('refuses a way to validate that there is not', async ({ admin }) => {
    const supported = 'supported values: "", "Ignore", "Strict", "Warn"';
    expect(await admin.post(`${CONFIG_MAPS}?fieldValidation=Foo`, { metadata: { name: 'a' } })).toMatchObject(
      refused(422, `CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Foo": ${supported}`),
    );
  });

  it('keeps a member called __proto__ what it is: a name', async ({ admin }) => {
    const body = '{"metadata":{"name":"a","labels":{"x":"y"}},"data":{"__proto__":"polluted","constructor":"c"}}';
    const made = (await admin.post(CONFIG_MAPS, body)).body;
    expect(JSON.stringify(made.data)).toBe('{"__proto__":"polluted","constructor":"c"}');
    expect((await admin.get(`${CONFIG_MAPS}?labelSelector=constructor`)).body.items).toEqual([]);
  });

  for (const [title, type] of [
    ['JSON of a charset', 'application/json; charset=utf-8'],
    ['JSON that does not say so', undefined],
  ] as const) {
    it(`takes ${title}`, async ({ admin }) => {
      const headers = type === undefined ? {} : { 'content-type': type };
      expect((await admin.send('POST', CONFIG_MAPS, '{"metadata":{"name":"a"}}', headers)).status).toBe(201);
    });
  }

  for (const type of ['text/plain', 'application/x-www-form-urlencoded', MERGE]) {
    it(`is not ${type}`, async ({ admin }) => {
      expect(
        await admin.send('POST', CONFIG_MAPS, '{"metadata":{"name":"a"}}', { 'content-type': type }),
      ).toMatchObject(
        refused(
          415,
          'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
          'UnsupportedMediaType',
        ),
      );
    });
  }

  const YAML = { 'content-type': 'application/yaml' };

  it('takes YAML, of its version 1.1', async ({ admin }) => {
    const yaml =
      'apiVersion: v1\nkind: ConfigMap\nmetadata: &m { name: b }\ndata: { on: "yes", 2: "0123", d: 2020-01-01 }\n';
    const made = await admin.send('POST', CONFIG_MAPS, yaml, YAML);
    expect(made).toMatchObject({ status: 201, body: { data: { true: 'yes', 2: '0123', d: '2020-01-01' } } });
    const plain = 'metadata: { name: c }\ndata: { k: yes }\n';
    expect(await admin.send('POST', CONFIG_MAPS, plain, YAML)).toMatchObject(
      refused(400, `${HANDLED}: json: cannot unmarshal bool into Go struct field ConfigMap.data of type string`),
    );
  });

  for (const [text, fault] of [
    ['~: 1', 'unsupported map key of type: '],
    ['a: .inf', 'json: unsupported value: +Inf'],
    ['a: -.inf', 'json: unsupported value: -Inf'],
    ['a: .nan', 'json: unsupported value: NaN'],
  ] as const) {
    it(`is no YAML that JSON has no words for: ${text}`, async ({ admin }) => {
      const { status, body } = await admin.send('POST', CONFIG_MAPS, text, YAML);
      expect({ status, body }).toMatchObject(refused(400, /^the object provided is unrecognized/));
      expect((body as { message: string }).message).toContain(`(must be of type ConfigMap): ${fault}`);
    });
  }

  it('is not half a YAML document', async ({ admin }) => {
    expect(await admin.send('POST', CONFIG_MAPS, 'a: [', YAML)).toMatchObject(
      refused(400, /^the object provided is unrecognized \(must be of type ConfigMap\): yaml: line \d: /),
    );
  });
};
