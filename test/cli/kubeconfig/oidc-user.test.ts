import { describe, expect, it } from 'vitest';
import { oidcUser, scopesOf } from '../../../cli/src/kubeconfig/oidc-user.ts';

const OKTA = {
  issuer: 'https://acme.okta.com/oauth2/default',
  clientId: '0oa1',
  usernameClaim: 'email',
  groupsClaim: 'groups',
} as const;

describe('the user of a kubeconfig who signs in to an OIDC provider', () => {
  it('is brought by kubelogin, without any secret', () => {
    expect(oidcUser(OKTA)).toEqual({
      command: 'kubectl',
      args: [
        'oidc-login',
        'get-token',
        '--oidc-issuer-url=https://acme.okta.com/oauth2/default',
        '--oidc-client-id=0oa1',
        '--oidc-extra-scope=email',
        '--oidc-extra-scope=groups',
      ],
    });
  });

  it('asks for the scopes that it is told', () => {
    expect(oidcUser(OKTA, ['roles']).args.slice(4)).toEqual(['--oidc-extra-scope=roles']);
    expect(oidcUser(OKTA, []).args).toHaveLength(4);
  });

  it.each<[string, string, string, string, readonly string[]]>([
    ['Okta', 'https://acme.okta.com', 'email', 'groups', ['email', 'groups']],
    ['Auth0', 'https://acme.eu.auth0.com/', 'email', 'https://acme.com/groups', ['email']],
    ['Entra ID', 'https://login.microsoftonline.com/3f2504e0-4f89-11d3-9a0c-0305e82c3301/v2.0', 'oid', 'groups', []],
    ['Cognito', 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A', 'email', 'cognito:groups', ['email']],
    ['Keycloak', 'https://id.acme.com/realms/acme', 'preferred_username', 'groups', ['profile']],
    ['a host that only looks like Okta', 'https://okta.com.evil.example', 'sub', 'groups', []],
  ])('asks %s for what it knows', (_name, issuer, usernameClaim, groupsClaim, scopes) => {
    expect(scopesOf({ issuer, clientId: 'x', usernameClaim, groupsClaim })).toEqual(scopes);
  });
});
