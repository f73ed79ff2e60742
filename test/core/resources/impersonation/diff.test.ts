import type { Subject } from '@gatehouse/core/access/subject';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { diffImpersonation } from '@gatehouse/core/resources/impersonation/diff';
import { IMPERSONATION_OBJECT, type ImpersonationClaim } from '@gatehouse/core/resources/impersonation/model';
import { ABSENT, type ObjectState } from '@gatehouse/core/resources/managed-object';
import type { OwnedClaim } from '@gatehouse/core/resources/resource';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectKindLaws, turnClaims } from '../kind-laws.ts';

const arn = (name: string) => `arn:aws:iam::111122223333:user/${name}`;
const [ANA, BEN] = [arn('ana'), arn('ben')];
const claimOf = (subject: string, who: string): OwnedClaim<ImpersonationClaim> => ({
  subject: subject as Subject,
  claim: { kind: 'impersonation', object: IMPERSONATION_OBJECT, arn: who },
});
const claims = (wanted: OwnedClaim<ImpersonationClaim>[], unwanted: OwnedClaim<ImpersonationClaim>[] = []) => ({
  wanted,
  unwanted,
  recorded: [],
});
/** What a turn leaves behind. */
function turned(before: ObjectState, ...of: Parameters<typeof claims>): ObjectState {
  const { change } = diffImpersonation(IMPERSONATION_OBJECT, before, claims(...of));
  return (change?.after as ObjectState | undefined) ?? before;
}
const names = (state: ObjectState) =>
  state.present ? (state.object.rules ?? []).map(({ resourceNames }) => resourceNames) : undefined;
const foreign: ObjectState = {
  present: true,
  object: {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'eks-connector-service' },
    rules: [{ apiGroups: [''], resources: ['users'], verbs: ['impersonate'] }],
  },
};

describe('whom the connector may impersonate', () => {
  it('are the ARNs that are claimed, by name', () => {
    const state = turned(ABSENT, [claimOf('user/okta/a', ANA), claimOf('user/okta/b', BEN)]);
    expect(names(state)).toEqual([[ANA, BEN]]);
    expect(state.present && state.object.rules).toEqual([
      { apiGroups: [''], resources: ['users'], resourceNames: [ANA, BEN], verbs: ['impersonate'] },
    ]);
  });

  it('are nobody, and not everybody, when the last is gone', () => {
    const one = turned(ABSENT, [claimOf('user/okta/a', ANA)]);
    expect(turned(one, [], [claimOf('user/okta/a', ANA)])).toEqual(ABSENT);
  });

  it('stay while another subject needs the same ARN', () => {
    const two = turned(ABSENT, [claimOf('user/okta/a', ANA), claimOf(`principal/${ANA}`, ANA)]);
    const one = turned(two, [], [claimOf('user/okta/a', ANA)]);
    expect(names(one)).toEqual([[ANA]]);
    expect(turned(one, [], [claimOf(`principal/${ANA}`, ANA)])).toEqual(ABSENT);
  });

  it('are exactly these, whatever somebody wrote into the rule', () => {
    const state = turned(ABSENT, [claimOf('user/okta/a', ANA)]) as Extract<ObjectState, { present: true }>;
    const opened: KubernetesObject = {
      ...state.object,
      rules: [...state.object.rules!, { apiGroups: [''], resources: ['groups'], verbs: ['impersonate'] }],
    };
    const mended = turned({ present: true, object: opened }, [claimOf('user/okta/a', ANA)]);
    expect(mended).toEqual(state);
  });

  it('go by themselves where the note was lost', () => {
    const state = turned(ABSENT, [claimOf('user/okta/a', ANA), claimOf('user/okta/b', BEN)]);
    const { annotations: _lost, ...metadata } = (state as Extract<ObjectState, { present: true }>).object.metadata;
    const noteless: ObjectState = {
      present: true,
      object: { ...(state as { object: KubernetesObject }).object, metadata },
    };
    expect(names(turned(noteless, [], [claimOf('user/okta/a', ANA)]))).toEqual([[BEN]]);
  });

  it('are up to somebody else where the role is theirs', () => {
    const wanted = diffImpersonation(IMPERSONATION_OBJECT, foreign, claims([claimOf('user/okta/a', ANA)]));
    expect(wanted).toMatchObject({
      findings: [{ code: 'foreign-object', severity: 'blocks', subject: 'user/okta/a' }],
    });
    expect(wanted.change).toBeUndefined();
    const gone = diffImpersonation(IMPERSONATION_OBJECT, foreign, claims([], [claimOf('user/okta/a', ANA)]));
    expect(gone).toMatchObject({ findings: [{ code: 'foreign-object', severity: 'notice' }] });
  });

  it('keep the laws of every kind, and no rule is ever without names', () => {
    const subject = fc.constantFrom('user/okta/a', 'user/okta/b', 'machine/c');
    const who = fc.constantFrom(ANA, BEN, arn('eve'));
    const owned = fc.uniqueArray(
      fc.tuple(subject, who).map(([one, other]) => claimOf(one, other)),
      { maxLength: 5, selector: (claim) => JSON.stringify(claim) },
    );
    const observed = owned.map((some) => (some.length === 0 ? ABSENT : turned(ABSENT, some)));
    const cases = fc.record({
      object: fc.constant(IMPERSONATION_OBJECT),
      observed: fc.oneof(observed, fc.constant(foreign)),
      claims: turnClaims<ImpersonationClaim>(owned),
    });
    expectKindLaws({ name: 'impersonation', diff: diffImpersonation }, cases, (state, { wanted, unwanted }) => {
      if (!state.present) return undefined;
      for (const list of names(state)!) if (state !== foreign) expect(list!.length).toBeGreaterThan(0);
      const named = new Set([...wanted, ...unwanted].map(({ claim }) => claim.arn));
      return names(state)!
        .flat()
        .filter((one) => !named.has(one!));
    });
  });
});
