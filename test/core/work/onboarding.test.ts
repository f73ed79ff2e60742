import { canonicalJson } from '@gatehouse/core/access/json';
import type { Fact } from '@gatehouse/core/directory/fact';
import { factKey } from '@gatehouse/core/directory/items';
import { recordFact } from '@gatehouse/core/directory/record';
import type { LedgerEntry } from '@gatehouse/core/ledger/ledger';
import { policyInForce } from '@gatehouse/core/policy/in-force';
import { withOnboarded } from '@gatehouse/core/policy/onboarding';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { readMark } from '@gatehouse/core/work/marks';
import { planFacts } from '@gatehouse/core/work/plan-facts';
import { sweep } from '@gatehouse/core/work/sweep';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  application,
  applicationGone,
  environment,
  environmentGone,
  itemsOf,
  ONBOARDING,
  onboardingPolicy,
} from '../../builders/onboarding.ts';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT, policyOf } from '../../builders/policy.ts';

const arnOf = (name: string) => `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/${name}`;
const roleArn = (name: string) => `arn:aws:iam::${ACCOUNT}:role/${name}`;
const OPS = roleArn('ops/payments');
/** Nodes, and somebody who administers the cluster whatever Gatehouse does: it takes away no last administrator. */
const FOREIGN = [
  `- rolearn: ${roleArn('nodes')}\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:nodes, system:bootstrappers]`,
  `- rolearn: ${roleArn('break-glass')}\n  username: break-glass\n  groups: [system:masters]\n`,
].join('\n');

/** A world in which nothing is onboarded, and one cluster that waits to be. */
async function aWorld({ policy = onboardingPolicy(), clusters = ['prod'] } = {}) {
  const world = await aPipeline({ policy, users: ['ann', 'sam', 'dev'] });
  const iam = world.iam.get(ACCOUNT)!;
  const trust = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
  };
  for (const [name, path] of [
    ['provisioner', '/'],
    ['payments', '/ops/'],
  ] as const) {
    await iam.createRole({ name, path, trust, tags: { team: 'ours' }, maxSessionSeconds: 3600 });
  }
  for (const name of clusters) {
    const onboarded = withOnboarded(policyOf(policy), itemsOf(environment('any', { cluster: name }))).policy;
    world.addCluster(arnOf(name), onboarded).seed({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'kube-system', name: 'aws-auth' },
      data: { mapRoles: FOREIGN },
    } as never);
  }
  await world.join('platform', 'ann');
  await world.join('support', 'sam');
  await world.join('pay-devs', 'dev');
  await world.settle(600_000);
  const at = () => world.clock.now();
  const objects = (name = 'prod') =>
    world.clusters
      .get(arnOf(name))!
      .state.snapshot()
      .objects.map(([, { metadata, ...rest }]) => {
        const {
          resourceVersion: _v,
          managedFields: _m,
          generation: _g,
          ...kept
        } = metadata as unknown as Record<string, unknown>;
        return canonicalJson({ ...rest, metadata: kept });
      })
      .toSorted();
  const principals = () => {
    const { roles, users } = world.iamState.accounts.get(ACCOUNT)!;
    return [...roles.values(), ...users.values()]
      .map((one) =>
        canonicalJson({ ...one, tags: [...one.tags], inline: [...one.inline], attached: [...one.attached], keys: [] }),
      )
      .toSorted();
  };
  const happens = async (...facts: readonly Fact[]) => {
    for (const fact of facts) await world.say({ ...fact, at: at() });
    await world.settle(3_600_000);
    world.clock.advance(600_000);
  };
  const findings = async () => (await policyInForce(world.table))!.findings;
  /** Who is bound to what, by binding. */
  const bound = (name = 'prod') =>
    Object.fromEntries(
      world.clusters
        .get(arnOf(name))!
        .state.snapshot()
        .objects.map(([, object]) => object as unknown as KubernetesObject)
        .filter(({ kind, metadata }) => /Binding$/.test(kind) && metadata.name.startsWith('gatehouse:'))
        .map(({ metadata, roleRef, subjects }) => [
          [metadata.namespace, metadata.name].filter(Boolean).join('/'),
          `${roleRef?.name}: ${(subjects ?? [])
            .map((one) => one.name)
            .toSorted()
            .join(', ')}`,
        ]),
    );
  const awsAuth = (name = 'prod') =>
    world.clusters.get(arnOf(name))!.peek({ kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' })?.data
      ?.mapRoles ?? '';
  const leftovers = () =>
    world.table
      .items()

      .filter(({ pk, sk }) => /^(mark|record)#/.test(sk) || pk.startsWith('adopted#'))
      .map(({ pk, sk }) => `${pk} ${sk}`);
  const everything = () => ({
    principals: principals(),
    objects: [...world.clusters.keys()].map((arn) => objects(arn.split('/')[1])),
  });
  const roles = () => [...world.iamState.accounts.get(ACCOUNT)!.roles.values()].map(({ name }) => name).toSorted();
  const marks = () =>
    world.table
      .items()
      .filter(({ sk }) => sk.startsWith('mark#'))
      .map(readMark);
  const told = () => [...new Set(marks().flatMap(({ finding }) => finding?.code ?? []))];
  const waiting = (arn: string) =>
    marks()
      .filter(({ target }) => target.includes(arn))
      .map(({ failure }) => failure?.code);
  return {
    ...world,
    ...{ everything, roles, told, waiting },
    iam: iam,
    objects,
    principals,
    happens,
    findings,
    bound,
    awsAuth,
    leftovers,
  };
}

/** What the ledger leaves open: intents without an outcome, and entries because of nothing. */
function untold({ ledger }: Pick<Awaited<ReturnType<typeof aPipeline>>, 'ledger'>): unknown[] {
  const entries = ledger.items() as unknown as (Pick<LedgerEntry, 'kind' | 'run' | 'target' | 'causes'> & object)[];
  const ends = new Set(entries.flatMap(({ kind, run, target }) => (kind === 'outcome' ? [`${run} ${target}`] : [])));
  return entries.filter(
    ({ kind, run, target, causes }) => causes.length === 0 || (kind === 'intent' && !ends.has(`${run} ${target}`)),
  );
}

const ENV_BINDING = 'gatehouse:env-prod:clusterrole-cluster-admin:0';
const payBinding = (namespace = 'pay', grant = `app-prod--${namespace}`) =>
  `${namespace}/gatehouse:${grant}:clusterrole-admin:0`;

describe('an environment', () => {
  it('gets a role for provisioning and pipelines, which people share; its removal leaves the world as it was', async () => {
    const world = await aWorld();
    const before = world.everything();
    await world.happens(environment('prod'));
    expect(world.failures).toEqual([]);
    expect(await world.findings()).toEqual([]);
    expect(world.bound()).toEqual({
      [ENV_BINDING]: 'cluster-admin: gatehouse:env-prod:ann, gatehouse:env-prod:env-prod',
    });
    expect(world.awsAuth()).toContain('role/gatehouse-env-prod');
    const { trust } = (await world.iam.getRole('gatehouse-env-prod'))!;
    for (const who of ['role/provisioner', 'user/ann']) expect(JSON.stringify(trust)).toContain(who);
    await world.happens(environmentGone('prod'));
    expect(world.failures).toEqual([]);
    expect(world.leftovers()).toEqual([]);
    expect(world.everything()).toEqual(before);
  });

  it('takes a role that exists by its ARN and leaves it as it is; people get a role beside it', async () => {
    const world = await aWorld();
    const before = world.everything();
    await world.happens(environment('prod', { role: OPS }));
    expect(world.told()).toEqual([]);
    expect(world.awsAuth()).toContain(roleArn('payments'));
    expect(Object.values(world.bound()).toSorted()).toEqual([
      `cluster-admin: gatehouse:iam-role:${ACCOUNT}:payments`,
      'cluster-admin: gatehouse:people-env-prod:ann',
    ]);
    expect(await world.iam.getRole('gatehouse-env-prod')).toBeUndefined();
    await world.happens(environmentGone('prod'));
    expect(world.leftovers()).toEqual([]);
    expect(world.everything()).toEqual(before);
  });

  it.each<[string, readonly Fact[]]>([
    ['from a role that exists to one that is made', [environment('prod', { role: OPS }), environment('prod')]],
    ['from one cluster to another and back', [environment('prod', { cluster: 'old' }), environment('prod')]],
    ['from gone to there', [environment('prod'), environmentGone('prod'), environment('prod')]],
  ])('goes %s, and what it had before is gone', async (_what, facts) => {
    const [changed, fresh] = [await aWorld({ clusters: ['prod', 'old'] }), await aWorld({ clusters: ['prod', 'old'] })];
    for (const fact of facts) await changed.happens(fact);
    await fresh.happens(environment('prod'));
    for (const name of ['prod', 'old']) {
      expect(changed.bound(name)).toEqual(fresh.bound(name));
      expect(changed.awsAuth(name)).toBe(fresh.awsAuth(name));
    }
    expect(changed.roles()).toEqual(fresh.roles());
    expect(changed.leftovers()).toEqual(fresh.leftovers());
  });

  it('gets what the policy grants on all clusters, too, and takes it along when it goes', async () => {
    const more = `clusters:
  other: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
grants:
  - { name: viewers, to: { group: support, source: okta }, on: { clusters: "*" }, level: developer-read-only, through: role }
`;
    const world = await aWorld({ policy: onboardingPolicy(more) });
    const before = world.everything();
    await world.happens(environment('prod'));
    expect(world.bound()).toMatchObject({ 'gatehouse:viewers:role:0': 'gatehouse:viewers: gatehouse:viewers:sam' });
    const clusters = async () => (await world.iam.getRolePolicy('gatehouse-viewers', 'gatehouse-clusters')) as object;
    expect(JSON.stringify(await clusters())).toContain(arnOf('prod'));
    await world.happens(environmentGone('prod'));
    expect(JSON.stringify(await clusters())).not.toContain(arnOf('prod'));
    expect(world.everything()).toEqual(before);
  });

  it('that is a cluster of the policy stays one when it goes, in the mode that the policy says', async () => {
    const more = `clusters:\n  prod: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce, labels: { tier: gold } }
grants:
  - { name: viewers, to: { group: support, source: okta }, on: { labels: { tier: gold } }, level: developer-read-only, through: role }
`;
    const world = await aWorld({ policy: onboardingPolicy(more) });
    const before = world.everything();
    expect(world.bound()).toEqual({ 'gatehouse:viewers:role:0': 'gatehouse:viewers: gatehouse:viewers:sam' });
    await world.happens(environment('prod'));
    expect(Object.keys(world.bound()).toSorted()).toEqual([ENV_BINDING, 'gatehouse:viewers:role:0']);
    await world.happens(environmentGone('prod'));
    expect(world.everything()).toEqual(before);
  });

  it('that is not there yet is told, and given its due when it comes', async () => {
    const world = await aWorld({ clusters: [] });
    await world.happens(environment('prod'));
    expect(world.told()).toEqual(['no-such-cluster']);
    await world.happens(environmentGone('prod'));
    expect(world.leftovers()).toEqual([]);
    await world.happens(environment('prod'));
    expect(world.told()).toEqual(['no-such-cluster']);
    world.addCluster(arnOf('prod'), (await policyInForce(world.table))!.policy);
    await world.happens({ type: 'cluster', arn: arnOf('prod'), state: 'present', at: 0 });
    expect(Object.keys(world.bound())).toEqual([ENV_BINDING]);
    expect(world.told()).toEqual([]);
  });

  it('that does not answer waits, holds up no other, and loses nothing of its removal', async () => {
    const world = await aWorld({ clusters: ['prod', 'dark'] });
    world.unreachable.add(arnOf('dark'));
    await world.happens(environment('dark'), environment('prod'));
    expect(Object.keys(world.bound())).toEqual([ENV_BINDING]);
    expect(world.waiting(arnOf('dark'))).toEqual(expect.arrayContaining(['unreachable']));
    world.unreachable.clear();
    await world.settle(3_600_000);
    expect(Object.keys(world.bound('dark'))).toEqual(['gatehouse:env-dark:clusterrole-cluster-admin:0']);
    world.unreachable.add(arnOf('dark'));
    await world.happens(environmentGone('dark'));
    const { trust } = (await world.iam.getRole('gatehouse-env-dark'))!;
    expect(JSON.stringify(trust)).toContain('Deny');
    world.unreachable.clear();
    await world.settle(3_600_000);
    expect(world.bound('dark')).toEqual({});
    expect(await world.iam.getRole('gatehouse-env-dark')).toBeUndefined();
  });
});

describe('an application', () => {
  it('gets a role for its namespace, which is made; its removal leaves the environment as it was', async () => {
    const world = await aWorld();
    await world.happens(environment('prod'));
    const before = world.everything();
    await world.happens(application('prod', 'pay', { group: 'pay-devs' }));
    expect(await world.findings()).toEqual([]);
    const people = ['app-prod--pay', 'dev', 'sam'].map((name) => `gatehouse:app-prod--pay:${name}`).join(', ');
    expect(world.bound()[payBinding()]).toBe(`admin: ${people}`);
    const { trust } = (await world.iam.getRole('gatehouse-app-prod--pay'))!;
    expect(JSON.stringify(trust)).toContain('repo:acme/pay:environment:prod');
    await world.happens(applicationGone('prod', 'pay'));
    expect(world.failures).toEqual([]);
    expect(world.everything()).toEqual(before);
  });

  it.each<[string, readonly Fact[]]>([
    ['before its environment', [application('prod', 'pay'), environment('prod')]],
    ['after its environment', [environment('prod'), application('prod', 'pay')]],
    ['twice', [environment('prod'), application('prod', 'pay'), application('prod', 'pay')]],
  ])('comes %s', async (_when, facts) => {
    const world = await aWorld();
    for (const fact of facts) await world.happens(fact);
    expect(Object.keys(world.bound())).toContain(payBinding());
    expect(await world.findings()).toEqual([]);
    expect(world.told()).toEqual([]);
  });

  it('goes with its environment, and comes back with it', async () => {
    const world = await aWorld();
    const before = world.everything();
    await world.happens(environment('prod'), application('prod', 'pay'), application('prod', 'shop', { role: OPS }));
    const there = world.bound();
    expect(Object.keys(there)).toHaveLength(2 * 4 - 1);
    await world.happens(environmentGone('prod'));
    expect(world.everything()).toEqual(before);
    expect((await world.findings()).map(({ code }) => code)).toEqual(['environment-awaited', 'environment-awaited']);
    await world.happens(environment('prod'));
    expect(world.bound()).toEqual(there);
  });

  it('whose group changes takes nothing along', async () => {
    const world = await aWorld();
    await world.happens(environment('prod'), application('prod', 'pay', { group: 'pay-devs' }));
    await world.happens(application('prod', 'pay'));
    expect(world.bound()[payBinding()]).not.toContain(':dev');
    await world.happens(application('prod', 'pay', { group: 'pay-devs' }));
    expect(world.bound()[payBinding()]).toContain(':dev');
  });

  it('whose namespace is absent waits where the policy does not make it, and blocks nothing else', async () => {
    const section = ONBOARDING.replace('create-and-delete', 'refuse');
    const world = await aWorld({ policy: onboardingPolicy('', section) });
    await world.happens(environment('prod'), application('prod', 'pay'));
    expect(Object.keys(world.bound())).not.toContain(payBinding());
    expect(world.told()).toContain('namespace-absent');
    expect(world.bound()[ENV_BINDING]).toBeDefined();
    world.clusters
      .get(arnOf('prod'))!
      .seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'pay' } } as KubernetesObject);
    await sweep(world.ports, world.clock.now());
    await world.settle(3_600_000);
    expect(Object.keys(world.bound())).toContain(payBinding());
  });
});

describe('a policy that changes under what is onboarded', () => {
  it.each<[string, (section: string) => string, readonly string[]]>([
    ['onboards nothing any more', () => '', []],
    ['lets the account in no more', (text) => text.replace(ACCOUNT, '444455556666').replace(/adopt:.*\n/, '\n'), []],
    ['onboards no applications any more', (text) => text.slice(0, text.indexOf('  applications:')), [ENV_BINDING]],
    [
      'pauses environments: what stands, stands',
      (text) => text.replace('enforce', 'paused'),
      [ENV_BINDING, payBinding(), 'to-get-there'],
    ],
  ])('%s', async (_what, change, left) => {
    const world = await aWorld();
    const before = world.everything();
    await world.happens(environment('prod'), application('prod', 'pay', { group: 'pay-devs' }));
    await world.upload(onboardingPolicy('', change(ONBOARDING)));
    await world.settle(3_600_000);
    expect(world.failures).toEqual([]);
    expect(Object.keys(world.bound())).toHaveLength(left.length);
    if (left.length === 0) expect(world.everything()).toEqual(before);
    await world.upload(onboardingPolicy());
    await world.settle(3_600_000);
    expect(Object.keys(world.bound())).toHaveLength(3);
  });

  it.each([
    ['an environment', 'environment#prod', 'platform', environmentGone('prod')],
    ['an application', 'application#prod#pay', 'support', applicationGone('prod', 'pay')],
  ])('takes back what people had by %s that went in the same moment', async (_what, sk, people, gone) => {
    const world = await aWorld();
    await world.happens(environment('prod'), application('prod', 'pay'));
    const holders = () => Object.values(world.bound()).filter((text) => /:(ann|sam)\b/.test(text));
    expect(holders()).toHaveLength(3);
    await world.say({ ...gone, at: world.clock.now() });
    await world.upload(onboardingPolicy('', ONBOARDING.replaceAll(`group: ${people}`, 'group: pay-devs')));
    for (const { handle } of world.queues.receive('intake')) world.queues.delete(handle);
    // The policy first, then what it no longer tells of.
    for (const key of [
      { pk: 'policy', sk: 'active' },
      { pk: 'onboarded', sk },
    ]) {
      await world.queues.send('intake', [{ body: JSON.stringify({ version: 1, facts: [key] }) }]);
      await world.settle(600_000);
    }
    await world.settle(3_600_000);
    expect(holders()).toHaveLength(sk.startsWith('environment') ? 0 : 1);
    expect(world.leftovers().filter((key) => key.includes('app-prod--pay') || key.includes('sam'))).toEqual([]);
  });
});

describe('a fact that is planned while something is onboarded', () => {
  it('is planned again: whom it brings may have been missed', async () => {
    const world = await aWorld();
    const at = world.clock.now();
    const cause = { source: 'okta', event: 'e', type: 'test', receivedAt: at };
    const fact: Fact = { type: 'membership', source: 'okta', group: 'platform', user: 'sam', state: 'present', at };
    await recordFact(world.ports, fact, cause);
    let again = false;
    const query: typeof world.table.query = async (pk, options) => {
      const page = await world.table.query(pk, options);
      if (pk === 'onboarded' && !again) {
        again = true;
        await recordFact(world.ports, environment('prod', { at }), cause);
      }
      return page;
    };
    const ports = { ...world.ports, table: { ...world.table, query } };
    expect(await planFacts(ports, [factKey(fact)], 9e15)).toMatchObject({ planned: 0, unfinished: [factKey(fact)] });
    await world.tick();
    await world.settle(3_600_000);
    expect(world.bound()[ENV_BINDING]).toContain(':sam');
  });
});

describe('two environments that name one cluster', () => {
  const ENVIRONMENTS = ['a', 'prod'];

  it('are the one that has it and a finding; when that one goes, it is the other’s', async () => {
    for (const [first, second] of [ENVIRONMENTS, ENVIRONMENTS.toReversed()] as [string, string][]) {
      const world = await aWorld();
      const empty = world.everything();
      await world.say(environment(first, { cluster: 'prod', at: 1 }), application(first, 'pay', { at: 1 }));
      await world.settle(600_000);
      const alone = world.everything();
      await world.say(environment(second, { cluster: 'prod', at: 2 }), application(second, 'pay', { at: 2 }));
      await world.settle(600_000);
      // Whoever comes later takes nothing from who is there.
      expect(world.everything()).toEqual(alone);
      expect((await world.findings()).map(({ code, environment: name }) => [code, name])).toEqual([
        ['onboarding-refused', second],
        ['environment-awaited', second],
      ]);
      await world.say(environmentGone(first, 3));
      await world.settle(600_000);
      expect(Object.keys(world.bound()).every((name) => name.includes(`-${second}`))).toBe(true);
      expect(world.bound()).not.toEqual({});
      await world.say(environmentGone(second, 4));
      await world.settle(600_000);
      expect(world.everything()).toEqual(empty);
      expect(world.leftovers()).toEqual([]);
    }
  });
});

describe('whatever is said, in whatever order, with pauses or without', () => {
  const at = fc.integer({ min: 1, max: 9 });
  const role = fc.constantFrom(undefined, OPS);
  const group = fc.constantFrom(undefined, 'pay-devs');
  const namespace = fc.constantFrom('pay', 'shop');
  const name = fc.constantFrom('prod', 'prod', 'a');
  const fact: fc.Arbitrary<Fact> = fc.oneof(
    fc
      .record({ at, role, name, cluster: fc.constantFrom('prod', 'old') })
      .map(({ role: named, name: one, ...over }) => environment(one, { ...over, ...(named ? { role: named } : {}) })),
    fc.tuple(name, at).map(([one, time]) => environmentGone(one, time)),
    fc
      .record({ at, role, group, name, namespace })
      .map(({ name: one, namespace: on, role: named, group: of, at: time }) =>
        application(one, on, { at: time, ...(named ? { role: named } : {}), ...(of ? { group: of } : {}) }),
      ),
    fc.tuple(name, namespace, at).map(([one, on, time]) => applicationGone(one, on, time)),
  );
  const steps = fc.array(fc.record({ fact, pause: fc.constantFrom(0, 0, 300, 600_000) }), {
    minLength: 1,
    maxLength: 8,
  });

  it('the clusters and IAM end as if only what stands had ever been said; and empty, when all is removed', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (said) => {
        const world = await aWorld({ clusters: ['prod', 'old'] });
        const before = world.everything();
        for (const { fact: one, pause } of said) {
          await world.say(one);
          if (pause > 0) await world.settle(pause);
        }
        await world.settle(3_600_000);
        const fresh = await aWorld({ clusters: ['prod', 'old'] });
        for (const item of (await policyInForce(world.table))!.onboarded) {
          if (item.state === 'absent') continue;
          const { spec } = item;
          await fresh.say(
            item.type === 'environment'
              ? ({ ...item, state: 'present', at: item.since![0], ...(spec as object) } as unknown as Fact)
              : ({ ...item, type: 'application', state: 'present', at: 1, ...(spec as object) } as Fact),
          );
        }
        await fresh.settle(3_600_000);
        expect(world.failures).toEqual([]);
        for (const name of ['prod', 'old']) {
          expect(world.bound(name)).toEqual(fresh.bound(name));
          expect(world.awsAuth(name).split('\n').toSorted()).toEqual(fresh.awsAuth(name).split('\n').toSorted());
        }
        expect(world.roles()).toEqual(fresh.roles());
        for (const one of ['prod', 'a']) {
          const names = ['pay', 'shop'].map((on) => applicationGone(one, on, 10));
          for (const gone of [environmentGone(one, 10), ...names]) await world.say(gone);
        }
        await world.settle(3_600_000);
        expect(world.everything()).toEqual(before);
        expect(world.leftovers()).toEqual([]);
        expect(untold(world)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});

describe('the cost of onboarding an application', () => {
  it('is the same beside ten others and beside a hundred', async () => {
    const costs = [];
    // Who has every application is looked at as a whole: without them.
    const section = ONBOARDING.replace('people: [ { group: support, source: okta } ]', '');
    for (const others of [10, 100]) {
      const world = await aWorld({ policy: onboardingPolicy('', section) });
      await world.happens(environment('prod'));
      const facts = Array.from({ length: others }, (_, index) => application('prod', `app-${index}`));
      for (const fact of facts) await world.say({ ...fact, at: world.clock.now() });
      await world.settle(3_600_000);
      world.clock.advance(600_000);
      world.forgetCalls();
      const before = { ...world.table.calls };
      await world.happens(application('prod', 'pay', { group: 'pay-devs' }));
      expect(world.bound()[payBinding()]).toBeDefined();
      const kubernetes = world.clusters.get(arnOf('prod'))!.calls.filter(({ method }) => method !== 'review');
      const after = world.table.calls;
      costs.push({
        iam: world.iam.calls.length,
        kubernetes: kubernetes.length,
        table: (['get', 'put', 'delete', 'query'] as const).map((method) => after[method] - before[method]),
      });
    }
    console.log(`calls for one application (IAM, Kubernetes, table get/put/delete/query): ${JSON.stringify(costs)}`);
    expect(costs[1]).toEqual(costs[0]);
  }, 30_000);
});
