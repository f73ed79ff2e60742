import { expect } from 'vitest';
import { type Api, CLUSTER_ROLES, GROUP, type Rule, role, rule, SOON } from './api.ts';
import type { Suite } from './contract.ts';

const rulesOf = (api: Api, name: string) => async (): Promise<readonly Rule[]> =>
  (await api.admin.get(`${CLUSTER_ROLES}/${name}`)).body.rules ?? [];
const part = (name: string, label: string, ...rules: Rule[]) => ({
  ...role(name, ...rules),
  metadata: { name, labels: { [label]: 'true' } },
});

/** ClusterRoles that gather the rules of others. */
export const aggregation: Suite = (it) => {
  it('gathers the rules of those that a label chooses, in the order of their names', async (api) => {
    const { admin } = api;
    await admin.made(CLUSTER_ROLES, part('b', 'into', rule('', 'pods', 'get'), rule('', 'secrets', 'get')));
    await admin.made(CLUSTER_ROLES, part('c', 'other', rule('', 'nodes', 'get')));
    await admin.made(CLUSTER_ROLES, {
      metadata: { name: 'all' },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { into: 'true' } }] },
      rules: [rule('', 'nodes', '*')],
    });
    await expect.poll(rulesOf(api, 'all'), SOON).toEqual([rule('', 'pods', 'get'), rule('', 'secrets', 'get')]);
    await admin.made(CLUSTER_ROLES, part('a', 'into', rule('', 'events', 'get'), rule('', 'pods', 'get')));
    await expect
      .poll(rulesOf(api, 'all'), SOON)
      .toEqual([rule('', 'events', 'get'), rule('', 'pods', 'get'), rule('', 'secrets', 'get')]);
    await admin.delete(`${CLUSTER_ROLES}/b`);
    await expect.poll(rulesOf(api, 'all'), SOON).toEqual([rule('', 'events', 'get'), rule('', 'pods', 'get')]);
  });

  it('chooses by expressions, and by any of several selectors', async (api) => {
    const { admin } = api;
    await admin.made(CLUSTER_ROLES, part('a', 'one', rule('', 'pods', 'get')));
    await admin.made(CLUSTER_ROLES, part('b', 'two', rule('', 'nodes', 'get')));
    await admin.made(CLUSTER_ROLES, part('c', 'three', rule('', 'events', 'get')));
    const matchExpressions = [
      { key: 'two', operator: 'In', values: ['true', 'yes'] },
      { key: 'one', operator: 'DoesNotExist' },
    ];
    await admin.made(CLUSTER_ROLES, {
      metadata: { name: 'all' },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { three: 'true' } }, { matchExpressions }] },
    });
    await expect.poll(rulesOf(api, 'all'), SOON).toEqual([rule('', 'events', 'get'), rule('', 'nodes', 'get')]);
  });

  it('widens view, edit and admin by a label, one after the other', async (api) => {
    const { admin } = api;
    const before = await rulesOf(api, 'view')();
    const things = rule('example.com', 'things', 'get');
    await admin.made(CLUSTER_ROLES, part('things', `${GROUP}/aggregate-to-view`, things));
    for (const name of ['view', 'edit', 'admin']) {
      await expect.poll(rulesOf(api, name), SOON).toContainEqual(things);
    }
    await admin.delete(`${CLUSTER_ROLES}/things`);
    for (const name of ['view', 'edit', 'admin']) {
      await expect.poll(rulesOf(api, name), SOON).not.toContainEqual(things);
    }
    await expect.poll(rulesOf(api, 'view'), SOON).toEqual(before);
  });
};
