import { RESERVED_PREFIXES, USERNAME_PREFIX } from '../access/names.ts';
import type { Report } from './checking.ts';
import type { Path } from './document.ts';
import { PROVIDER_PRESETS } from './identity-provider-presets.ts';
import type { IdentityProviderDocument, PolicyDocument } from './schema.ts';
import { selectsCluster } from './selection.ts';
import { selectorOf } from './selector.ts';

/** Everything that is wrong with the OIDC providers of a document, as far as the document itself tells. */
export function checkIdentityProviders(document: PolicyDocument, report: Report): void {
  const providers = Object.entries(document.identityProviders ?? {});
  for (const [name, provider] of providers) {
    const path: Path = ['identityProviders', name];
    checkIssuer(provider, path, report);
    checkClaims(provider, path, report);
    checkSelection(document, provider, path, report);
  }
  for (const [cluster, { labels, kind }] of Object.entries(document.clusters ?? {})) {
    if (kind === 'connected') continue;
    const chosen = providers.filter(([, { on }]) =>
      selectsCluster(selectorOf(on), { name: cluster, labels: labels ?? {} }),
    );
    const [first, second] = chosen.map(([name]) => name);
    if (second === undefined) continue;
    report(
      ['identityProviders', second, 'on'],
      `the cluster "${cluster}" would have the identity providers "${first}" and "${second}", and EKS takes one`,
      'narrow one of the two',
    );
  }
}

/** What EKS asks of an issuer (https://docs.aws.amazon.com/eks/latest/userguide/authenticate-oidc-identity-provider.html). */
function checkIssuer({ issuer, preset }: IdentityProviderDocument, path: Path, report: Report): void {
  const at: Path = [...path, 'issuer'];
  const url = URL.parse(issuer);
  if (url?.protocol !== 'https:') {
    report(
      at,
      `the issuer ${JSON.stringify(issuer)} is not an https URL`,
      'write the issuer as tokens name it: https://...',
    );
    return;
  }
  if (url.search !== '' || url.hash !== '' || url.username !== '') {
    report(at, 'an issuer has no query, no fragment and no user', 'write it as tokens name it');
  }
  if (!isPublicName(url.hostname)) {
    report(
      at,
      `the API server of EKS cannot reach ${url.hostname}: an issuer must be public`,
      'use a public host name',
    );
  }
  if (/^oidc\.eks\.[a-z0-9-]+\.(amazonaws\.com|api\.aws)/.test(url.hostname)) {
    report(at, 'this is the issuer of a cluster’s own service accounts', 'name the issuer of your identity provider');
  }
  if (preset === undefined) return;
  const form = PROVIDER_PRESETS[preset].issuer;
  if (!form.pattern.test(issuer)) report(at, `this is no issuer of ${preset}`, `write it like ${form.example}`);
}

function isPublicName(host: string): boolean {
  if (host === 'localhost' || !host.includes('.') || host.startsWith('[')) return false;
  return !/^[\d.]+$/.test(host) && !/\.(local|internal|localhost|test|example|invalid|home\.arpa)$/.test(host);
}

function checkClaims(provider: IdentityProviderDocument, path: Path, report: Report): void {
  const preset = provider.preset === undefined ? undefined : PROVIDER_PRESETS[provider.preset];
  for (const field of ['usernameClaim', 'groupsClaim'] as const) {
    if (provider[field] !== undefined || preset?.[field] !== undefined) continue;
    const remedy = preset ? `add ${field}: the claim that you set up there` : `add ${field}, or a preset`;
    report(path, `the identity provider has no ${field}`, remedy);
  }
  for (const field of ['usernamePrefix', 'groupsPrefix'] as const) {
    const prefix = provider[field] ?? preset?.prefix;
    if (prefix === undefined) {
      report(
        path,
        `without ${field} its tokens could name anybody, Gatehouse’s own people included`,
        `add ${field}: ...`,
      );
      continue;
    }
    // One that begins with a reserved prefix is refused wherever it stands; this is about what begins with it.
    const taken = [...RESERVED_PREFIXES, USERNAME_PREFIX].find((one) => one.startsWith(prefix));
    if (taken !== undefined) {
      report(
        [...path, field],
        `the prefix "${prefix}" could name what begins with "${taken}"`,
        'choose another prefix',
      );
    }
  }
}

function checkSelection(document: PolicyDocument, { on }: IdentityProviderDocument, path: Path, report: Report): void {
  const at: Path = [...path, 'on'];
  if (on.clusters === undefined && on.labels === undefined) {
    report(at, 'the identity provider selects no clusters', 'add clusters: a name or a list, or labels');
    return;
  }
  if ((document.discover ?? []).length > 0 || document.onboarding) return;
  const chosen = Object.entries(document.clusters ?? {}).some(
    ([name, { labels, kind }]) =>
      kind !== 'connected' && selectsCluster(selectorOf(on), { name, labels: labels ?? {} }),
  );
  if (!chosen) report(at, 'no EKS cluster of this policy has these names and labels', 'check it against clusters');
}
