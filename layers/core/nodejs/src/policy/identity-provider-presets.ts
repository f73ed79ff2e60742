/** What a provider of a kind is known to write into its tokens. Claims that each customer chooses are left out. */
export interface ProviderPreset {
  readonly usernameClaim: string;
  readonly groupsClaim?: string;
  readonly prefix: string;
  /** The form of its groups in tokens, where it is always the same. */
  readonly group?: { readonly pattern: RegExp; readonly is: string; readonly example: string };
  /** The form of its issuer. */
  readonly issuer: { readonly pattern: RegExp; readonly example: string };
}

/**
 * Settings of known providers, each from the provider's own pages: Okta (`groups` by a groups claim of the authorization
 * server), Auth0 (custom claims must have a namespace, so `groupsClaim` is the customer's), Entra ID (`groups` holds object
 * ids), Cognito (`cognito:groups`), Keycloak (a group mapper with full paths).
 */
export const PROVIDER_PRESETS: Readonly<Record<'okta' | 'auth0' | 'entra' | 'cognito' | 'keycloak', ProviderPreset>> = {
  okta: {
    usernameClaim: 'email',
    groupsClaim: 'groups',
    prefix: 'okta:',
    issuer: {
      pattern: /^https:\/\/[^/]+(\/oauth2\/[\w-]+)?$/,
      example: 'https://acme.okta.com/oauth2/default',
    },
  },
  auth0: {
    usernameClaim: 'email',
    prefix: 'auth0:',
    issuer: { pattern: /^https:\/\/[^/]+\/$/, example: 'https://acme.eu.auth0.com/ (with the slash)' },
  },
  entra: {
    usernameClaim: 'oid',
    groupsClaim: 'groups',
    prefix: 'entra:',
    group: {
      pattern: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
      is: 'the object id of a group',
      example: '3f2504e0-4f89-11d3-9a0c-0305e82c3301',
    },
    issuer: {
      pattern:
        /^https:\/\/login\.microsoftonline\.(com|us|cn)\/[0-9a-f-]{36}\/v2\.0$|^https:\/\/sts\.windows\.net\/[0-9a-f-]{36}\/$/,
      example: 'https://login.microsoftonline.com/<tenant id>/v2.0',
    },
  },
  cognito: {
    usernameClaim: 'email',
    groupsClaim: 'cognito:groups',
    prefix: 'cognito:',
    issuer: {
      pattern: /^https:\/\/cognito-idp\.[a-z0-9-]+\.amazonaws\.com(\.cn)?\/[\w-]+$/,
      example: 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI',
    },
  },
  keycloak: {
    usernameClaim: 'preferred_username',
    groupsClaim: 'groups',
    prefix: 'keycloak:',
    issuer: { pattern: /^https:\/\/[^/]+(\/.+)?\/realms\/[^/]+$/, example: 'https://id.acme.com/realms/acme' },
  },
};
