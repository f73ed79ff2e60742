import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '@gatehouse/core/access/failure';
import { zip } from './zip.ts';

/** Something that is uploaded before the stack is made: the code of a function, or the layer. */
export interface Artifact {
  /** `functions/tick`, `layers/core`: as the template names the folder. */
  readonly name: string;
  readonly bytes: Buffer;
  /** Key in the bucket; it follows from the bytes, so that what has not changed is neither uploaded nor deployed again. */
  readonly key: string;
}

/** Where Node finds the layer's package, on Lambda: `/opt` holds what a layer brings. */
const LAYER = 'layers/core';

/**
 * What `npm run build` made below `root`: each function of the template, and the layer.
 * @throws Failure `not-found` where it was not built, `invalid` where the sources have changed since.
 */
export async function builtArtifacts(root: string, functions: readonly string[]): Promise<readonly Artifact[]> {
  const dist = join(root, 'dist');
  const newest = await newestSource(root);
  const folders = [
    ...functions.map((name) => ({ name, folder: join(dist, name) })),
    { name: LAYER, folder: join(dist, 'layer') },
  ];
  return Promise.all(
    folders.map(async ({ name, folder }) => {
      const paths = await filesBelow(folder);
      if (paths.length === 0) {
        throw new Failure('not-found', `${name} is not built: there is nothing in ${folder}`, {
          remedy: 'npm run build',
        });
      }
      const times = await Promise.all(paths.map(async (path) => (await stat(join(folder, path))).mtimeMs));
      if (Math.max(...times) < newest) {
        throw new Failure('invalid', `${name} was built before its sources changed`, { remedy: 'npm run build' });
      }
      const files = paths.map(async (path) => ({ path, content: await readFile(join(folder, path)) }));
      return artifact(name, zip(await Promise.all(files)));
    }),
  );
}

/** An artifact from its bytes. */
export function artifact(name: string, bytes: Buffer): Artifact {
  return { name, bytes, key: `gatehouse/${name.replaceAll('/', '-')}-${sha256(bytes)}.zip` };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 32);

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    );
}

/** When a source was changed last, milliseconds; 0 in a package that brings no sources. */
async function newestSource(root: string): Promise<number> {
  const sources = await Promise.all(
    ['functions', 'layers/core/nodejs/src'].map(async (folder) =>
      (await filesBelow(join(root, folder)))
        .filter((path) => path.endsWith('.ts'))
        .map((path) => join(root, folder, path)),
    ),
  );
  const times = await Promise.all(sources.flat().map(async (path) => (await stat(path)).mtimeMs));
  return Math.max(0, ...times);
}
