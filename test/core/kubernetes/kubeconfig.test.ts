import { isFailure } from '@gatehouse/core/access/failure';
import { apiServerOf } from '@gatehouse/core/kubernetes/kubeconfig';
import { dump } from 'js-yaml';
import { describe, expect, it } from 'vitest';

const KEY = 'a-key-that-is-never-quoted';
/** A kubeconfig of one cluster and one user. */
function kubeconfig(user: object, cluster: object = {}, over: object = {}): string {
  return dump({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'edge', cluster: { server: 'https://edge:6443', 'certificate-authority-data': 'Q0E=', ...cluster } },
    ],
    users: [{ name: 'admin', user }],
    contexts: [{ name: 'edge', context: { cluster: 'edge', user: 'admin' } }],
    'current-context': 'edge',
    ...over,
  });
}
const token = { token: KEY };

describe('a kubeconfig', () => {
  it('with a token is used as it is', async () => {
    const { server, certificateAuthority, token: ask, client } = apiServerOf(kubeconfig(token), 'the secret s');
    expect([server, certificateAuthority, await ask!(), client]).toEqual(['https://edge:6443', 'Q0E=', KEY, undefined]);
  });

  it('with a client certificate is used as it is', () => {
    const user = { 'client-certificate-data': 'Q0VSVA==', 'client-key-data': 'S0VZ' };
    expect(apiServerOf(kubeconfig(user), 'the secret s')).toEqual({
      server: 'https://edge:6443',
      certificateAuthority: 'Q0E=',
      client: { certificate: 'Q0VSVA==', key: 'S0VZ' },
    });
  });

  it.each<[string, string, RegExp]>([
    ['is no YAML', `{ token: "${KEY}`, /not a kubeconfig/],
    ['is something else', 'just a text', /not a kubeconfig/],
    ['has an alias bomb', `a: &a [${KEY}]\nb: [*a, *a]`, /not a kubeconfig/],
    ['is too large', `${kubeconfig(token)}# ${'x'.repeat(70_000)}`, /too large/],
    ['has no such context', kubeconfig(token, {}, { 'current-context': 'other' }), /current-context is none/],
    ['has no such user', kubeconfig(token, {}, { users: [] }), /the user of its current context is missing/],
    ['goes over plain HTTP', kubeconfig(token, { server: 'http://edge' }), /not an https address/],
    ['verifies nobody', kubeconfig(token, { 'insecure-skip-tls-verify': true }), /not to verify/],
    [
      'names a file of its cluster',
      kubeconfig(token, { 'certificate-authority': '/ca' }),
      /certificate-authority is a file/,
    ],
    ['names a file of its user', kubeconfig({ ...token, tokenFile: '/token' }), /tokenFile is a file/],
    ['runs a program', kubeconfig({ exec: { command: 'sh', args: [KEY] } }), /comes by exec/],
    ['has a password', kubeconfig({ username: 'x', password: KEY }), /comes by username/],
    ['has nothing to prove itself by', kubeconfig({}), /neither a token nor a client certificate/],
    ['has half a client certificate', kubeconfig({ 'client-key-data': KEY }), /neither a token nor/],
  ])('that %s is refused, with a remedy and without quoting it', (_title, text, message) => {
    try {
      apiServerOf(text, 'the secret s');
      expect.fail('it was taken');
    } catch (error) {
      if (!isFailure(error, 'invalid')) throw error;
      expect(error.message).toMatch(message);
      expect(error.message).toContain('the secret s');
      expect(error.remedy).toBeTruthy();
      expect(`${error.message}${error.remedy}${String(error.cause)}`).not.toContain(KEY);
    }
  });
});
