import * as operations from '../../sandbox/src/aws/iam/operations.ts';
import { iamContract } from '../contracts/iam.ts';
import { FAKE_ACCOUNT, memoryIam } from './iam.ts';

const BOUNDARY = `arn:aws:iam::${FAKE_ACCOUNT}:policy/gatehouse/boundary`;

iamContract('in memory', async () => {
  const iam = memoryIam();
  const { state } = iam;
  state.managedPolicies.set(BOUNDARY, {});
  return {
    iam,
    account: FAKE_ACCOUNT,
    boundary: BOUNDARY,
    attach: async (kind, name, arn) => operations.attachPolicy(state, FAKE_ACCOUNT, kind, name, arn),
    addToGroup: async (user, group) => {
      operations.createGroup(state, FAKE_ACCOUNT, group);
      operations.addToGroup(state, FAKE_ACCOUNT, user, group);
    },
    createLoginProfile: async (user) => operations.createLoginProfile(state, FAKE_ACCOUNT, user),
  };
});
