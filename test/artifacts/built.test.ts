import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Built, buildFunctions, buildLayerPackage, functionNames, reachedChunks } from '../../build.ts';
import { readTemplate } from '../../sandbox/src/template/read.ts';
import type { FunctionWiring } from '../../sandbox/src/template/wiring.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

/** Packages that a receiver has no time to load, and no right to use. */
const NOT_FOR_RECEIVERS = [
  '@kubernetes/client-node',
  '@aws-sdk/client-eks',
  '@aws-sdk/client-iam',
  '@aws-sdk/client-s3',
  '@aws-sdk/client-sts',
];

/** What finds credentials where no function has any: on a person's machine, or on another machine of AWS'. */
const NOT_IN_LAMBDA = [
  '@aws-sdk/nested-clients',
  '@aws-sdk/token-providers',
  '@aws-sdk/credential-provider-ini',
  '@smithy/credential-provider-imds',
];

/** Functions as the template has them, by the name of their folder. */
async function deployed(): Promise<ReadonlyMap<string, FunctionWiring>> {
  const text = await readFile(join(ROOT, 'template.yaml'), 'utf8');
  const { functions } = readTemplate(text, {
    stack: 'gatehouse',
    account: '111122223333',
    region: 'eu-west-1',
    endpoint: 'https://sqs.eu-west-1.amazonaws.com',
  });
  return new Map(functions.map((one) => [/functions\/([^/]+)/.exec(one.module)?.[1] ?? one.module, one]));
}

const names = await functionNames();
const functions = await deployed();

describe('what is deployed', () => {
  let folder: string;
  let layerFolder: string;
  let layer: Built;
  let built: ReadonlyMap<string, Built>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gatehouse-artifacts-'));
    const packageFolder = join(folder, 'node_modules/@gatehouse/core');
    layerFolder = join(packageFolder, 'dist');
    [layer, built] = await Promise.all([buildLayerPackage(packageFolder), buildFunctions(join(folder, 'functions'))]);
  }, 60_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** The packages that a function consists of, its own and those of the layer that it ever loads. */
  const packagesOf = (name: string): Set<string> => {
    const own = built.get(name)!;
    const chunks = reachedChunks(layer, layerFolder, own, { lazily: true });
    const outputs = [...Object.values(own.outputs), ...[...chunks].map((chunk) => layer.outputs[chunk]!)];
    const inputs = outputs.flatMap((output) => Object.entries(output.inputs));
    return new Set(
      inputs.flatMap(([path, { bytesInOutput }]) => {
        const found = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];
        return found === undefined || bytesInOutput === 0 ? [] : [found];
      }),
    );
  };

  it('is every function of the folder and of the template', () => {
    expect(names.length).toBeGreaterThan(1);
    expect([...functions.keys()].sort()).toEqual(names);
  });

  it.each(names)('%s starts from its built files, on the built layer', async (name) => {
    const wiring = functions.get(name);
    const url = pathToFileURL(join(folder, 'functions', name, 'main.mjs')).href;
    const program = `const handler = (await import(${JSON.stringify(url)})).handler; console.log(typeof handler);`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], {
      cwd: folder,
      env: {
        ...wiring?.environment,
        AWS_REGION: 'eu-west-1',
        AWS_ACCESS_KEY_ID: 'any',
        AWS_SECRET_ACCESS_KEY: 'any',
        AWS_LAMBDA_FUNCTION_NAME: name,
      },
      timeout: 15_000,
    });
    expect(stdout).toBe('function\n');
  });

  it.each(names)('%s holds no module of the core itself', (name) => {
    const inputs = Object.keys(built.get(name)!.inputs);
    expect(inputs).toContain(`functions/${name}/main.ts`);
    expect(inputs.filter((path) => path.startsWith('layers/'))).toEqual([]);
  });

  it.each(names.filter((name) => name.startsWith('receive-')))('%s holds no client that it has no use for', (name) => {
    const packages = packagesOf(name);
    expect(packages).toContain('@aws-sdk/client-dynamodb');
    expect([...packages].filter((one) => NOT_FOR_RECEIVERS.includes(one))).toEqual([]);
  });

  it.each(names)('%s brings no schema library beside that of the layer', (name) => {
    expect(Object.keys(built.get(name)!.inputs).filter((path) => path.includes('node_modules/zod/'))).toEqual([]);
  });

  it.each(names.filter((name) => name.startsWith('receive-')))('%s has at most 600 KB of modules, ever', (name) => {
    const own = built.get(name)!;
    const chunks = reachedChunks(layer, layerFolder, own, { lazily: true });
    const outputs = [...Object.values(own.outputs), ...[...chunks].map((chunk) => layer.outputs[chunk]!)];
    expect(outputs.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(600 * 1024);
    // Nor from elsewhere: what is neither its own nor the layer's is Node's.
    const others = outputs.flatMap(({ imports }) => imports.filter(({ external }) => external));
    const elsewhere = others.filter(({ path }) => !isBuiltin(path) && !path.startsWith('@gatehouse/core/'));
    expect(elsewhere).toEqual([]);
  });

  it.each(names)('%s takes its credentials from the environment alone', (name) => {
    const packages = packagesOf(name);
    expect(packages).toContain('@aws-sdk/credential-provider-env');
    expect([...packages].filter((one) => NOT_IN_LAMBDA.includes(one))).toEqual([]);
  });

  it('finds these clients where they are', () => {
    expect([...packagesOf('reconcile-cluster')]).toEqual(
      expect.arrayContaining(['@kubernetes/client-node', '@aws-sdk/client-eks']),
    );
    expect(packagesOf('plan-access')).toContain('@aws-sdk/client-s3');
  });

  it('resolves the core as a package, without its sources', async () => {
    const program = `
      const { clusterArn } = await import('@gatehouse/core/access/arn');
      console.log(clusterArn('111122223333', 'eu-west-1', 'prod-eu'));
      try { await import('@gatehouse/core/src/access/arn.ts'); console.log('sources are there'); } catch {}
    `;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: folder });
    expect(stdout).toBe('arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu\n');
  });
});
