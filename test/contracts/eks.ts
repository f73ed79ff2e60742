import { inspect } from 'node:util';
import { isFailure } from '@gatehouse/core/access/failure';
import type { Eks, EksCluster, OidcConfig } from '@gatehouse/core/ports/eks';
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

    describe('an identity provider', () => {
      const cluster = () => subject.clusters[0]!.name;
      const config: OidcConfig = {
        name: 'gatehouse-okta',
        issuer: 'https://acme.okta.com/oauth2/default',
        clientId: '0oa1b2c3',
        usernameClaim: 'email',
        usernamePrefix: 'okta:',
        groupsClaim: 'groups',
        groupsPrefix: 'okta:',
        requiredClaims: { env: 'prod' },
      };
      const tags = { 'gatehouse:managed': 'true' };
      const status = async () => (await subject.eks.identityProvider(cluster()))?.status;
      const soon = { timeout: 10_000, interval: 20 };

      it('is none at first', async () => {
        expect(await subject.eks.identityProvider(cluster())).toBeUndefined();
      });

      it.each<[string, () => Partial<OidcConfig>]>([
        ['an issuer without TLS', () => ({ issuer: 'http://acme.okta.com' })],
        ['an issuer with a query', () => ({ issuer: 'https://acme.okta.com?x=1' })],
        ['the issuer of its own service accounts', () => ({ issuer: subject.clusters[0]!.ownIssuer! })],
        ['a username prefix of Kubernetes’s own', () => ({ usernamePrefix: 'system:' })],
        ['a group prefix of Kubernetes’s own', () => ({ groupsPrefix: 'system:x' })],
        ['no client', () => ({ clientId: '' })],
      ])('is refused with %s', async (_what, over) => {
        await expect(
          subject.eks.associateIdentityProvider(cluster(), { ...config, ...over() }, tags),
        ).rejects.toMatchObject({ code: 'invalid' });
        expect(await status()).toBeUndefined();
      });

      it('is associated in a while, in which nothing else is done to the cluster', async () => {
        const id = await subject.eks.associateIdentityProvider(cluster(), config, tags);
        expect(await status()).toBe('CREATING');
        expect(await subject.eks.update(cluster(), id)).toEqual({ status: 'InProgress', errors: [] });
        for (const call of [
          () => subject.eks.associateIdentityProvider(cluster(), { ...config, name: 'other' }, tags),
          () => subject.eks.disassociateIdentityProvider(cluster(), config.name),
          () => subject.eks.switchOnLogs(cluster(), ['audit']),
        ]) {
          await expect(call()).rejects.toMatchObject({ code: 'conflict', retryable: true });
        }
        await expect.poll(status, soon).toBe('ACTIVE');
        expect(await subject.eks.update(cluster(), id)).toEqual({ status: 'Successful', errors: [] });
        expect(await subject.eks.identityProvider(cluster())).toEqual({ ...config, status: 'ACTIVE', tags });
      });

      it('is the only one', async () => {
        await expect(
          subject.eks.associateIdentityProvider(cluster(), { ...config, name: 'another' }, tags),
        ).rejects.toMatchObject({ code: 'conflict' });
      });

      it('has logs beside it, which stay on', async () => {
        await subject.eks.switchOnLogs(cluster(), ['authenticator', 'audit']);
        const logs = async () => (await subject.eks.describeCluster(cluster()))?.logs;
        await expect.poll(logs, soon).toEqual(['audit', 'authenticator']);
        const again = () =>
          subject.eks.switchOnLogs(cluster(), ['api']).then(
            () => 'done',
            (error: { code: string }) => error.code,
          );
        await expect.poll(again, soon).toBe('done');
        await expect.poll(logs, soon).toEqual(['api', 'audit', 'authenticator']);
      });

      it('is disassociated in a while, by its name', async () => {
        const attempt = (name: string) =>
          subject.eks.disassociateIdentityProvider(cluster(), name).then(
            () => 'begun',
            (error: { code: string }) => error.code,
          );
        expect(await attempt('nobody')).toBe('not-found');
        await expect.poll(() => attempt(config.name), soon).toBe('begun');
        expect(await status()).toBe('DELETING');
        await expect.poll(status, soon).toBeUndefined();
        expect(await attempt(config.name)).toBe('not-found');
      });

      it('is not found on a cluster that is not there, and neither are updates', async () => {
        await expect(subject.eks.identityProvider('no-such-cluster')).rejects.toMatchObject({ code: 'not-found' });
        await expect(subject.eks.associateIdentityProvider('no-such-cluster', config, tags)).rejects.toMatchObject({
          code: 'not-found',
        });
        expect(await subject.eks.update(cluster(), 'no-such-update')).toBeUndefined();
      });
    });
  });
}
