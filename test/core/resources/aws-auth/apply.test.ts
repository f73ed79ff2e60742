import { Failure } from '@gatehouse/core/access/failure';
import type { Kubernetes, KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { awsAuthKind } from '@gatehouse/core/resources/aws-auth/kind';
import type { AwsAuthObserved } from '@gatehouse/core/resources/aws-auth/model';
import type { Change } from '@gatehouse/core/resources/resource';
import { expect, it } from 'vitest';

const CONFIG_MAP: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'aws-auth', namespace: 'kube-system', resourceVersion: '7' },
  data: { mapRoles: '' },
};

function ports(answers: Partial<Kubernetes>) {
  const calls: unknown[] = [];
  const named = Object.entries(answers).map(([name, answer]) => [
    name,
    (argument: never) => {
      calls.push([name, argument]);
      return (answer as (argument: never) => unknown)(argument);
    },
  ]);
  return { calls, kubernetes: Object.fromEntries(named) as unknown as Kubernetes };
}

const change = (before: AwsAuthObserved, after: AwsAuthObserved): Change<AwsAuthObserved> => ({
  kind: 'aws-auth',
  object: 'kube-system/aws-auth',
  action: before.present ? 'update' : 'create',
  before,
  after,
  lines: [],
});
const present: AwsAuthObserved = { present: true, configMap: CONFIG_MAP };
const absent: AwsAuthObserved = { present: false };

it('observes with one read', async () => {
  const there = ports({ read: async () => CONFIG_MAP });
  expect(await awsAuthKind.observe(there, 'kube-system/aws-auth')).toEqual(present);
  expect(there.calls).toEqual([['read', { kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' }]]);
  expect(await awsAuthKind.observe(ports({ read: async () => undefined }), '')).toEqual(absent);
});

it('never takes a failed read for an empty list', async () => {
  const read = async () => {
    throw new Failure('unreachable', 'no answer');
  };
  await expect(awsAuthKind.observe(ports({ read }), '')).rejects.toMatchObject({ code: 'unreachable' });
});

it('replaces with the version that was observed, in one call', async () => {
  const there = ports({
    replace: async (object) => ({ ...object, metadata: { ...object.metadata, resourceVersion: '8' } }),
  });
  const after = await awsAuthKind.apply(there, change(present, present));
  expect(there.calls).toEqual([['replace', CONFIG_MAP]]);
  expect(after).toMatchObject({ configMap: { metadata: { resourceVersion: '8' } } });
});

it('lets a conflict through, also where somebody else creates the ConfigMap first', async () => {
  const refuse = (code: 'conflict' | 'already-exists' | 'forbidden') => async () => {
    throw new Failure(code, 'refused');
  };
  const conflict = awsAuthKind.apply(ports({ replace: refuse('conflict') }), change(present, present));
  await expect(conflict).rejects.toMatchObject({ code: 'conflict' });
  const raced = awsAuthKind.apply(ports({ create: refuse('already-exists') }), change(absent, present));
  await expect(raced).rejects.toMatchObject({ code: 'conflict', retryable: true });
  const forbidden = awsAuthKind.apply(ports({ create: refuse('forbidden') }), change(absent, present));
  await expect(forbidden).rejects.toMatchObject({ code: 'forbidden' });
});

it('never deletes the ConfigMap', async () => {
  const there = ports({});
  await expect(awsAuthKind.apply(there, change(present, absent))).rejects.toMatchObject({ code: 'invalid' });
  expect(there.calls).toEqual([]);
});

it('asks for a snapshot before each write, and for nothing in IAM', () => {
  expect(awsAuthKind).toMatchObject({ name: 'aws-auth', keepsSnapshot: true, iamActions: [] });
});
