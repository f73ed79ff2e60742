#!/usr/bin/env node
// Finds a Node that runs TypeScript, and runs the command with it. Written for any Node since 14, so that an old one can say what is wrong.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** The Node that `npm ci` brings, in the nearest folder above that has one. */
function ownNode() {
  for (let folder = dirname(main); ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    if (existsSync(found)) return found;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Node strips types without being asked since 22.18 and 23.6. */
function stripsTypes() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major >= 24 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);
}

/** Where Node keeps what it compiled, so that the next start takes half the time; it does without where it cannot write there. */
function environment() {
  const { NODE_COMPILE_CACHE, XDG_CACHE_HOME } = process.env;
  if (NODE_COMPILE_CACHE !== undefined) return process.env;
  try {
    const cache = join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'gatehouse', 'node');
    return { ...process.env, NODE_COMPILE_CACHE: cache };
  } catch {
    // Nobody's home, as in some containers.
    return process.env;
  }
}

const node = ownNode() ?? (stripsTypes() ? process.execPath : undefined);
if (node === undefined) {
  console.error(
    `error: gatehouse needs Node 24, and this is ${process.versions.node}: run "npm ci" in the project, which brings it, or install Node 24.`,
  );
  process.exit(1);
}
const child = spawn(node, ['-C', 'source', main, ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: environment(),
});
// Ctrl-C reaches the child by itself; it decides when to end, and this process ends with it.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  console.error(`error: ${node} cannot be started: ${error.message}. Run "npm ci" in the project again.`);
  process.exit(1);
});
child.on('exit', (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]));
