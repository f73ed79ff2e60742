import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { readLogLine } from '../../cli/src/pipeline/log-line.ts';
import { narrate } from '../../cli/src/pipeline/narrate.ts';
import { exampleMember, examplesOf } from '../../cli/src/sandbox/people.ts';
import { nextSteps, signedCurl } from '../../cli/src/sandbox/welcome.ts';
import type { Sandbox } from '../../sandbox/src/sandbox.ts';
import { aGrant, aPolicy } from '../builders/policy.ts';
import { STANDARD_SECRET } from '../builders/webhook-events.ts';

describe('the curl of a sandbox', () => {
  const sandbox = {
    webhookUrl: 'http://127.0.0.1:1/webhooks',
    webhookSecret: () => STANDARD_SECRET,
  } as unknown as Sandbox;

  it('is about a member whom the policy knows', () => {
    const policy = aPolicy({
      grants: [aGrant(), aGrant({ name: 'ops', to: [{ group: 'g7', source: 'standard' }] })],
      identities: [{ source: 'standard', map: { ann: 'arn:aws:iam::111122223333:user/ann' } }],
    });
    expect(exampleMember(policy)).toEqual({ group: 'g7', user: 'ann', granted: true });
    expect(exampleMember(aPolicy())).toMatchObject({ granted: false });
  });

  it('holds the signature and not the secret', () => {
    const curl = signedCurl(sandbox, { group: 'g', user: 'ann' });
    expect(curl).toMatch(/-H 'webhook-signature: v1,\S+='/);
    expect(curl).not.toContain(STANDARD_SECRET.replace('whsec_', ''));
  });

  it('is one command to a shell, whatever the ids hold', () => {
    const curl = signedCurl(sandbox, { group: "o'clock $(id) `id`", user: 'ann' });
    const shown = execFileSync('sh', ['-c', curl.replace(/^curl -i/, 'printf "%s\\n"')], { encoding: 'utf8' });
    expect(shown.trimEnd().split('\n')).toHaveLength(11);
    expect(JSON.parse(shown.trimEnd().split('\n').at(-1)!)).toMatchObject({
      data: { group: { id: "o'clock $(id) `id`" } },
    });
  });
});

describe('what a sandbox suggests', () => {
  const at = { account: '111122223333', policyFile: 'p.yaml' };
  const lines = (policy: Parameters<typeof examplesOf>[0]) =>
    nextSteps(examplesOf(policy), 'ann', at).map(([line]) => line.replace(/^npx gatehouse /, ''));

  it('is what the policy has something for', () => {
    const policy = aPolicy({
      grants: [
        aGrant({ name: 'ops', to: [{ group: 'g7', source: 'standard' }] }),
        aGrant({ name: 'ci', to: [{ machine: 'robot' }], through: 'user' }),
      ],
      identities: [{ source: 'standard', map: { ann: 'arn:aws:iam::111122223333:user/ann.b' } }],
    });
    expect(lines(policy)).toEqual([
      'status',
      'ledger prod-eu',
      'verify ann --cluster prod-eu',
      'can-i list secrets --cluster prod-eu -n kube-system --as ann',
      'kubeconfig prod-eu --grant ops --policy p.yaml --profile ann.b --kubeconfig ann.b.kubeconfig',
      'kubectl --kubeconfig ann.b.kubeconfig auth whoami',
      'rotate-key robot',
    ]);
  });

  it('is little where it has nothing', () => {
    expect(lines(aPolicy({ clusters: [], grants: [] }))).toEqual(['status', 'ledger iam/111122223333']);
    expect(lines(aPolicy())).toHaveLength(4);
  });
});

describe('what happens, as a sandbox tells it', () => {
  const line = (message: string, details: object, level = 'INFO') =>
    narrate(readLogLine(`gatehouse-X: ${JSON.stringify({ level, message, ...details })}`));
  const target = 'cluster/arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu';

  it.each([
    {
      what: line('a webhook was taken in', {
        source: 'okta',
        events: 2,
        facts: 1,
        repeated: 0,
        ignored: [['unknown-type', 1]],
      }),
      told: { word: 'received', where: 'okta', text: '2 events, 1 new fact, ignored: unknown-type', trouble: false },
    },
    {
      what: line('a webhook was refused', { source: 'standard', kind: 'stale', reason: 'stale-timestamp' }, 'WARN'),
      told: { word: 'refused', where: 'standard', text: 'stale: stale-timestamp', trouble: true },
    },
    {
      what: line('turn', { target, kind: 'done', changes: 2, settled: ['cleared'] }),
      told: { word: 'cluster', where: 'prod-eu', text: '2 objects changed', trouble: false },
    },
    {
      what: line('turn', { target: 'iam/111122223333/user/x', kind: 'done', changes: 0, settled: ['parked'] }),
      told: {
        word: 'iam',
        where: 'user x',
        text: '0 objects changed, 1 finding (see gatehouse status)',
        trouble: true,
      },
    },
    {
      what: line('verified', { target: target.replace('cluster', 'verify'), verified: 1, contradicted: 1 }),
      told: { word: 'verified', where: 'prod-eu', text: '1 subject as expected, 1 CONTRADICTED', trouble: true },
    },
    {
      what: line('a turn failed', { error: { name: 'TypeError', message: 'x is undefined' } }, 'ERROR'),
      told: { word: 'error', where: 'gatehouse-X', text: 'a turn failed: x is undefined', trouble: true },
    },
    {
      what: narrate(readLogLine('gatehouse-X: {"errorType":"Error","errorMessage":"no table"}')),
      told: { word: 'error', where: 'gatehouse-X', text: 'Error: no table', trouble: true },
    },
    {
      what: narrate(readLogLine('gatehouse-X: out of memory')),
      told: { word: 'error', where: 'gatehouse-X', text: 'out of memory', trouble: true },
    },
  ])('$told.word: $told.text', ({ what, told }) => expect(what).toEqual(told));

  it.each([
    { quiet: line('turn', { target, kind: 'busy' }) },
    { quiet: line('turn', { target, kind: 'done', changes: 0, settled: ['cleared'] }) },
    { quiet: line('tick', {}) },
    { quiet: line('planned', { planned: 0, marks: 0 }) },
    { quiet: line('an event was taken in', { facts: 0 }) },
  ])('is silent where nothing came of it', ({ quiet }) => expect(quiet).toBeUndefined());
});
