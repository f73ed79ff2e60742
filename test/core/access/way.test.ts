import { isRoleOfPermissionSet, permissionSetOf } from '@gatehouse/core/access/names';
import type { Grant, Grantee } from '@gatehouse/core/access/policy';
import { leadsTo, roleOf, sharedSubjects, wayOf } from '@gatehouse/core/access/way';
import { describe, expect, it } from 'vitest';
import { aGrant } from '../../builders/policy.ts';

const GROUP: Grantee = { group: 'g', source: 'okta' };
const USER: Grantee = { user: 'u', source: 'okta' };
const CI: Grantee = { machine: 'ci' };
const CD: Grantee = { machine: 'cd' };
const ROLE: Grantee = { principal: 'arn:aws:iam::111122223333:role/ops' };
const OLGA: Grantee = { principal: 'arn:aws:iam::111122223333:user/olga' };

describe('the way in of a grant', () => {
  it.each<[Grant['through'], readonly Grantee[], ReturnType<typeof wayOf>, string | undefined]>([
    ['role', [GROUP], 'shared-role', 'gatehouse-ops'],
    ['role', [USER], 'shared-role', 'gatehouse-ops'],
    ['role', [GROUP, CI], 'shared-role', 'gatehouse-ops'],
    ['role', [CI, CD], 'shared-role', 'gatehouse-ops'],
    ['role', [CI], 'machine-role', 'gatehouse-ops'],
    ['role', [ROLE], 'adopted', undefined],
    ['user', [GROUP], 'own-user', undefined],
    ['user', [CI], 'own-user', undefined],
    ['user', [OLGA], 'adopted', undefined],
    ['sso', [GROUP], 'permission-set', undefined],
    ['oidc', [{ claim: 'devs', provider: 'corp' }], 'claim', undefined],
    ['connector', [GROUP, CI, ROLE], 'connector', undefined],
  ])('through %s to %j is %s', (through, to, way, role) => {
    const grant = aGrant({ name: 'ops', through, to });
    expect([wayOf(grant), roleOf(grant)]).toEqual([way, role]);
  });

  it('shares the permission set beside the grant', () => {
    expect(sharedSubjects(aGrant({ name: 'ops', through: 'sso', permissionSet: 'Ops' }))).toEqual([
      'grant/ops',
      'permission-set/Ops',
    ]);
    expect(sharedSubjects(aGrant({ name: 'ops' }))).toEqual(['grant/ops']);
  });

  it('leads to clusters elsewhere through the connector alone', () => {
    const elsewhere = { connected: { provider: 'GKE' as const } };
    for (const through of ['role', 'user', 'sso', 'oidc', 'connector'] as const) {
      expect([leadsTo({ through }, elsewhere), leadsTo({ through }, {})]).toEqual([
        through === 'connector',
        through !== 'connector',
      ]);
    }
  });
});

describe("the name of a permission set's role", () => {
  it.each([
    ['AWSReservedSSO_Ops_0123456789abcdef', 'Ops'],
    ['AWSReservedSSO_Ops_Night_0123456789abcdef', 'Ops_Night'],
    ['AWSReservedSSO_a+b=c,d.e@f-g_0123456789abcdef', 'a+b=c,d.e@f-g'],
    ['AWSReservedSSO_Ops_0123456789abcde', undefined],
    ['AWSReservedSSO_Ops_0123456789ABCDEF', undefined],
    ['AWSReservedSSO_Ops_0123456789abcdef0', undefined],
    ['AWSReservedSSO__0123456789abcdef', undefined],
    ['xAWSReservedSSO_Ops_0123456789abcdef', undefined],
    ['Ops', undefined],
  ])('%s', (name, permissionSet) => {
    expect(permissionSetOf(name)).toBe(permissionSet);
    expect(isRoleOfPermissionSet(name, 'Ops')).toBe(permissionSet === 'Ops');
  });

  it('is matched as it is, whatever a pattern would make of it', () => {
    expect(isRoleOfPermissionSet('AWSReservedSSO_OpsX_0123456789abcdef', 'Ops.')).toBe(false);
    expect(isRoleOfPermissionSet('AWSReservedSSO_Ops_Night_0123456789abcdef', 'Ops')).toBe(false);
  });
});
