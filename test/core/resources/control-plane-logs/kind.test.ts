import {
  controlPlaneLogsKind as kind,
  LOGS_OBJECT,
  type LogsClaim,
  type LogsState,
} from '@gatehouse/core/resources/control-plane-logs/kind';
import type { OwnedClaim } from '@gatehouse/core/resources/resource';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { described } from '../../../builders/pipeline.ts';
import { memoryEks } from '../../../fakes/eks.ts';
import { expectKindLaws, turnClaims } from '../kind-laws.ts';

const owned = (logs: readonly string[]): OwnedClaim<LogsClaim> => ({
  subject: 'identity-provider/okta',
  claim: { kind: 'control-plane-logs', object: LOGS_OBJECT, logs },
});

describe('control plane logs', () => {
  it.each<[string, readonly string[], readonly string[], readonly string[] | undefined]>([
    ['are switched on', [], ['audit'], ['audit']],
    ['are switched on beside others', ['api'], ['audit', 'authenticator'], ['api', 'audit', 'authenticator']],
    ['are not switched on twice', ['audit', 'authenticator'], ['audit'], undefined],
  ])('%s', (_what, on, logs, after) => {
    const { change } = kind.diff(LOGS_OBJECT, { on }, { wanted: [owned(logs)], unwanted: [], recorded: [] });
    expect(change?.after.on).toEqual(after);
  });

  it('are never switched off', () => {
    const claims = { wanted: [], unwanted: [owned(['audit'])], recorded: [] };
    expect(kind.diff(LOGS_OBJECT, { on: ['audit'] }, claims)).toEqual({ findings: [] });
  });

  it('say what they cost', () => {
    const { change } = kind.diff(LOGS_OBJECT, { on: [] }, { wanted: [owned(['audit'])], unwanted: [], recorded: [] });
    expect(change?.lines).toEqual([
      { sign: '+', text: 'the audit log goes to CloudWatch, which bills for it', subject: 'identity-provider/okta' },
    ]);
  });

  it('are written by one call that names what is new', async () => {
    const eks = memoryEks([described('arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu')]);
    const ports = { cluster: 'prod-eu', eks: async () => eks };
    await eks.switchOnLogs('prod-eu', ['api']);
    const observed = await kind.observe(ports, LOGS_OBJECT);
    const { change } = kind.diff(LOGS_OBJECT, observed, { wanted: [owned(['audit'])], unwanted: [], recorded: [] });
    await kind.apply(ports, change!);
    expect(eks.writes.at(-1)).toBe('switch on audit prod-eu');
    expect(await kind.observe(ports, LOGS_OBJECT)).toEqual({ on: ['api', 'audit'] });
  });

  it('keep the laws of kinds', () => {
    const logs = fc
      .uniqueArray(fc.constantFrom('api', 'audit', 'authenticator'), { minLength: 1 })
      .map((all) => all.sort());
    expectKindLaws<LogsClaim, LogsState>(
      kind,
      fc.record({
        object: fc.constant(LOGS_OBJECT),
        observed: fc.tuple(logs, fc.boolean()).map(([on, more]) => ({ on: more ? [...on, 'scheduler'] : on })),
        claims: turnClaims(logs.map((wanted) => [owned(wanted)])),
      }),
      ({ on }) => on.filter((log) => log === 'scheduler'),
    );
  });
});
