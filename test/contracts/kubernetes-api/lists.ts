import { expect } from 'vitest';
import {
  type Api,
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CONFIG_MAPS,
  NAMESPACES,
  namesIn,
  RBAC,
  ROLE_BINDINGS,
  ROLES,
  refused,
  role,
  SECRETS,
} from './api.ts';
import type { Suite } from './contract.ts';

const LABELS = [{ env: 'prod', tier: 'web' }, { env: 'prod' }, { env: 'dev', tier: 'db', n: '5' }, undefined];
/** Four ConfigMaps, c0 to c3, with these labels. */
const filled = async ({ admin }: Api) => {
  for (const [index, labels] of LABELS.entries()) {
    await admin.made(CONFIG_MAPS, { metadata: { name: `c${index}`, ...(labels ? { labels } : {}) } });
  }
};
const query = (more: Record<string, string>) => `${CONFIG_MAPS}?${new URLSearchParams(more)}`;

/** What LIST answers. */
export const lists: Suite = (it) => {
  it('have a kind, and items without one, in the order of their names', async (api) => {
    await filled(api);
    const { body } = await api.admin.get(CONFIG_MAPS);
    expect(body).toMatchObject({ kind: 'ConfigMapList', apiVersion: 'v1' });
    expect(body.metadata).toEqual({ resourceVersion: expect.stringMatching(/^\d+$/) });
    expect(body.items.map((one: { metadata: { name: string } }) => one.metadata.name)).toEqual([
      'c0',
      'c1',
      'c2',
      'c3',
    ]);
    expect(body.items[0]).not.toHaveProperty('kind');
    expect(body.items[0]).not.toHaveProperty('apiVersion');
  });

  it('of every kind are there, also empty', async ({ admin }) => {
    const none = '?labelSelector=none';
    for (const [url, kind, apiVersion] of [
      [CONFIG_MAPS, 'ConfigMapList', 'v1'],
      [SECRETS, 'SecretList', 'v1'],
      [NAMESPACES, 'NamespaceList', 'v1'],
      [`${NAMESPACES}/default/events`, 'EventList', 'v1'],
      [`${NAMESPACES}/default/pods`, 'PodList', 'v1'],
      [`${NAMESPACES}/default/serviceaccounts`, 'ServiceAccountList', 'v1'],
      ['/apis/apps/v1/namespaces/default/deployments', 'DeploymentList', 'apps/v1'],
      [ROLES, 'RoleList', 'rbac.authorization.k8s.io/v1'],
      [ROLE_BINDINGS, 'RoleBindingList', 'rbac.authorization.k8s.io/v1'],
      [CLUSTER_ROLES, 'ClusterRoleList', 'rbac.authorization.k8s.io/v1'],
      [CLUSTER_ROLE_BINDINGS, 'ClusterRoleBindingList', 'rbac.authorization.k8s.io/v1'],
    ]) {
      expect(await admin.get(url + none)).toMatchObject({ status: 200, body: { kind, apiVersion, items: [] } });
    }
  });

  it('over all namespaces hold those of each', async ({ admin }) => {
    const metadata = { name: 'r', labels: { mine: 'yes' } };
    for (const namespace of ['default', 'kube-system']) {
      await admin.made(`${RBAC}/namespaces/${namespace}/roles`, { ...role('r'), metadata });
    }
    const { items } = (await admin.get(`${RBAC}/roles?labelSelector=mine`)).body;
    expect(items.map((one: { metadata: { namespace: string } }) => one.metadata.namespace)).toEqual([
      'default',
      'kube-system',
    ]);
  });

  it('go on as they began, whatever changes meanwhile', async (api) => {
    const { admin } = api;
    await filled(api);
    const first = await admin.get(`${CONFIG_MAPS}?limit=2`);
    expect(namesIn(first)).toEqual(['c0', 'c1']);
    expect(first.body.metadata).toMatchObject({ remainingItemCount: 2, continue: expect.any(String) });
    await admin.delete(`${CONFIG_MAPS}/c2`);
    await admin.made(CONFIG_MAPS, { metadata: { name: 'c00' } });
    const next = await admin.get(query({ limit: '2', continue: first.body.metadata.continue }));
    expect(namesIn(next)).toEqual(['c2', 'c3']);
    expect(next.body.metadata).toEqual({ resourceVersion: first.body.metadata.resourceVersion });
    const one = await admin.get(query({ limit: '1', continue: first.body.metadata.continue }));
    expect(namesIn(one)).toEqual(['c2']);
    expect(one.body.metadata).toMatchObject({ remainingItemCount: 1, continue: expect.any(String) });
  });

  it('go on with whatever is asked then', async (api) => {
    const { admin } = api;
    await filled(api);
    const token = (await admin.get(`${CONFIG_MAPS}?limit=1&labelSelector=env`)).body.metadata.continue;
    expect(namesIn(await admin.get(query({ limit: '2', labelSelector: 'env=dev', continue: token })))).toEqual(['c2']);
    expect((await admin.get(`${SECRETS}?limit=1&continue=${token}`)).body).toMatchObject({
      kind: 'SecretList',
      items: [],
    });
  });

  it('do not count what remains where only some are chosen', async (api) => {
    await filled(api);
    const { metadata } = (await api.admin.get(`${CONFIG_MAPS}?limit=1&labelSelector=env`)).body;
    expect(metadata.continue).toEqual(expect.any(String));
    expect(metadata).not.toHaveProperty('remainingItemCount');
  });

  it('go on where something is left that might be chosen', async (api) => {
    await filled(api);
    const first = (await api.admin.get(`${CONFIG_MAPS}?limit=2&labelSelector=tier`)).body;
    expect(first.metadata.continue).toEqual(expect.any(String));
    expect(
      (await api.admin.get(query({ labelSelector: 'tier', continue: first.metadata.continue }))).body.items,
    ).toEqual([]);
  });

  it('are whole where their limit is', async (api) => {
    await filled(api);
    for (const limit of ['0', '-1', '4', '500']) {
      const { body } = await api.admin.get(query({ limit }));
      expect(body.items).toHaveLength(4);
      expect(body.metadata).toEqual({ resourceVersion: expect.any(String) });
    }
  });

  it('of one name in a namespace are whole', async (api) => {
    await filled(api);
    const { metadata } = (await api.admin.get(query({ limit: '1', fieldSelector: 'metadata.name=c1' }))).body;
    expect(metadata).toEqual({ resourceVersion: expect.any(String) });
  });

  it('from any version on are whole', async (api) => {
    await filled(api);
    expect(namesIn(await api.admin.get(`${CONFIG_MAPS}?limit=2&resourceVersion=0`))).toHaveLength(4);
    expect(namesIn(await api.admin.get(`${CONFIG_MAPS}?resourceVersion=1`))).toHaveLength(4);
    const { resourceVersion } = (await api.admin.get(CONFIG_MAPS)).body.metadata;
    const notOlder = query({ resourceVersion, resourceVersionMatch: 'NotOlderThan' });
    expect(namesIn(await api.admin.get(notOlder))).toHaveLength(4);
  });

  it('of exactly one version show that', async (api) => {
    await filled(api);
    const { resourceVersion } = (await api.admin.get(CONFIG_MAPS)).body.metadata;
    await api.admin.delete(`${CONFIG_MAPS}/c0`);
    const exact = query({ resourceVersion, resourceVersionMatch: 'Exact' });
    expect(namesIn(await api.admin.get(exact))).toEqual(['c0', 'c1', 'c2', 'c3']);
  });

  for (const [asked, code, message] of [
    ['limit=abc', 400, 'strconv.ParseInt: parsing "abc": invalid syntax'],
    ['limit=', 400, 'strconv.ParseInt: parsing "": invalid syntax'],
    ['limit=99999999999999999999', 400, 'strconv.ParseInt: parsing "99999999999999999999": value out of range'],
    ['timeoutSeconds=x', 400, 'strconv.ParseInt: parsing "x": invalid syntax'],
    [
      'resourceVersion=abc',
      400,
      'invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax',
    ],
    [
      'resourceVersionMatch=Exact',
      422,
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    ],
    [
      'resourceVersion=0&resourceVersionMatch=Exact',
      422,
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ],
    [
      'resourceVersion=1&resourceVersionMatch=Foo',
      422,
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Unsupported value: "Foo": supported values: "Exact", "NotOlderThan", ""',
    ],
    [
      'sendInitialEvents=true',
      422,
      'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list',
    ],
  ] as const) {
    it(`are not given for ${asked}`, async ({ admin }) => {
      expect(await admin.get(`${CONFIG_MAPS}?${asked}`)).toMatchObject(refused(code, message));
    });
  }

  it('are not given by a token that is none', async (api) => {
    await filled(api);
    expect(await api.admin.get(`${CONFIG_MAPS}?continue=xx`)).toMatchObject(
      refused(400, /^invalid continue token: continue key is not valid: /),
    );
    const token = (await api.admin.get(`${CONFIG_MAPS}?limit=1`)).body.metadata.continue;
    expect(await api.admin.get(query({ continue: token, resourceVersion: '1' }))).toMatchObject(
      refused(400, 'specifying resource version is not allowed when using continue'),
    );
  });

  it('do not hold what a version to come will, and neither does an object', async ({ admin }) => {
    await admin.made(CONFIG_MAPS, { metadata: { name: 'a' } });
    const urls = [CONFIG_MAPS, `${CONFIG_MAPS}/a`].map((url) => `${url}?resourceVersion=99999999`);
    // Either waits some seconds for it.
    for (const answer of await Promise.all(urls.map((url) => admin.get(url)))) {
      expect(answer).toMatchObject(
        refused(504, /^Timeout: Too large resource version: 99999999, current: \d+$/, 'Timeout'),
      );
      expect(answer.body.details).toEqual({
        causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
        retryAfterSeconds: 1,
      });
    }
  });

  it('and objects have versions that are numbers', async ({ admin }) => {
    await admin.made(CONFIG_MAPS, { metadata: { name: 'a' } });
    expect((await admin.get(`${CONFIG_MAPS}/a?resourceVersion=0`)).status).toBe(200);
    const why = 'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax';
    expect(await admin.get(`${CONFIG_MAPS}/a?resourceVersion=abc`)).toMatchObject(refused(500, why, undefined));
  });

  it('can be watched', async ({ admin }) => {
    expect((await admin.get(`${CONFIG_MAPS}?watch=true&timeoutSeconds=1`)).status).toBe(200);
    expect((await admin.get(`${CONFIG_MAPS}?watch=true&timeoutSeconds=-1`)).status).toBe(200);
  });

  it('refuses of a watch what does not go together', async ({ admin }) => {
    const invalid = (why: string) => refused(422, `ListOptions.meta.k8s.io "" is invalid: ${why}`);
    const match = 'resourceVersionMatch';
    const alone = `${match}: Forbidden: ${match} is forbidden for watch unless sendInitialEvents is provided`;
    for (const [asked, answer] of [
      [`resourceVersion=0&${match}=NotOlderThan`, invalid(alone)],
      [`${match}=Exact`, invalid(`[${alone}, ${match}: Unsupported value: "Exact": supported values: "NotOlderThan"]`)],
      ['timeoutSeconds=x', refused(400, 'strconv.ParseInt: parsing "x": invalid syntax')],
      [
        'timeoutSeconds=9223372036854775808',
        refused(400, 'strconv.ParseInt: parsing "9223372036854775808": value out of range'),
      ],
    ] as const) {
      expect(await admin.get(`${CONFIG_MAPS}?watch=true&${asked}`), asked).toMatchObject(answer);
    }
  });
};
