import { connectorObjects, desiredConnector } from '@gatehouse/core/plan/connector-manifests';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { withActivation } from '@gatehouse/core/resources/connector-object/apply';
import { diffConnectorObject, holds } from '@gatehouse/core/resources/connector-object/diff';
import { connectorObjectKind } from '@gatehouse/core/resources/connector-object/kind';
import type { ConnectorObjectClaim } from '@gatehouse/core/resources/connector-object/model';
import { ABSENT, type ObjectState } from '@gatehouse/core/resources/managed-object';
import type { OwnedClaim } from '@gatehouse/core/resources/resource';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aCluster } from '../../../builders/policy.ts';
import { memoryKubernetes } from '../../../fakes/kubernetes.ts';
import { memorySecrets } from '../../../fakes/secrets.ts';
import { expectKindLaws } from '../kind-laws.ts';

const EDGE = aCluster({ name: 'edge', connected: { provider: 'EKS_ANYWHERE' } });
const SECRET = 'gatehouse/connectors/111122223333/eu-west-1/edge';
const owned = (expiry = 3) =>
  desiredConnector(EDGE, expiry).filter(
    ({ claim }) => claim.kind === 'connector-object',
  ) as OwnedClaim<ConnectorObjectClaim>[];
const wanted = (one: OwnedClaim<ConnectorObjectClaim>) => ({ wanted: [one], unwanted: [], recorded: [] });
const gone = (one: OwnedClaim<ConnectorObjectClaim>) => ({ wanted: [], unwanted: [one], recorded: [] });

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly { name: string; value?: string; valueFrom: { secretKeyRef: { name: string } } }[];
  readonly securityContext: object;
}
/** A manifest, as far as a test looks into it. */
interface Manifest {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly serviceAccountName: string;
        readonly initContainers: readonly [Container, ...Container[]];
        readonly containers: readonly Container[];
      };
    };
  };
}

describe('the manifests of the connector', () => {
  const objects = connectorObjects('eu-west-1');
  const named = (kind: string, name: string) =>
    objects.find((object) => object.kind === kind && object.metadata.name === name)! as unknown as Manifest;

  it('are a service account, its rights, settings, secrets and a StatefulSet of init container, agent and proxy', () => {
    const { template } = named('StatefulSet', 'eks-connector').spec;
    expect(template.spec.serviceAccountName).toBe('eks-connector');
    expect(template.spec.initContainers.map(({ name }) => name)).toEqual(['connector-init']);
    expect(template.spec.containers.map(({ name }) => name)).toEqual(['connector-agent', 'connector-proxy']);
    for (const container of [...template.spec.initContainers, ...template.spec.containers]) {
      expect(container.securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
      });
      expect(container.image).toMatch(/^public\.ecr\.aws\/.+:\d+\.\d+/);
    }
  });

  it('hold the activation in one secret alone, and refer to it', () => {
    const { env, args } = named('StatefulSet', 'eks-connector').spec.template.spec.initContainers[0];
    expect(args).toContain('--activation.code=$(EKS_ACTIVATION_CODE)');
    expect(args).toContain('--agent.region=eu-west-1');
    for (const { name, value, valueFrom } of env.slice(1)) {
      expect([name, value]).toEqual([name, undefined]);
      expect(valueFrom.secretKeyRef.name).toBe('eks-connector-activation-config');
    }
    expect(named('Secret', 'eks-connector-activation-config')).not.toHaveProperty('data');
  });

  it('give the agent its own state, the version, and nobody to impersonate', () => {
    const rules = objects.flatMap(({ rules }) => rules ?? []);
    expect(rules.filter(({ verbs }) => verbs.includes('impersonate'))).toEqual([]);
    const reading = rules.filter(({ verbs }) => verbs.includes('get') && !verbs.includes('create'));
    expect(reading.every(({ resourceNames, nonResourceURLs }) => resourceNames ?? nonResourceURLs)).toBe(true);
  });

  it('follow from the cluster alone', () => {
    expect(desiredConnector(EDGE, 7)).toEqual(desiredConnector(EDGE, 7));
  });
});

describe('an object of the connector', () => {
  it.each(owned().map((one) => [one.claim.object, one] as const))(
    '%s is made, kept, mended and taken back',
    (object, one) => {
      const { change } = diffConnectorObject(object, ABSENT, wanted(one));
      expect(change).toMatchObject({ action: 'create' });
      const made = change!.after as Extract<ObjectState, { present: true }>;
      expect(made.object.metadata.labels).toMatchObject({ 'app.kubernetes.io/managed-by': 'gatehouse' });
      // What the API server and its controllers add is theirs.
      const added = {
        ...made.object,
        status: { x: 1 },
        metadata: { ...made.object.metadata, uid: 'u', generation: 1 },
      };
      expect(diffConnectorObject(object, { present: true, object: added }, wanted(one))).toEqual({ findings: [] });
      const bare = {
        present: true,
        object: { ...made.object, metadata: { ...made.object.metadata, labels: {} } },
      } as const;
      expect(diffConnectorObject(object, bare, wanted(one))).toMatchObject({
        findings: [{ code: 'foreign-object', severity: 'blocks' }],
      });
      expect(diffConnectorObject(object, bare, gone(one))).toMatchObject({ findings: [{ severity: 'notice' }] });
      expect(diffConnectorObject(object, made, gone(one)).change).toMatchObject({ action: 'delete' });
      expect(diffConnectorObject(object, ABSENT, gone(one))).toEqual({ findings: [] });
    },
  );

  it('keeps the laws of every kind', () => {
    const all = [...owned(), ...owned(9)];
    const made = (one: OwnedClaim<ConnectorObjectClaim>) =>
      diffConnectorObject(one.claim.object, ABSENT, wanted(one)).change!.after as ObjectState;
    const cases = fc
      .record({
        one: fc.constantFrom(...all),
        there: fc.constantFrom('absent', 'made', 'older', 'foreign'),
        keep: fc.boolean(),
      })
      .map(({ one, there, keep }) => {
        const twin = all.find(({ claim }) => claim.object === one.claim.object)!;
        const state = made(there === 'older' ? twin : one) as Extract<ObjectState, { present: true }>;
        const { labels: _labels, ...metadata } = state.object.metadata;
        const observed: ObjectState =
          there === 'absent'
            ? ABSENT
            : there === 'foreign'
              ? { present: true, object: { ...state.object, metadata } }
              : state;
        return { object: one.claim.object, observed, claims: keep ? wanted(one) : gone(one) };
      });
    expectKindLaws({ name: 'connector-object', diff: diffConnectorObject }, cases, () => undefined);
  });

  it('with the activation gets it when it is written, and shows it to nobody', async () => {
    const activation = { activationId: 'the-id', activationCode: 'the-code', activationExpiry: 3 };
    const secrets = memorySecrets({ [SECRET]: JSON.stringify(activation) });
    const kubernetes = memoryKubernetes();
    kubernetes.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'eks-connector' } });
    const one = owned().find(({ claim }) => claim.activation)!;
    const ports = { kubernetes, secrets };
    const { change } = diffConnectorObject(one.claim.object, ABSENT, wanted(one));
    const after = await connectorObjectKind.apply(ports, change!);
    const ref = { kind: 'Secret', namespace: 'eks-connector', name: 'eks-connector-activation-config' } as const;
    expect(kubernetes.peek(ref)?.data).toEqual({ id: btoa('the-id'), code: btoa('the-code') });
    for (const shown of [change, after, await connectorObjectKind.observe(ports, one.claim.object)]) {
      expect(JSON.stringify(shown)).not.toMatch(new RegExp(`the-code|the-id|${btoa('the-code')}|${btoa('the-id')}`));
    }
    // Of another registration it is not: the turn waits for the right one.
    const other = owned(4).find(({ claim }) => claim.activation)!;
    const changed = diffConnectorObject(one.claim.object, after, wanted(other)).change!;
    await expect(connectorObjectKind.apply(ports, changed)).rejects.toMatchObject({ retryable: true });
    await expect(withActivation((changed.after as { object: KubernetesObject }).object, secrets)).rejects.toMatchObject(
      { code: 'unreachable' },
    );
  });
});

describe('what holds what', () => {
  it.each<[unknown, unknown, boolean]>([
    [{ a: 1, b: 2 }, { a: 1 }, true],
    [{ a: 1 }, { a: 1, b: 2 }, false],
    [[1, 2], [1], false],
    [[{ a: 1, b: 2 }], [{ a: 1 }], true],
    [undefined, {}, true],
    [undefined, 1, false],
    [null, { a: 1 }, false],
  ])('%j holds %j: %j', (there, one, expected) => {
    expect(holds(there, one)).toBe(expected);
  });
});
