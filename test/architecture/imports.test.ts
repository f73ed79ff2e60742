import { describe, expect, it } from 'vitest';
import { projectModules } from './check-imports.ts';
import { placeOf, violations } from './imports.ts';

const core = (path: string) => `layers/core/nodejs/src/${path}`;

describe('violations', () => {
  it.each<[string, string, string]>([
    ['an import of what stands above', core('access/a.ts'), `import { x } from '../policy/p.ts';`],
    ['an import of a type', core('access/a.ts'), `import type { X } from '../ports/p.ts';`],
    ['an inline import of a type', core('access/a.ts'), `import { type X } from '../ports/p.ts';`],
    ['an import for its effect', core('ports/a.ts'), `import '../work/w.ts';`],
    ['a dynamic import', core('plan/a.ts'), `export const x = () => import('../work/w.ts');`],
    [
      'a dynamic import in a template without holes',
      core('plan/a.ts'),
      'export const x = () => import(`../work/w.ts`);',
    ],
    ['a dynamic import of no literal', core('plan/a.ts'), `export const x = (y: string) => import(y);`],
    ['a type by import()', core('access/a.ts'), `export type X = import('../policy/p.ts').P;`],
    ['a detour', core('access/a.ts'), `import { x } from './../policy/p.ts';`],
    ['a longer detour', core('access/a.ts'), `import { x } from '../access/../policy/p.ts';`],
    ['a re-export', core('access/a.ts'), `export { x } from '../policy/p.ts';`],
    ['a re-export of all', core('access/a.ts'), `export * from '../policy/p.ts';`],
    ['a re-export of a type', core('access/a.ts'), `export type { X } from '../policy/p.ts';`],
    ['an import assignment', core('access/a.ts'), `import x = require('../policy/p.ts');`],
    ['a require', core('access/a.ts'), `export const x = require('../policy/p.ts');`],
    ['an SDK in the core', core('work/a.ts'), `import { SQSClient } from '@aws-sdk/client-sqs';`],
    [
      'the Kubernetes client outside of its folder',
      core('aws/a.ts'),
      `import { KubeConfig } from '@kubernetes/client-node';`,
    ],
    ['a built-in module that a folder has no use for', core('plan/a.ts'), `import { readFileSync } from 'node:fs';`],
    ['a package whose name begins like an allowed one', core('access/a.ts'), `import * as z from 'zod-extra';`],
    ['an adapter in the core', core('work/a.ts'), `import { dynamoTable } from '../aws/table.ts';`],
    ['the Kubernetes adapter, but in the world', core('aws/table.ts'), `import { k } from '../kubernetes/client.ts';`],
    ['the core by its package name in the core', core('work/a.ts'), `import { x } from '@gatehouse/core/access/arn';`],
    [
      'the core by its path from outside',
      'functions/tick/main.ts',
      `import { x } from '../../layers/core/nodejs/src/access/arn.ts';`,
    ],
    ['another function', 'functions/tick/main.ts', `import { x } from '../sweep/handler.ts';`],
    ['a test from the product', 'cli/src/main.ts', `import { x } from '../../test/fakes/clock.ts';`],
    ['the command from the sandbox', 'sandbox/src/a.ts', `import { x } from '../../cli/src/main.ts';`],
    ['an SDK in a function', 'functions/tick/main.ts', `import { SQSClient } from '@aws-sdk/client-sqs';`],
    ['a folder that nobody speaks of', core('utils/a.ts'), 'export const x = 1;'],
    ['a module beside the folders', core('index.ts'), 'export const x = 1;'],
    ['the time', core('work/a.ts'), 'export const x = Date.now();'],
    ['the time by another spelling', core('work/a.ts'), `export const x = Date['now']();`],
    ['the time by a date', core('work/a.ts'), 'export const x = new Date();'],
    ['chance', core('work/a.ts'), 'export const x = Math.random;'],
    ['the environment', core('policy/a.ts'), 'export const x = process.env.HOME;'],
    ['a timer', core('sources/a.ts'), 'setTimeout(() => {}, 1);'],
  ])('finds %s', (_what, path, text) => {
    const found = violations([{ path, text: `// a line before\n${text}\n` }]);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ path });
  });

  it('names the line, the folder, the import and why', () => {
    const text = `import type { A } from './a.ts';\n\nimport { x } from '../policy/p.ts';\n`;
    expect(violations([{ path: core('access/b.ts'), text }])).toEqual([
      {
        path: core('access/b.ts'),
        line: 3,
        message: 'core/access may not import ../policy/p.ts: core/policy is not below it',
      },
    ]);
  });

  it.each<[string, string, string]>([
    ['its own folder', core('access/a.ts'), `import { x } from './b.ts'; export * from './c/d.ts';`],
    [
      'what stands below',
      core('work/a.ts'),
      `import type { T } from '../ports/table.ts'; import { p } from '../plan/plan.ts';`,
    ],
    ['the world over Kubernetes', core('aws/world.ts'), `export const x = () => import('../kubernetes/client.ts');`],
    [
      'packages of a folder',
      core('aws/a.ts'),
      `import { SQSClient } from '@aws-sdk/client-sqs'; import 'node:crypto';`,
    ],
    [
      'the core in a function',
      'functions/tick/main.ts',
      `import { x } from '@gatehouse/core/aws/table'; import { y } from './handler.ts';`,
    ],
    ['the sandbox in the command', 'cli/src/main.ts', `import { x } from '../../sandbox/src/start.ts';`],
    [
      'everything in tests',
      'test/core/a.test.ts',
      `import { x } from '../../cli/src/main.ts'; import 'aws-sdk-client-mock';`,
    ],
    [
      'comments and texts',
      core('access/a.ts'),
      `// import '../policy/p.ts'; Date.now()\nexport const x = "import('../work/w.ts'); process.env";`,
    ],
    ['a date of a given time', core('work/a.ts'), 'export const x = (at: number) => new Date(at).toISOString();'],
    ['the time at the edge', core('aws/clock.ts'), 'export const x = Date.now();'],
    ['a handler that a template names', 'sandbox/src/a.ts', 'export const x = (module: string) => import(module);'],
    ['the pipeline wired', core('aws/turns.ts'), `import type { TurnPorts } from '../work/turn-ports.ts';`],
    ['meta information', core('work/a.ts'), 'export const x = import.meta.url;'],
  ])('allows %s', (_what, path, text) => {
    expect(violations([{ path, text }])).toEqual([]);
  });

  it('refuses what does not parse', () => {
    expect(() => violations([{ path: core('access/a.ts'), text: 'import {' }])).toThrow('does not parse');
  });
});

describe('placeOf', () => {
  it.each([
    [core('access/arn.ts'), 'core/access'],
    [core('resources/iam-role/diff.ts'), 'core/resources'],
    ['functions/tick/main.ts', 'functions/tick'],
    ['cli/src/main.ts', 'cli'],
    ['test/core/a.test.ts', 'test'],
    ['build.ts', 'workspace'],
  ])('%s stands in %s', (path, place) => {
    expect(placeOf(path)).toBe(place);
  });
});

describe('projectModules', () => {
  it('sees the project', () => {
    const paths = projectModules().map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining([core('access/arn.ts'), core('aws/table.ts'), 'build.ts']));
    expect(paths.filter((path) => path.includes('node_modules'))).toEqual([]);
  });
});
