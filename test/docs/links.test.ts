import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const OTHERS = new Set(['node_modules', 'dist', '.git', '.aws-sam', '.gatehouse']);
const pages = globSync('**/*.md', { cwd: ROOT, exclude: (path) => OTHERS.has(path.split('/').at(-1) ?? '') }).sort();

/** A page without what stands in code, where brackets mean something else. */
function prose(text: string): string {
  return text
    .replace(/^```[\s\S]*?^```$/gm, '')
    .replace(/^ {4}.*$/gm, '')
    .replace(/`[^`\n]*`/g, '');
}

/** The anchors that a page's headings have on GitHub. */
function anchorsOf(path: string): readonly string[] {
  const text = readFileSync(path, 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

const links = pages.flatMap((page) =>
  [...prose(readFileSync(join(ROOT, page), 'utf8')).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => ({
    page,
    link,
  })),
);

describe('relative links', () => {
  it('are found', () => expect(links.length).toBeGreaterThan(20));

  it.each(links.filter(({ link }) => !/^[a-z]+:/.test(link)))('$page: $link', ({ page, link }) => {
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path);
    expect(existsSync(target)).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(target)).toContain(anchor);
  });
});

it('the index of decisions names them all, in order', () => {
  const folder = join(ROOT, 'docs/decisions');
  const index = readFileSync(join(folder, 'README.md'), 'utf8');
  const named = [...index.matchAll(/^\| \[(\d{4})\]\((.*?)\) \|/gm)].map(([, number, file]) => ({ number, file }));
  const files = globSync('*.md', { cwd: folder })
    .filter((file) => file !== 'README.md')
    .sort();
  expect(named).toEqual(files.map((file) => ({ number: file.slice(0, 4), file })));
  expect(new Set(named.map(({ number }) => number)).size).toBe(named.length);
});
