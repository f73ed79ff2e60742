import { mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { digest } from '@gatehouse/core/access/digest';
import type { Names } from '@gatehouse/core/operations/names';
import { replaceFile } from '../files/replace-file.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { Typed } from './candidates.ts';

/** The whole of it: whoever pressed a key waits. */
const LIMIT_MS = 1_000;
/** Pressed again, nobody is asked again. */
const FRESH_MS = 10_000;

/** What names come from, beside what was typed. */
export interface NamesWorld extends Pick<Terminal, 'env' | 'progress'> {
  /** Milliseconds UTC. */
  readonly now: () => number;
}

/**
 * The names of the policy document that was typed, else of the Gatehouse that is reached by the environment and the options
 * typed: kept for some seconds, asked for within one. Undefined where that does not work out, for whatever reason.
 */
export async function knownNames(typed: Typed, world: NamesWorld): Promise<Names | undefined> {
  try {
    const file = typed.get('policy');
    if (file !== undefined) return await namesOfFile(file);
    const kept = cacheFile(typed, world.env);
    return readKept(kept, world.now()) ?? (await within(LIMIT_MS, askAndKeep(typed, world, kept)));
  } catch {
    return undefined;
  }
}

async function namesOfFile(file: string): Promise<Names> {
  const [{ readPolicyFile }, { namesIn }] = await Promise.all([
    import('../policy-file.ts'),
    import('@gatehouse/core/operations/names'),
  ]);
  return namesIn(readPolicyFile(file));
}

async function askAndKeep(typed: Typed, world: NamesWorld, kept: string): Promise<Names> {
  const { operationsOf } = await import('../aws/run-operation.ts');
  const { profile, region } = Object.fromEntries(typed);
  const options = { ...(profile === undefined ? {} : { profile }), ...(region === undefined ? {} : { region }) };
  const run = await operationsOf({ ...options, output: 'json' }, world, { timeout: LIMIT_MS });
  const names = await run<Names>({ operation: 'names' });
  keep(kept, { at: world.now(), names });
  return names;
}

/** Rejects where some work takes longer; the work is left to itself. */
function within<Result>(milliseconds: number, work: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('too late')), milliseconds);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

interface Kept {
  readonly at: number;
  readonly names: Names;
}

/** One file for each Gatehouse and whoever asks. */
function cacheFile(typed: Typed, env: Terminal['env']): string {
  const who = [
    'AWS_ENDPOINT_URL',
    'AWS_ENDPOINT_URL_LAMBDA',
    'AWS_REGION',
    'AWS_DEFAULT_REGION',
    'AWS_PROFILE',
    'AWS_ACCESS_KEY_ID',
    'AWS_CONFIG_FILE',
  ].map((name) => env[name] ?? '');
  const key = digest([...who, typed.get('profile') ?? '', typed.get('region') ?? '']).slice(0, 16);
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'gatehouse', `names-${key}.json`);
}

function readKept(file: string, now: number): Names | undefined {
  try {
    const { at, names } = JSON.parse(readFileSync(file, 'utf8')) as Kept;
    return now - at >= 0 && now - at < FRESH_MS ? names : undefined;
  } catch {
    return undefined;
  }
}

/** Written whole or not at all, and for its owner alone: it says who is in the policy. */
function keep(file: string, kept: Kept): void {
  const folder = join(file, '..');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  replaceFile(file, JSON.stringify(kept));
}
