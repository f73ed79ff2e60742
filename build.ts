import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, posix, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type BuildOptions, build, type Metafile } from 'esbuild';

/**
 * Builds what is deployed: the layer (the core, every module an entry, shared code in chunks) and the functions, which
 * leave the core to the layer. Run as a program it prints their sizes; `--layer DIR` builds the layer alone, as a package
 * in DIR, for `layers/core/Makefile`.
 */

const ROOT = import.meta.dirname;
const CORE = join(ROOT, 'layers/core/nodejs');

const COMMON = {
  absWorkingDir: ROOT,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  minify: true,
  keepNames: true,
  metafile: true,
  logLevel: 'warning',
  // The smaller, tree-shaken builds of the packages; the Kubernetes client's dependencies still call `require`.
  mainFields: ['module', 'main'],
  conditions: ['module'],
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
} as const satisfies BuildOptions;

/**
 * What of the SDK is replaced in the layer. The clients import a chain of credential providers that looks far beyond the environment;
 * a function has its credentials there.
 */
const IN_LAMBDA = {
  '@aws-sdk/credential-provider-node': join(CORE, 'src/aws/environment-credentials.ts'),
} as const;

/** A build's outputs and what went into them. Paths are relative to the workspace. */
export type Built = Metafile;

/** Builds every module of the core into `outdir`, `access/arn.ts` into `access/arn.js`. */
export async function buildLayer(outdir = join(CORE, 'dist')): Promise<Built> {
  const source = join(CORE, 'src');
  const files = await readdir(source, { recursive: true });
  const entryPoints = files.filter((file) => file.endsWith('.ts')).map((file) => join(source, file));
  if (entryPoints.length === 0) throw new Error(`there are no modules under ${source}`);
  await rm(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    ...COMMON,
    alias: IN_LAMBDA,
    entryPoints,
    outbase: source,
    outdir,
    splitting: true,
    chunkNames: 'chunks/[hash]',
  });
  return metafile;
}

/** Builds the layer into a package `directory` that Node resolves as `@gatehouse/core`, without its sources. */
export async function buildLayerPackage(directory: string): Promise<Built> {
  const built = await buildLayer(join(directory, 'dist'));
  await writeManifest(directory);
  return built;
}

/** What makes a folder with the layer's build a package. */
async function writeManifest(directory: string): Promise<void> {
  const { name, version, type } = JSON.parse(await readFile(join(CORE, 'package.json'), 'utf8'));
  const manifest = { name, version, type, exports: { './*': './dist/*.js' } };
  await writeFile(join(directory, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Lays the layer, as it was built into `built`, out as Lambda takes it: below `/opt`, where Node looks for packages. */
async function layOutLayer(built: string, directory = join(ROOT, 'dist/layer')): Promise<void> {
  const place = join(directory, 'nodejs/node_modules/@gatehouse/core');
  await rm(directory, { recursive: true, force: true });
  await mkdir(place, { recursive: true });
  await cp(built, join(place, 'dist'), { recursive: true });
  await writeManifest(place);
}

/** The functions: every folder of `functions/` with a `main.ts`. */
export async function functionNames(): Promise<string[]> {
  const modules = await readdir(join(ROOT, 'functions'), { recursive: true });
  return modules
    .filter((module) => /^[^/]+\/main\.ts$/.test(module))
    .map((module) => module.slice(0, -'/main.ts'.length))
    .sort();
}

/** Builds every function into `outdir/<name>/main.mjs`. */
export async function buildFunctions(outdir = join(ROOT, 'dist/functions')): Promise<ReadonlyMap<string, Built>> {
  const names = await functionNames();
  if (names.length === 0) throw new Error('there are no functions');
  await rm(outdir, { recursive: true, force: true });
  const built = await Promise.all(
    names.map(async (name): Promise<[string, Built]> => {
      const { metafile } = await build({
        ...COMMON,
        entryPoints: [join(ROOT, 'functions', name, 'main.ts')],
        outfile: join(outdir, name, 'main.mjs'),
        external: ['@gatehouse/core/*'],
      });
      return [name, metafile];
    }),
  );
  return new Map(built);
}

/**
 * The outputs of the layer that a function loads: at its start, or (`lazily` too) ever. Paths as in the layer's build.
 * @param outdir Where the layer was built.
 */
export function reachedChunks(layer: Built, outdir: string, built: Built, options: { lazily: boolean }): Set<string> {
  const base = posix.join(relativeToRoot(outdir));
  const kinds = options.lazily ? ['import-statement', 'dynamic-import'] : ['import-statement'];
  const reached = new Set<string>();
  const visit = (path: string) => {
    if (reached.has(path)) return;
    const output = layer.outputs[path];
    if (!output) throw new Error(`the layer has no ${path}, which a function imports`);
    reached.add(path);
    for (const { path: next, external, kind } of output.imports) if (!external && kinds.includes(kind)) visit(next);
  };
  for (const output of Object.values(built.outputs)) {
    for (const { path, kind } of output.imports) {
      if (path.startsWith('@gatehouse/core/') && kinds.includes(kind)) {
        visit(`${base}/${path.slice('@gatehouse/core/'.length)}.js`);
      }
    }
  }
  return reached;
}

function relativeToRoot(path: string): string {
  return posix.relative(ROOT, resolve(path));
}

const kilobytes = (bytes: number) => Math.ceil(bytes / 1024);

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { layer: { type: 'string' } } });
  if (values.layer !== undefined) {
    await buildLayerPackage(resolve(values.layer));
    return;
  }
  const outdir = join(CORE, 'dist');
  const [layer, functions] = [await buildLayer(outdir), await buildFunctions()];
  await layOutLayer(outdir);
  const bytesOf = (paths: Iterable<string>) => [...paths].reduce((sum, path) => sum + layer.outputs[path]!.bytes, 0);
  const rows = [...functions].map(([name, built]) => ({
    function: name,
    'own KB': kilobytes(Object.values(built.outputs).reduce((sum, { bytes }) => sum + bytes, 0)),
    'of the layer, at start, KB': kilobytes(bytesOf(reachedChunks(layer, outdir, built, { lazily: false }))),
    'and when needed, KB': kilobytes(bytesOf(reachedChunks(layer, outdir, built, { lazily: true }))),
  }));
  console.table(rows);
  console.log(
    `layer: ${Object.keys(layer.outputs).length} files, ${kilobytes(bytesOf(Object.keys(layer.outputs)))} KB`,
  );
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    // What esbuild finds wrong in the sources it has printed itself.
    if (!(error instanceof Error && 'errors' in error)) console.error(error);
    process.exitCode = 1;
  }
}
