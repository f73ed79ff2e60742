import { RESERVED_PREFIXES, USERNAME_PREFIX } from '../../access/names.ts';
import type { AssociatedIdentityProvider, OidcConfig } from '../../ports/eks.ts';
import type { Change, ChangeLine, Diff, Finding, ObjectClaims, OwnedClaim } from '../resource.ts';
import {
  IDENTITY_PROVIDER_OBJECT,
  type IdentityProviderClaim,
  type IdentityProviderState,
  type IssuerFault,
  isAsWanted,
  isOwnProvider,
  PROVIDER_TAGS,
  sameConfig,
} from './model.ts';

type Claims = ObjectClaims<IdentityProviderClaim>;
type Owned = OwnedClaim<IdentityProviderClaim>;

/** EKS takes identity providers from this version on. */
const OLDEST_VERSION = [1, 16] as const;

/**
 * What must happen to a cluster's identity provider. EKS changes none: another configuration means that the old one is
 * disassociated, and the new one associated when it is gone.
 *
 *     wanted  something of the claim is unsound      finding: each precondition has its own
 *     wanted  free, the last attempt failed          finding `association-failed`
 *     wanted  free                                   associated
 *     wanted  ours, as wanted                        nothing
 *     wanted  ours, another configuration            disassociated; what is wanted follows when it is gone
 *     wanted  being disassociated                    nothing: it is looked at again
 *     wanted  somebody else's                        finding `identity-provider-taken`; it stays
 *     gone    ours                                   disassociated
 *     gone    free, being disassociated, not ours    nothing; neither where another of ours has followed
 *
 * What is being associated or disassociated is not changed while that lasts (`underWay`).
 */
export function diffIdentityProvider(
  object: string,
  observed: IdentityProviderState,
  claims: Claims,
): Diff<IdentityProviderState> {
  const [wanted] = claims.wanted;
  const { provider } = observed;
  const notices = unsafeStranger(object, provider);
  if (wanted === undefined) {
    const [gone] = claims.unwanted;
    // Under another name it is already the one that follows.
    const isToGo =
      provider?.status === 'ACTIVE' && isOwnProvider(provider) && provider.name === gone?.claim.config.name;
    return isToGo ? { change: removal(observed, provider, gone, 'delete'), findings: notices } : { findings: notices };
  }
  const { config } = wanted.claim;
  const findings = [...notices, ...differing(claims.wanted)];
  if (provider !== null && isAsWanted(provider, config) && isOwnProvider(provider)) return { findings };
  findings.push(...configFaults(observed, wanted));
  if (provider === null) findings.push(...failedBefore(observed, wanted));
  else if (!isOwnProvider(provider)) findings.push(taken(wanted, provider));
  if (findings.some(({ severity }) => severity === 'blocks')) return { findings };
  if (provider === null) return { change: association(observed, wanted), findings };
  return provider.status === 'ACTIVE'
    ? { change: removal(observed, provider, wanted, 'update'), findings }
    : { findings };
}

/** What EKS has begun and not ended, in words. */
export function underWay({ provider }: IdentityProviderState): string | undefined {
  if (provider === null || provider.status === 'ACTIVE' || !isOwnProvider(provider)) return undefined;
  const does = provider.status === 'CREATING' ? 'associating' : 'disassociating';
  return `EKS is ${does} the identity provider ${provider.name} (${provider.issuer}), which takes minutes`;
}

function association(
  observed: IdentityProviderState,
  { subject, claim: { config } }: Owned,
): Change<IdentityProviderState> {
  const { failed: _failed, issuerFault: _fault, ...rest } = observed;
  const after = { ...rest, provider: { ...config, status: 'CREATING' as const, tags: PROVIDER_TAGS } };
  const lines: ChangeLine[] = [
    { sign: '+', text: `issuer ${config.issuer}, client ${config.clientId}`, subject },
    {
      sign: '+',
      text: `users ${config.usernamePrefix}<${config.usernameClaim}>, groups ${config.groupsPrefix}<${config.groupsClaim}>`,
      subject,
    },
    ...Object.entries(config.requiredClaims).map(
      ([name, value]): ChangeLine => ({ sign: '+', text: `only tokens with ${name}=${value}`, subject }),
    ),
  ];
  return {
    kind: 'identity-provider',
    object: IDENTITY_PROVIDER_OBJECT,
    action: 'create',
    before: observed,
    after,
    lines,
  };
}

function removal(
  observed: IdentityProviderState,
  provider: AssociatedIdentityProvider,
  { subject }: Owned,
  action: 'update' | 'delete',
): Change<IdentityProviderState> {
  const after = { ...observed, provider: { ...provider, status: 'DELETING' as const } };
  const line: ChangeLine = { sign: '-', text: `issuer ${provider.issuer}, client ${provider.clientId}`, subject };
  const then: ChangeLine = { sign: '~', text: 'the new configuration follows when it is gone', subject };
  const lines = action === 'update' ? [line, then] : [line];
  return { kind: 'identity-provider', object: IDENTITY_PROVIDER_OBJECT, action, before: observed, after, lines };
}

/** Everything that EKS, or safety, has against a configuration on this cluster. */
function configFaults(observed: IdentityProviderState, wanted: Owned): Finding[] {
  const { config } = wanted.claim;
  const { version, ownIssuer, issuerFault } = observed;
  const found: Finding[] = [];
  const note = (code: string, message: string, remedy: string) => found.push(blocking(code, wanted, message, remedy));
  const where = `identityProviders.${config.name.replace(/^gatehouse-/, '')}`;
  if (!config.issuer.startsWith('https://')) {
    note(
      'issuer-not-https',
      `the issuer ${config.issuer} is not an https URL`,
      `set ${where}.issuer to the https URL in the tokens' iss`,
    );
  }
  if (ownIssuer !== undefined && sameIssuer(config.issuer, ownIssuer)) {
    note(
      'own-issuer',
      `${config.issuer} is the issuer of the cluster's own service accounts, which it believes already`,
      `set ${where}.issuer to your identity provider's issuer; roles of pods take an IAM OIDC provider, not this`,
    );
  }
  if (version !== undefined && isOlder(version)) {
    note(
      'version-too-old',
      `the cluster runs Kubernetes ${version}, and EKS takes identity providers from ${OLDEST_VERSION.join('.')} on`,
      'update the cluster: aws eks update-cluster-version --name <cluster> --kubernetes-version <newer>',
    );
  }
  if (config.clientId === '') {
    note(
      'client-id-missing',
      `the identity provider ${config.name} names no client id`,
      `set ${where}.clientId to the tokens' aud`,
    );
  }
  found.push(
    ...prefixFaults(config, where).map(({ code, message, remedy }) => blocking(code, wanted, message, remedy)),
  );
  if (issuerFault) found.push(issuerFinding(wanted, config.issuer, issuerFault));
  return found;
}

const OWN_PREFIXES = [...RESERVED_PREFIXES, USERNAME_PREFIX];

function prefixFaults(
  config: OidcConfig,
  where: string,
): { readonly code: string; readonly message: string; readonly remedy: string }[] {
  return (['usernamePrefix', 'groupsPrefix'] as const).flatMap((member) => {
    const prefix = config[member] ?? '';
    const reserved = RESERVED_PREFIXES.find((one) => prefix.startsWith(one));
    const remedy = `set ${where}.${member} to one of your own, like okta:`;
    if (reserved !== undefined) {
      const message = `${member} "${prefix}" begins with "${reserved}", which Kubernetes or EKS keeps for itself`;
      return [{ code: 'reserved-prefix', message, remedy }];
    }
    const name = nameable(prefix);
    if (name === undefined) return [];
    const message = `with ${member} "${prefix}" a token could name what begins with "${name}"`;
    return [
      member === 'usernamePrefix'
        ? { code: 'usernames-not-safe', message, remedy }
        : { code: 'groups-not-safe', message, remedy },
    ];
  });
}

/** The first name of others, or of Gatehouse, that a token could bear behind this prefix. `-` is EKS's word for none. */
function nameable(prefix: string): string | undefined {
  const real = prefix === '-' ? '' : prefix;
  return OWN_PREFIXES.find((one) => one.startsWith(real) || real.startsWith(one));
}

/** Somebody else's provider without a prefix: whoever may write its tokens may be whom they like, in what Gatehouse bound too. */
function unsafeStranger(object: string, provider: AssociatedIdentityProvider | null): Finding[] {
  if (provider === null || isOwnProvider(provider)) return [];
  // Without a prefix EKS puts the issuer before names, but not before an e-mail address.
  const { usernameClaim, usernamePrefix = usernameClaim === 'email' ? '-' : `${provider.issuer}#` } = provider;
  const name = nameable(usernamePrefix);
  if (name === undefined) return [];
  return [
    {
      code: 'usernames-not-safe',
      severity: 'notice',
      object,
      message: `the cluster's identity provider ${provider.name} (${provider.issuer}), which is not Gatehouse's, gives usernames the prefix "${usernamePrefix}": its tokens can name what begins with "${name}"`,
      remedy: 'have its owner associate it again with a username prefix of its own',
    },
  ];
}

function taken(wanted: Owned, provider: AssociatedIdentityProvider): Finding {
  return blocking(
    'identity-provider-taken',
    wanted,
    `the cluster has the identity provider ${provider.name} (${provider.issuer}), which is not Gatehouse's, and EKS takes one`,
    `if nobody needs it: aws eks disassociate-identity-provider-config --cluster-name <cluster> --identity-provider-config type=oidc,name=${provider.name}; else take the cluster out of ${wanted.subject.replace('identity-provider/', 'identityProviders.')}.on`,
  );
}

function failedBefore({ failed }: IdentityProviderState, wanted: Owned): Finding[] {
  if (failed === undefined || !sameConfig(failed.config, wanted.claim.config)) return [];
  return [
    blocking(
      'association-failed',
      wanted,
      `EKS could not associate ${wanted.claim.config.issuer}: ${failed.reason}`,
      'mend what it says, then gatehouse associate-idp <cluster>; it is tried again every hour, too',
    ),
  ];
}

const ISSUER_FINDINGS: Readonly<Record<IssuerFault['problem'], { readonly code: string; readonly remedy: string }>> = {
  'not-https': { code: 'issuer-not-https', remedy: 'name the issuer, and its keys, by https URLs' },
  'not-public': {
    code: 'issuer-not-public',
    remedy: "EKS's API servers reach only the internet: give the issuer a public address",
  },
  unreachable: {
    code: 'issuer-unreachable',
    remedy: 'look at it from the internet: curl -v <issuer>/.well-known/openid-configuration',
  },
  refused: {
    code: 'issuer-unreachable',
    remedy: 'have it answer with the page itself: curl -v <issuer>/.well-known/openid-configuration',
  },
  invalid: {
    code: 'discovery-invalid',
    remedy: 'write the issuer exactly as its discovery document does, the slash at its end too',
  },
};

function issuerFinding(wanted: Owned, issuer: string, { problem, message }: IssuerFault): Finding {
  const { code, remedy } = ISSUER_FINDINGS[problem];
  return blocking(code, wanted, message, remedy.replace('<issuer>', issuer.replace(/\/$/, '')));
}

function differing(wanted: Claims['wanted']): Finding[] {
  const [first, ...others] = wanted;
  if (first === undefined || others.every(({ claim }) => sameConfig(claim.config, first.claim.config))) return [];
  return wanted.map((owned) =>
    blocking(
      'claims-differ',
      owned,
      'two identity providers are claimed for the cluster at once, and EKS takes one',
      'narrow the on of one of them under identityProviders in the access policy',
    ),
  );
}

function sameIssuer(one: string, other: string): boolean {
  return one.replace(/\/$/, '') === other.replace(/\/$/, '');
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldMajor, oldMinor] = OLDEST_VERSION;
  return major < oldMajor || (major === oldMajor && minor < oldMinor);
}

function blocking(code: string, { subject, claim: { object } }: Owned, message: string, remedy: string): Finding {
  return { code, severity: 'blocks', object, subject, message, remedy };
}
