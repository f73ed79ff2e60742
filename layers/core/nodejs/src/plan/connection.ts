import { partitionOf } from '../access/arn.ts';
import { AGENT_ROLE_PATH, agentRoleName } from '../access/names.ts';
import type { AccessPolicy, Cluster } from '../access/policy.ts';
import { connectionSubject } from '../access/subject.ts';
import type { PolicyDocument } from '../ports/iam.ts';
import type { ConnectorClaim } from '../resources/connector/model.ts';
import type { IamRoleClaim, IamRoleState } from '../resources/iam-role/model.ts';
import { sameTrust, serviceTrust } from '../resources/iam-role/trust.ts';
import { CLUSTER_POLICY } from '../resources/managed-principal.ts';
import type { Finding, OwnedClaim } from '../resources/resource.ts';
import { boundaryKept, ownPath, protectedFromIam } from './iam-guards.ts';
import type { Draft, Guard } from './plan.ts';

/** Who works as the role of an agent: Systems Manager, through which it is reached. */
const AGENT_SERVICE = 'ssm.amazonaws.com';

/** What an agent needs (https://docs.aws.amazon.com/eks/latest/userguide/connector_IAM_role.html). */
export const AGENT_ACTIONS = [
  'ssmmessages:CreateControlChannel',
  'ssmmessages:CreateDataChannel',
  'ssmmessages:OpenControlChannel',
  'ssmmessages:OpenDataChannel',
] as const;

/** What the agent of a cluster elsewhere may do: the control channel for this cluster alone; data channels have no resource. */
export function agentPolicy(arn: string): PolicyDocument {
  const [control, ...data] = [AGENT_ACTIONS[0], AGENT_ACTIONS[1], AGENT_ACTIONS[2], AGENT_ACTIONS[3]];
  return {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: control, Resource: arn },
      { Effect: 'Allow', Action: data, Resource: '*' },
    ],
  };
}

/** The role that the agent of a cluster elsewhere works as. */
export function agentRoleArn({ account, region, name }: Pick<Cluster, 'account' | 'region' | 'name'>): string {
  return `arn:${partitionOf(region)}:iam::${account}:role${AGENT_ROLE_PATH}${agentRoleName(region, name)}`;
}

/** What must be in AWS for a cluster elsewhere: the role of its agent, and its registration. */
export function desiredConnection(cluster: Cluster, boundary: { readonly boundary?: string }): OwnedClaim[] {
  const { connected, region, name, arn } = cluster;
  if (!connected) return [];
  const subject = connectionSubject(name);
  const roleArn = agentRoleArn(cluster);
  const role: IamRoleClaim = {
    kind: 'iam-role',
    object: agentRoleName(region, name),
    arn: roleArn,
    path: AGENT_ROLE_PATH,
    state: 'open',
    trust: serviceTrust(AGENT_SERVICE),
    policies: { [CLUSTER_POLICY]: agentPolicy(arn) },
    ...boundary,
    tags: { 'gatehouse:managed': 'true', 'gatehouse:connection': name },
    maxSessionSeconds: 3600,
  };
  const registration: ConnectorClaim = { kind: 'connector', object: name, provider: connected.provider, roleArn };
  return [
    { subject, claim: role },
    { subject, claim: registration },
  ];
}

/** The safety rules over every plan for a registration. */
export function connectionGuards(policy: AccessPolicy): readonly Guard[] {
  return [ownPath, protectedFromIam(policy), boundaryKept, agentTrust].map(onRoles);
}

/** A guard that looks at the roles among the changes. */
function onRoles(guard: Guard): Guard {
  return ({ changes, ...draft }: Draft) =>
    guard({ ...draft, changes: changes.filter(({ change }) => change.kind === 'iam-role') });
}

/** The role of an agent is assumed by Systems Manager, and by nobody else. */
const agentTrust: Guard = ({ changes }) =>
  changes.flatMap(({ change }): Finding[] => {
    const [before, after] = [change.before as IamRoleState, change.after as IamRoleState];
    const isNew = after.present && (!before.present || before.trust !== after.trust);
    if (!isNew || sameTrust(after.trust, serviceTrust(AGENT_SERVICE))) return [];
    const message = `the plan would let ${change.object} be assumed by others than ${AGENT_SERVICE}`;
    const remedy = 'report this as a fault of Gatehouse';
    return [{ code: 'unsound-trust', severity: 'blocks', object: change.object, message, remedy }];
  });
