import { readFileSync } from 'node:fs';
import { waysInto } from '@gatehouse/core/operations/ways-in';
import { describe, expect, it } from 'vitest';
import { assumptionOf, chooseWay } from '../../../cli/src/kubeconfig/way.ts';
import { aCluster, aGrant, aPolicy, policyOf } from '../../builders/policy.ts';

const EXAMPLE = policyOf(readFileSync(new URL('../../../docs/examples/two-levels.yaml', import.meta.url), 'utf8'));
const ROLE = (name: string) => `arn:aws:iam::111122223333:role/${name}`;

describe('the ways into a cluster', () => {
  it('are the grants that lead there, with the roles that are assumed', () => {
    const { cluster, ways } = waysInto(EXAMPLE, EXAMPLE.clusters[0]!);
    expect(cluster).toMatchObject({ name: 'prod-eu', region: 'eu-west-1', account: '111122223333' });
    expect(ways.map(({ grant, way, level, roles, namespaces }) => [grant, way, level, roles, namespaces])).toEqual([
      ['environments', 'shared-role', 'cluster-admin', [ROLE('gatehouse/gatehouse-environments')], []],
      ['shop-operations', 'shared-role', 'namespace-admin', [ROLE('gatehouse/gatehouse-shop-operations')], ['shop']],
      ['pay-operations', 'adopted', 'namespace-admin', [ROLE('operations/pay-operations')], ['pay']],
      ['viewers', 'permission-set', 'console-viewer', [], ['pay', 'shop']],
    ]);
  });

  it('leave out what is for other clusters', () => {
    const { ways } = waysInto(EXAMPLE, EXAMPLE.clusters[1]!);
    expect(ways.map(({ grant }) => grant)).toEqual(['environments', 'shop-operations', 'viewers']);
  });

  it('are chosen by level and grant, and asked for only where one is named', async () => {
    const run = async () => async () => waysInto(EXAMPLE, EXAMPLE.clusters[0]!) as never;
    const choose = (wanted: object) => chooseWay('prod-eu', wanted, undefined, run);
    expect(await choose({})).toEqual({ name: 'prod-eu' });
    expect((await choose({ level: 'cluster-admin' })).way?.grant).toBe('environments');
    await expect(choose({ level: 'namespace-admin' })).rejects.toMatchObject({
      remedy: 'choose one: --grant shop-operations or --grant pay-operations',
    });
    await expect(choose({ level: 'cluster-admin', grant: 'viewers' })).rejects.toMatchObject({ code: 'not-found' });
    const arn = 'arn:aws:eks:us-east-1:111122223333:cluster/other';
    expect(await chooseWay(arn, {}, undefined, run)).toEqual({ name: 'other', region: 'us-east-1' });
  });
});

describe('what a way asks of the caller', () => {
  const way = (over: Parameters<typeof aGrant>[0]) => {
    const cluster = aCluster(over?.through === 'connector' ? { connected: { provider: 'OTHER' } } : {});
    return waysInto(aPolicy({ grants: [aGrant({ name: 'ops', ...over })] }), cluster).ways[0]!;
  };
  const OPS = ROLE('gatehouse/gatehouse-ops');

  it.each<[string, Parameters<typeof aGrant>[0], string | undefined, object]>([
    ['a shared role, under their own name', {}, undefined, { role: { arn: OPS } }],
    [
      'a role of a machine alone, under its name',
      { to: [{ machine: 'ci' }] },
      undefined,
      { role: { arn: OPS, sessionName: 'ci' } },
    ],
    ['an adopted role', { to: [{ principal: ROLE('ours') }] }, undefined, { role: { arn: ROLE('ours') } }],
    [
      'one of two adopted roles',
      { to: [{ principal: ROLE('a') }, { principal: ROLE('b') }] },
      ROLE('b'),
      { role: { arn: ROLE('b') } },
    ],
    ['nothing, with a user of their own', { through: 'user' }, undefined, {}],
    [
      'nothing, as an adopted user',
      { to: [{ principal: 'arn:aws:iam::111122223333:user/olga' }], through: 'user' },
      undefined,
      {},
    ],
    [
      'to sign in by Identity Center',
      { through: 'sso', permissionSet: 'Ops' },
      undefined,
      { note: expect.stringContaining('aws sso login') },
    ],
    [
      'to sign in by SAML',
      { saml: { provider: 'acme', subjects: [], groups: [] } },
      undefined,
      { note: expect.stringContaining(`sign in by SAML to ${OPS}`) },
    ],
  ])('is %s', (_what, grant, roleArn, expected) => {
    expect(assumptionOf(way(grant), roleArn)).toEqual(expected);
  });

  it.each<[string, Parameters<typeof aGrant>[0], string, RegExp]>([
    [
      'an OIDC provider that the cluster does not have',
      { to: [{ claim: 'devs', provider: 'corp' }], through: 'oidc' },
      'invalid',
      /does not have/,
    ],
    ['a cluster elsewhere', { to: [{ principal: ROLE('a') }], through: 'connector' }, 'unsupported', /EKS connector/],
    ['two adopted roles', { to: [{ principal: ROLE('a') }, { principal: ROLE('b') }] }, 'invalid', /2 roles/],
  ])('cannot be told of %s', (_what, grant, code, message) => {
    expect(() => assumptionOf(way(grant), undefined)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message), remedy: expect.any(String) }),
    );
  });
});
