import { Failure } from '@gatehouse/core/access/failure';
import type { AccessPolicy, Grant, Machine } from '@gatehouse/core/access/policy';
import type { Subject } from '@gatehouse/core/access/subject';
import { fulfils, placedClaim } from '@gatehouse/core/plan/bindings';
import {
  desiredForGrant,
  desiredForIdentityProvider,
  desiredForMember,
  type MemberFacts,
  type SessionNaming,
} from '@gatehouse/core/plan/desired';
import {
  grantRoleArn,
  isManagedPrincipal,
  isProtected,
  machineUserArn,
  normalArn,
} from '@gatehouse/core/plan/principals';
import type { RoleBindingClaim } from '@gatehouse/core/resources/role-binding/model';
import { describe, expect, it } from 'vitest';
import { ACCOUNT, aCluster, aGrant, anIdentityProvider, aPolicy } from '../../builders/policy.ts';

const ALICE: Subject = 'user/okta/alice';
const LONG = `a${'b'.repeat(62)}`;
const arn = (rest: string, account = ACCOUNT) => `arn:aws:iam::${account}:${rest}`;

function member(
  grant: Grant,
  over: {
    principal?: MemberFacts['principal'];
    naming?: SessionNaming;
    policy?: AccessPolicy;
    grants?: readonly string[];
    subject?: Subject;
    session?: MemberFacts['session'];
  } = {},
) {
  const { principal = { arn: arn('user/people/alice') }, naming = 'user-name', grants = [grant.name] } = over;
  const { subject = ALICE, session = { session: 'alice@example.com' } } = over;
  const policy = over.policy ?? aPolicy({ grants: [grant] });
  const facts = { subject, grants: new Set(grants), principal, session };
  return desiredForMember(policy, facts, [grant], () => naming);
}
const usernames = (desired: ReturnType<typeof member>) => desired.bindings.map(({ username }) => username);

describe('the username', () => {
  it.each<[string, Grant, MemberFacts['principal'], SessionNaming, string]>([
    ['of a member of a role', aGrant(), { arn: arn('user/alice') }, 'user-name', 'gatehouse:readers:alice'],
    ['keeps its case', aGrant(), { arn: arn('user/Alice') }, 'user-name', 'gatehouse:readers:Alice'],
    [
      'leaves the path out',
      aGrant(),
      { arn: arn('user/a/b/alice@x.com') },
      'user-name',
      'gatehouse:readers:alice@x.com',
    ],
    [
      'is the unique id where the role trusts accounts',
      aGrant(),
      { arn: arn('user/alice'), uniqueId: 'AIDA1' },
      'unique-id',
      'gatehouse:readers:AIDA1',
    ],
    [
      'of an IAM user has the account',
      aGrant({ through: 'user' }),
      { arn: arn('user/alice', '999900001111') },
      'unique-id',
      'gatehouse:iam-user:999900001111:alice',
    ],
    [
      'of a machine is that of its user',
      aGrant({ through: 'user' }),
      { arn: machineUserArn({ name: 'pay-ci' }, ACCOUNT, 'aws') },
      'user-name',
      `gatehouse:iam-user:${ACCOUNT}:gatehouse-pay-ci`,
    ],
  ])('%s', (_name, grant, principal, naming, username) => {
    expect(usernames(member(grant, { principal, naming }))).toEqual([username]);
  });

  it('differs for the same name in two accounts, and in two grants', () => {
    const of = (grant: Grant, account: string) =>
      usernames(member(grant, { principal: { arn: arn('user/ann', account) } }))[0];
    const names = [
      of(aGrant({ through: 'user' }), ACCOUNT),
      of(aGrant({ through: 'user' }), '999900001111'),
      of(aGrant({ name: 'one' }), ACCOUNT),
      of(aGrant({ name: 'two' }), ACCOUNT),
    ];
    expect(new Set(names).size).toBe(names.length);
  });

  it('waits for the unique id, without a finding, and gives nothing meanwhile', () => {
    expect(member(aGrant(), { naming: 'unique-id' })).toEqual({ claims: [], bindings: [], findings: [] });
  });
});

describe('what stands against a member', () => {
  const protecting = (principal: string) => aPolicy({ grants: [aGrant()], protected: { principals: [principal] } });
  it.each<[string, Parameters<typeof member>[1], string]>([
    ['no principal', { principal: { problem: 'no rule', remedy: 'add one' } }, 'no-principal'],
    ['a protected principal', { policy: protecting(arn('user/people/alice')) }, 'protected-principal'],
    ['a protected principal in other case', { policy: protecting(arn('user/People/ALICE')) }, 'protected-principal'],
    ['a name too short for a session', { principal: { arn: arn('user/a') } }, 'no-username'],
  ])('%s is a finding that blocks, and nothing else', (_name, over, code) => {
    const { findings, claims, bindings } = member(aGrant(), over);
    expect(findings).toMatchObject([{ code, severity: 'blocks', subject: ALICE }]);
    expect(findings[0]!.message).toContain('readers');
    expect(findings[0]!.remedy).not.toBe('');
    expect([claims, bindings]).toEqual([[], []]);
  });

  it('is nothing where the grant is not for them', () => {
    expect(member(aGrant(), { grants: [], principal: { problem: 'p', remedy: '' } }).findings).toEqual([]);
    expect(member(aGrant(), { grants: ['other'] }).bindings).toEqual([]);
  });
});

describe('what a machine has of its own', () => {
  const CI: Subject = 'machine/ci';
  const to = (...machines: string[]) => machines.map((machine) => ({ machine }));
  const user = { arn: machineUserArn({ name: 'ci' }, ACCOUNT, 'aws') };
  const named = (grant: Grant, ...machines: Machine[]) => aPolicy({ grants: [grant], machines });
  const of = (grant: Grant, ...machines: Machine[]) =>
    member(grant, { subject: CI, principal: user, policy: named(grant, ...machines) });

  it('with a user of its own: a line and a name, derived or as the policy gives it', () => {
    const grant = aGrant({ name: 'pay', to: to('ci'), through: 'user' });
    const doors = (desired: ReturnType<typeof of>) => desired.claims.map(({ claim }) => claim);
    const derived = `gatehouse:iam-user:${ACCOUNT}:gatehouse-ci`;
    expect(usernames(of(grant))).toEqual([derived]);
    expect(doors(of(grant))).toMatchObject([{ list: 'mapUsers', arn: user.arn, username: derived }]);
    const given = of(grant, { name: 'ci', username: 'cicd-user' }, { name: 'cd', username: 'another' });
    expect(usernames(given)).toEqual(['cicd-user']);
    expect(doors(given)).toMatchObject([{ list: 'mapUsers', arn: user.arn, username: 'cicd-user' }]);
  });

  it('with a role of its own: a fixed name, and the line is the grant’s', () => {
    const grant = aGrant({ name: 'pay', to: to('ci'), through: 'role' });
    expect(usernames(of(grant, { name: 'ci', username: 'never' }))).toEqual(['gatehouse:pay:ci']);
    expect(of(grant).claims).toEqual([]);
    const [door] = desiredForGrant(grant, aCluster()).claims.filter(({ claim }) => claim.kind === 'aws-auth');
    expect(door?.claim).toMatchObject({ list: 'mapRoles', username: 'gatehouse:pay:ci' });
  });

  it('in a role that it shares: the name of its sessions, and a line with a template', () => {
    const grant = aGrant({ name: 'pay', to: to('ci', 'cd'), through: 'role' });
    expect(usernames(of(grant))).toEqual(['gatehouse:pay:ci']);
    const [door] = desiredForGrant(grant, aCluster()).claims.filter(({ claim }) => claim.kind === 'aws-auth');
    expect(door?.claim).toMatchObject({ username: 'gatehouse:pay:{{SessionNameRaw}}' });
  });

  it('by the names that the policy gives to Role and binding', () => {
    const names = { role: 'cicd-role', binding: 'cicd-binding' };
    const grant = aGrant({ name: 'pay', to: to('ci'), through: 'user', namespaces: ['pay'], names });
    expect(of(grant).bindings).toMatchObject([
      { binding: 'RoleBinding/pay/cicd-binding', isNamed: true, roleRef: { kind: 'Role', name: 'cicd-role' } },
    ]);
    const roles = desiredForGrant(grant, aCluster()).claims.filter(({ claim }) => claim.kind === 'role');
    expect(roles.map(({ claim }) => claim.object)).toEqual(['Role/pay/cicd-role']);
  });
});

describe('what a member has of their own', () => {
  it('is a line in aws-auth only through a user, with the path and without a group', () => {
    expect(member(aGrant()).claims).toEqual([]);
    expect(member(aGrant({ through: 'user' })).claims).toEqual([
      {
        subject: ALICE,
        grant: 'readers',
        claim: {
          kind: 'aws-auth',
          object: 'kube-system/aws-auth',
          list: 'mapUsers',
          arn: arn('user/people/alice'),
          username: `gatehouse:iam-user:${ACCOUNT}:alice`,
        },
      },
    ]);
  });

  const admin = { name: 'admin', clusterRole: 'cluster-admin' };
  it.each<[string, Grant, readonly [string, { kind: string; name: string }][]]>([
    [
      'own rules, whole cluster',
      aGrant(),
      [['ClusterRoleBinding/gatehouse:readers:role', { kind: 'ClusterRole', name: 'gatehouse:readers' }]],
    ],
    [
      'own rules, in each namespace',
      aGrant({ namespaces: ['pay', 'ship'] }),
      [
        ['RoleBinding/pay/gatehouse:readers:role', { kind: 'Role', name: 'gatehouse:readers' }],
        ['RoleBinding/ship/gatehouse:readers:role', { kind: 'Role', name: 'gatehouse:readers' }],
      ],
    ],
    [
      'a ClusterRole, whole cluster',
      aGrant({ level: admin }),
      [
        [
          'ClusterRoleBinding/gatehouse:readers:clusterrole-cluster-admin',
          { kind: 'ClusterRole', name: 'cluster-admin' },
        ],
      ],
    ],
    [
      'a ClusterRole, in a namespace',
      aGrant({ namespaces: ['pay'], level: admin }),
      [['RoleBinding/pay/gatehouse:readers:clusterrole-cluster-admin', { kind: 'ClusterRole', name: 'cluster-admin' }]],
    ],
  ])('is bound for %s', (_name, grant, bindings) => {
    expect(member(grant).bindings.map(({ binding, roleRef }) => [binding, roleRef])).toEqual(bindings);
  });

  it('is bound by another binding where the level changes what it refers to, since no roleRef ever changes', () => {
    const to = (clusterRole: string) => member(aGrant({ level: { name: 'l', clusterRole } })).bindings[0]!.binding;
    expect(new Set([to('view'), to('edit'), member(aGrant()).bindings[0]!.binding]).size).toBe(3);
    expect(new Set([to('x'.repeat(200)), to(`${'x'.repeat(199)}y`)]).size).toBe(2);
  });
});

describe('what the members of a grant share', () => {
  const objects = (grant: Grant) =>
    desiredForGrant(grant, aCluster()).claims.map(({ claim }) => `${claim.kind} ${claim.object}`);
  it.each<[string, Grant, readonly string[]]>([
    ['whole cluster', aGrant(), ['role ClusterRole/gatehouse:readers', 'aws-auth kube-system/aws-auth']],
    [
      'namespaces',
      aGrant({ namespaces: ['pay', 'ship'] }),
      [
        'namespace pay',
        'namespace ship',
        'role Role/pay/gatehouse:readers',
        'role Role/ship/gatehouse:readers',
        'aws-auth kube-system/aws-auth',
      ],
    ],
    [
      'a ClusterRole that exists',
      aGrant({ namespaces: ['pay'], level: { name: 'l', clusterRole: 'edit' } }),
      ['namespace pay', 'aws-auth kube-system/aws-auth'],
    ],
    ['through users there is no shared door', aGrant({ through: 'user' }), ['role ClusterRole/gatehouse:readers']],
  ])('%s', (_name, grant, expected) => {
    expect(objects(grant)).toEqual(expected);
    for (const { subject, grant: name } of desiredForGrant(grant, aCluster()).claims) {
      expect([subject, name]).toEqual(['grant/readers', 'readers']);
    }
  });

  it('is one line for the role, without its path, whose sessions give the username', () => {
    const cluster = aCluster({ region: 'cn-north-1' });
    const [, door] = desiredForGrant(aGrant(), cluster).claims;
    expect(door!.claim).toEqual({
      kind: 'aws-auth',
      object: 'kube-system/aws-auth',
      list: 'mapRoles',
      arn: `arn:aws-cn:iam::${ACCOUNT}:role/gatehouse-readers`,
      username: 'gatehouse:readers:{{SessionNameRaw}}',
    });
    expect(grantRoleArn(aGrant(), ACCOUNT, 'aws-cn')).toBe(
      `arn:aws-cn:iam::${ACCOUNT}:role/gatehouse/gatehouse-readers`,
    );
  });

  it('has a role name that IAM takes, told apart by a hash where it is cut', () => {
    const names = [LONG, `${LONG.slice(0, -1)}c`].map((name) => grantRoleArn(aGrant({ name }), ACCOUNT, 'aws'));
    expect(new Set(names).size).toBe(2);
    for (const name of [...names, machineUserArn({ name: LONG }, ACCOUNT, 'aws')]) {
      expect(name.split('/').at(-1)!.length).toBeLessThanOrEqual(64);
    }
  });
});

describe('a shard', () => {
  const [wish] = member(aGrant()).bindings;
  it('is the number behind the name, and a claim in any shard fulfils the wish', () => {
    const placed = placedClaim(wish!, 12).claim;
    expect(placed.object).toBe('ClusterRoleBinding/gatehouse:readers:role:12');
    expect(fulfils(placed, wish!)).toBe(true);
  });

  it.each([
    ['another username', { username: 'gatehouse:readers:bob' }],
    ['another binding', { object: 'ClusterRoleBinding/gatehouse:readers:clusterrole-x:0' }],
    ['a binding that only begins like it', { object: 'ClusterRoleBinding/gatehouse:readers:role:0:1' }],
    ['a binding without a number', { object: 'ClusterRoleBinding/gatehouse:readers:role:x' }],
  ])('%s does not', (_name, over) => {
    expect(fulfils({ ...placedClaim(wish!, 0).claim, ...over } as RoleBindingClaim, wish!)).toBe(false);
  });
});

describe('principals', () => {
  it.each([
    [arn('role/break-glass'), true],
    [arn('role/ops/break-glass'), true],
    [arn('role/Break-Glass'), true],
    [arn('role/break-glass', '999900001111'), false],
    [arn('user/break-glass'), false],
    [arn('role/break-glass-2'), false],
  ])('%s is protected: %s', (text, expected) => {
    expect(isProtected(aPolicy({ protected: { principals: [arn('role/some/break-glass')] } }), text)).toBe(expected);
  });

  it('are Gatehouse’s to make under its path only', () => {
    expect(isManagedPrincipal(arn('user/gatehouse/x'))).toBe(true);
    expect(isManagedPrincipal(arn('user/gatehouse-x'))).toBe(false);
    expect(isManagedPrincipal(arn('user/other/gatehouse/x'))).toBe(false);
  });

  it('are compared as IAM writes them; what is no ARN is refused', () => {
    expect(normalArn(arn('user/a/b'))).toBe(arn('user/a/b'));
    expect(() => normalArn('alice')).toThrow(Failure);
  });
});

describe('a group of the cluster’s OIDC provider', () => {
  const grant = aGrant({
    through: 'oidc',
    to: [
      { claim: 'payments', provider: 'okta' },
      { claim: 'audit', provider: 'okta' },
    ],
    namespaces: ['pay'],
  });

  it('is bound under its prefix, with the grant’s Role and without any door', () => {
    const { claims, bindings, findings } = desiredForGrant(grant, aCluster(), anIdentityProvider());
    expect(claims.map(({ claim }) => `${claim.kind} ${claim.object}`)).toEqual([
      'namespace pay',
      'role Role/pay/gatehouse:readers',
    ]);
    expect(bindings.map(({ subject, group, username }) => [subject, group, username])).toEqual([
      ['grant/readers', 'okta:payments', undefined],
      ['grant/readers', 'okta:audit', undefined],
    ]);
    expect(findings).toEqual([]);
  });

  it.each([
    ['none', undefined],
    ['another one', anIdentityProvider({ name: 'entra' })],
  ])('is not bound where the cluster has %s', (_what, provider) => {
    const { bindings, findings } = desiredForGrant(grant, aCluster(), provider);
    expect(bindings).toEqual([]);
    expect(findings.map(({ code, severity }) => [code, severity])).toEqual([
      ['no-identity-provider', 'blocks'],
      ['no-identity-provider', 'blocks'],
    ]);
  });
});

describe('an OIDC provider', () => {
  it('is claimed with everything that EKS is told, under a name of Gatehouse’s', () => {
    expect(desiredForIdentityProvider(anIdentityProvider({ requiredClaims: { env: 'prod' } }))).toEqual({
      bindings: [],
      findings: [],
      claims: [
        {
          subject: 'identity-provider/okta',
          claim: {
            kind: 'identity-provider',
            object: 'identity-provider',
            config: {
              name: 'gatehouse-okta',
              issuer: 'https://acme.okta.com',
              clientId: '0oa1',
              usernameClaim: 'email',
              usernamePrefix: 'okta:',
              groupsClaim: 'groups',
              groupsPrefix: 'okta:',
              requiredClaims: { env: 'prod' },
            },
          },
        },
      ],
    });
  });

  it('claims its logs, where it asks for any', () => {
    const { claims } = desiredForIdentityProvider(anIdentityProvider({ logs: ['authenticator', 'audit'] }));
    expect(claims.map(({ claim }) => claim)).toContainEqual({
      kind: 'control-plane-logs',
      object: 'control-plane-logs',
      logs: ['audit', 'authenticator'],
    });
  });
});
