import { expect } from 'vitest';
import { ADMIN, type RequestHeaders, refused, rule, user } from './api.ts';
import type { Suite } from './contract.ts';

const WHO_AM_I = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const CONNECTOR = user('connector');

const SEEN: readonly (readonly [title: string, headers: RequestHeaders, userInfo: object])[] = [
  ['a user', { 'impersonate-user': 'ann' }, { username: 'ann', groups: ['system:authenticated'] }],
  [
    'a user in groups',
    { 'impersonate-user': 'ann', 'impersonate-group': ['a', 'b'] },
    { username: 'ann', groups: ['a', 'b', 'system:authenticated'] },
  ],
  [
    'a user in a group with a comma',
    { 'impersonate-user': 'ann', 'impersonate-group': 'a, b' },
    { username: 'ann', groups: ['a, b', 'system:authenticated'] },
  ],
  [
    'a user who brings the group of everybody',
    { 'impersonate-user': 'ann', 'impersonate-group': ['system:authenticated', 'a'] },
    { username: 'ann', groups: ['system:authenticated', 'a'] },
  ],
  [
    'a service account',
    { 'impersonate-user': 'system:serviceaccount:ns:sa' },
    {
      username: 'system:serviceaccount:ns:sa',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'],
    },
  ],
  [
    'a service account in groups of its own',
    { 'impersonate-user': 'system:serviceaccount:ns:sa', 'impersonate-group': 'a' },
    { username: 'system:serviceaccount:ns:sa', groups: ['a', 'system:authenticated'] },
  ],
  [
    'what is no service account',
    { 'impersonate-user': 'system:serviceaccount:NS:sa' },
    { username: 'system:serviceaccount:NS:sa', groups: ['system:authenticated'] },
  ],
  [
    'a user with more to them',
    { 'impersonate-user': 'ann', 'impersonate-uid': 'u', 'impersonate-extra-a%2fB': ['c', 'd'] },
    { username: 'ann', uid: 'u', groups: ['system:authenticated'], extra: { 'a/b': ['c', 'd'] } },
  ],
];

/** Whose rights a request has that names somebody else. */
export const impersonation: Suite = (it) => {
  for (const [title, headers, userInfo] of SEEN) {
    it(`is of ${title}`, async (api) => {
      const { body } = await api.as(ADMIN).post(WHO_AM_I, {}, headers);
      expect(body).toMatchObject({ kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1' });
      expect(body.status).toEqual({ userInfo });
    });
  }

  it('is of nobody, who may not even ask', async (api) => {
    expect(await api.as(ADMIN).post(WHO_AM_I, {}, { 'impersonate-user': 'system:anonymous' })).toMatchObject(
      refused(403, /User "system:anonymous" cannot create resource "selfsubjectreviews"/),
    );
  });

  it('is nobody’s without a name', async (api) => {
    const { body } = await api.as(ADMIN).post(WHO_AM_I, {}, { 'impersonate-user': '' });
    expect(body.status.userInfo).toMatchObject({ username: 'admin' });
    for (const headers of [{ 'impersonate-group': 'x' }, { 'impersonate-uid': 'x' }, { 'impersonate-extra-y': 'x' }]) {
      const answer = await api.as(ADMIN).post(WHO_AM_I, {}, headers);
      expect(answer.status).toBe(500);
      expect(answer.body).toMatch(/^Internal Server Error: ".*": requested \[.*x.*\] without impersonating a user\s*$/);
    }
  });

  it('needs the right to every part', async (api) => {
    await api.grant('connector', [{ ...rule('', 'users', 'impersonate'), resourceNames: ['ann'] }]);
    const as = (headers: RequestHeaders) => api.as(CONNECTOR).get('/version', headers);
    const may = 'User "connector" cannot impersonate resource';
    expect((await as({ 'impersonate-user': 'ann' })).status).toBe(200);
    for (const [headers, message] of [
      [{ 'impersonate-user': 'bob' }, `users "bob" is forbidden: ${may} "users" in API group "" at the cluster scope`],
      [
        { 'impersonate-user': 'ann', 'impersonate-group': 'system:masters' },
        `groups "system:masters" is forbidden: ${may} "groups" in API group "" at the cluster scope`,
      ],
      [
        { 'impersonate-user': 'ann', 'impersonate-extra-scope': 'x' },
        `userextras.authentication.k8s.io "x" is forbidden: ${may} "userextras/scope" in API group "authentication.k8s.io" at the cluster scope`,
      ],
      [
        { 'impersonate-user': 'ann', 'impersonate-uid': 'x' },
        `uids.authentication.k8s.io "x" is forbidden: ${may} "uids" in API group "authentication.k8s.io" at the cluster scope`,
      ],
      [
        { 'impersonate-user': 'system:serviceaccount:ns:sa' },
        `serviceaccounts "sa" is forbidden: ${may} "serviceaccounts" in API group "" in the namespace "ns"`,
      ],
    ] as const) {
      expect(await as(headers)).toMatchObject(refused(403, message));
    }
  });

  it('gives the rights of the other, and only these', async (api) => {
    const asAnn = async () => (await api.as(ADMIN).get('/api/v1/secrets', { 'impersonate-user': 'ann' })).status;
    expect(await asAnn()).toBe(403);
    await api.grant('ann', [rule('', 'secrets', 'list')]);
    expect(await asAnn()).toBe(200);
    await api.grant('connector', [rule('', 'users', 'impersonate')]);
    const byConnector = await api.as(CONNECTOR).get('/api/v1/secrets', { 'impersonate-user': 'ann' });
    expect(byConnector.status).toBe(200);
    expect((await api.as(CONNECTOR).get('/api/v1/secrets')).status).toBe(403);
  });
};
