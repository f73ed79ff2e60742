import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient, STSServiceException } from '@aws-sdk/client-sts';
import { isFailure } from '@gatehouse/core/access/failure';
import { systemClock } from '@gatehouse/core/aws/clock';
import { type AwsCredentials, clusterToken } from '@gatehouse/core/aws/cluster-token';
import { systemRandom } from '@gatehouse/core/aws/random';
import { recordFact } from '@gatehouse/core/directory/record';
import { readChain, verifyChain } from '@gatehouse/core/ledger/ledger';
import type { Kubernetes } from '@gatehouse/core/ports/kubernetes';
import { AWS_AUTH_REF } from '@gatehouse/core/resources/aws-auth/model';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { newMessageId } from '../../cli/src/demo/webhooks.ts';
import { webhookHeaders } from '../../cli/src/verbs/sign-webhook.ts';
import { kubeconfig } from '../../sandbox/src/kubernetes/kubeconfig.ts';
import { publicSts } from '../../sandbox/src/kubernetes/token.ts';
import { type DeployedStack, deployStack } from './deployed-stack.ts';
import { ACCOUNT, REGION } from './emulator.ts';
import { figureLine, figureOf } from './figures.ts';
import { kubectl } from './kubectl.ts';

/*
 * Everything at once, and nothing of it played but EKS's DescribeCluster and the routes of the HTTP API: a signed webhook, the
 * functions as SAM builds and deploys them, queues, mappings, rules and schedules of the emulator, IAM and STS of the emulator, a
 * real API server with a real authenticator, and the command as kubectl's credential plugin.
 */

/** How often members come and go with kubectl looking at every step; and how often in all. */
const WHOLE = 20;
const CHANGES = 50;
const ROLE = `arn:aws:iam::${ACCOUNT}:role/gatehouse/gatehouse-operators`;
/** Long enough for a message that comes once more: its queue hides it for 60 seconds. */
const SOON = { timeout: 90_000, interval: 50 };
/** A round that takes longer, in milliseconds, is explained by what was written during it. */
const SLOW = 20_000;
/** Milliseconds between two looks where time is measured. */
const OFTEN = 10;

let stack: DeployedStack;
let folder: string;
/** aws-auth before there was a policy. */
let foreign: Readonly<Record<string, string>>;
const members = Array.from({ length: CHANGES }, (_, index) => `member-${String(index + 1).padStart(2, '0')}`);
const keys = new Map<string, AwsCredentials>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-chain-'));
  stack = await deployStack();
  foreign = (await awsAuth())?.data ?? {};
  for (const name of members) keys.set(name, await stack.createUser(name));
  await stack.uploadPolicy();
}, 180_000);
afterAll(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const chain = `cluster/arn:aws:eks:${REGION}:${ACCOUNT}:cluster/prod-eu`;

/** Tells that a member joins or leaves; answers the id of the event and when it was sent, by `performance.now`. */
async function tell(user: string, type: 'group.member-added' | 'group.member-removed') {
  const login = `${user}@example.com`;
  const body = JSON.stringify({
    type,
    timestamp: new Date().toISOString(),
    data: { group: { id: 'operators' }, user: { id: user, login } },
  });
  const id = newMessageId();
  const headers = webhookHeaders(stack.webhookSecret, Buffer.from(body), { now: Date.now(), id });
  const sent = performance.now();
  const answer = await fetch(`${stack.webhookUrl}/standard`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
  expect({ status: answer.status, said: await answer.text() }).toEqual({ status: 204, said: '' });
  return { id, sent };
}

/** Looks every few milliseconds until there is an answer; answers when that was. */
async function momentOf(what: string, look: () => Promise<boolean>): Promise<number> {
  const end = performance.now() + SOON.timeout;
  while (!(await look())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${SOON.timeout} ms`);
    await new Promise((later) => setTimeout(later, OFTEN));
  }
  return performance.now();
}

const awsAuth = () => stack.cluster.operator.read(AWS_AUTH_REF);

/** How much of the cluster's ledger has been read. */
let read = 0;
const verifications = new Set<string>();

/** Whether the cluster's ledger says that what an event led to was verified. */
async function verified(event: string): Promise<boolean> {
  const entries = await readChain(stack.ledger, chain, { after: read });
  for (const { kind, causes } of entries)
    if (kind === 'verified') for (const each of causes) verifications.add(each.event);
  read = entries.at(-1)?.sequence ?? read;
  return verifications.has(event);
}

/** A session of the role, once its trust lets the member in. */
async function session(user: string): Promise<AwsCredentials> {
  const sts = new STSClient({ ...stack.emulator.config(), credentials: keys.get(user)! });
  const command = new AssumeRoleCommand({ RoleArn: ROLE, RoleSessionName: user });
  const { Credentials } = await sts.send(command).finally(() => sts.destroy());
  return {
    accessKeyId: Credentials!.AccessKeyId!,
    secretAccessKey: Credentials!.SecretAccessKey!,
    sessionToken: Credentials!.SessionToken!,
  };
}

/** Whether the role lets the member in. */
async function mayAssume(user: string): Promise<boolean> {
  try {
    await session(user);
    return true;
  } catch (error) {
    if (error instanceof STSServiceException && error.name === 'AccessDenied') return false;
    throw error;
  }
}

/** A token as it would be used for its 15 minutes. */
const tokenOf = (credentials: AwsCredentials): Promise<string> =>
  clusterToken({ cluster: 'prod-eu', region: REGION, endpoint: publicSts(REGION), credentials, now: Date.now() });

/** Whether whoever holds the token may do what the grant says. @throws where the cluster does not know them. */
async function mayList(cluster: Kubernetes): Promise<boolean> {
  try {
    await cluster.list('ConfigMap', { namespace: 'pay' });
    return true;
  } catch (error) {
    if (isFailure(error, 'forbidden')) return false;
    throw error;
  }
}

/** A kubeconfig as a member has it: `gatehouse token` is the credential plugin. */
function kubeconfigOf(user: string): string {
  const { url: server, identity } = stack.cluster;
  const main = fileURLToPath(new URL('../../cli/src/main.ts', import.meta.url));
  const exec = {
    command: process.execPath,
    args: ['-C', 'source', main, 'token', 'prod-eu', '--role-arn', ROLE],
    env: stack.environment(keys.get(user)!),
  };
  const file = join(folder, `${user}.kubeconfig`);
  writeFileSync(file, kubeconfig({ name: 'prod-eu', server, ca: identity.apiServer.ca }, { exec }), { mode: 0o600 });
  return file;
}

/** Says what the emulator and the functions wrote during a round that failed, or was slow. */
function explainTrouble(): void {
  const before = stack.emulator.lines.length;
  const began = performance.now();
  onTestFinished(({ task }) => {
    if (task.result?.state !== 'fail' && performance.now() - began < SLOW) return;
    process.stderr.write(`${task.name}\n${stack.emulator.lines.slice(before).join('\n')}\n`);
  });
}

describe('the whole chain', { timeout: 200_000 }, () => {
  const grants: number[] = [];
  const verifiedGrants: number[] = [];
  const denials: number[] = [];
  const verifiedDenials: number[] = [];

  it('makes what the policy says without members: a role, a machine, their lines of aws-auth', async () => {
    explainTrouble();
    await expect.poll(async () => (await awsAuth())?.data?.mapRoles, SOON).toContain('role/gatehouse-operators');
    await expect.poll(async () => (await awsAuth())?.data?.mapUsers, SOON).toContain('user/gatehouse/gatehouse-ci');
  });

  it.each(members)('lets %s in, and out while the session lives', async (user) => {
    explainTrouble();
    const whole = members.indexOf(user) < WHOLE;
    expect(await mayAssume(user)).toBe(false);
    const joined = await tell(user, 'group.member-added');
    verifiedGrants.push((await momentOf('the grant is verified', () => verified(joined.id))) - joined.sent);
    const credentials = await session(user);
    const asMember = stack.cluster.as(await tokenOf(credentials));
    expect(await mayList(asMember)).toBe(true);
    grants.push(performance.now() - joined.sent);

    if (whole) {
      const file = kubeconfigOf(user);
      expect(await kubectl(file, 'auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}')).toBe(
        `gatehouse:operators:${user}`,
      );
      expect(await kubectl(file, 'get', 'pods', '-n', 'pay', '-o', 'name')).toContain('pod/ledger-6d4cf56db6-x7k2p');
      expect(await kubectl(file, 'get', 'pods', '-n', 'shop')).toContain('Error from server (Forbidden)');
      expect(await kubectl(file, 'get', 'secret', 'card-processor', '-n', 'pay')).toContain(
        'Error from server (Forbidden)',
      );
    }

    const left = await tell(user, 'group.member-removed');
    const denied = await momentOf('the session is denied', async () => !(await mayList(asMember)));
    denials.push(denied - left.sent);
    const sts = new STSClient({ ...stack.emulator.config(), credentials });
    const { Arn } = await sts.send(new GetCallerIdentityCommand({})).finally(() => sts.destroy());
    expect(Arn).toBe(`arn:aws:sts::${ACCOUNT}:assumed-role/gatehouse-operators/${user}`);
    verifiedDenials.push((await momentOf('the removal is verified', () => verified(left.id))) - left.sent);
    await momentOf('the role no longer lets them in', async () => !(await mayAssume(user)));
  });

  it('hands on within a minute what a receiver wrote down before it died', async () => {
    const [user = ''] = members;
    const { state: table } = stack;
    const fact = {
      type: 'membership',
      source: 'standard',
      group: 'operators',
      user,
      state: 'present',
      at: Date.now(),
    } as const;
    const cause = { source: 'standard', event: newMessageId(), type: 'group.member-added', receivedAt: Date.now() };
    expect(await recordFact({ table, clock: systemClock, random: systemRandom }, fact, cause)).toBe('recorded');
    await momentOf('the tick has handed it on', () => verified(cause.event));
    expect(await mayList(stack.cluster.as(await tokenOf(await session(user))))).toBe(true);
  });

  it('left a ledger without a gap, and nobody else touched', async () => {
    const entries = await readChain(stack.ledger, chain, { limit: 10_000 });
    expect(verifyChain(entries)).toEqual({ ok: true });
    const { data = {} } = (await awsAuth())!;
    for (const [list, text] of Object.entries(foreign)) expect(data[list]?.slice(0, text.length)).toBe(text);
    expect(foreign.mapRoles).toContain('# Managed node groups - DO NOT REMOVE');
  });

  afterAll(() => {
    const lines = [
      figureLine('webhook to use', figureOf(grants)),
      figureLine('webhook to verified access', figureOf(verifiedGrants)),
      figureLine('webhook to denial, session alive', figureOf(denials)),
      figureLine('webhook to verified denial', figureOf(verifiedDenials)),
    ];
    process.stdout.write(`\n${lines.join('\n')}\n\n`);
  });
});
