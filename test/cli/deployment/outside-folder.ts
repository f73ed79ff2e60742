import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder of the test alone, gone when it ends. */
export function outsideFolder() {
  const root = mkdtempSync(join(tmpdir(), 'gatehouse-deploy-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return {
    root,
    write(path: string, text: string) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    },
    /** Makes a file an hour older. */
    age(path: string) {
      const before = (Date.now() - 3_600_000) / 1_000;
      utimesSync(join(root, path), before, before);
    },
  };
}
