import type { TestProject } from 'vitest/node';
import { type Components, realComponents } from '../../sandbox/src/real-cluster/components.ts';
import { pythonPrograms } from './python-packages.ts';
import { runtimeClient } from './runtime-client.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The programs of a real cluster. */
    components: Components;
    /** Folders with the programs of a set of Python packages. */
    python: { readonly emulator: string; readonly sam: string; readonly awsCli: string };
    /** Folder of AWS Lambda's runtime client. */
    runtimeClient: string;
  }
}

/** Builds and installs what the tests of this tier run with, before any of them: minutes the first time, nothing after that. */
export default async function setup(project: TestProject): Promise<void> {
  const tell = (line: string) => process.stderr.write(`${line}\n`);
  try {
    project.provide('components', await realComponents(tell));
    const emulator = await pythonPrograms('emulator', tell);
    const sam = await pythonPrograms('sam', tell);
    project.provide('python', { emulator, sam, awsCli: await pythonPrograms('aws-cli', tell) });
    project.provide('runtimeClient', await runtimeClient(tell));
  } catch (error) {
    const { message, remedy } = error as { message: string; remedy?: string };
    throw new Error(remedy === undefined ? message : `${message}: ${remedy}`);
  }
}
