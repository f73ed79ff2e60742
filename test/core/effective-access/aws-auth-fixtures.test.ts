import { readAwsAuth } from '@gatehouse/core/effective-access/aws-auth';
import { expect, it } from 'vitest';
import { FIXTURES } from '../resources/aws-auth/fixtures.ts';

it('has fixtures', () => expect(FIXTURES.length).toBeGreaterThan(80));

it.each(FIXTURES)('reads $name as the real authenticator did', ({ text, recorded }) => {
  expect(readAwsAuth({ mapRoles: text }).roles.map(({ arn, username, groups }) => [arn, username, groups])).toEqual(
    recorded,
  );
});
