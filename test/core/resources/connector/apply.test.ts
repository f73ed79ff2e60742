import { connectorKind } from '@gatehouse/core/resources/connector/kind';
import type { ConnectorClaim, ConnectorPorts } from '@gatehouse/core/resources/connector/model';
import { describe, expect, it } from 'vitest';
import { memoryEks } from '../../../fakes/eks.ts';
import { memoryIam } from '../../../fakes/iam.ts';
import { memorySecrets } from '../../../fakes/secrets.ts';

const ROLE = 'arn:aws:iam::111122223333:role/gatehouse/connector/agent';
const CLAIM: ConnectorClaim = { kind: 'connector', object: 'edge', provider: 'GKE', roleArn: ROLE };
const owned = { subject: 'connection/edge' as const, claim: CLAIM };
const WANTED = { wanted: [owned], unwanted: [], recorded: [] };
const GONE = { wanted: [], unwanted: [owned], recorded: [] };

/** One account with its EKS, and every call that was made, as an IAM policy names it. */
function anAccount() {
  let now = 0;
  const called = new Set<string>();
  const noting = <T extends object>(port: T, names: Readonly<Record<string, readonly string[]>>): T =>
    new Proxy(port, {
      get(target, member) {
        for (const action of names[String(member)] ?? []) called.add(action);
        return Reflect.get(target, member);
      },
    });
  const iam = memoryIam();
  const eks = memoryEks([], { now: () => now });
  const secrets = memorySecrets();
  const ports: ConnectorPorts = {
    iam: noting(iam, { getRole: ['iam:GetRole'], createServiceLinkedRole: ['iam:CreateServiceLinkedRole'] }),
    eks: noting(eks, {
      describeCluster: ['eks:DescribeCluster'],
      registerCluster: ['eks:RegisterCluster', 'eks:TagResource', 'ssm:CreateActivation', 'iam:PassRole'],
      deregisterCluster: ['eks:DeregisterCluster', 'ssm:DeleteActivation'],
    }),
    secrets: noting(secrets, {
      read: ['secretsmanager:GetSecretValue'],
      write: ['secretsmanager:CreateSecret', 'secretsmanager:PutSecretValue', 'secretsmanager:TagResource'],
      remove: ['secretsmanager:DeleteSecret'],
    }),
    clock: { now: () => now },
    secretOf: (name) => `gatehouse/connectors/${name}`,
  };
  const turn = async (claims: typeof WANTED | typeof GONE) => {
    const { change } = connectorKind.diff('edge', await connectorKind.observe(ports, 'edge'), claims);
    return change && connectorKind.apply(ports, change);
  };
  return { ports, iam, eks, secrets, called, turn, later: (milliseconds: number) => (now += milliseconds) };
}

describe('a registration', () => {
  it('is made with its activation kept, and needs nothing more then', async () => {
    const { turn, secrets, eks, iam } = anAccount();
    const made = await turn(WANTED);
    expect(made).toMatchObject({ present: true, status: 'PENDING', secret: 'kept' });
    const kept = JSON.parse((await secrets.read('gatehouse/connectors/edge'))!);
    expect(kept).toEqual({
      activationId: expect.any(String),
      activationCode: expect.any(String),
      activationExpiry: expect.any(Number),
    });
    expect(secrets.tags('gatehouse/connectors/edge')).toEqual({ 'gatehouse:managed': 'true' });
    expect(JSON.stringify(made)).not.toContain(kept.activationCode);
    expect(await turn(WANTED)).toBeUndefined();
    expect(eks.activate('edge', { id: kept.activationId, code: kept.activationCode })).toBe(true);
    expect(await turn(WANTED)).toBeUndefined();
    expect(iam.calls.filter((call) => call.startsWith('createServiceLinkedRole'))).toHaveLength(1);
  });

  it('is made anew where its activation was lost before it was kept, or deleted since', async () => {
    const { turn, secrets, eks } = anAccount();
    await turn(WANTED);
    await secrets.remove('gatehouse/connectors/edge');
    await turn(WANTED);
    expect(eks.calls.registerCluster).toBe(2);
    await secrets.write('gatehouse/connectors/edge', 'not what anybody kept', {});
    await turn(WANTED);
    expect(eks.calls.registerCluster).toBe(3);
  });

  it('whose three days are over is seen to be, and its activation lets nobody in', async () => {
    const { turn, ports, secrets, eks, later } = anAccount();
    await turn(WANTED);
    later(3 * 24 * 3600 * 1000 - 1);
    expect(await connectorKind.observe(ports, 'edge')).toMatchObject({ registration: { expired: false } });
    later(1);
    expect(await connectorKind.observe(ports, 'edge')).toMatchObject({ registration: { expired: true } });
    const { activationId: id, activationCode: code } = JSON.parse((await secrets.read('gatehouse/connectors/edge'))!);
    expect(eks.activate('edge', { id, code })).toBe(false);
  });

  it('is taken back with its activation, also twice', async () => {
    const { turn, secrets, eks } = anAccount();
    await turn(WANTED);
    await turn(GONE);
    expect(await turn(GONE)).toBeUndefined();
    expect(await eks.describeCluster('edge')).toBeUndefined();
    expect(secrets.names()).toEqual([]);
  });

  it('of a name that somebody took meanwhile is a conflict: it is looked at again', async () => {
    const { ports, eks } = anAccount();
    const { change } = connectorKind.diff('edge', await connectorKind.observe(ports, 'edge'), WANTED);
    await eks.registerCluster({ name: 'edge', provider: 'AKS', roleArn: 'theirs', tags: {} });
    await expect(connectorKind.apply(ports, change!)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('takes exactly the actions that the kind lists', async () => {
    const { turn, called } = anAccount();
    await turn(WANTED);
    await turn(GONE);
    expect([...called].sort()).toEqual([...connectorKind.iamActions].sort());
  });
});
