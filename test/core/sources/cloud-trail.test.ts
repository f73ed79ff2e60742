import { aws } from '@gatehouse/core/sources/aws/receive';
import { cognito } from '@gatehouse/core/sources/cognito/receive';
import type { EventTrust } from '@gatehouse/core/sources/source';
import { eventSources } from '@gatehouse/core/sources/sources';
import { describe, expect, it } from 'vitest';
import { callEvent, factsOf, receptionOf } from '../../builders/webhook-events.ts';

const OWN_ROLE = 'arn:aws:iam::111122223333:role/gatehouse-app/reconcile-iam';
const trust: EventTrust = { accounts: new Set(['111122223333']), ownRoles: new Set([OWN_ROLE]) };
const at = Date.UTC(2026, 0, 15, 11, 59);

describe('AWS', () => {
  const arn = 'arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu';
  const role = { type: 'principal', account: '111122223333', principal: 'role', name: 'gatehouse-eng', at };
  it.each([
    ['aws.eks', 'CreateCluster', { name: 'prod-eu' }, { type: 'cluster', arn, state: 'present', at }],
    ['aws.eks', 'CreateCluster', { clusterName: 'prod-eu' }, { type: 'cluster', arn, state: 'present', at }],
    ['aws.eks', 'DeleteCluster', { name: 'prod-eu' }, { type: 'cluster', arn, state: 'deleted', at }],
    ['aws.iam', 'CreateRole', { roleName: 'gatehouse-eng' }, { ...role, change: 'created' }],
    ['aws.iam', 'DeleteRole', { roleName: 'gatehouse-eng' }, { ...role, change: 'deleted' }],
    ['aws.iam', 'CreateUser', { userName: 'jo' }, { ...role, principal: 'user', name: 'jo', change: 'created' }],
    ['aws.iam', 'DeleteUser', { userName: 'jo' }, { ...role, principal: 'user', name: 'jo', change: 'deleted' }],
  ])('%s %s %j', (source, eventName, requestParameters, fact) => {
    expect(factsOf(aws.receive(callEvent({ source, detail: { eventName, requestParameters } }), trust))).toEqual([
      fact,
    ]);
  });

  it('takes account and Region from the envelope, which nobody but EventBridge writes', () => {
    const detail = { awsRegion: 'us-east-1', recipientAccountId: '999999999999' };
    const [fact] = factsOf(aws.receive(callEvent({ region: 'eu-north-1', detail }), trust));
    expect(fact).toMatchObject({ arn: 'arn:aws:eks:eu-north-1:111122223333:cluster/prod-eu' });
  });
});

describe('Cognito', () => {
  const group = 'eu-west-1_Ab1/admins';
  const requestParameters = {
    userPoolId: 'eu-west-1_Ab1',
    groupName: 'admins',
    username: 'HIDDEN_DUE_TO_SECURITY_REASONS',
  };
  const of = { source: 'cognito', at };
  it.each([
    ['AdminAddUserToGroup', { ...of, type: 'membership', group, user: 'sub-1', state: 'present' }],
    ['AdminRemoveUserFromGroup', { ...of, type: 'membership', group, user: 'sub-1', state: 'absent' }],
    ['CreateGroup', { ...of, type: 'group', group, state: 'present' }],
    ['DeleteGroup', { ...of, type: 'group', group, state: 'deleted' }],
    ['AdminEnableUser', { ...of, type: 'user', user: 'sub-1', active: true }],
    ['AdminDisableUser', { ...of, type: 'user', user: 'sub-1', active: false }],
    ['AdminDeleteUser', { ...of, type: 'user', user: 'sub-1', active: false }],
    ['DeleteUser', { ...of, type: 'user', user: 'sub-1', active: false }],
  ])('%s', (eventName, fact) => {
    const detail = { eventName, requestParameters, additionalEventData: { sub: 'sub-1' } };
    expect(factsOf(cognito.receive(callEvent({ source: 'aws.cognito-idp', detail }), trust))).toEqual([fact]);
  });

  it('never takes the hidden user name for an id', () => {
    const event = callEvent({
      source: 'aws.cognito-idp',
      detail: { eventName: 'AdminAddUserToGroup', requestParameters },
    });
    expect(receptionOf(cognito.receive(event, trust)).events[0]).toMatchObject({
      facts: [],
      ignored: 'not-understood',
    });
  });
});

describe('every event', () => {
  const issuedBy = (arn: string) => ({ type: 'AssumedRole', sessionContext: { sessionIssuer: { arn } } });

  it.each([
    ['not-successful', callEvent({ detail: { errorCode: 'AccessDenied' } })],
    ['own-call', callEvent({ detail: { userIdentity: issuedBy(OWN_ROLE) } })],
    ['unknown-type', callEvent({ detail: { eventName: 'CreateAddon' } })],
    ['not-understood', callEvent({ detail: { requestParameters: { name: 'prod/../eu' } } })],
    ['not-understood', callEvent({ detail: { requestParameters: null } })],
    ['not-understood', callEvent({ detail: { requestParameters: { name: { nested: true } } } })],
    ['not-understood', callEvent({ detail: { eventTime: 'yesterday' } })],
    ['not-understood', callEvent({ detail: { eventID: undefined } })],
    ['not-understood', callEvent({ detailType: 'EKS Addon Creation' })],
  ])('is accepted and not acted on: %s', (ignored, event) => {
    expect(receptionOf(aws.receive(event, trust)).events[0]).toMatchObject({ facts: [], ignored });
  });

  it.each([
    ['another role', issuedBy('arn:aws:iam::111122223333:role/reconcile-iam')],
    ['a user', { type: 'IAMUser', arn: OWN_ROLE }],
    ['no identity at all', undefined],
    ['a strange identity', 'somebody'],
  ])('counts when made by %s', (_name, userIdentity) => {
    expect(factsOf(aws.receive(callEvent({ detail: { userIdentity } }), trust))).toHaveLength(1);
  });

  it('is named by the call, not by the copy of it on a bus', () => {
    const events = ['a', 'b'].map((id) => aws.receive({ ...callEvent(), id }, trust));
    expect(events.map((verdict) => receptionOf(verdict).events[0]!.cause.event)).toEqual(['call-1', 'call-1']);
  });

  it('of an account that is not listed is refused', () => {
    expect(aws.receive(callEvent({ account: '999999999999' }), trust).kind).toBe('unauthenticated');
  });

  it.each([null, {}, 'text', { ...callEvent(), account: 7 }])('that is none at all is thrown out: %j', (event) => {
    expect(() => aws.receive(event, trust)).toThrowError(/no EventBridge event/);
  });

  it('finds its source by the bus', () => {
    expect([...eventSources].map(([bus, source]) => [bus, source.name])).toEqual([
      ['aws.cognito-idp', 'cognito'],
      ['aws.eks', 'aws'],
      ['aws.iam', 'aws'],
    ]);
  });
});
