import { grantSubject } from '@gatehouse/core/access/subject';
import { AWS_AUTH_OBJECT, type AwsAuthClaim, type AwsAuthList } from '@gatehouse/core/resources/aws-auth/model';
import type { ObjectClaims, OwnedClaim } from '@gatehouse/core/resources/resource';
import fc from 'fast-check';
import { type AwsAuthData, awsAuthData, forUsers } from './aws-auth-documents.ts';
import { role, user } from './callers.ts';

/** A document, and what a turn claims of it. */
export interface Turn {
  readonly data: AwsAuthData;
  readonly claims: ObjectClaims<AwsAuthClaim>;
}

const ROLES = ['gatehouse-a', 'gatehouse-b', 'gatehouse-c'].map((name) => role(name));
const USERS = ['gatehouse/ana', 'gatehouse/bo'].map((name) => user(name));
/** Principals that turns claim. */
export const OUR_ARNS: readonly string[] = [...ROLES, ...USERS];
const ROLE_NAMES = ['gatehouse:a:{{SessionNameRaw}}', 'gatehouse:b:{{SessionNameRaw}}', 'gatehouse:ci:deploy'];
const USER_NAMES = ['gatehouse:a:ana', 'gatehouse:b:bo'];

const oneOf = <T>(...values: readonly T[]) => fc.constantFrom(...values);

/** Entries of Gatehouse's, as it writes them, as somebody has changed them, and some that only look so. */
const ourEntry = fc.tuple(oneOf(...ROLES, ...USERS), oneOf(...ROLE_NAMES, ...USER_NAMES)).chain(([arn, name]) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constant(`- rolearn: ${arn}\n  username: "${name}"\n`) },
    {
      weight: 4,
      arbitrary: oneOf(
        `- username: '${name}'\n  # why\n  rolearn: ${arn}\n`,
        `- {"rolearn": "${arn}", "username": "${name}"}\n`,
        `- rolearn: ${arn}\n  username: "${name}"\n  groups:\n  - system:masters\n`,
        `- rolearn: ${arn.toUpperCase()}\n  username: |-\n    ${name}\n`,
        `- rolearn: ${arn}\n  userName: "${name}"\n  groups: []\n  team: a\n`,
        `- rolearn: "${arn}"\n  username: "${name}"\n  username: somebody\n`,
        `- rolearn: ${arn}\n  roleARN: ${ROLES[0]}\n  username: "${name}"\n`,
        `- rolearn: ${arn}\n  username: somebody\n`,
        `- &ours\n  rolearn: ${arn}\n  username: "${name}"\n- <<: *ours\n  rolearn: ${role('dev')}\n`,
        `- rolearn: ${arn}\n  username: "${name}"\n  sso: {}\n`,
      ),
    },
  ),
);

const claim = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      list: oneOf<AwsAuthList>('mapRoles'),
      arn: oneOf(...ROLES),
      username: oneOf(...ROLE_NAMES),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      list: oneOf<AwsAuthList>('mapUsers'),
      arn: oneOf(...USERS),
      username: oneOf(...USER_NAMES),
    }),
  },
);

/** Whose claim it is: a subject for each principal, so that a finding tells which. */
function owned(row: Pick<AwsAuthClaim, 'list' | 'arn' | 'username'>): OwnedClaim<AwsAuthClaim> {
  return {
    subject: grantSubject(row.arn.split('/').at(-1)!),
    claim: { kind: 'aws-auth', object: AWS_AUTH_OBJECT, ...row },
  };
}

/** A principal is claimed once, and is wanted or unwanted. */
export const turns: fc.Arbitrary<Turn> = fc
  .record({
    data: awsAuthData(ourEntry),
    rows: fc.uniqueArray(fc.record({ claim, wanted: fc.boolean(), recorded: fc.boolean() }), {
      selector: (row) => row.claim.arn,
      minLength: 1,
      maxLength: 4,
    }),
  })
  .map(({ data, rows }) => ({
    data,
    claims: {
      wanted: rows.filter(({ wanted }) => wanted).map((row) => owned(row.claim)),
      unwanted: rows.filter(({ wanted }) => !wanted).map((row) => owned(row.claim)),
      recorded: rows.filter(({ wanted, recorded }) => wanted && recorded).map((row) => owned(row.claim)),
    },
  }));

/** A turn that takes the entry of the fixtures out of both lists and puts another one into each. */
export function exchange(mapRoles: string): Turn {
  const there = { arn: role('gatehouse-payments'), username: 'gatehouse:payments:{{SessionNameRaw}}' };
  return {
    data: { mapRoles, mapUsers: forUsers(mapRoles) },
    claims: {
      wanted: [
        owned({ list: 'mapRoles', arn: ROLES[0]!, username: ROLE_NAMES[0]! }),
        owned({ list: 'mapUsers', arn: USERS[0]!, username: USER_NAMES[0]! }),
      ],
      unwanted: [owned({ list: 'mapRoles', ...there }), owned({ list: 'mapUsers', ...there })],
      recorded: [],
    },
  };
}
