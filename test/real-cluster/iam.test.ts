import { CreatePolicyCommand, IAMClient } from '@aws-sdk/client-iam';
import { afterAll, beforeAll } from 'vitest';
import type { Deviations } from '../contracts/deviations.ts';
import { iamContract } from '../contracts/iam.ts';
import { iamUnderTest } from '../contracts/over-aws.ts';
import { CHECKING, type Emulator, startEmulator } from './emulator.ts';

const NO_CHECK = 'the emulator checks neither names nor paths nor lengths';
const NO_LINT = 'of a document, the emulator checks only that trust has no NotPrincipal';
const BY_ARN = 'the emulator keeps principals of a trust document as they were written, and looks nobody up';
const BY_NAME = 'the emulator attaches a policy without looking for it';
const NO_QUOTA = 'the emulator knows no quotas of IAM';
const NO_CONFLICT = 'before deleting a user, the emulator looks for keys and managed policies only';
const DEVIATIONS: Deviations = {
  'roles > makes the role linked to a service, with the name and path that AWS gives it, once':
    'the emulator calls the role by the name of the service',
  'roles > holds a name unique whatever its case': 'the emulator tells names apart by case',
  'roles > refuses a name with a slash': NO_CHECK,
  'roles > refuses a name of 65 characters': NO_CHECK,
  'roles > refuses a path without its slashes': NO_CHECK,
  'roles > refuses a session of ten minutes': NO_CHECK,
  'roles > refuses a trust document without statements': NO_LINT,
  'roles > refuses a trust document with a resource': NO_LINT,
  'roles > refuses trust in a user who does not exist, names them, and keeps what was there': BY_ARN,
  'roles > shows a deleted user by id, also after another of the same name was made': BY_ARN,
  'roles > refuses trust documents over 2,048 characters': NO_QUOTA,
  'policies of a role > limits the size of all together': NO_QUOTA,
  'policies of a user > limits the size of all together': NO_QUOTA,
  'policies of a user > is not deleted while it has one of its own': NO_CONFLICT,
  'users > has two keys at most': NO_QUOTA,
  'users > has a managed policy attached once, and not one that there is not': BY_NAME,
  'managed policies > holds a name unique whatever its path': 'the emulator tells policies apart by their ARNs',
  'managed policies > is not deleted while it has another version':
    'before deleting a policy, the emulator looks for whom it is attached to only',
  'users > is not deleted while it is in a group': NO_CONFLICT,
  'users > is not deleted while it has a password': NO_CONFLICT,
  'users > listAccessKeys does not find whom there is not': 'the emulator answers with an empty list',
};

let emulator: Emulator;
let accounts = 0;
beforeAll(async () => {
  emulator = await startEmulator({ env: CHECKING });
});
afterAll(() => emulator?.stop());

iamContract(
  'the emulator',
  async () => {
    accounts += 1;
    const aws = emulator.aws(String(100_000_000_000 + accounts));
    const client = new IAMClient(aws.client);
    const statement = { Effect: 'Allow', Action: '*', Resource: '*' };
    const { Policy } = await client.send(
      new CreatePolicyCommand({
        PolicyName: 'boundary',
        Path: '/gatehouse/',
        PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }),
      }),
    );
    client.destroy();
    return iamUnderTest(aws, Policy!.Arn!);
  },
  DEVIATIONS,
);
