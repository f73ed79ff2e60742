import type { Fact } from '../../directory/fact.ts';
import { type Call, type CallReaders, receiveCall } from '../cloud-trail.ts';
import type { EventSource } from '../source.ts';
import { stableId } from '../stable-id.ts';

const SOURCE = 'cognito';

const READERS: CallReaders = new Map([
  ['AdminAddUserToGroup', (call: Call) => membership(call, 'present')],
  ['AdminRemoveUserFromGroup', (call: Call) => membership(call, 'absent')],
  ['CreateGroup', (call: Call) => group(call, 'present')],
  ['DeleteGroup', (call: Call) => group(call, 'deleted')],
  ['AdminEnableUser', (call: Call) => user(call, true)],
  ['AdminDisableUser', (call: Call) => user(call, false)],
  ['AdminDeleteUser', (call: Call) => user(call, false)],
  ['DeleteUser', (call: Call) => user(call, false)],
]);

/**
 * Amazon Cognito user pools, by their API calls. A group's id is `<userPoolId>/<groupName>` (names cannot change), a user's
 * is the `sub`: CloudTrail hides the user name.
 */
export const cognito: EventSource = {
  name: SOURCE,
  buses: ['aws.cognito-idp'],
  calls: [...READERS.keys()],
  receive: (event, trust) => receiveCall(event, trust, SOURCE, READERS),
};

function membership(call: Call, state: 'present' | 'absent'): readonly Fact[] {
  const of = groupOf(call);
  const member = userOf(call);
  return of && member ? [{ type: 'membership', source: SOURCE, group: of, user: member, state, at: call.at }] : [];
}

function group(call: Call, state: 'present' | 'deleted'): readonly Fact[] {
  const of = groupOf(call);
  return of ? [{ type: 'group', source: SOURCE, group: of, state, at: call.at }] : [];
}

function user(call: Call, active: boolean): readonly Fact[] {
  const id = userOf(call);
  return id ? [{ type: 'user', source: SOURCE, user: id, at: call.at, active }] : [];
}

function groupOf(call: Call): string | undefined {
  const pool = call.parameter('userPoolId');
  const name = call.parameter('groupName');
  const id = stableId.safeParse(`${pool}/${name}`);
  return pool && name && id.success ? id.data : undefined;
}

function userOf(call: Call): string | undefined {
  return stableId.safeParse(call.addition('sub')).data;
}
