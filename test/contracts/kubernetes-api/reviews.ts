import { expect } from 'vitest';
import {
  type Api,
  binding,
  GROUP,
  NAMESPACES,
  REVIEWS,
  ROLE_BINDINGS,
  type Rule,
  refused,
  rule,
  SOON,
  user,
} from './api.ts';
import type { Suite } from './contract.ts';

const ACCESS = `${REVIEWS}/subjectaccessreviews`;
const OWN_ACCESS = `${REVIEWS}/selfsubjectaccessreviews`;
const OWN_RULES = `${REVIEWS}/selfsubjectrulesreviews`;
const LOCAL_ACCESS = `${REVIEWS}/namespaces/default/localsubjectaccessreviews`;
const NO_QUESTION =
  'spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified';
const NOBODY = 'spec.user: Invalid value: "": at least one of user or group must be specified';
const pods = (more: object = {}) => ({ verb: 'list', resource: 'pods', ...more });

const INVALID: readonly (readonly [title: string, url: string, spec: object, message: string])[] = [
  ['no subject', ACCESS, { resourceAttributes: pods() }, NOBODY],
  ['no question', ACCESS, { user: 'a' }, NO_QUESTION],
  ['neither', ACCESS, {}, `[${NO_QUESTION}, ${NOBODY}]`],
  [
    'two questions',
    ACCESS,
    { user: 'a', resourceAttributes: {}, nonResourceAttributes: { path: '/x', verb: 'get' } },
    'spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":"get"}: cannot be specified in combination with resourceAttributes',
  ],
  ['no question of oneself', OWN_ACCESS, {}, NO_QUESTION],
  [
    'no question in a namespace',
    LOCAL_ACCESS,
    { user: 'a', nonResourceAttributes: { path: '/x', verb: 'get' } },
    'spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":"get"}: disallowed on this kind of request',
  ],
  [
    'another namespace',
    LOCAL_ACCESS,
    { user: 'a', resourceAttributes: { namespace: 'kube-system' } },
    'spec.resourceAttributes.namespace: Invalid value: "kube-system": must match metadata.namespace',
  ],
];

/** Questions about rights. */
export const reviews: Suite = (it) => {
  it('answer with the binding that allows', async (api) => {
    await api.grant(
      'ann',
      [rule('', 'pods', 'list'), { ...rule('', 'secrets', 'get'), resourceNames: ['s'] }],
      'default',
    );
    const ask = async (more: object) =>
      (await api.admin.post(ACCESS, { spec: { user: 'ann', resourceAttributes: pods(more) } })).body;
    expect(await ask({ namespace: 'default' })).toMatchObject({
      kind: 'SubjectAccessReview',
      apiVersion: 'authorization.k8s.io/v1',
      spec: { user: 'ann', resourceAttributes: { verb: 'list', resource: 'pods', namespace: 'default' } },
      status: {
        allowed: true,
        reason: 'RBAC: allowed by RoleBinding "of-ann/default" of Role "of-ann" to User "ann"',
      },
    });
    const allowed = async (more: object) => (await ask({ namespace: 'default', ...more })).status.allowed;
    expect((await ask({})).status).toEqual({ allowed: false });
    expect(await allowed({ name: 'x' })).toBe(true);
    expect(await allowed({ version: 'v1' })).toBe(true);
    expect(await allowed({ verb: '*' })).toBe(false);
    expect(await allowed({ subresource: 'log' })).toBe(false);
    expect(await allowed({ namespace: '*' })).toBe(false);
    expect(await allowed({ verb: 'get', resource: 'secrets' })).toBe(false);
    expect(await allowed({ verb: 'get', resource: 'secrets', name: 's' })).toBe(true);
  });

  it('say that system:masters need no reason', async ({ admin }) => {
    const spec = { groups: ['system:masters'], nonResourceAttributes: { verb: 'get', path: '/x' } };
    const { status, body } = await admin.post(ACCESS, { spec });
    expect([status, body.status]).toEqual([201, { allowed: true }]);
  });

  for (const [title, url, spec, message] of INVALID) {
    it(`refuse ${title}`, async ({ admin }) => {
      const answer = await admin.post(url, { spec });
      expect(answer).toMatchObject(refused(422, `.authorization.k8s.io "" is invalid: ${message}`));
    });
  }

  it('refuse what is of another type', async ({ admin }) => {
    const handled = 'SubjectAccessReview in version "v1" cannot be handled as a SubjectAccessReview';
    expect(await admin.post(ACCESS, { spec: { user: 1 } })).toMatchObject(
      refused(
        400,
        `${handled}: json: cannot unmarshal number into Go struct field SubjectAccessReviewSpec.spec.user of type string`,
      ),
    );
    expect(await admin.post(ACCESS, { spec: { user: 'a', resourceAttributes: { verb: 1 } } })).toMatchObject(
      refused(
        400,
        `${handled}: json: cannot unmarshal number into Go struct field ResourceAttributes.spec.resourceAttributes.verb of type string`,
      ),
    );
    expect(await admin.post(ACCESS, { kind: 'SelfSubjectAccessReview', spec: {} })).toMatchObject(
      refused(400, /^SelfSubjectAccessReview in version "v1" cannot be handled as a SubjectAccessReview: converting /),
    );
    expect((await admin.post(ACCESS, [])).status).toBe(400);
    expect((await admin.post(ACCESS, 'x')).status).toBe(400);
  });

  it('drop what they do not have, unless fields are validated strictly', async ({ admin }) => {
    const review = { spec: { user: 'a', color: 'red', resourceAttributes: pods() } };
    const answer = await admin.post(ACCESS, review);
    expect(answer).toMatchObject({ status: 201, warning: '299 - "unknown field \\"spec.color\\""' });
    expect(answer.body.spec).not.toHaveProperty('color');
    expect(await admin.post(`${ACCESS}?fieldValidation=Strict`, review)).toMatchObject(
      refused(400, /: strict decoding error: unknown field "spec\.color"$/),
    );
    const other = await admin.post(OWN_ACCESS, { spec: { user: 'bob', resourceAttributes: pods() } });
    expect(other.body.spec).not.toHaveProperty('user');
  });

  it('have no metadata', async ({ admin }) => {
    const review = { metadata: { name: 'x' }, spec: { user: 'a', resourceAttributes: pods() } };
    expect(await admin.post(ACCESS, review)).toMatchObject(
      refused(422, /^\.authorization\.k8s\.io "" is invalid: metadata: Invalid value: .*: must be empty$/),
    );
  });

  it('of others need a right, of oneself none', async (api) => {
    const ann = api.as(user('ann'));
    expect((await ann.post(ACCESS, { spec: { user: 'ann', resourceAttributes: pods() } })).status).toBe(403);
    expect((await ann.post(OWN_ACCESS, { spec: { resourceAttributes: pods() } })).body.status).toEqual({
      allowed: false,
    });
    const path = { nonResourceAttributes: { verb: 'get', path: '/version' } };
    expect((await ann.post(OWN_ACCESS, { spec: path })).body.status.allowed).toBe(true);
  });

  it('in a namespace stay in it', async ({ admin }) => {
    for (const namespace of ['default', 'nowhere']) {
      const url = `${REVIEWS}/namespaces/${namespace}/localsubjectaccessreviews`;
      const answer = await admin.post(url, { spec: { user: 'a', resourceAttributes: { namespace } } });
      expect(answer).toMatchObject({
        status: 201,
        body: { kind: 'LocalSubjectAccessReview', metadata: { namespace } },
      });
    }
  });

  it('list one’s own rules', async (api: Api) => {
    const only = { ...rule('', 'secrets', 'get'), resourceNames: ['s'] };
    await api.grant('ann', [rule('', 'pods', 'list'), only], 'default');
    const ann = api.as(user('ann'));
    const { body } = await ann.post(OWN_RULES, { spec: { namespace: 'default' } });
    expect(body.spec).toEqual({});
    expect(body.status).toMatchObject({ incomplete: false });
    expect(body.status).not.toHaveProperty('evaluationError');
    const resources = (more: readonly Rule[]) => [
      ...more,
      {
        apiGroups: ['authorization.k8s.io'],
        resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
        verbs: ['create'],
      },
      rule('authentication.k8s.io', 'selfsubjectreviews', 'create'),
    ];
    const sorted = (rules: readonly object[]) => rules.map((one) => JSON.stringify(Object.entries(one).sort())).sort();
    expect(sorted(body.status.resourceRules)).toEqual(sorted(resources([rule('', 'pods', 'list'), only])));
    const elsewhere = (await ann.post(OWN_RULES, { spec: { namespace: 'kube-system' } })).body.status;
    expect(sorted(elsewhere.resourceRules)).toEqual(sorted(resources([])));
    expect(await ann.post(OWN_RULES, { spec: {} })).toMatchObject(refused(400, 'no namespace on request'));
    const all = (await api.admin.post(OWN_RULES, { spec: { namespace: 'default' } })).body.status;
    expect(all.resourceRules).toContainEqual(rule('*', '*', '*'));
    expect(all.nonResourceRules).toContainEqual({ nonResourceURLs: ['*'], verbs: ['*'] });
  });

  it('list one’s own rules as far as they can be found', async (api) => {
    await api.admin.made(ROLE_BINDINGS, binding('b', 'Role', 'lost', [{ kind: 'User', name: 'x' }]));
    const ask = async () => (await api.as(user('x')).post(OWN_RULES, { spec: { namespace: 'default' } })).body.status;
    await expect
      .poll(ask, SOON)
      .toMatchObject({ incomplete: false, evaluationError: `role.${GROUP} "lost" not found` });
  });

  it('are asked and not kept', async ({ admin }) => {
    for (const [method, url, code] of [
      ['GET', ACCESS, 405],
      ['DELETE', ACCESS, 405],
      ['GET', `${ACCESS}/x`, 404],
      ['PUT', `${ACCESS}/x`, 404],
      ['POST', `${ACCESS}/x`, 404],
      ['POST', `${REVIEWS}/localsubjectaccessreviews`, 404],
      ['POST', `${REVIEWS}/namespaces/default/subjectaccessreviews`, 404],
      ['POST', `${REVIEWS}/foos`, 404],
    ] as const) {
      const body = method === 'POST' || method === 'PUT' ? { spec: {} } : undefined;
      expect([method, url, (await admin.send(method, url, body)).status]).toEqual([method, url, code]);
    }
  });

  it('are answered in a dry run as well', async ({ admin }) => {
    const review = { spec: { user: 'a', resourceAttributes: pods({ namespace: 'default' }) } };
    expect(await admin.post(`${ACCESS}?dryRun=All`, review)).toMatchObject({
      status: 201,
      body: { status: { allowed: false } },
    });
    expect((await admin.get(`${NAMESPACES}/default`)).status).toBe(200);
  });
};
