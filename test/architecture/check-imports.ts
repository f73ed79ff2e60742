import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Module, violations } from './imports.ts';

/** Fewer modules than this cannot be the project: then the check looked in the wrong place. */
const PLAUSIBLE = 60;
const ROOT = join(import.meta.dirname, '../..');
const FOLDERS = ['layers/core/nodejs/src', 'functions', 'cli', 'sandbox', 'test'];

/** Every TypeScript module of the project. */
export function projectModules(): Module[] {
  const within = FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.[cm]?tsx?$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
      .filter((path) => !/(^|\/)(node_modules|dist)\//.test(path)),
  );
  const beside = readdirSync(ROOT).filter((name) => name.endsWith('.ts'));
  return [...within, ...beside].sort().map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

function main(): void {
  const modules = projectModules();
  const found = violations(modules);
  for (const { path, line, message } of found) console.error(`${path}:${line}: ${message}`);
  const core = modules.filter(({ path }) => path.startsWith('layers/')).length;
  console.log(`import directions: ${modules.length} modules (${core} of the core), ${found.length} violations`);
  if (modules.length < PLAUSIBLE) console.error(`fewer than ${PLAUSIBLE} modules: the check did not see the project`);
  if (found.length > 0 || modules.length < PLAUSIBLE) process.exitCode = 1;
}

if (import.meta.main) main();
