import { readAwsAuth } from '@gatehouse/core/effective-access/aws-auth';
import { principalsChanged } from '@gatehouse/core/effective-access/changed-access';
import { expect, it } from 'vitest';

const role = (arn: string, username = 'x', groups = '[]') =>
  `- rolearn: ${arn}\n  username: ${username}\n  groups: ${groups}\n`;
const changed = (before: Record<string, string>, after: Record<string, string>) =>
  principalsChanged(readAwsAuth(before), readAwsAuth(after));

it.each([
  ['nothing', { mapRoles: role('a') }, { mapRoles: role('a') }, []],
  ['order and comments', { mapRoles: role('a') + role('b') }, { mapRoles: `# x\n${role('b')}${role('a')}` }, []],
  ['an addition', {}, { mapRoles: role('R/A') }, ['r/a']],
  ['a removal', { mapRoles: role('a') + role('b') }, { mapRoles: role('b') }, ['a']],
  ['another username', { mapRoles: role('a') }, { mapRoles: role('a', 'y') }, ['a']],
  ['another group', { mapRoles: role('a') }, { mapRoles: role('a', 'x', '[g]') }, ['a']],
  ['the order of groups', { mapRoles: role('a', 'x', '[g, h]') }, { mapRoles: role('a', 'x', '[h, g, g]') }, []],
  ['the first of duplicates', { mapRoles: role('a', 'y') + role('a') }, { mapRoles: role('a') }, []],
  ['the last of duplicates', { mapRoles: role('a') + role('A', 'y') }, { mapRoles: role('a') }, ['a']],
  ['from mapUsers to mapRoles', { mapUsers: role('a').replace('role', 'user') }, { mapRoles: role('a') }, []],
  [
    'behind mapRoles',
    { mapRoles: role('a') },
    { mapRoles: role('a'), mapUsers: role('a', 'y').replace('role', 'user') },
    [],
  ],
  ['a list that no longer parses', { mapRoles: role('a') + role('b') }, { mapRoles: '- {{' }, ['a', 'b']],
  ['an account', { mapAccounts: '- "1"\n- "2"' }, { mapAccounts: '- "2"\n- "3"' }, ['1', '3']],
] as const)('%s', (_what, before, after, expected) => {
  expect(changed(before, after)).toEqual(expected);
});
