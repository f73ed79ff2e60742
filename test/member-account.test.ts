import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseTemplate } from '../sandbox/src/template/yaml.ts';

// biome-ignore lint/suspicious/noExplicitAny: a template is data of a hundred shapes.
type Template = any;
const read = (file: string): Template =>
  parseTemplate(readFileSync(join(import.meta.dirname, '..', file), 'utf8'), file);
const home = read('template.yaml');
const member = read('templates/member-account.yaml');
const { MemberRole, PermissionsBoundary, PassingOnRole, ClusterEvents, PrincipalEvents } = member.Resources;
const statementsOf = (role: Template): Template[] =>
  role.Properties.Policies.flatMap((one: Template) => one.PolicyDocument.Statement);

describe('the role in another account', () => {
  it('may do on IAM, EKS and SSM what Gatehouse may do at home, word for word, and nothing else', () => {
    const concerns = ({ Action }: Template) =>
      [Action].flat().every((action: string) => /^(iam|eks|ssm):/.test(action));
    const iam = home.Resources.ReconcileIam.Properties.Policies[0].Statement.filter(concerns);
    const eks = statementsOf(home.Resources.ClusterAccessRole).filter(
      (one) => concerns(one) && [one.Action].flat().some((action: string) => action.startsWith('eks:')),
    );
    expect(iam.length).toBeGreaterThan(5);
    expect(eks.length).toBeGreaterThan(5);
    expect(statementsOf(MemberRole)).toEqual([...iam, ...eks]);
  });

  it('gives what it makes the same boundary', () => {
    expect(PermissionsBoundary.Properties).toEqual(home.Resources.PermissionsBoundary.Properties);
  });

  it('lets in roles of Gatehouse’s account that assume it, by the external id alone', () => {
    const [statement, ...others] = MemberRole.Properties.AssumeRolePolicyDocument.Statement;
    expect(others).toEqual([]);
    expect(statement.Condition.StringEquals).toEqual({ 'sts:ExternalId': { Ref: 'ExternalId' } });
    const roles = statement.Condition.ArnLike['aws:PrincipalArn'].map((one: Template) =>
      one['Fn::Sub'].replace(/^.*:role\//, ''),
    );
    const assuming = Object.entries<Template>(home.Resources)
      .filter(([, { Properties }]) => JSON.stringify(Properties?.Policies ?? '').includes('sts:AssumeRole"'))
      .map(([id, { Type, Properties }]) =>
        Type === 'AWS::IAM::Role'
          ? `${Properties.Path.slice(1)}${Properties.RoleName}`
          : `\${GatehouseStack}-${id}Role-*`,
      );
    expect(roles.sort()).toEqual(assuming.sort());
    expect(member.Parameters.ExternalId).not.toHaveProperty('Default');
  });

  it('has the name that Gatehouse may assume', () => {
    const { Path, RoleName } = MemberRole.Properties;
    expect(`${Path.slice(1)}${RoleName}`).toBe(home.Parameters.MemberRoleName.Default);
  });

  it('is made once an account, and not in Gatehouse’s own', () => {
    for (const one of [MemberRole, PermissionsBoundary]) expect(one.Condition).toBe('MakesRole');
    expect(member.Conditions.MakesRole).toEqual({
      'Fn::And': [{ Condition: 'IsMember' }, { 'Fn::Equals': [{ Ref: 'AWS::Region' }, { Ref: 'RoleRegion' }] }],
    });
  });
});

describe('the events of another account or Region', () => {
  const rules = Object.values<Template>(home.Resources.ReceiveEvent.Properties.Events).map(
    ({ Properties }) => Properties.Pattern,
  );

  it.each([
    ['of clusters, from every Region', ClusterEvents, 'aws.eks', 'PassesOn'],
    ['of IAM, from us-east-1 alone', PrincipalEvents, 'aws.iam', 'PassesOnIam'],
  ])('%s are those that Gatehouse listens to at home', (_what, rule, source, condition) => {
    expect(rule.Condition).toBe(condition);
    expect(rule.Properties.EventPattern).toEqual(rules.find((pattern) => pattern.source.includes(source)));
  });

  it('go to the bus from which Gatehouse takes them, which lets those accounts in that are believed', () => {
    const bus = 'arn:${AWS::Partition}:events:${GatehouseRegion}:${GatehouseAccount}:event-bus/default';
    for (const { Properties } of [ClusterEvents, PrincipalEvents]) {
      expect(Properties.Targets).toEqual([
        {
          Id: 'gatehouse',
          Arn: { 'Fn::Sub': bus },
          RoleArn: { 'Fn::GetAtt': 'PassingOnRole.Arn' },
          DeadLetterConfig: { Arn: { 'Fn::GetAtt': 'LostEvents.Arn' } },
        },
      ]);
    }
    expect(statementsOf(PassingOnRole)).toEqual([
      { Effect: 'Allow', Action: 'events:PutEvents', Resource: { 'Fn::Sub': bus } },
    ]);
    const { Statement, EventBusName } = home.Resources.EventsOfMembers.Properties;
    expect(EventBusName).toBeUndefined();
    expect(Statement.Principal).toEqual({ AWS: { Ref: 'EventAccounts' } });
    const sources: string[] = Statement.Condition['ForAllValues:StringEquals']['events:source'];
    expect(sources).toEqual(expect.arrayContaining(['aws.eks', 'aws.iam']));
  });

  it('do not go round in circles on Gatehouse’s own bus', () => {
    const { PassesOn, PassesOnIam } = member.Conditions;
    const elsewhere = { 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'AWS::Region' }, { Ref: 'GatehouseRegion' }] }] };
    expect(PassesOn).toEqual({ 'Fn::Or': [{ Condition: 'IsMember' }, elsewhere] });
    expect(PassesOnIam['Fn::And'][0]).toEqual({ Condition: 'PassesOn' });
  });
});

describe('a stack in many Regions', () => {
  it('gives no name to what is made in each', () => {
    expect(PassingOnRole.Properties).not.toHaveProperty('RoleName');
    for (const { Properties } of [ClusterEvents, PrincipalEvents]) expect(Properties).not.toHaveProperty('Name');
  });
});
