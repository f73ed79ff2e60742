import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { endAll, ROOT, spawnCommand } from './spawned.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-test-'));
afterAll(() => {
  endAll();
  rmSync(folder, { recursive: true, force: true });
});

/** The template without one part of it. */
function templateWithout(part: RegExp): string {
  const whole = readFileSync(join(ROOT, 'template.yaml'), 'utf8');
  const rest = whole.replace(part, '');
  expect(rest.length).toBeLessThan(whole.length);
  const path = join(folder, 'template.yaml');
  writeFileSync(path, rest);
  return path;
}

describe('npm run demo', () => {
  it('holds what it promises, in plain lines', async () => {
    const demo = spawnCommand(['demo']);
    const code = await demo.ended;
    expect(code, demo.out() + demo.err()).toBe(0);
    expect(demo.out()).toMatch(/^All \d+ expectations held, \d+\.\d s$/m);
    expect(demo.out()).not.toMatch(/\u001b|✗/);
    expect(demo.out()).not.toMatch(/ error +gatehouse-/);
    expect(demo.err()).toBe('');
  }, 90_000);

  it.each([
    {
      wire: 'the route of webhooks',
      part: /^ {6}Events:\n {8}#.*\n {8}Delivery:\n(?: {10}.*\n)+/m,
      fails: 'each function is invoked',
    },
    {
      wire: 'the feed of the planner',
      part: /^ {6}Events:\n {8}Intake:\n(?: {10}.*\n)+/m,
      fails: 'each function is invoked',
    },
    {
      wire: 'the schedule of tick',
      part: /^ {6}Events:\n {8}Minute:\n(?: {10}.*\n)+/m,
      fails: 'each function is invoked',
    },
    {
      wire: "a queue's dead letters",
      part: /^ {6}RedrivePolicy: \{ deadLetterTargetArn: !GetAtt DeadQueue.Arn.*\n/m,
      fails: 'kept in a dead-letter queue',
    },
  ])(
    'fails where $wire is deleted from the template',
    async ({ part, fails }) => {
      const demo = spawnCommand(['demo', '--template', templateWithout(part)]);
      expect(await demo.ended, demo.out() + demo.err()).toBe(1);
      expect(demo.out()).toMatch(new RegExp(`✗ .*${fails}`));
      expect(demo.out()).toMatch(/^1 expectation failed, /m);
    },
    60_000,
  );
});
