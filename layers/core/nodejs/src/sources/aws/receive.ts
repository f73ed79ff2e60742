import { clusterArn } from '../../access/arn.ts';
import type { Fact } from '../../directory/fact.ts';
import { type Call, type CallReaders, receiveCall } from '../cloud-trail.ts';
import type { EventSource } from '../source.ts';

const SOURCE = 'aws';
/** https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html */
const CLUSTER_NAME = /^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/;
/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html */
const IAM_NAME = /^[\w+=,.@-]{1,64}$/;

const READERS: CallReaders = new Map([
  ['CreateCluster', (call: Call) => cluster(call, 'present')],
  ['DeleteCluster', (call: Call) => cluster(call, 'deleted')],
  ['RegisterCluster', (call: Call) => cluster(call, 'present')],
  ['DeregisterCluster', (call: Call) => cluster(call, 'deleted')],
  ['CreateRole', (call: Call) => principal(call, 'role', 'created')],
  ['DeleteRole', (call: Call) => principal(call, 'role', 'deleted')],
  ['CreateUser', (call: Call) => principal(call, 'user', 'created')],
  ['DeleteUser', (call: Call) => principal(call, 'user', 'deleted')],
]);

/** Clusters that appear and go, and IAM principals made or deleted by whomever: what stands must be looked at again. */
export const aws: EventSource = {
  name: SOURCE,
  buses: ['aws.eks', 'aws.iam'],
  calls: [...READERS.keys()],
  receive: (event, trust) => receiveCall(event, trust, SOURCE, READERS),
};

/** The name stands under `name` since 2023, under `clusterName` in older records. */
function cluster(call: Call, state: 'present' | 'deleted'): readonly Fact[] {
  const name = call.parameter('name') ?? call.parameter('clusterName');
  if (name === undefined || !CLUSTER_NAME.test(name)) return [];
  return [{ type: 'cluster', arn: clusterArn(call.account, call.region, name), state, at: call.at }];
}

function principal(call: Call, kind: 'role' | 'user', change: 'created' | 'deleted'): readonly Fact[] {
  const name = call.parameter(`${kind}Name`);
  if (name === undefined || !IAM_NAME.test(name)) return [];
  return [{ type: 'principal', account: call.account, principal: kind, name, change, at: call.at }];
}
