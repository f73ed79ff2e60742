import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Built, buildFunctions, buildLayerPackage, functionNames } from '../../build.ts';
import { readTemplate } from '../../sandbox/src/template/read.ts';
import { ACCOUNT } from '../builders/policy.ts';

const ROOT = join(import.meta.dirname, '../..');

/** A handler that does nothing: what the runtime itself takes. */
export const EMPTY = 'an empty handler';

/** What is deployed, built into a folder of its own in which Node finds the layer. */
export interface BuiltFunctions {
  readonly names: readonly string[];
  readonly layer: Built;
  readonly functions: ReadonlyMap<string, Built>;
  /** Of the layer, as `reachedChunks` takes it. */
  readonly layerFolder: string;
  /** The module of a function, or of {@link EMPTY}. */
  moduleOf(name: string): string;
  environmentOf(name: string): Record<string, string>;
  remove(): void;
}

/** Builds all functions and the layer. */
export async function builtFunctions(): Promise<BuiltFunctions> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
  const packageFolder = join(folder, 'node_modules/@gatehouse/core');
  const [layer, functions, names] = await Promise.all([
    buildLayerPackage(packageFolder),
    buildFunctions(join(folder, 'functions')),
    functionNames(),
  ]);
  mkdirSync(join(folder, 'empty'));
  writeFileSync(join(folder, 'empty/main.mjs'), 'export const handler = async () => ({});\n');
  const place = { stack: 'gatehouse', account: ACCOUNT, region: 'eu-west-1', endpoint: 'http://127.0.0.1:9' };
  const wiring = readTemplate(readFileSync(join(ROOT, 'template.yaml'), 'utf8'), place);
  return {
    names,
    layer,
    functions,
    layerFolder: join(packageFolder, 'dist'),
    moduleOf: (name) => join(folder, name === EMPTY ? 'empty' : `functions/${name}`, 'main.mjs'),
    environmentOf: (name) => ({
      ...wiring.functions.find(({ module }) => module.startsWith(`functions/${name}/`))?.environment,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'any',
      AWS_SECRET_ACCESS_KEY: 'any',
      AWS_LAMBDA_FUNCTION_NAME: name,
    }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
