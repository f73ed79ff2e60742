import type { Subject } from '@gatehouse/core/access/subject';
import { inventory, ownedOf } from '@gatehouse/core/operations/inventory';
import type { Claim } from '@gatehouse/core/resources/resource';
import { describe, expect, it } from 'vitest';
import { memoryTable } from '../../fakes/table.ts';

const claim = (subject: string, kind: string, object: string, more: object = {}) => ({
  subject: subject as Subject,
  claim: { kind, object, ...more } as Claim,
});

describe('what Gatehouse owns', () => {
  it('is told object by object, with the parts that are its own where it is not all', () => {
    const arn = 'arn:aws:iam::111122223333:role/gatehouse-ops';
    const aws = 'ConfigMap/kube-system/aws-auth';
    expect(
      ownedOf([
        claim('user/okta/ben', 'role-binding', 'RoleBinding/pay/ops', { username: 'gatehouse:ops:ben' }),
        claim('user/okta/ann', 'role-binding', 'RoleBinding/pay/ops', { username: 'gatehouse:ops:ann' }),
        claim('grant/eng', 'role-binding', 'RoleBinding/pay/eng', { group: 'eng' }),
        claim('grant/ops', 'aws-auth', aws, { list: 'mapRoles', arn, username: 'gatehouse:ops:{{SessionNameRaw}}' }),
        claim('machine/ci', 'iam-user', 'gatehouse-ci', { accessKey: { secret: 'gatehouse/keys/ci' } }),
        claim('machine/cd', 'iam-user', 'gatehouse-cd'),
        claim('grant/ops', 'iam-role', 'gatehouse-ops'),
      ]),
    ).toEqual([
      { kind: 'aws-auth', object: aws, parts: [`mapRoles: ${arn} as gatehouse:ops:{{SessionNameRaw}}`], subjects: 1 },
      { kind: 'iam-role', object: 'gatehouse-ops', parts: [], subjects: 1 },
      { kind: 'iam-user', object: 'gatehouse-cd', parts: [], subjects: 1 },
      {
        kind: 'iam-user',
        object: 'gatehouse-ci',
        parts: ['its access key, in the secret gatehouse/keys/ci'],
        subjects: 1,
      },
      { kind: 'role-binding', object: 'RoleBinding/pay/eng', parts: ['group eng'], subjects: 1 },
      {
        kind: 'role-binding',
        object: 'RoleBinding/pay/ops',
        parts: ['user gatehouse:ops:ann', 'user gatehouse:ops:ben'],
        subjects: 2,
      },
    ]);
  });

  it('is nothing before a policy is in force', async () => {
    expect(await inventory(memoryTable())).toEqual({ policy: null, registrations: [], targets: [] });
  });
});
