import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TURN_LIMITS } from '@gatehouse/core/work/turn-ports';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createHandler } from '../../functions/run-operation/handler.ts';
import { ONBOARDING, onboardingPolicy } from '../builders/onboarding.ts';
import { aPipeline } from '../builders/pipeline.ts';
import { ACCOUNT } from '../builders/policy.ts';
import { runCommand } from './terminal.ts';

/** Plays Lambda: the real function over a world in memory. */
let server: Server;
let world: Awaited<ReturnType<typeof aPipeline>>;

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const { ports } = world;
      const settings = { limits: TURN_LIMITS, clusterAccessRole: `arn:aws:iam::${ACCOUNT}:role/access` };
      const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
      const answer = await createHandler({ ports, settings, log })(JSON.parse(Buffer.concat(chunks).toString()));
      response.end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterAll(() => void server.close());
beforeEach(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'example');
  vi.stubEnv('AWS_REGION', 'eu-west-1');
  world = await aPipeline({ policy: onboardingPolicy() });
  await world.settle();
});
afterEach(() => void vi.unstubAllEnvs());

const gatehouse = (line: string) =>
  runCommand(line.split(' '), {
    env: { AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
  });
const json = async (line: string) => {
  const { code, out } = await gatehouse(`${line} -o json`);
  return { code, ...(JSON.parse(out) as Record<string, unknown>) };
};
const items = () => world.table.items().filter(({ pk }) => pk === 'onboarded');
const PROD = `onboard environment prod --account ${ACCOUNT}`;

describe('gatehouse onboard', () => {
  it('records an environment in the Region of Gatehouse, and says what follows', async () => {
    const { code, out } = await gatehouse(PROD);
    expect(code).toBe(0);
    expect(out).toContain('recorded  the environment prod is recorded');
    expect(out).toContain(`arn:aws:iam::${ACCOUNT}:role/gatehouse/gatehouse-env-prod`);
    expect(out).toContain('the machine env-prod, the okta group platform');
    expect(items()).toMatchObject([
      { sk: 'environment#prod', spec: { cluster: { account: ACCOUNT, region: 'eu-west-1', name: 'prod' } } },
    ]);
    expect(world.queues.receive('intake')).toHaveLength(1);
  });

  it('takes cluster, Region, role and group', async () => {
    const role = `arn:aws:iam::${ACCOUNT}:role/ops/one`;
    await gatehouse(`${PROD} --cluster prod-7 --cluster-region us-east-1 --role ${role}`);
    await gatehouse('onboard application pay --environment prod --group 00g1');
    expect(items().map(({ sk, spec }) => [sk, spec])).toEqual([
      ['application#prod#pay', { group: '00g1' }],
      ['environment#prod', { cluster: { account: ACCOUNT, region: 'us-east-1', name: 'prod-7' }, role }],
    ]);
  });

  it('changes nothing in a dry run, and nothing when it is said again', async () => {
    expect(await json(`${PROD} --dry-run`)).toMatchObject({
      code: 0,
      state: 'dry-run',
      gives: [{ grant: 'env-prod' }],
    });
    expect((await gatehouse(`${PROD} --dry-run --detailed-exitcode`)).code).toBe(2);
    expect(items()).toEqual([]);
    expect(await json(PROD)).toMatchObject({ code: 0, state: 'recorded' });
    expect((await gatehouse(`${PROD} --dry-run --detailed-exitcode`)).code).toBe(0);
    world.clock.advance(1000);
    expect(await json(PROD)).toMatchObject({ code: 0, state: 'unchanged' });
  });

  it('takes an application before its environment, and says that it waits', async () => {
    const early = await json('onboard application pay --environment prod');
    expect(early).toMatchObject({ code: 0, state: 'recorded', gives: [], findings: [{ code: 'environment-awaited' }] });
    const { out } = await gatehouse('status');
    expect(out).toContain('onboarded  0 environments, 1 application\n');
    expect(out).toMatch(/^environment-awaited {2}application pay on prod\n/m);
    expect(await json('status')).toMatchObject({ onboarding: { findings: [{ namespace: 'pay' }] } });
  });

  it.each([
    ['the account', 'onboard environment prod --account 444455556666', 'clusters of the account 444455556666'],
    ['the role', `${PROD} --role arn:aws:iam::${ACCOUNT}:role/else`, 'is none that may be named'],
    ['another account’s role', `${PROD} --role arn:aws:iam::444455556666:role/ops/x`, 'is of the account 444455556666'],
    ['the namespace', 'onboard application kube-system --environment prod', 'it is the cluster’s own'],
  ])(
    'answers no with exit code 3 where the policy does not allow %s, and records nothing',
    async (_what, line, why) => {
      const { code, out } = await gatehouse(line);
      expect(code).toBe(3);
      expect(out).toContain('refused');
      expect(out).toContain('onboarding-refused');
      expect(out.replaceAll(/\s+/g, ' ')).toContain(why);
      expect(items()).toEqual([]);
    },
  );

  it.each([
    ['Prod_EU', `onboard environment Prod_EU --account ${ACCOUNT}`, 'environment.name'],
    ['a short account', 'onboard environment prod --account 1111', 'environment.cluster.account'],
    ['a wildcard', `${PROD} --role arn:aws:iam::${ACCOUNT}:role/*`, 'holds a wildcard'],
    ['a user', `${PROD} --role arn:aws:iam::${ACCOUNT}:user/jo`, 'is no role'],
    [
      'a service-linked role',
      `${PROD} --role arn:aws:iam::${ACCOUNT}:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS`,
      'service-linked role',
    ],
    ['one of ours', `${PROD} --role arn:aws:iam::${ACCOUNT}:role/gatehouse/gatehouse-env-x`, 'own making'],
  ])('refuses %s with its place and reason, exit code 1', async (_what, line, why) => {
    const { code, err } = await gatehouse(line);
    expect(code).toBe(1);
    expect(err).toContain(why);
    expect(items()).toEqual([]);
  });

  it('is refused where the policy onboards nothing', async () => {
    await world.upload(onboardingPolicy('', ''));
    const { code, err } = await gatehouse(PROD);
    expect(code).toBe(1);
    expect(err).toContain('the access policy in force onboards no environments');
    await world.upload(onboardingPolicy('', ONBOARDING.slice(0, ONBOARDING.indexOf('  applications:'))));
    expect((await gatehouse('onboard application pay --environment prod')).err).toContain('onboards no applications');
  });
});

describe('gatehouse offboard', () => {
  it('takes back what was onboarded, and is calm about what never was', async () => {
    await gatehouse(PROD);
    await gatehouse('onboard application pay --environment prod');
    world.clock.advance(1000);
    expect(await json('offboard application pay --environment prod')).toMatchObject({ code: 0, state: 'recorded' });
    expect(await json('offboard environment prod --dry-run')).toMatchObject({ code: 0, state: 'dry-run', gives: [] });
    expect(await json('offboard environment prod')).toMatchObject({ code: 0, state: 'recorded', findings: [] });
    expect(items().map(({ state }) => state)).toEqual(['absent', 'absent']);
    expect(await json('offboard environment never')).toMatchObject({ code: 0 });
  });
});
