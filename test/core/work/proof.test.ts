import { userSubject } from '@gatehouse/core/access/subject';
import { clusterTarget } from '@gatehouse/core/access/target';
import { readChain } from '@gatehouse/core/ledger/ledger';
import { putMark } from '@gatehouse/core/work/marks';
import { wake } from '@gatehouse/core/work/wake';
import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod-eu`;
interface Answer {
  readonly user: string;
  readonly verb: string;
  readonly resource: string;
  readonly namespace?: string;
  readonly expected: boolean;
  readonly allowed: boolean;
}

const grant = (name: string, group: string, namespaces: string, absent = 'create') =>
  `  - { name: ${name}, to: { group: ${group}, source: okta }, on: { clusters: prod-eu, namespaces: [${namespaces}], absentNamespaces: ${absent} }, level: reader, through: user }`;
const policy = (...grants: readonly string[]) => `
apiVersion: gatehouse/v1
accounts: { "${ACCOUNT}": {} }
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
levels:
  reader: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get] } ] }
grants:
${grants.join('\n')}
`;

async function aWorld(text: string) {
  const world = await aPipeline({ policy: text, users: ['alice'] });
  await world.settle();
  /** The answers of the last verification that the ledger holds. */
  const proven = async () => {
    const verified = (await readChain(world.ledger, `cluster/${ARN}`)).filter(({ kind }) => kind === 'verified');
    return verified.map(({ evidence }) => evidence as unknown as { ok: boolean; answers: Answer[] });
  };
  return { ...world, proven };
}

describe('verification', () => {
  it('proves a namespace gone that a grant no longer names, although the grant goes on elsewhere', async () => {
    const world = await aWorld(policy(grant('readers', '00g1', 'pay, ship')));
    await world.join('00g1', 'alice');
    await world.settle();
    await world.upload(policy(grant('readers', '00g1', 'pay')));
    await world.settle(600_000);
    const last = (await world.proven()).at(-1)!;
    const pods = (namespace: string) =>
      last.answers
        .filter((one) => one.resource === 'pods' && one.namespace === namespace)
        .map(({ allowed }) => allowed);
    expect([last.ok, pods('pay'), pods('ship')]).toEqual([true, [true], [false]]);
  });

  it('asks about who lost all by a grant that is gone from the policy', async () => {
    const world = await aWorld(policy(grant('readers', '00g1', 'pay'), grant('others', '00g2', 'ship')));
    await world.join('00g1', 'alice');
    await world.settle();
    const before = (await world.proven()).length;
    await world.upload(policy(grant('others', '00g2', 'ship')));
    await world.settle(600_000);
    const fresh = (await world.proven()).slice(before);
    expect(fresh).toHaveLength(1);
    expect(fresh[0]!.answers.length).toBeGreaterThan(0);
    for (const { user, allowed } of fresh[0]!.answers) {
      expect([user, allowed]).toEqual([`gatehouse:iam-user:${ACCOUNT}:alice`, false]);
    }
  });

  it('is because of the leaving, also where the mark of the joining took the access away', async () => {
    const world = await aWorld(policy(grant('readers', '00g1', 'pay')));
    await world.join('00g1', 'alice');
    await world.settle();
    const subject = userSubject('okta', 'alice');
    const joined = {
      source: 'okta',
      event: 'joined',
      type: 'group.user_membership.add',
      receivedAt: world.clock.now(),
    };
    await putMark(world.ports, { target: clusterTarget(ARN), subject, urgency: 'grant', cause: joined });
    world.clock.advance(1_000);
    await world.leave('00g1', 'alice');
    // The planner has not heard of it when the turn begins.
    await wake(world.ports, [clusterTarget(ARN)], 'once more');
    await world.deliver('clusters');
    await world.deliver('later');
    const [outcome, verified] = (await readChain(world.ledger, `cluster/${ARN}`)).slice(-2);
    expect(outcome).toMatchObject({ kind: 'outcome', causes: [{ event: 'joined' }, { event: 'event-3' }] });
    expect(verified).toMatchObject({ kind: 'verified', causes: [{ event: 'event-3' }] });
  });

  it('demands nothing that a finding holds back', async () => {
    const world = await aWorld(policy(grant('readers', '00g1', 'pay'), grant('blocked', '00g2', 'absent', 'refuse')));
    await world.join('00g2', 'alice');
    await world.join('00g1', 'alice');
    await world.settle(900_000);
    const all = await world.proven();
    expect(all.length).toBeGreaterThan(0);
    for (const { ok } of all) expect(ok).toBe(true);
    expect(JSON.stringify(all)).not.toContain('"absent"');
  });

  it('of many clusters in one batch ends within the time of one function', async () => {
    const names = ['prod-eu', 'prod-us', 'prod-ap'];
    let slow = 0;
    const text = policy(grant('readers', '00g1', 'pay'))
      .replace(
        /clusters:\n.*\n/,
        `clusters:\n${names.map((name) => `  ${name}: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }\n`).join('')}`,
      )
      .replace('on: { clusters: prod-eu', 'on: { clusters: "*"');
    const world = await aPipeline({
      policy: text,
      users: ['alice'],
      before: (_cluster, method) => {
        if (method === 'review') world.clock.advance(slow);
      },
    });
    await world.settle();
    await world.join('00g1', 'alice');
    for (const queue of ['intake', 'intake', 'clusters', 'clusters', 'clusters'] as const) await world.deliver(queue);
    slow = 5_000;
    const begun = world.clock.now();
    await world.deliver('later');
    expect(world.clock.now() - begun).toBeLessThan(15_000);
    expect(world.clock.now() - begun).toBeGreaterThan(1_000);
    slow = 0;
    await world.settle();
    const verified = await Promise.all(
      names.map(async (name) => {
        const entries = await readChain(world.ledger, `cluster/${ARN.replace('prod-eu', name)}`);
        return entries.some(({ kind }) => kind === 'verified');
      }),
    );
    expect(verified).toEqual([true, true, true]);
  });
});
