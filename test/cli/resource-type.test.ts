import { describe, expect, it } from 'vitest';
import { resourceNamed } from '../../cli/src/cluster/resource-type.ts';

describe('a resource, as kubectl takes it', () => {
  it.each([
    ['pods', { group: '', resource: 'pods' }],
    ['pod', { group: '', resource: 'pods' }],
    ['po', { group: '', resource: 'pods' }],
    ['Pods', { group: '', resource: 'pods' }],
    ['pods/log', { group: '', resource: 'pods', subresource: 'log' }],
    ['pods/web-1', { group: '', resource: 'pods', name: 'web-1' }],
    ['deploy', { group: 'apps', resource: 'deployments' }],
    ['deployments/scale', { group: 'apps', resource: 'deployments', subresource: 'scale' }],
    ['deployments.extensions', { group: 'extensions', resource: 'deployments' }],
    ['deploy.apps', { group: 'apps', resource: 'deployments' }],
    ['ingress', { group: 'networking.k8s.io', resource: 'ingresses' }],
    ['networkpolicy', { group: 'networking.k8s.io', resource: 'networkpolicies' }],
    ['storageclass', { group: 'storage.k8s.io', resource: 'storageclasses' }],
    ['clusterrolebindings', { group: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings' }],
    ['widgets.example.com', { group: 'example.com', resource: 'widgets' }],
    ['*', { group: '*', resource: '*' }],
  ])('%s', (text, expected) => {
    expect(resourceNamed(text)).toEqual(expected);
  });

  it.each(['widgets', '', 'pods/', '/log', 'pods/a/b'])('refuses "%s", with a remedy', (text) => {
    expect(() => resourceNamed(text)).toThrow(expect.objectContaining({ code: 'invalid', remedy: expect.any(String) }));
  });
});
