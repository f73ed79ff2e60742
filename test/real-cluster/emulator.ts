import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inject } from 'vitest';
import { freePort, GuardedProcess } from '../../sandbox/src/real-cluster/guarded-process.ts';
import type { Aws } from '../contracts/over-aws.ts';

/** The account in which the emulator takes whoever gives its number as the access key, and its Region. */
export const ACCOUNT = '111122223333';
export const REGION = 'eu-west-1';

/** The secret of every account's root, whose access key is the account's number; compared only where AUTH is true. */
const ROOT_SECRET = 'root';

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

/** Settings with which the emulator checks signatures and policies; without them, whoever calls may do everything. */
export const CHECKING = { AUTH: 'true' } as const;

/** How the emulator is started. */
export interface EmulatorOptions {
  /** Settings of its own, like {@link CHECKING}, and of the functions that it runs. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it judges policies as `python/corrected_emulator.py` says; without it it is as it comes. */
  readonly corrected?: boolean;
}

const CORRECTED = join(import.meta.dirname, 'python', 'corrected_emulator.py');

/** Starts the emulator with nothing in it; a second. */
export async function startEmulator({ env = {}, corrected = false }: EmulatorOptions = {}): Promise<Emulator> {
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
    program: join(inject('python').emulator, 'python'),
    arguments: corrected ? [CORRECTED] : ['-m', 'ministack'],
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
      AWS_SECRET_ACCESS_KEY: ROOT_SECRET,
      PYTHONDONTWRITEBYTECODE: '1',
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
    credentials: { accessKeyId: account, secretAccessKey: ROOT_SECRET },
  });
  return {
    url,
    config,
    aws: (account = ACCOUNT) => ({ account, client: config(account), advance }),
    lines,
    stop,
  };
}
