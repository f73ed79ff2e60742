import { setTimeout as pause } from 'node:timers/promises';
import { isFailure } from '@gatehouse/core/access/failure';
import { readAwsAuth } from '@gatehouse/core/effective-access/aws-auth';
import type { Kubernetes } from '@gatehouse/core/ports/kubernetes';
import { awsAuthKind } from '@gatehouse/core/resources/aws-auth/kind';
import { AWS_AUTH_OBJECT, AWS_AUTH_REF, type AwsAuthClaim } from '@gatehouse/core/resources/aws-auth/model';
import { dump, load } from 'js-yaml';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CLUSTER_OBJECTS } from '../../cli/src/demo/clusters.ts';
import { type RealCluster, startRealCluster } from './cluster.ts';

/*
 * Fifty writers on one real aws-auth at once, half of them Gatehouse's code, half a foreign tool that does what such tools do: it
 * reads the list into structs, changes its own, and writes all of it back in its own layout.
 */

const WRITERS = 50;
const UPDATES = 100;
/** Most of the wait after a conflict, in milliseconds: without one, fifty writers mostly see each other fail. */
const BACK_OFF_MS = 250;

let cluster: RealCluster;
let writes = 0;
beforeAll(async () => {
  cluster = await startRealCluster({
    onRequest: ({ method, path, status }) => {
      if (method === 'PUT' && path.includes('/configmaps/aws-auth') && status === 200) writes += 1;
    },
  });
  await cluster.create(CLUSTER_OBJECTS['prod-eu']!.filter(({ kind }) => kind === 'ConfigMap'));
});
afterAll(() => cluster?.stop());

/** One try: what is there, the writer's last update in it, changed and written back. @throws Failure `conflict` where somebody was faster. */
type Attempt = (update: number) => Promise<void>;

/** Gatehouse's own way: observe, plan by claims, apply. */
function ours(kubernetes: Kubernetes, name: string): Attempt {
  const claim = (update: number): AwsAuthClaim => ({
    kind: 'aws-auth',
    object: AWS_AUTH_OBJECT,
    list: 'mapRoles',
    arn: `arn:aws:iam::111122223333:role/${name}`,
    username: `gatehouse:${name}:${update}`,
  });
  const owned = (update: number) => [{ subject: `grant/${name}` as const, claim: claim(update) }];
  return async (update) => {
    const observed = await awsAuthKind.observe({ kubernetes }, AWS_AUTH_OBJECT);
    if (observed.present && update > 1) {
      const { roles } = readAwsAuth(observed.configMap.data);
      expect(roles).toContainEqual(expect.objectContaining({ username: claim(update - 1).username }));
    }
    const unwanted = update === 1 ? [] : owned(update - 1);
    const { change, findings } = awsAuthKind.diff(AWS_AUTH_OBJECT, observed, {
      wanted: owned(update),
      unwanted,
      recorded: [],
    });
    expect(findings).toEqual([]);
    await awsAuthKind.apply({ kubernetes }, change!);
  };
}

interface Entry {
  rolearn: string;
  username: string;
  groups?: string[];
}

/** A foreign tool's way: everything through structs. */
function foreign(kubernetes: Kubernetes, name: string): Attempt {
  const rolearn = `arn:aws:iam::111122223333:role/${name}`;
  return async (update) => {
    const configMap = (await kubernetes.read(AWS_AUTH_REF))!;
    const entries = load(configMap.data?.mapRoles ?? '') as Entry[];
    const others = entries.filter((entry) => entry.rolearn !== rolearn);
    const own = entries.filter((entry) => entry.rolearn === rolearn).map(({ username }) => username);
    expect(own).toEqual(update === 1 ? [] : [`${name}-${update - 1}`]);
    const mapRoles = dump([...others, { rolearn, username: `${name}-${update}`, groups: ['team:deploy'] }]);
    await kubernetes.replace({ ...configMap, data: { ...configMap.data, mapRoles } });
  };
}

async function updates(attempt: Attempt): Promise<number> {
  let conflicts = 0;
  for (let update = 1; update <= UPDATES; ) {
    try {
      await attempt(update);
      update += 1;
    } catch (error) {
      if (!isFailure(error, 'conflict')) throw error;
      conflicts += 1;
      await pause(Math.random() * BACK_OFF_MS);
    }
  }
  return conflicts;
}

it(`loses no update of ${WRITERS} writers with ${UPDATES} each, and no entry of others`, async () => {
  const before = (await cluster.operator.read(AWS_AUTH_REF))!.data!;
  const began = performance.now();
  const attempts = Array.from({ length: WRITERS }, (_, index) => {
    const kubernetes = cluster.as(cluster.identity.operatorToken);
    return index % 2 === 0 ? ours(kubernetes, `gatehouse-${index}`) : foreign(kubernetes, `team-${index}`);
  });
  const conflicts = await Promise.all(attempts.map(updates));
  const seconds = (performance.now() - began) / 1000;

  await expect.poll(() => writes).toBe(WRITERS * UPDATES);
  const after = (await cluster.operator.read(AWS_AUTH_REF))!.data!;
  const { roles, problems } = readAwsAuth(after);
  expect(problems).toEqual([]);
  const usernames = new Map(roles.map(({ arn, username }) => [arn.replace(/.*role\//, ''), username]));
  for (let index = 0; index < WRITERS; index++) {
    const [name, username] =
      index % 2 === 0
        ? [`gatehouse-${index}`, `gatehouse:gatehouse-${index}:${UPDATES}`]
        : [`team-${index}`, `team-${index}-${UPDATES}`];
    expect(usernames.get(name)).toBe(username);
  }
  for (const { arn, username, groups } of readAwsAuth(before).roles) {
    expect(roles).toContainEqual(expect.objectContaining({ arn, username, groups }));
  }
  expect(roles).toHaveLength(WRITERS + readAwsAuth(before).roles.length);
  expect({ mapUsers: after.mapUsers, mapAccounts: after.mapAccounts }).toEqual({
    mapUsers: before.mapUsers,
    mapAccounts: before.mapAccounts,
  });
  const total = conflicts.reduce((sum, each) => sum + each, 0);
  process.stdout.write(
    `\n${writes} updates of ${WRITERS} writers: 0 lost; ${total} conflicts, ${seconds.toFixed(1)} s\n\n`,
  );
}, 300_000);
