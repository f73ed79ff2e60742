import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CreateClusterCommand, EKSClient, waitUntilClusterActive } from '@aws-sdk/client-eks';
import { CreateRoleCommand, IAMClient } from '@aws-sdk/client-iam';
import { inject } from 'vitest';
import { freePort, GuardedProcess } from '../../sandbox/src/real-cluster/guarded-process.ts';
import type { Aws } from '../contracts/over-aws.ts';

/** The account in which the emulator takes whoever gives its number as the access key, and its Region. */
export const ACCOUNT = '111122223333';
export const REGION = 'eu-west-1';

/** AWS, emulated on loopback. */
export interface Emulator {
  /** `http://127.0.0.1:PORT`, for every service. */
  readonly url: string;
  /** How an SDK client reaches it as the administrator of an account. */
  config(account?: string): {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
  /** The same for a contract. */
  aws(account?: string): Aws;
  /** What it has written. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

/** Makes the emulator check signatures and policies; without it, whoever calls may do everything. */
export const CHECKING = { AUTH: 'true' } as const;

/**
 * Starts the emulator with nothing in it; a fifth of a second.
 * @param env settings of its own, like {@link CHECKING}, and of the functions that it runs.
 */
export async function startEmulator(env: Readonly<Record<string, string>> = {}): Promise<Emulator> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-emulator-'));
  const clockFile = join(folder, 'clock-ahead');
  let ahead = 0;
  const advance = (seconds: number) => {
    ahead += seconds;
    writeFileSync(`${clockFile}.new`, String(ahead));
    renameSync(`${clockFile}.new`, clockFile);
  };
  advance(0);
  const lines: string[] = [];
  const keep = (line: string) => void lines.push(line);
  const emulator = new GuardedProcess({
    name: 'the emulator of AWS',
    program: join(inject('python').emulator, 'ministack'),
    arguments: [],
    env: {
      // Functions run on the Node of this process.
      PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
      HOME: folder,
      TMPDIR: folder,
      PYTHONPATH: join(import.meta.dirname, 'python', 'clock'),
      CLOCK_AHEAD_FILE: clockFile,
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      MINISTACK_HOST: '127.0.0.1',
      MINISTACK_REGION: REGION,
      AWS_DEFAULT_REGION: REGION,
      ...env,
    },
    onLine: keep,
    onErrorLine: keep,
  });
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    await emulator.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await emulator.until(async () => (await fetch(`${url}/_ministack/health`)).ok, 60);
  } catch (error) {
    await stop();
    throw error;
  }
  const config = (account = ACCOUNT) => ({
    endpoint: url,
    region: REGION,
    credentials: { accessKeyId: account, secretAccessKey: 'any' },
  });
  return {
    url,
    config,
    aws: (account = ACCOUNT) => ({ account, client: config(account), advance }),
    lines,
    stop,
  };
}

/** Makes a cluster as EKS knows it, with the role that it must have. Where there is no Docker, no API server is behind it. */
export async function createCluster(
  aws: Aws,
  name: string,
  tags: Readonly<Record<string, string>> = {},
): Promise<void> {
  const [iam, eks] = [new IAMClient(aws.client), new EKSClient(aws.client)];
  const trust = { Effect: 'Allow', Principal: { Service: 'eks.amazonaws.com' }, Action: 'sts:AssumeRole' };
  const { Role } = await iam.send(
    new CreateRoleCommand({
      RoleName: `cluster-${name}`,
      AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [trust] }),
    }),
  );
  await eks.send(
    new CreateClusterCommand({ name, version: '1.34', roleArn: Role!.Arn!, resourcesVpcConfig: {}, tags: { ...tags } }),
  );
  await waitUntilClusterActive({ client: eks, maxWaitTime: 10, minDelay: 1, maxDelay: 1 }, { name });
  iam.destroy();
  eks.destroy();
}
