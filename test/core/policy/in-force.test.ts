import type { Cause, Fact } from '@gatehouse/core/directory/fact';
import { recordFact } from '@gatehouse/core/directory/record';
import { policyInForce } from '@gatehouse/core/policy/in-force';
import { putRegistration, removeRegistration } from '@gatehouse/core/policy/registrations';
import { activatePolicy, uploadPolicy } from '@gatehouse/core/policy/versions';
import { beforeEach, describe, expect, it } from 'vitest';
import { application, environment, environmentGone, onboardingPolicy } from '../../builders/onboarding.ts';
import { ACCOUNT } from '../../builders/policy.ts';
import { fixedClock } from '../../fakes/clock.ts';
import { countingRandom } from '../../fakes/random.ts';
import { memoryTable } from '../../fakes/table.ts';

const CAUSE: Cause = { source: 'operator', event: 'e1', type: 'test', receivedAt: 1 };
const PLACE = { account: ACCOUNT, region: 'eu-west-1' };
const ANA = `arn:aws:iam::${ACCOUNT}:user/ana`;

let ports: {
  table: ReturnType<typeof memoryTable>;
  clock: ReturnType<typeof fixedClock>;
  random: ReturnType<typeof countingRandom>;
};
beforeEach(async () => {
  ports = { table: memoryTable(), clock: fixedClock(), random: countingRandom() };
  await uploadPolicy(ports, { text: onboardingPolicy(), by: 'ann', cause: CAUSE, trusted: false });
  await activatePolicy(ports, 1, 'bob', CAUSE);
});
const inForce = async () => (await policyInForce(ports.table))!;
const onboard = (fact: Fact) => recordFact(ports, fact, CAUSE);
const register = (name: string) =>
  putRegistration(
    ports,
    { ...PLACE, name, provider: 'GKE', mode: 'enforce', consoleUsers: [ANA], namespaces: [] },
    CAUSE,
  );

describe('the policy in force', () => {
  it('has what was onboarded and what was registered, each beside the other, and beside what was written', async () => {
    const { written } = await inForce();
    await onboard(environment('prod', { cluster: 'prod' }));
    await register('edge');
    const now = await inForce();
    const added = now.policy.clusters.filter(({ arn }) => !written.clusters.some((one) => one.arn === arn));
    expect(added.map(({ name, connected }) => [name, connected !== undefined]).toSorted()).toEqual([
      ['edge', true],
      ['prod', false],
    ]);
    expect(now.written).toEqual(written);
    expect(now.unregistered.clusters.map(({ name }) => name)).toContain('prod');
    expect(now.unregistered.clusters.map(({ name }) => name)).not.toContain('edge');
  });

  it('has another basis with each change of any of the three, and the same one otherwise', async () => {
    const seen = [(await inForce()).basis];
    const look = async () => seen.push((await inForce()).basis);
    await onboard(environment('prod', { cluster: 'prod' }));
    await look();
    await register('edge');
    await look();
    await register('edge2');
    await look();
    await removeRegistration(ports, { ...PLACE, name: 'edge2' }, CAUSE);
    await look();
    await onboard(environmentGone('prod'));
    await look();
    expect(new Set(seen).size).toBe(seen.length);
    expect((await inForce()).basis).toBe(seen.at(-1));
  });

  it('gives a name that was onboarded to no registration, before or after it', async () => {
    await register('prod');
    expect((await inForce()).policy.clusters.find(({ name }) => name === 'prod')?.connected).toBeDefined();
    await onboard(environment('prod', { cluster: 'prod' }));
    const { policy } = await inForce();
    expect(policy.clusters.filter(({ name }) => name === 'prod').map(({ connected }) => connected)).toEqual([
      undefined,
    ]);
    expect(policy.grants.map(({ name }) => name)).not.toContain('console-of-prod');
  });

  it('that was kept before namespaces were limited lets applications have any', async () => {
    const key = { pk: 'policy', sk: 'active' };
    const kept = (await ports.table.get(key))!;
    const { onboarding, ...rest } = JSON.parse(kept.policy as string);
    const { namespaces: _, ...applications } = onboarding.applications;
    const before = { ...rest, onboarding: { ...onboarding, applications } };
    await ports.table.put({ ...kept, policy: JSON.stringify(before) });
    await onboard(environment('prod', { cluster: 'prod' }));
    await onboard(application('prod', 'shop'));
    const { findings, policy } = await inForce();
    expect(findings).toEqual([]);
    expect(policy.grants.map(({ name }) => name)).toContain('app-prod--shop');
  });
});
