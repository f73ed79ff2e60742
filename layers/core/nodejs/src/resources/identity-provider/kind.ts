import { Failure } from '../../access/failure.ts';
import type { Change, Kind } from '../resource.ts';
import { diffIdentityProvider, underWay } from './diff.ts';
import { discoveryUrl, keySetFault, readDiscovery } from './discovery.ts';
import {
  type Attempt,
  type IdentityProviderClaim,
  type IdentityProviderPorts,
  type IdentityProviderState,
  type IssuerFault,
  isAsWanted,
  isOwnProvider,
  PROVIDER_TAGS,
} from './model.ts';

/** The OIDC identity provider of a cluster: README.md. */
export const identityProviderKind: Kind<IdentityProviderClaim, IdentityProviderState, IdentityProviderPorts> = {
  name: 'identity-provider',
  iamActions: [
    'eks:DescribeCluster',
    'eks:ListIdentityProviderConfigs',
    'eks:DescribeIdentityProviderConfig',
    'eks:DescribeUpdate',
    'eks:AssociateIdentityProviderConfig',
    'eks:TagResource',
    'eks:DisassociateIdentityProviderConfig',
  ],
  keepsSnapshot: false,
  observe,
  diff: diffIdentityProvider,
  apply,
  underWay,
};

async function observe({ cluster, eks, web, wanted, attempts }: IdentityProviderPorts): Promise<IdentityProviderState> {
  const port = await eks();
  const described = await port.describeCluster(cluster);
  if (described === undefined) throw new Failure('not-found', `the cluster ${cluster} does not exist`);
  const provider = (await port.identityProvider(cluster)) ?? null;
  const { version, ownIssuer } = described;
  const known = {
    ...(version === undefined ? {} : { version }),
    ...(ownIssuer === undefined ? {} : { ownIssuer }),
    provider,
  };
  const stands = provider !== null && wanted && isOwnProvider(provider) && isAsWanted(provider, wanted);
  if (wanted === undefined || stands) return known;
  const attempt = provider === null ? await attempts.last() : undefined;
  const reason = attempt && (await failureOf(attempt, (id) => port.update(cluster, id)));
  const issuerFault = await faultOf(wanted.issuer, web);
  return {
    ...known,
    ...(issuerFault ? { issuerFault } : {}),
    ...(attempt && reason !== undefined ? { failed: { config: attempt.config, reason } } : {}),
  };
}

/** What EKS says of an association that failed; undefined where it did not, or is not known any more. */
async function failureOf(
  { update }: Attempt,
  read: (id: string) => ReturnType<Awaited<ReturnType<IdentityProviderPorts['eks']>>['update']>,
): Promise<string | undefined> {
  const found = await read(update);
  if (found?.status !== 'Failed' && found?.status !== 'Cancelled') return undefined;
  return found.errors.length > 0 ? found.errors.join('; ') : 'it does not say why';
}

/** What an API server will not be able to do with an issuer: reading what it says of itself, and its keys. */
async function faultOf(issuer: string, web: IdentityProviderPorts['web']): Promise<IssuerFault | undefined> {
  const page = await web.get(discoveryUrl(issuer));
  if (!page.ok) return { problem: page.problem, message: page.message };
  const document = readDiscovery(issuer, page.body);
  if ('fault' in document) return { problem: 'invalid', message: document.fault };
  const keys = await web.get(document.keys);
  if (!keys.ok) return { problem: keys.problem, message: `the issuer's keys: ${keys.message}` };
  const fault = keySetFault(document.keys, keys.body);
  return fault === undefined ? undefined : { problem: 'invalid', message: fault };
}

/** Begins what EKS then does for minutes. Somebody who was quicker is a conflict: EKS says so itself. */
async function apply(
  { cluster, eks, attempts }: IdentityProviderPorts,
  { action, before, after }: Change<IdentityProviderState>,
): Promise<IdentityProviderState> {
  const port = await eks();
  if (action === 'create') {
    const { status: _status, tags: _tags, ...config } = after.provider!;
    const update = await port.associateIdentityProvider(cluster, config, PROVIDER_TAGS);
    // A crash before it is noted costs the reason of a failure, and nothing else.
    await attempts.note({ update, config: config as Attempt['config'] });
    return after;
  }
  const { name } = before.provider!;
  const current = await port.identityProvider(cluster);
  if (current === undefined) return { ...after, provider: null };
  // A provider of the same name that somebody else associated meanwhile is theirs.
  if (!isOwnProvider(current) || current.name !== name) {
    throw new Failure('conflict', `the identity provider of ${cluster} was changed meanwhile`);
  }
  if (current.status === 'ACTIVE') await port.disassociateIdentityProvider(cluster, name);
  return after;
}
