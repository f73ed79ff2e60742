import { LONGEST_OVERLAP, type RotatedKey } from '@gatehouse/core/operations/rotate-key';
import { sweep } from '@gatehouse/core/work/sweep';
import { tick } from '@gatehouse/core/work/tick';
import { TURN_LIMITS } from '@gatehouse/core/work/turn-ports';
import { describe, expect, it } from 'vitest';
import { createHandler } from '../../../functions/run-operation/handler.ts';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const USER = 'gatehouse-ci';
const SECRET = `gatehouse/keys/${ACCOUNT}/${USER}`;
const HOUR = 3_600_000;
const POLICY = `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
machines:
  robot: { trust: { accounts: [ { account: "${ACCOUNT}" } ] } }
grants:
  - { name: ci, to: { machine: ci }, on: { clusters: prod-eu }, level: deployer, through: user }
  - { name: robots, to: { machine: robot }, on: { clusters: prod-eu }, level: deployer, through: role }
`;

async function aMachine() {
  const world = await aPipeline({ policy: POLICY });
  await world.settle(600_000);
  const iam = world.iam.get(ACCOUNT)!;
  const handler = createHandler({
    ports: world.ports,
    settings: { limits: TURN_LIMITS, clusterAccessRole: `arn:aws:iam::${ACCOUNT}:role/gatehouse-cluster-access` },
    log: { info: () => {}, warn: () => {}, error: () => {} },
  });
  const ask = (machine: string, overlapSeconds?: number) =>
    handler({ operation: 'rotate-key', machine, ...(overlapSeconds === undefined ? {} : { overlapSeconds }) });
  /** Asks, lets all turns come to their end, and answers what was told of the one user. */
  const rotate = async (overlapSeconds?: number) => {
    const answer = await ask('ci', overlapSeconds);
    if (!answer.ok) throw new Error(answer.error.message);
    await world.settle(60_000);
    return (answer.outcome as { users: RotatedKey[] }).users[0]!;
  };
  const held = async () =>
    JSON.parse((await world.secrets.read(SECRET))!) as { accessKeyId: string; secretAccessKey: string };
  const keys = async () => (await iam.listAccessKeys(USER)).map(({ id }) => id);
  const made = () => iam.calls.filter((call) => call.startsWith('createAccessKey')).length;
  const pass = async (milliseconds: number) => {
    world.clock.advance(milliseconds);
    await tick(world.ports, world.clock.now());
    await world.settle(60_000);
  };
  return { ...world, iamOf: iam, handler, ask, rotate, held, keys, made, pass };
}

describe('a rotation', () => {
  it('puts a new key into the secret at once, keeps the old one for a day, and then deletes it', async () => {
    const world = await aMachine();
    const [old] = await world.keys();
    const told = await world.rotate();
    expect(told).toMatchObject({ account: ACCOUNT, user: USER, secret: SECRET, replaces: old, state: 'begun' });
    const { accessKeyId } = await world.held();
    expect(accessKeyId).not.toBe(old);
    expect((await world.keys()).sort()).toEqual([old, accessKeyId].sort());
    await world.pass(23 * HOUR);
    expect(await world.keys()).toHaveLength(2);
    await world.pass(2 * HOUR);
    expect(await world.keys()).toEqual([accessKeyId]);
    expect(world.made()).toBe(2);
    expect(world.table.items().filter(({ sk }) => sk === 'rotation')).toEqual([]);
    expect(world.failures).toEqual([]);
  });

  it('is only told beforehand, and nothing is written, where that is asked', async () => {
    const world = await aMachine();
    const [old] = await world.keys();
    const before = structuredClone(world.table.items());
    const answer = await world.handler({ operation: 'rotate-key', machine: 'ci', dryRun: true });
    expect(answer).toMatchObject({ ok: true, outcome: { users: [{ user: USER, replaces: old, state: 'begun' }] } });
    await world.settle(60_000);
    expect(world.table.items()).toEqual(before);
    expect(await world.keys()).toEqual([old]);
  });

  it('asked for again and again is one rotation, until it is over', async () => {
    const world = await aMachine();
    const first = await world.rotate();
    await world.pass(HOUR);
    for (let again = 0; again < 3; again += 1) {
      expect(await world.rotate()).toEqual({ ...first, state: 'under-way' });
    }
    expect(world.made()).toBe(2);
    await world.pass(25 * HOUR);
    const { accessKeyId: second } = await world.held();
    expect(await world.rotate()).toMatchObject({
      state: 'begun',
      replaces: second,
    });
    expect(world.made()).toBe(3);
  });

  it('asked for twice before anything happened is one rotation, too', async () => {
    const world = await aMachine();
    await Promise.all([world.ask('ci'), world.ask('ci')]);
    await world.settle(60_000);
    expect(world.made()).toBe(2);
  });

  it('is shortened, not lengthened: without overlap, the old key goes now', async () => {
    const world = await aMachine();
    const first = await world.rotate(HOUR / 1000);
    expect(await world.rotate(LONGEST_OVERLAP)).toMatchObject({ state: 'under-way', until: first.until });
    await world.pass(60_000);
    expect(await world.rotate(0)).toMatchObject({ state: 'shortened', replaces: first.replaces });
    await world.pass(60_000);
    expect(await world.keys()).toEqual([(await world.held()).accessKeyId]);
    expect(world.made()).toBe(2);
  });

  it('without overlap leaves one key: the new one', async () => {
    const world = await aMachine();
    const [old] = await world.keys();
    await world.rotate(0);
    expect(await world.keys()).toEqual([(await world.held()).accessKeyId]);
    expect(await world.keys()).not.toContain(old);
  });

  it('is carried out on a paused cluster, too: a key that leaked waits for nobody', async () => {
    const world = await aMachine();
    const [old] = await world.keys();
    await world.upload(POLICY.replace('mode: enforce', 'mode: paused'));
    await world.settle(600_000);
    await world.rotate(0);
    expect(await world.keys()).toEqual([(await world.held()).accessKeyId]);
    expect(await world.keys()).not.toContain(old);
  });

  it('that waits for its end is no old work for the tick', async () => {
    const world = await aMachine();
    await world.rotate();
    world.clock.advance(24 * HOUR + 30_000);
    expect((await tick(world.ports, world.clock.now())).oldest).toBeLessThan(60_000);
  });

  it('ends by the sweep where every wake-up was lost', async () => {
    const world = await aMachine();
    await world.rotate();
    const marks = world.table.items().filter(({ sk, pk }) => sk.startsWith('mark#') && pk.includes(`/user/${USER}`));
    for (const { pk, sk } of marks) await world.table.delete({ pk, sk });
    world.clock.advance(25 * HOUR);
    await sweep(world.ports, world.clock.now());
    await world.settle(60_000);
    expect(await world.keys()).toEqual([(await world.held()).accessKeyId]);
  });

  it('whose secret is lost meanwhile keeps the old key, and puts another new one into a secret', async () => {
    const world = await aMachine();
    const { replaces } = await world.rotate();
    const { accessKeyId: lost } = await world.held();
    await world.secrets.remove(SECRET);
    // What was written a moment ago is believed for five minutes.
    await world.pass(HOUR / 6);
    await world.rotate();
    const { accessKeyId } = await world.held();
    expect([lost, replaces]).not.toContain(accessKeyId);
    expect(new Set(await world.keys())).toEqual(new Set([replaces, accessKeyId]));
    await world.pass(25 * HOUR);
    expect(await world.keys()).toEqual([accessKeyId]);
  });

  it('of a machine that leaves meanwhile leaves nothing', async () => {
    const world = await aMachine();
    await world.rotate();
    await world.upload(POLICY.replace(/ {2}- \{ name: ci,.*\n/, ''));
    await world.settle(600_000);
    expect(await world.iamOf.getUser(USER)).toBeUndefined();
    expect(world.secrets.names()).toEqual([]);
    expect(world.table.items().filter(({ sk }) => sk === 'rotation')).toEqual([]);
  });

  it('shows the secret nowhere: not in the table, the ledger, a notice or an answer', async () => {
    const world = await aMachine();
    const before = await world.held();
    const told = await world.rotate();
    const after = await world.held();
    const everything = JSON.stringify([told, world.table.items(), world.ledger.items(), world.notices.published]);
    for (const { secretAccessKey } of [before, after]) expect(everything).not.toContain(secretAccessKey);
    expect(everything).toContain(told.replaces);
  });
});

describe('a rotation that cannot be', () => {
  it.each([
    ['nobody', /gives no machine "nobody" an IAM user/, /through: role has no key/],
    ['robot', /gives no machine "robot" an IAM user/, /through: user/],
  ])('of %s is refused, and nothing is written', async (machine, message, remedy) => {
    const world = await aMachine();
    const before = structuredClone(world.table.items());
    const answer = await world.ask(machine);
    expect(answer).toMatchObject({ ok: false, error: { code: 'not-found' } });
    if (!answer.ok) {
      expect(answer.error.message).toMatch(message);
      expect(answer.error.remedy).toMatch(remedy);
    }
    expect(world.table.items()).toEqual(before);
  });

  it.each([-1, 1.5, LONGEST_OVERLAP + 1])('for an overlap of %s seconds is refused', async (overlap) => {
    expect(await (await aMachine()).ask('ci', overlap)).toMatchObject({ ok: false, error: { code: 'invalid' } });
  });

  it('of a user with two keys, of which nobody knows whose they are, says so', async () => {
    const world = await aMachine();
    await world.iamOf.createAccessKey(USER);
    const written = world.table.items().find(({ sk }) => sk === `written#${USER}`)!;
    await world.table.delete({ pk: written.pk, sk: written.sk });
    expect(await world.ask('ci')).toMatchObject({
      ok: false,
      error: {
        code: 'conflict',
        message: expect.stringContaining('as many as AWS allows'),
        remedy: expect.stringContaining('gatehouse reconcile'),
      },
    });
  });
});
