import { identityProviderKind as kind } from '@gatehouse/core/resources/identity-provider/kind';
import type { Attempt, IdentityProviderPorts } from '@gatehouse/core/resources/identity-provider/model';
import {
  type IdentityProviderClaim,
  IDENTITY_PROVIDER_OBJECT as OBJECT,
} from '@gatehouse/core/resources/identity-provider/model';
import type { ObjectClaims } from '@gatehouse/core/resources/resource';
import { describe, expect, it } from 'vitest';
import { described } from '../../../builders/pipeline.ts';
import { memoryEks } from '../../../fakes/eks.ts';
import { issuerPages, memoryWeb } from '../../../fakes/web.ts';

const ARN = 'arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu';
const ISSUER = 'https://acme.okta.com/oauth2/default';
const CLAIM: IdentityProviderClaim = {
  kind: 'identity-provider',
  object: OBJECT,
  config: {
    name: 'gatehouse-okta',
    issuer: ISSUER,
    clientId: '0oa1',
    usernameClaim: 'email',
    usernamePrefix: 'okta:',
    groupsClaim: 'groups',
    groupsPrefix: 'okta:',
    requiredClaims: { env: 'prod' },
  },
};
const owned = { subject: 'identity-provider/okta', claim: CLAIM } as const;
const WANTED: ObjectClaims<IdentityProviderClaim> = { wanted: [owned], unwanted: [], recorded: [] };
const UNWANTED: ObjectClaims<IdentityProviderClaim> = { wanted: [], unwanted: [owned], recorded: [] };

/** A cluster on which updates take a second, and how a turn goes there. */
function aCluster(failure?: string) {
  let now = 0;
  let attempt: Attempt | undefined;
  const eks = memoryEks([described(ARN, { version: '1.34' })], {
    now: () => now,
    takes: 1_000,
    failure: () => failure,
  });
  const web = memoryWeb(issuerPages(ISSUER));
  const ports: IdentityProviderPorts = {
    cluster: 'prod-eu',
    eks: async () => eks,
    web,
    wanted: CLAIM.config,
    attempts: {
      last: async () => attempt,
      note: async (given) => {
        attempt = { ...given, at: now };
      },
    },
  };
  return {
    eks,
    web,
    ports,
    pass: () => {
      now += 1_000;
    },
    turn: async (claims: ObjectClaims<IdentityProviderClaim>) => {
      const observed = await kind.observe(ports, OBJECT);
      const { change, findings } = kind.diff(OBJECT, observed, claims);
      const after = change ? await kind.apply(ports, change) : observed;
      return { change, findings, after };
    },
  };
}

describe('a cluster’s identity provider', () => {
  it('is associated once its issuer was read, stands, and is disassociated', async () => {
    const { turn, pass, eks, web } = aCluster();
    const { after } = await turn(WANTED);
    expect(web.asked).toEqual([`${ISSUER}/.well-known/openid-configuration`, `${ISSUER}/keys`]);
    expect(kind.underWay!(after)).toContain('associating');
    expect((await turn(WANTED)).change).toBeUndefined();
    pass();
    const stands = await turn(WANTED);
    expect(stands.change).toBeUndefined();
    expect(stands.after.provider).toEqual({ ...CLAIM.config, status: 'ACTIVE', tags: { 'gatehouse:managed': 'true' } });
    // As it stands, nobody asks the issuer anything.
    expect(web.asked).toHaveLength(2);
    expect((await turn(UNWANTED)).after.provider?.status).toBe('DELETING');
    pass();
    expect((await turn(UNWANTED)).after.provider).toBeNull();
    expect(eks.writes).toEqual(['associate gatehouse-okta prod-eu', 'disassociate gatehouse-okta prod-eu']);
  });

  it('is not begun where the issuer’s keys are not to be had', async () => {
    const { turn, web, eks } = aCluster();
    web.set(`${ISSUER}/keys`, { ok: false, problem: 'not-public', message: 'it leads to 10.0.0.1' });
    const { findings } = await turn(WANTED);
    expect(findings).toMatchObject([
      { code: 'issuer-not-public', message: expect.stringContaining('the issuer’s keys'.replace('’', "'")) },
    ]);
    expect(eks.writes).toEqual([]);
  });

  it('that EKS could not associate is told with EKS’s words', async () => {
    const { turn, pass } = aCluster('the issuer did not answer');
    await turn(WANTED);
    pass();
    const { change, findings } = await turn(WANTED);
    expect(change).toBeUndefined();
    expect(findings).toMatchObject([
      { code: 'association-failed', message: expect.stringContaining('the issuer did not answer') },
    ]);
  });

  it('that somebody else associates in between is a conflict, and then a finding', async () => {
    const { ports, eks, turn } = aCluster();
    const observed = await kind.observe(ports, OBJECT);
    const { change } = kind.diff(OBJECT, observed, WANTED);
    await eks.associateIdentityProvider('prod-eu', { ...CLAIM.config, name: 'theirs' }, {});
    await expect(kind.apply(ports, change!)).rejects.toMatchObject({ code: 'conflict' });
    expect((await turn(WANTED)).findings).toMatchObject([{ code: 'identity-provider-taken' }]);
  });

  it('that somebody made anew under its name is not disassociated', async () => {
    const { ports, eks, turn, pass } = aCluster();
    await turn(WANTED);
    pass();
    const observed = await kind.observe(ports, OBJECT);
    const { change } = kind.diff(OBJECT, observed, UNWANTED);
    await eks.disassociateIdentityProvider('prod-eu', 'gatehouse-okta');
    pass();
    await eks.associateIdentityProvider('prod-eu', CLAIM.config, { owner: 'somebody' });
    pass();
    await expect(kind.apply(ports, change!)).rejects.toMatchObject({ code: 'conflict' });
    expect((await turn(UNWANTED)).after.provider).toMatchObject({ status: 'ACTIVE', tags: { owner: 'somebody' } });
  });

  it('that is gone already is gone', async () => {
    const { ports, eks, turn, pass } = aCluster();
    await turn(WANTED);
    pass();
    const { change } = kind.diff(OBJECT, await kind.observe(ports, OBJECT), UNWANTED);
    await eks.disassociateIdentityProvider('prod-eu', 'gatehouse-okta');
    pass();
    expect((await kind.apply(ports, change!)).provider).toBeNull();
  });
});
