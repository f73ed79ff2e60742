import type { Account, Cluster } from '@gatehouse/core/access/policy';
import type { World } from '@gatehouse/core/ports/world';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Deviations, expectDeviations } from './deviations.ts';

/** Ways into accounts and clusters under test (STS, IAM, EKS and the cluster's own login). */
export interface WorldSubject {
  readonly world: World;
  /** Gatehouse's own account, entered with its own credentials. */
  readonly own: Account;
  /** Another account, whose role demands the external id. */
  readonly member: Account & { readonly roleArn: string; readonly externalId: string };
  /** A cluster of the own account that admits Gatehouse. */
  readonly cluster: Cluster;
  /** Who Gatehouse is in that cluster. */
  readonly username: string;
  /** Name of an IAM user of the own account, and of one of the member account. */
  readonly users: { readonly own: string; readonly member: string };
  close?(): Promise<void>;
}

/** What every {@link World} promises. `make` is called once. */
export function worldContract(name: string, make: () => Promise<WorldSubject>, deviations: Deviations = {}): void {
  describe(`World: ${name}`, () => {
    expectDeviations(deviations);
    let subject: WorldSubject;
    beforeAll(async () => {
      subject = await make();
    }, 30_000);
    afterAll(() => subject?.close?.());

    it('enters its own account with its own credentials', async () => {
      const { world, own, users } = subject;
      const { iam } = await world.account(own);
      expect((await iam.getUser(users.own))?.arn).toBe(`arn:aws:iam::${own.id}:user/${users.own}`);
    });

    it('enters another account by its role and external id, and is in that account then', async () => {
      const { world, member, users } = subject;
      const { iam } = await world.account(member);
      expect((await iam.getUser(users.member))?.arn).toBe(`arn:aws:iam::${member.id}:user/${users.member}`);
    });

    it.each<[string, (subject: WorldSubject) => Account]>([
      ['with another external id', ({ member }) => ({ ...member, externalId: 'not-this-one' })],
      ['without the external id', ({ member: { id, roleArn } }) => ({ id, roleArn })],
      ['by a role that does not exist', ({ member }) => ({ ...member, roleArn: `${member.roleArn}-absent` })],
      ['by the role of yet another account', ({ member }) => ({ ...member, id: '999999999999' })],
      ['with the credentials of its own', ({ member }) => ({ id: member.id })],
    ])('does not enter another account %s', async (_how, account) => {
      const { world } = subject;
      await expect(world.account(account(subject))).rejects.toMatchObject({ code: 'forbidden' });
      await expect(world.eks(account(subject), 'eu-west-1')).rejects.toMatchObject({ code: 'forbidden' });
    });

    it('describes the clusters of an account and Region', async () => {
      const { world, own, cluster } = subject;
      const eks = await world.eks(own, cluster.region);
      expect(await eks.describeCluster(cluster.name)).toMatchObject({ arn: cluster.arn, status: 'ACTIVE' });
    });

    it('logs in to a cluster as nobody but itself', async () => {
      const { world, own, cluster, username } = subject;
      const { kubernetes } = await world.cluster(own, cluster);
      const { username: seen, groups } = await kubernetes.whoAmI();
      expect(seen).toBe(username);
      expect(groups).not.toContain('system:masters');
    });

    it('does not find a cluster that is not there', async () => {
      const { world, own, cluster } = subject;
      const absent = { ...cluster, name: 'absent', arn: cluster.arn.replace(cluster.name, 'absent') };
      await expect(world.cluster(own, absent)).rejects.toMatchObject({ code: 'not-found' });
    });

    it('does not reach a cluster through another account than its own', async () => {
      const { world, member, cluster } = subject;
      await expect(world.cluster(member, cluster)).rejects.toMatchObject({ code: 'forbidden' });
    });
  });
}
