import { inspect } from 'node:util';
import { isFailure } from '@gatehouse/core/access/failure';
import type { Eks, EksCluster } from '@gatehouse/core/ports/eks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Deviations, expectDeviations } from './deviations.ts';

/** EKS under test, with these clusters and no other. */
export interface EksSubject {
  readonly eks: Eks;
  readonly clusters: readonly EksCluster[];
  /** ARN of a role that trusts ssm.amazonaws.com, in an account with the connector's service-linked role. */
  readonly agentRole: string;
  /** ARN of a role of that account that is not there. */
  readonly absentRole: string;
  close?(): Promise<void>;
}

/** What every {@link Eks} promises. `make` is called once. */
export function eksContract(name: string, make: () => Promise<EksSubject>, deviations: Deviations = {}): void {
  describe(`Eks: ${name}`, () => {
    expectDeviations(deviations);
    let subject: EksSubject;
    beforeAll(async () => {
      subject = await make();
    });
    afterAll(() => subject?.close?.());

    it('describes every cluster that there is', async () => {
      expect(subject.clusters.length).toBeGreaterThan(0);
      for (const cluster of subject.clusters) {
        expect(await subject.eks.describeCluster(cluster.name)).toEqual(cluster);
      }
    });

    it('answers undefined for a cluster that is not there', async () => {
      expect(await subject.eks.describeCluster('no-such-cluster')).toBeUndefined();
    });

    it('tells clusters apart by case', async () => {
      const name = subject.clusters[0]!.name.toUpperCase();
      expect(subject.clusters.map((cluster) => cluster.name)).not.toContain(name);
      expect(await subject.eks.describeCluster(name)).toBeUndefined();
    });

    const registration = (name: string, over: object = {}) => ({
      name,
      provider: 'EKS_ANYWHERE',
      roleArn: subject.agentRole,
      tags: { 'gatehouse:managed': 'true' },
      ...over,
    });
    const codeOf = (call: Promise<unknown>) =>
      call.then(
        () => 'no failure',
        (error) => (isFailure(error) ? `${error.code}${error.retryable ? ', retryable' : ''}` : String(error)),
      );

    it('registers a cluster elsewhere, which is PENDING for three days', async () => {
      const began = Date.now();
      const { expiry } = await subject.eks.registerCluster(registration('edge'));
      const described = await subject.eks.describeCluster('edge');
      expect(described).toMatchObject({
        name: 'edge',
        status: 'PENDING',
        tags: { 'gatehouse:managed': 'true' },
        connector: { provider: 'EKS_ANYWHERE', roleArn: subject.agentRole, activationExpiry: expiry },
      });
      expect(described).not.toHaveProperty('endpoint');
      expect(described!.arn).toMatch(/:cluster\/edge$/);
      const days = (expiry - began) / (24 * 3600 * 1000);
      expect(days).toBeGreaterThan(2.99);
      expect(days).toBeLessThan(3.01);
    });

    it('tells the activation once, and shows it to nobody by accident', async () => {
      const activation = await subject.eks.registerCluster(registration('shy'));
      const [id, code] = [activation.id.reveal(), activation.code.reveal()];
      expect(id).not.toBe('');
      expect(code).not.toBe('');
      expect(JSON.stringify(activation) + inspect(activation)).not.toMatch(new RegExp(`${id}|${code}`));
      expect(JSON.stringify(await subject.eks.describeCluster('shy'))).not.toContain(code);
    });

    it('refuses a name that is taken, by a registration or by a cluster of EKS', async () => {
      await subject.eks.registerCluster(registration('taken'));
      expect(await codeOf(subject.eks.registerCluster(registration('taken')))).toBe('already-exists');
      expect(await codeOf(subject.eks.registerCluster(registration(subject.clusters[0]!.name)))).toBe('already-exists');
    });

    it('says that trying again may help while the role is not seen', async () => {
      const early = subject.eks.registerCluster(registration('early', { roleArn: subject.absentRole }));
      expect(await codeOf(early)).toBe('unreachable, retryable');
      expect(await subject.eks.describeCluster('early')).toBeUndefined();
    });

    it('deregisters, also what is not there; and gives the name a new activation afterwards', async () => {
      const first = await subject.eks.registerCluster(registration('again'));
      await subject.eks.deregisterCluster('again');
      await expect.poll(() => subject.eks.describeCluster('again')).toBeUndefined();
      await subject.eks.deregisterCluster('again');
      const second = await subject.eks.registerCluster(registration('again'));
      expect(second.code.reveal()).not.toBe(first.code.reveal());
    });

    it('deregisters no cluster that EKS runs', async () => {
      const { name } = subject.clusters[0]!;
      expect(await codeOf(subject.eks.deregisterCluster(name))).toBe('invalid');
      expect(await subject.eks.describeCluster(name)).toBeDefined();
    });
  });
}
