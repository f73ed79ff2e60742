import { readChain } from '@gatehouse/core/ledger/ledger';
import type { OidcConfig } from '@gatehouse/core/ports/eks';
import { describe, expect, it } from 'vitest';
import { aPipeline, described, type PipelineOptions } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';
import { issuerPages } from '../../fakes/web.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod-eu`;
const ISSUER = 'https://acme.okta.com/oauth2/default';
const CLUSTERS = `
apiVersion: gatehouse/v1
accounts: { "${ACCOUNT}": {} }
clusters: { prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: MODE } }
levels:
  reader: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get, list] } ] }
`;
const provider = (more = '') => `
identityProviders:
  okta: { preset: okta, issuer: ${ISSUER}, clientId: 0oa1${more}, on: { clusters: prod-eu } }
`;
const GRANTS = `
grants:
  - { name: readers, to: { claim: developers, provider: okta }, on: { clusters: prod-eu }, level: reader, through: oidc }
`;
const policy = (parts: readonly string[], mode = 'enforce') => [CLUSTERS.replace('MODE', mode), ...parts].join('');
const BOTH = policy([provider(), GRANTS]);
const HOUR = 3_600_000;

async function aWorld(text: string, options: Partial<PipelineOptions> = {}) {
  const world = await aPipeline({ policy: text, pages: issuerPages(ISSUER), ...options });
  world.eks.set(described(ARN, { version: '1.34', ownIssuer: 'https://oidc.eks.eu-west-1.amazonaws.com/id/1' }));
  const status = async () => {
    const { findings, waiting } = await world.operate<{
      findings: { code: string; subject: string }[];
      waiting: { subject: string; failure?: { message: string } }[];
    }>({ operation: 'status' });
    return { findings: findings.map(({ code, subject }) => `${subject} ${code}`), waiting };
  };
  const boundGroups = async () => {
    const binding = await world.clusters
      .get(ARN)!
      .read({ kind: 'ClusterRoleBinding', name: 'gatehouse:readers:role:0' });
    return (binding?.subjects ?? []).flatMap(({ kind, name }) => (kind === 'Group' ? [name] : []));
  };
  return { ...world, status, boundGroups };
}

describe('an identity provider of the policy', () => {
  it('is associated, followed until it stands, and verified by its groups', async () => {
    const { settle, eks, status, boundGroups, ledger, failures } = await aWorld(BOTH);
    await settle(30_000);
    expect(eks.settings('prod-eu').provider).toMatchObject({ status: 'CREATING', issuer: ISSUER });
    const { waiting } = await status();
    expect(waiting).toMatchObject([
      { subject: 'identity-provider/okta', failure: { message: expect.stringContaining('EKS is associating') } },
    ]);
    // Bound already: whoever has the group comes in as soon as the cluster believes it.
    expect(await boundGroups()).toEqual(['okta:developers']);
    await settle(20 * 60_000);
    expect(eks.settings('prod-eu').provider).toMatchObject({ status: 'ACTIVE', tags: { 'gatehouse:managed': 'true' } });
    expect(await status()).toEqual({ findings: [], waiting: [] });
    expect(eks.writes).toEqual(['associate gatehouse-okta prod-eu']);
    const entries = await readChain(ledger, `cluster/${ARN}`, { limit: 500 });
    const proofs = entries.filter(({ kind, subjects }) => kind === 'verified' && subjects?.includes('grant/readers'));
    expect(JSON.stringify(proofs)).toContain('"expected":true');
    expect(failures).toEqual([]);
  });

  it('has logs that are on before it is', async () => {
    const { settle, eks, status } = await aWorld(policy([provider(', logs: [audit]')]));
    await settle(30_000);
    expect(eks.settings('prod-eu').logs).toEqual(['audit']);
    expect(eks.settings('prod-eu').provider).toBeUndefined();
    await settle(HOUR);
    expect(eks.settings('prod-eu').provider?.status).toBe('ACTIVE');
    expect(eks.settings('prod-eu').logs).toEqual(['audit']);
    expect(await status()).toEqual({ findings: [], waiting: [] });
  });

  it('goes with its stanza, and its bindings with it, until nothing is left', async () => {
    const { settle, eks, upload, status, boundGroups, table } = await aWorld(policy([provider(), GRANTS]));
    await settle(HOUR);
    await upload(policy([]));
    await settle(30_000);
    expect(await boundGroups()).toEqual([]);
    expect(eks.settings('prod-eu').provider).toMatchObject({ status: 'DELETING' });
    // What is on its way out is still recorded: it might come back.
    expect(JSON.stringify(await table.query(`target#cluster/${ARN}`, { prefix: 'record#' }))).toContain(ISSUER);
    await settle(HOUR);
    expect(eks.settings('prod-eu').provider).toBeUndefined();
    expect((await table.query(`target#cluster/${ARN}`, { prefix: 'record#' })).items).toEqual([]);
    expect(await status()).toEqual({ findings: [], waiting: [] });
  });

  it('that changes is disassociated, then associated anew', async () => {
    const { settle, eks, upload } = await aWorld(policy([provider(), GRANTS]));
    await settle(HOUR);
    await upload(policy([provider(', requiredClaims: { env: prod }'), GRANTS]));
    await settle(HOUR);
    expect(eks.settings('prod-eu').provider).toMatchObject({ status: 'ACTIVE', requiredClaims: { env: 'prod' } });
    expect(eks.writes).toEqual([
      'associate gatehouse-okta prod-eu',
      'disassociate gatehouse-okta prod-eu',
      'associate gatehouse-okta prod-eu',
    ]);
  });

  it('that gets another name is followed by itself', async () => {
    const { settle, eks, upload, table, status } = await aWorld(policy([provider(), GRANTS]));
    await settle(HOUR);
    const renamed = [provider(), GRANTS].map((part) =>
      part.replace(/\bokta: \{/, 'corp: {').replace('r: okta', 'r: corp'),
    );
    await upload(policy(renamed));
    await settle(2 * HOUR);
    expect(eks.settings('prod-eu').provider).toMatchObject({ name: 'gatehouse-corp', status: 'ACTIVE' });
    expect(eks.writes).toEqual([
      'associate gatehouse-okta prod-eu',
      'disassociate gatehouse-okta prod-eu',
      'associate gatehouse-corp prod-eu',
    ]);
    const { items } = await table.query(`target#cluster/${ARN}`, { prefix: 'record#' });
    expect(items.map(({ sk }) => sk)).toEqual(['record#grant/readers', 'record#identity-provider/corp']);
    expect(await status()).toEqual({ findings: [], waiting: [] });
  });

  it('finds its place taken: nobody is bound to groups that a stranger gives out, until it is free', async () => {
    const { settle, eks, status, boundGroups, clock, operate } = await aWorld(BOTH);
    const theirs: OidcConfig = {
      name: 'theirs',
      issuer: 'https://evil.example.com',
      clientId: 'x',
      groupsPrefix: 'okta:',
      requiredClaims: {},
    };
    await eks.associateIdentityProvider('prod-eu', theirs, {});
    await settle();
    expect(await boundGroups()).toEqual([]);
    expect((await status()).findings.sort()).toEqual([
      'grant/readers identity-provider-taken',
      'identity-provider/okta identity-provider-taken',
    ]);
    expect(eks.settings('prod-eu').provider).toMatchObject({ name: 'theirs' });
    clock.advance(10 * 60_000);
    await eks.disassociateIdentityProvider('prod-eu', 'theirs');
    clock.advance(10 * 60_000);
    await operate({ operation: 'reconcile', target: `cluster/${ARN}` });
    await settle(HOUR);
    expect(await boundGroups()).toEqual(['okta:developers']);
    expect(await status()).toEqual({ findings: [], waiting: [] });
  });

  it('that EKS could not associate is told, and tried again after an hour', async () => {
    let isBroken = true;
    const { settle, eks, status, clock, operate } = await aWorld(policy([provider()]), {
      eks: { failure: () => (isBroken ? 'the issuer did not answer' : undefined) },
    });
    await settle(30 * 60_000);
    expect((await status()).findings).toEqual(['identity-provider/okta association-failed']);
    expect(eks.writes).toHaveLength(1);
    isBroken = false;
    clock.advance(HOUR);
    await operate({ operation: 'sweep' });
    await settle(HOUR);
    expect(eks.settings('prod-eu').provider?.status).toBe('ACTIVE');
    expect((await status()).findings).toEqual([]);
  });

  it.each([
    ['observe', []],
    ['paused', []],
  ])('is not associated while the cluster is in %s', async (mode, writes) => {
    const { settle, eks } = await aWorld(policy([provider(), GRANTS], mode));
    await settle(HOUR);
    expect(eks.writes).toEqual(writes);
  });

  it('stays while the cluster is paused, and goes when it must', async () => {
    const { settle, eks, upload } = await aWorld(policy([provider()]));
    await settle(HOUR);
    await upload(policy([provider(', requiredClaims: { env: prod }')], 'paused'));
    await settle(HOUR);
    expect(eks.settings('prod-eu').provider).toMatchObject({ status: 'ACTIVE', requiredClaims: {} });
    await upload(policy([], 'paused'));
    await settle(HOUR);
    expect(eks.settings('prod-eu').provider).toBeUndefined();
  });

  it('comes with a cluster that comes', async () => {
    const { settle, eks, say, clock } = await aWorld(policy([provider()]));
    eks.remove('prod-eu');
    await settle();
    eks.set(described(ARN));
    await say({ type: 'cluster', arn: ARN, state: 'present', at: clock.now() });
    await settle(HOUR);
    expect(eks.settings('prod-eu').provider?.status).toBe('ACTIVE');
  });
});
