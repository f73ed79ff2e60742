import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CloudFormationClient,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  ListStackResourcesCommand,
} from '@aws-sdk/client-cloudformation';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { Inventory, Owned } from '@gatehouse/core/operations/inventory';
import type { Operation } from '@gatehouse/core/operations/operation';
import { readPolicy } from '@gatehouse/core/policy/read';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunOperation } from '../../../cli/src/aws/run-operation.ts';
import { byHand } from '../../../cli/src/deployment/by-hand.ts';
import { takeBack } from '../../../cli/src/deployment/uninstall.ts';
import type { Progress } from '../../../cli/src/terminal/progress.ts';
import { runCommand } from '../terminal.ts';
import { described, noStack } from './described-stack.ts';

const ARN = 'arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu';
const TARGET = `cluster/${ARN}` as const;
const TEXT = `apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "111122223333", region: eu-west-1, mode: enforce }
grants: []
`;
const owned = (object: string): Owned => ({ kind: 'role', object, parts: [], subjects: 1 });
const left = (...objects: readonly string[]): Inventory => ({
  policy: { version: 3, text: TEXT },
  registrations: [{ name: 'edge', account: '111122223333', region: 'eu-west-1' }],
  targets: objects.length === 0 ? [] : [{ target: TARGET, mode: 'enforce', owned: objects.map(owned) }],
});
interface State {
  readonly inventory: Inventory;
  readonly waiting?: readonly object[];
  readonly findings?: readonly object[];
}

describe('taking access back', () => {
  let asked: Operation[];
  let now: number;
  let lines: string[];
  beforeEach(() => {
    [asked, now, lines] = [[], 0, []];
  });

  /** A Gatehouse that is in one state after the other, the last for ever. */
  const back = (states: readonly State[], seconds = 900) => {
    let at = 0;
    const run = (async (operation: Operation) => {
      asked.push(operation);
      const state = states[Math.min(at, states.length - 1)]!;
      if (operation.operation === 'inventory') at += 1;
      return operation.operation === 'inventory'
        ? state.inventory
        : { waiting: state.waiting ?? [], findings: state.findings ?? [] };
    }) as RunOperation;
    const hear = (text: string) => void (text === lines.at(-1) || lines.push(text));
    const progress: Progress = { during: (_text, work) => work(hear) };
    const pace = {
      now: () => now,
      pause: async (milliseconds: number) => {
        now += milliseconds;
      },
    };
    return takeBack({ progress }, run, states[0]!.inventory, { by: 'ann', seconds, pace });
  };

  it('puts a policy without grants in force, deregisters, and waits until nothing is left', async () => {
    await back([
      { inventory: left('a', 'b') },
      { inventory: left('a'), waiting: [{}] },
      { inventory: left(), waiting: [{}] },
      { inventory: left() },
    ]);
    const [upload, deregister] = asked;
    expect(upload).toMatchObject({ operation: 'upload-policy', by: 'ann' });
    const reading = readPolicy((upload as { document: string }).document);
    expect(reading).toMatchObject({ ok: true, policy: { grants: [], clusters: [{ name: 'prod-eu' }] } });
    expect(deregister).toMatchObject({ operation: 'deregister-cluster', name: 'edge' });
    expect(lines).toEqual([
      'taking all access back: 2 objects left, 0 marks waiting',
      'taking all access back: 1 object left, 1 mark waiting',
      'taking all access back: 0 objects left, 1 mark waiting',
    ]);
  });

  it('asks nothing where no policy was ever in force', async () => {
    await back([{ inventory: { policy: null, registrations: [], targets: [] } }]);
    expect(asked).toEqual([]);
  });

  const lockout = { code: 'lockout', message: 'nobody would be left', remedy: 'name another administrator' };
  it.each<[string, State, object]>([
    [
      'a finding',
      { inventory: left('a'), findings: [lockout] },
      { message: expect.stringContaining('lockout: nobody would be left'), remedy: 'name another administrator' },
    ],
    [
      'a cluster that is only observed',
      { inventory: { ...left('a'), targets: [{ target: TARGET, mode: 'observe', owned: [owned('a')] }] } },
      { message: expect.stringContaining('only observed'), remedy: expect.stringContaining('enforce') },
    ],
    ['something that nobody names', { inventory: left('a') }, { remedy: expect.stringContaining('status') }],
  ])('stops before %s, and says what is left', async (_what, state, problem) => {
    await expect(back([state])).rejects.toMatchObject({ code: 'conflict', ...problem });
    await expect(back([state])).rejects.toThrow(`Left: ${TARGET} (a)`);
  });

  it('does not stop while something is tried again, but not for ever', async () => {
    const failure = { code: 'unreachable', message: 'prod-eu does not answer', remedy: 'let it answer' };
    const state = { inventory: left('a'), waiting: [{ failure }], findings: [lockout] };
    await expect(back([state], 600)).rejects.toMatchObject({
      code: 'deadline',
      message: expect.stringContaining('prod-eu does not answer'),
      remedy: 'let it answer',
    });
    expect(now).toBe(600_000);
  });
});

describe('by hand', () => {
  const iam = 'iam/111122223333/role/gatehouse-ops' as const;
  it.each<[string, string, Partial<Owned>, RegExp]>([
    [
      'a line of aws-auth',
      TARGET,
      { kind: 'aws-auth', object: 'ConfigMap/kube-system/aws-auth' },
      /kubectl edit configmap aws-auth/,
    ],
    [
      'a binding',
      TARGET,
      { kind: 'role-binding', object: 'RoleBinding/pay/gatehouse:a' },
      /^kubectl delete rolebinding 'gatehouse:a' -n pay$/,
    ],
    [
      'a ClusterRole',
      TARGET,
      { kind: 'role', object: 'ClusterRole/gatehouse:a' },
      /^kubectl delete clusterrole 'gatehouse:a'$/,
    ],
    ['a role', iam, { kind: 'iam-role', object: 'gatehouse-ops' }, /aws iam delete-role --role-name gatehouse-ops$/],
    [
      'a user with a key',
      'iam/111122223333/user/gatehouse-ci',
      { kind: 'iam-user', object: 'gatehouse-ci', parts: ['its access key, in the secret gatehouse/keys/ci'] },
      /delete-secret --secret-id gatehouse\/keys\/ci; .*delete-user --user-name gatehouse-ci$/,
    ],
    ['a managed policy', iam, { kind: 'iam-policy', object: 'arn:p' }, /delete-policy --policy-arn arn:p$/],
    ['a provider', TARGET, { kind: 'identity-provider', object: 'x' }, /--cluster-name prod-eu --region eu-west-1/],
    ['logs', TARGET, { kind: 'control-plane-logs', object: 'x' }, /update-cluster-config --name prod-eu/],
    ['a registration', TARGET, { kind: 'connector', object: 'edge' }, /deregister-cluster --name/],
  ])('%s has a line to type', (_what, target, one, line) => {
    expect(byHand(target as typeof TARGET, { ...owned('x'), ...one })).toMatch(line);
  });
});

describe('uninstall', () => {
  it.each([[[]], [['--keep-access', '--revoke']]])('must be told what becomes of access: %j', async (options) => {
    const { code, err } = await runCommand(['uninstall', ...options]);
    expect(code).toBe(1);
    expect(err).toContain('--revoke takes all of it back, gatehouse uninstall --keep-access leaves it');
  });

  const NOTHING = { ok: true, outcome: { policy: null, registrations: [], targets: [] } };
  const cloud = mockClient(CloudFormationClient);
  let server: Server;
  let invoked: number;
  let answer: { readonly status: number; readonly body: object };
  beforeAll(async () => {
    server = createServer((request, response) => {
      invoked += 1;
      request.resume().on('end', () => response.writeHead(answer.status).end(JSON.stringify(answer.body)));
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    mockClient(STSClient)
      .on(GetCallerIdentityCommand)
      .resolves({ Account: '111122223333', Arn: 'arn:aws:iam::111122223333:user/ann', UserId: 'A' });
  });
  afterAll(() => void server.close());
  beforeEach(() => {
    cloud.reset();
    [invoked, answer] = [0, { status: 200, body: NOTHING }];
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 's');
    cloud.on(ListStackResourcesCommand).resolves({ StackResourceSummaries: [] });
    cloud.on(DescribeStackEventsCommand).resolves({ StackEvents: [] });
  });
  afterEach(() => void vi.unstubAllEnvs());
  const uninstall = (...typed: string[]) => {
    const env = { AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    return runCommand(['uninstall', ...typed, '--region', 'eu-west-1'], { env });
  };

  it.each([
    ['UPDATE_IN_PROGRESS', {}, /being changed \(UPDATE_IN_PROGRESS\)[\s\S]*wait until that has ended/],
    ['UPDATE_COMPLETE_CLEANUP_IN_PROGRESS', {}, /wait until that has ended/],
    ['DELETE_IN_PROGRESS', {}, /wait until that has ended/],
    ['CREATE_COMPLETE', { EnableTerminationProtection: true }, /protected[\s\S]*--no-enable-termination-protection/],
    ['REVIEW_IN_PROGRESS', {}, /there is no stack gatehouse/],
  ])('touches nothing of a stack that CloudFormation would not delete: %s %j', async (status, more, refusal) => {
    cloud.on(DescribeStacksCommand).resolves(described(status, more));
    for (const how of ['--revoke', '--keep-access']) {
      const { code, err } = await uninstall(how, '--yes');
      expect(code).toBe(1);
      expect(err).toMatch(refusal);
    }
    expect(invoked).toBe(0);
    expect(cloud.commandCalls(DeleteStackCommand)).toHaveLength(0);
  });

  it('touches nothing where somebody has begun a change while a person was asked', async () => {
    cloud
      .on(DescribeStacksCommand)
      .resolvesOnce(described('CREATE_COMPLETE'))
      .resolves(described('UPDATE_IN_PROGRESS'));
    const { code, err } = await uninstall('--revoke', '--yes');
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('wait until that has ended') });
    // The list of what there is, and no more.
    expect(invoked).toBe(1);
    expect(cloud.commandCalls(DeleteStackCommand)).toHaveLength(0);
  });

  const gone = { status: 404, body: { __type: 'ResourceNotFoundException', Message: 'Function not found' } };
  it('of a stack that is half deleted, without its functions, takes nothing back, and says so', async () => {
    cloud.on(DescribeStacksCommand).resolves(described('DELETE_FAILED'));
    answer = gone;
    const { code, err } = await uninstall('--revoke', '--yes');
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('gatehouse uninstall --keep-access') });
    expect(cloud.commandCalls(DeleteStackCommand)).toHaveLength(0);
  });

  it('of a stack that is half deleted, without its functions, removes the rest', async () => {
    const half = described('DELETE_FAILED');
    cloud.on(DescribeStacksCommand).resolvesOnce(half).resolvesOnce(half).rejects(noStack());
    answer = gone;
    const { code, out } = await uninstall('--keep-access', '--yes');
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining('the stack gatehouse is removed') });
    expect(cloud.commandCalls(DeleteStackCommand)).toHaveLength(1);
  });
});
