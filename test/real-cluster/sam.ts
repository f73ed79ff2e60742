import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { isFailure } from '@gatehouse/core/access/failure';
import { pythonPrograms } from './python-packages.ts';

/*
 * `npm run sam -- build`, `npm run sam -- deploy --guided`: AWS SAM in the version that the tests use, on a machine that has Python
 * and nothing else. SAM finds esbuild because npm puts it on the path.
 */

try {
  const programs = await pythonPrograms('sam', (line) => console.error(line));
  const env = { ...process.env, SAM_CLI_TELEMETRY: '0' };
  process.exitCode = spawnSync(join(programs, 'sam'), process.argv.slice(2), { stdio: 'inherit', env }).status ?? 1;
} catch (error) {
  if (!isFailure(error)) throw error;
  console.error(`${error.message}: ${error.remedy}`);
  process.exitCode = 1;
}
