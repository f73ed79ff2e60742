import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isFailure } from '@gatehouse/core/access/failure';
import { pythonPrograms } from './python-packages.ts';

/*
 * `npm run lint:template`: SAM, cfn-lint and checkov look at every template. They are Python programs, installed on a first run
 * into the cache folder that the emulator lives in, too.
 */

const ROOT = join(import.meta.dirname, '../..');
/** Templates for other accounts: plain CloudFormation. */
const MEMBERS = readdirSync(join(ROOT, 'templates')).map((name) => join('templates', name));
/** Telemetry off, and a Region, without which SAM does not begin. No credentials are used. */
const ENV = { ...process.env, SAM_CLI_TELEMETRY: '0', AWS_DEFAULT_REGION: 'eu-west-1', BC_SKIP_MAPPING: 'TRUE' };

async function lint(): Promise<boolean> {
  const tell = (line: string) => console.log(line);
  const sam = await pythonPrograms('sam', tell);
  const checkov = await pythonPrograms('checkov', tell);
  const files = ['template.yaml', ...MEMBERS];
  const steps: [program: string, ...arguments_: string[]][] = [
    [join(sam, 'sam'), 'validate', '--lint', '--template', 'template.yaml'],
    [join(sam, 'cfn-lint'), ...files],
    [
      join(checkov, 'checkov'),
      '--config-file',
      'test/real-cluster/checkov.yaml',
      ...files.flatMap((file) => ['-f', file]),
    ],
  ];
  return steps
    .map(([program, ...arguments_]) => {
      console.log(`== ${[program.split('/').at(-1), ...arguments_].join(' ')}`);
      return spawnSync(program, arguments_, { cwd: ROOT, env: ENV, stdio: 'inherit' }).status === 0;
    })
    .every((passed) => passed);
}

try {
  process.exitCode = (await lint()) ? 0 : 1;
} catch (error) {
  if (!isFailure(error)) throw error;
  console.error(`${error.message}: ${error.remedy}`);
  process.exitCode = 1;
}
