import type { Subject } from '@gatehouse/core/access/subject';
import { diffConnector } from '@gatehouse/core/resources/connector/diff';
import { ABSENT_CONNECTOR, type ConnectorClaim, type ConnectorState } from '@gatehouse/core/resources/connector/model';
import type { ObjectClaims } from '@gatehouse/core/resources/resource';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectKindLaws } from '../kind-laws.ts';

const SUBJECT: Subject = 'connection/edge';
const ROLE = 'arn:aws:iam::111122223333:role/gatehouse/connector/gatehouse-connector-eu-west-1-edge';
const CLAIM: ConnectorClaim = { kind: 'connector', object: 'edge', provider: 'EKS_ANYWHERE', roleArn: ROLE };
const owned = { subject: SUBJECT, claim: CLAIM };
const WANTED: ObjectClaims<ConnectorClaim> = { wanted: [owned], unwanted: [], recorded: [] };
const GONE: ObjectClaims<ConnectorClaim> = { wanted: [], unwanted: [owned], recorded: [] };

/** A registration of ours, PENDING, unless told otherwise. */
function there(over: Partial<Extract<ConnectorState, { present: true }>> = {}): ConnectorState {
  return {
    present: true,
    arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/edge',
    status: 'PENDING',
    tags: { 'gatehouse:managed': 'true' },
    registration: { provider: 'EKS_ANYWHERE', roleArn: ROLE, expiry: 3, expired: false },
    secret: 'kept',
    ...over,
  };
}
const theirs = there({ tags: {} });
const cluster: ConnectorState = { present: true, arn: 'arn:x', status: 'ACTIVE', tags: {}, secret: 'missing' };

describe('what must happen to a registration', () => {
  it.each<[string, ConnectorState, ObjectClaims<ConnectorClaim>, string | undefined, string | undefined]>([
    ['wanted, absent: registered', ABSENT_CONNECTOR, WANTED, 'create', undefined],
    ['wanted, ours: nothing', there(), WANTED, undefined, undefined],
    [
      'wanted, ours and ACTIVE, its activation gone: nothing',
      there({ status: 'ACTIVE', secret: 'missing' }),
      WANTED,
      undefined,
      undefined,
    ],
    ['wanted, ours and PENDING, its activation gone: anew', there({ secret: 'missing' }), WANTED, 'update', undefined],
    [
      'wanted, ours, another provider: anew',
      there({ registration: { provider: 'GKE', roleArn: ROLE, expired: false } }),
      WANTED,
      'update',
      undefined,
    ],
    [
      'wanted, ours, another role: anew',
      there({ registration: { provider: 'EKS_ANYWHERE', roleArn: 'x', expired: false } }),
      WANTED,
      'update',
      undefined,
    ],
    ["wanted, somebody else's: a finding", theirs, WANTED, undefined, 'foreign-registration blocks'],
    ['wanted, a cluster of EKS: a finding', cluster, WANTED, undefined, 'name-taken blocks'],
    ['gone, ours: deregistered', there(), GONE, 'delete', undefined],
    ['gone, absent: nothing', ABSENT_CONNECTOR, GONE, undefined, undefined],
    [
      'gone, absent, its activation left: that is removed',
      { present: false, secret: 'kept' },
      GONE,
      'delete',
      undefined,
    ],
    ["gone, somebody else's: stays", theirs, GONE, undefined, 'foreign-registration notice'],
    ['gone, a cluster of EKS: stays', cluster, GONE, undefined, 'name-taken notice'],
  ])('%s', (_title, observed, claims, action, finding) => {
    const diff = diffConnector('edge', observed, claims);
    expect(diff.change?.action).toBe(action);
    expect(diff.findings.map(({ code, severity }) => `${code} ${severity}`)[0]).toBe(finding);
  });

  it('keeps the laws of every kind', () => {
    const states = fc.constantFrom(
      ABSENT_CONNECTOR,
      there(),
      there({ secret: 'missing' }),
      there({ status: 'ACTIVE', secret: 'missing' }),
      there({ registration: { provider: 'GKE', roleArn: ROLE, expired: true } }),
      theirs,
      cluster,
      { present: false, secret: 'kept' } as const,
    );
    const claims = fc.constantFrom(WANTED, GONE, { ...WANTED, recorded: [owned] });
    const cases = fc.record({ object: fc.constant('edge'), observed: states, claims });
    expectKindLaws({ name: 'connector', diff: diffConnector }, cases, () => undefined);
  });
});
